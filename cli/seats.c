/* SPDX-License-Identifier: Apache-2.0 */
/* Changing places between the tokens of seats.h. */
#include "cli/seats.h"

#include "cli/pin_source.h"
#include "cli/session.h"
#include "cli/waiting.h"

static const uint8_t no_key[RID_LEN];

static void leave(struct seat *s)
{
    if (s->token && s->pin.n > 0)
        pin_note_failure(s->cli, s->token);
    token_close(s->token);
    s->token = NULL;
    memcpy(s->in_use, no_key, RID_LEN);
}

void seat_fill(struct seat *s, const struct cli *c, struct token *t, const struct token_where *w)
{
    s->cli = c;
    s->token = t;
    s->where = *w;
    s->info = *token_info(t);
    memcpy(s->in_use, no_key, RID_LEN);
    waiting_watch(t);
}

int seat_of_vault(struct cli *c, const struct vault *v, struct seat *s, struct seat_key *k,
                  struct opener *o, struct local_token *entry, struct err *e)
{
    struct token *t = NULL;

    if (session_token(c, v, &t, entry, e))
        return e->code;
    seat_fill(s, c, t, &entry->where);
    k->seat = s;
    memcpy(k->rid, entry->rid, sizeof(k->rid));
    memcpy(k->id, entry->key_id, sizeof(k->id));
    k->id_len = entry->key_id_len;
    seat_opener(o, k, entry->scheme);
    return OK;
}

int seat_login(struct seat *s, const char *pin_file, struct err *e)
{
    return pin_login(s->cli, s->token, pin_file, &s->pin, e);
}

void seat_make_room(struct seat *s, const char *softhsm_conf)
{
    if (s->other && s->other->token && strcmp(s->other->where.softhsm_conf, softhsm_conf) != 0)
        leave(s->other);
}

/* The PIN has worked in this very process. */
int seat_take(struct seat *s, struct err *e)
{
    if (s->token)
        return OK;
    seat_make_room(s, s->where.softhsm_conf);
    if (token_open(&s->where, &s->token, e))
        return e->code;
    waiting_watch(s->token);
    int rc = s->pin.n ? token_login(s->token, &s->pin, false, e)
                      : pin_login(s->cli, s->token, "", NULL, e);
    if (rc) {
        bool is_refused = token_pin_try(s->token) == PIN_TRIED;
        leave(s);
        if (is_refused)
            secret_free(&s->pin);
    }
    return rc;
}

void seat_close(struct seat *s)
{
    leave(s);
    secret_free(&s->pin);
}

bool seat_is_same(const struct seat *a, const struct token_info *b)
{
    return strcmp(a->info.serial, b->serial) == 0 && strcmp(a->info.label, b->label) == 0 &&
           strcmp(a->info.model, b->model) == 0 &&
           strcmp(a->info.manufacturer, b->manufacturer) == 0;
}

/* By its id first, which spares reading public halves. */
static int use_key(const struct seat_key *k, struct err *e)
{
    struct seat *s = k->seat;
    struct token_key_want want = {.id = bytes_of(k->id, k->id_len), .is_private_only = true};
    struct token_key key;

    if (seat_take(s, e))
        return e->code;
    if (memcmp(s->in_use, k->rid, RID_LEN) == 0)
        return OK;
    if (k->id_len == 0 || token_use_key(s->token, &want, &key, e)) {
        want = (struct token_key_want){.rid = k->rid};
        if (token_use_key(s->token, &want, &key, e))
            return e->code;
    }
    memcpy(s->in_use, k->rid, RID_LEN);
    return OK;
}

static int seat_decap(void *ctx, enum scheme scheme, struct bytes ct, struct secret *z,
                      struct err *e)
{
    const struct seat_key *k = ctx;

    if (use_key(k, e))
        return e->code;
    return token_decap(k->seat->token, scheme, ct, z, e);
}

void seat_opener(struct opener *o, struct seat_key *k, enum scheme scheme)
{
    memcpy(o->rid, k->rid, RID_LEN);
    o->scheme = scheme;
    o->decap = seat_decap;
    o->ctx = k;
}
