/* SPDX-License-Identifier: Apache-2.0 */
/* The frames of tokenwire.h, both ways. It does no I/O and takes no descriptor. */
#include "base/tokenwire.h"

#include "base/text.h"
#include "base/wire_codec.h"

#define HEAD 5u      /* length and kind */
#define PIN_STATES 5 /* of pkcs11/token.h, which base does not see */
#define PIN_TRIES 3
#define TOUCHES 4

static int end_frame(struct wire_writer *w, size_t start)
{
    if (!w->r && w->out->n - start > TOKENWIRE_MAX)
        w->r = err_set(w->e, ERR_LIMIT, "the frame is over %u bytes", TOKENWIRE_MAX);
    return wire_end(w, start);
}

static void open_frame(struct wire_reader *r, struct bytes frame, enum tokenwire_kind kind)
{
    wire_open(r, frame, (uint8_t)kind);
    r->bad = r->bad || frame.n > TOKENWIRE_MAX;
}

/* A text that could not have been shown as it is, is none. */
static void take_text(struct wire_reader *r, char *out, size_t cap)
{
    struct bytes v = wire_take_bytes(r, cap - 1);

    text_clean(out, cap, v);
    if (!bytes_eq_str(v, out))
        r->bad = true;
}

static uint8_t take_below(struct wire_reader *r, unsigned limit)
{
    uint64_t v = wire_take_uint(r, 1);

    if (v >= limit)
        r->bad = true;
    return r->bad ? 0 : (uint8_t)v;
}

int tokenwire_frame(struct bytes in, size_t *n, enum tokenwire_kind *kind, struct err *e)
{
    struct wire_reader r = {.rest = in};

    *n = 0;
    if (in.n < HEAD)
        return OK;
    size_t len = (size_t)wire_take_uint(&r, 4);
    unsigned got = (unsigned)wire_take_uint(&r, 1);
    if (len < HEAD - 4 || len > TOKENWIRE_MAX - 4)
        return err_set(e, ERR_FORMAT, "a frame of %zu bytes", len);
    if (got < TOKENWIRE_UNLOCK || got > TOKENWIRE_LOOK)
        return err_set(e, ERR_FORMAT, "a frame of unknown kind %u", got);
    *n = len + 4 <= in.n ? len + 4 : 0;
    *kind = (enum tokenwire_kind)got;
    return OK;
}

/* -- to coffer-token -- */

int tokenwire_put_unlock(struct buf *out, uint32_t id, uint32_t flags, struct err *e)
{
    struct wire_writer w = {.out = out, .e = e};
    size_t start = wire_start(&w, TOKENWIRE_UNLOCK);

    wire_add_uint(&w, id, 4);
    wire_add_range(&w, flags, 0, TOKENWIRE_USE_LAST_TRY, 4, "the flags");
    return end_frame(&w, start);
}

int tokenwire_get_unlock(struct bytes frame, uint32_t *id, uint32_t *flags, struct err *e)
{
    struct wire_reader r;

    open_frame(&r, frame, TOKENWIRE_UNLOCK);
    uint32_t got = (uint32_t)wire_take_uint(&r, 4);
    uint32_t how = wire_take_count(&r, TOKENWIRE_USE_LAST_TRY);
    int rc = wire_close(&r, "wish to unlock", e);
    if (!rc) {
        *id = got;
        *flags = how;
    }
    return rc;
}

int tokenwire_put_decap(struct buf *out, uint32_t id, struct bytes ct, struct err *e)
{
    struct wire_writer w = {.out = out, .e = e};
    size_t start = wire_start(&w, TOKENWIRE_DECAP);

    wire_add_uint(&w, id, 4);
    wire_add_bytes(&w, ct, TOKENWIRE_CT_MAX, "the ciphertext");
    return end_frame(&w, start);
}

int tokenwire_get_decap(struct bytes frame, uint32_t *id, struct bytes *ct, struct err *e)
{
    struct wire_reader r;

    open_frame(&r, frame, TOKENWIRE_DECAP);
    uint32_t got = (uint32_t)wire_take_uint(&r, 4);
    struct bytes v = wire_take_bytes(&r, TOKENWIRE_CT_MAX);
    int rc = wire_close(&r, "wish to decrypt", e);
    if (!rc) {
        *id = got;
        *ct = v;
    }
    return rc;
}

int tokenwire_put_release(struct buf *out, struct err *e)
{
    struct wire_writer w = {.out = out, .e = e};

    return end_frame(&w, wire_start(&w, TOKENWIRE_RELEASE));
}

int tokenwire_put_look(struct buf *out, struct err *e)
{
    struct wire_writer w = {.out = out, .e = e};

    return end_frame(&w, wire_start(&w, TOKENWIRE_LOOK));
}

/* -- from coffer-token -- */

static void add_text(struct wire_writer *w, const char *v)
{
    wire_add_bytes(w, bytes_str(v), TOKENWIRE_TEXT - 1, "a name of the token");
}

int tokenwire_put_state(struct buf *out, const struct tokenwire_state *s, struct err *e)
{
    struct wire_writer w = {.out = out, .e = e};
    size_t start = wire_start(&w, TOKENWIRE_STATE);

    add_text(&w, s->label);
    add_text(&w, s->serial);
    add_text(&w, s->manufacturer);
    add_text(&w, s->model);
    add_text(&w, s->firmware);
    add_text(&w, s->driver);
    wire_add_range(&w, s->pin, 0, PIN_STATES - 1, 1, "the state of the PIN");
    wire_add_range(&w, s->touch, 0, TOUCHES - 1, 1, "the rule for touches");
    wire_add_uint(&w, s->is_present, 1);
    wire_add_uint(&w, s->is_software, 1);
    wire_add_uint(&w, s->is_protected_path, 1);
    wire_add_uint(&w, s->is_logged_in, 1);
    wire_add_uint(&w, s->is_pin_each_time, 1);
    return end_frame(&w, start);
}

int tokenwire_get_state(struct bytes frame, struct tokenwire_state *out, struct err *e)
{
    struct tokenwire_state s;
    struct wire_reader r;

    memset(&s, 0, sizeof(s));
    open_frame(&r, frame, TOKENWIRE_STATE);
    take_text(&r, s.label, sizeof(s.label));
    take_text(&r, s.serial, sizeof(s.serial));
    take_text(&r, s.manufacturer, sizeof(s.manufacturer));
    take_text(&r, s.model, sizeof(s.model));
    take_text(&r, s.firmware, sizeof(s.firmware));
    take_text(&r, s.driver, sizeof(s.driver));
    s.pin = take_below(&r, PIN_STATES);
    s.touch = take_below(&r, TOUCHES);
    s.is_present = wire_take_bool(&r);
    s.is_software = wire_take_bool(&r);
    s.is_protected_path = wire_take_bool(&r);
    s.is_logged_in = wire_take_bool(&r);
    s.is_pin_each_time = wire_take_bool(&r);
    int rc = wire_close(&r, "state of a token", e);
    if (!rc)
        *out = s;
    return rc;
}

int tokenwire_put_waiting(struct buf *out, uint32_t id, struct err *e)
{
    struct wire_writer w = {.out = out, .e = e};
    size_t start = wire_start(&w, TOKENWIRE_WAITING);

    wire_add_uint(&w, id, 4);
    return end_frame(&w, start);
}

int tokenwire_get_waiting(struct bytes frame, uint32_t *id, struct err *e)
{
    struct wire_reader r;

    open_frame(&r, frame, TOKENWIRE_WAITING);
    uint32_t got = (uint32_t)wire_take_uint(&r, 4);
    int rc = wire_close(&r, "note that a token waits", e);
    if (!rc)
        *id = got;
    return rc;
}

/* -- what became of it: the secret is the last of the frame, and is not copied through a buf -- */

static bool is_known_code(int code)
{
    return code == OK || code == ERR_FAILED ||
           strcmp(err_name((enum err_code)code), err_name(ERR_FAILED)) != 0;
}

static void add_err(struct wire_writer *w, const struct err *v)
{
    wire_add_range(w, (uint64_t)-v->code, 0, UINT8_MAX, 1, "the error's code");
    if (v->code == OK)
        return;
    wire_add_bytes(w, bytes_str(v->msg), ERR_MSG_MAX - 1, "the message");
    wire_add_range(w, v->n_hints, 0, ERR_HINTS, 1, "the number of hints");
    for (unsigned i = 0; !w->r && i < v->n_hints; i++)
        wire_add_bytes(w, bytes_str(v->hints[i]), ERR_HINT_MAX - 1, "a hint");
}

static void take_err(struct wire_reader *r, struct err *out)
{
    int code = -(int)wire_take_uint(r, 1);

    out->code = (enum err_code)code;
    if (!is_known_code(code))
        r->bad = true;
    if (r->bad || code == OK)
        return;
    take_text(r, out->msg, sizeof(out->msg));
    out->n_hints = take_below(r, ERR_HINTS + 1);
    for (unsigned i = 0; i < out->n_hints; i++)
        take_text(r, out->hints[i], sizeof(out->hints[i]));
}

static bool is_coherent(const struct err *v, size_t n_z)
{
    return n_z == 0 || (n_z == TOKENWIRE_Z && v->code == OK);
}

int tokenwire_put_done(struct secret *out, const struct tokenwire_done *d, struct err *e)
{
    AUTO_BUF head = BUF_INIT(TOKENWIRE_MAX);
    struct wire_writer w = {.out = &head, .e = e};
    size_t start = wire_start(&w, TOKENWIRE_DONE), before = out->n;

    wire_add_uint(&w, d->id, 4);
    wire_add_range(&w, d->pin_try, 0, PIN_TRIES - 1, 1, "what became of the PIN");
    wire_add_uint(&w, d->recoveries, 4);
    add_err(&w, &d->err);
    if (!w.r && !is_coherent(&d->err, d->z.n))
        w.r = err_set(e, ERR_FORMAT, "a shared value of another length, or beside an error");
    wire_add_uint(&w, d->z.n, 4);
    int rc = end_frame(&w, start);
    if (rc)
        return rc;
    size_t len = head.n - 4 + d->z.n;
    head.p[2] = (uint8_t)(len >> 8);
    head.p[3] = (uint8_t)len;
    if (secret_append(out, buf_bytes(&head), e) || secret_append(out, secret_bytes(&d->z), e)) {
        out->n = before;
        return e->code;
    }
    return OK;
}

int tokenwire_get_done(struct bytes frame, struct tokenwire_done *out, struct err *e)
{
    struct tokenwire_done d;
    struct wire_reader r;

    memset(&d, 0, sizeof(d));
    open_frame(&r, frame, TOKENWIRE_DONE);
    d.id = (uint32_t)wire_take_uint(&r, 4);
    d.pin_try = take_below(&r, PIN_TRIES);
    d.recoveries = (uint32_t)wire_take_uint(&r, 4);
    take_err(&r, &d.err);
    struct bytes z = wire_take_bytes(&r, TOKENWIRE_Z);
    if (!is_coherent(&d.err, z.n))
        r.bad = true;
    int rc = wire_close(&r, "answer of a token", e);
    if (!rc && z.n > 0)
        rc = secret_copy(&d.z, z, e);
    if (!rc)
        *out = d;
    return rc;
}
