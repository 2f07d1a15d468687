/* SPDX-License-Identifier: Apache-2.0 */
/* What the agent tells of itself: its tokens, its proxy, the vault's records. As JSON; nothing is
 * asked of a token or the network for it. */
#include "agent/ops.h"

#include "agent/counter.h"
#include "agent/desk.h"
#include "agent/keyring.h"
#include "agent/policy.h"
#include "agent/server_client.h"
#include "agent/tokens.h"
#include "base/codec.h"

#include <inttypes.h>
#include <unistd.h>

static void text(struct buf *out, const char *name, const char *v)
{
    buf_addf(out, ",\"%s\":", name);
    buf_add_json(out, bytes_str(v));
}

static void text_or_null(struct buf *out, const char *name, const char *v)
{
    if (v && v[0])
        text(out, name, v);
    else
        buf_addf(out, ",\"%s\":null", name);
}

static void truth(struct buf *out, const char *name, bool v)
{
    buf_addf(out, ",\"%s\":%s", name, v ? "true" : "false");
}

/* -- errors -- */

void ops_error(const struct err *e, const char *pin_try, struct buf *out)
{
    buf_addf(out, "{\"code\":\"%s\"", err_name(e->code));
    text(out, "message", e->msg);
    buf_adds(out, ",\"hints\":[");
    for (unsigned i = 0; i < e->n_hints; i++) {
        buf_adds(out, i ? "," : "");
        buf_add_json(out, bytes_str(e->hints[i]));
    }
    buf_addc(out, ']');
    if (pin_try)
        text(out, "pin_try", pin_try);
    buf_addc(out, '}');
}

/* -- tokens -- */

static const char *pin_name(unsigned v)
{
    static const char *const names[] = {[PIN_OK] = "ok",
                                        [PIN_LOW] = "low",
                                        [PIN_FINAL_TRY] = "final_try",
                                        [PIN_LOCKED] = "locked",
                                        [PIN_UNSET] = "unset"};
    return v < ARRAY_LEN(names) ? names[v] : NULL;
}

static const char *touch_name(unsigned v)
{
    static const char *const names[] = {[TOUCH_UNKNOWN] = "unknown",
                                        [TOUCH_NEVER] = "never",
                                        [TOUCH_ALWAYS] = "always",
                                        [TOUCH_CACHED] = "cached"};
    return v < ARRAY_LEN(names) ? names[v] : NULL;
}

/* What its process told; null for what is not known. */
static void token_state(const struct tokenwire_state *s, struct buf *out)
{
    bool is_there = s && s->is_present;

    if (s)
        truth(out, "present", s->is_present);
    else
        buf_adds(out, ",\"present\":null");
    if (is_there) {
        truth(out, "software", s->is_software);
        truth(out, "keypad", s->is_protected_path);
        truth(out, "pin_each_time", s->is_pin_each_time);
    } else {
        buf_adds(out, ",\"software\":null,\"keypad\":null,\"pin_each_time\":null");
    }
    text_or_null(out, "pin", is_there ? pin_name(s->pin) : NULL);
    text_or_null(out, "touch", is_there ? touch_name(s->touch) : NULL);
    text_or_null(out, "serial", s ? s->serial : NULL);
    text_or_null(out, "manufacturer", s ? s->manufacturer : NULL);
    text_or_null(out, "model", s ? s->model : NULL);
    text_or_null(out, "firmware", s ? s->firmware : NULL);
    text_or_null(out, "driver", s ? s->driver : NULL);
}

static void token(const struct token_view *v, size_t i, struct buf *out)
{
    const struct tokenwire_state *s = v->is_known ? &v->state : NULL;

    buf_addf(out, "%s{\"index\":%zu,\"rid\":\"", i ? "," : "", i);
    hex_encode(out, BYTES_ARR(v->rid));
    buf_addc(out, '"');
    text(out, "label", s && s->label[0] ? s->label : v->label);
    truth(out, "running", v->is_running);
    truth(out, "known", v->is_known);
    truth(out, "unlocked", v->is_unlocked);
    buf_addf(out, ",\"restarts\":%u", v->restarts);
    token_state(s, out);
    buf_addc(out, '}');
}

static void all_tokens(struct agent *a, struct buf *out)
{
    struct token_view v;
    size_t n = tokens_view(a, 0, &v);
    bool is_unattended = a->is_pin_kept;

    for (size_t i = 0; i < n; i++) {
        tokens_view(a, i, &v);
        is_unattended = is_unattended || v.has_pin_file;
    }
    truth(out, "unattended", is_unattended);
    buf_adds(out, ",\"tokens\":[");
    for (size_t i = 0; i < n; i++) {
        tokens_view(a, i, &v);
        token(&v, i, out);
    }
    buf_addc(out, ']');
}

/* -- status -- */

static void proxy(struct agent *a, struct buf *out)
{
    const struct agent_options *o = a->options;
    AUTO_BUF path = BUF_INIT(2 * WHERE_MAX);

    if (o->proxy_socket[0])
        buf_adds(&path, o->proxy_socket);
    else
        buf_addf(&path, "%s/proxy.sock", a->where.run);
    buf_addf(out, ",\"proxy\":{\"running\":%s", counter_is_open(a) ? "true" : "false");
    text_or_null(out, "socket", o->has_no_proxy ? NULL : buf_str(&path));
    text_or_null(out, "tcp", o->has_no_proxy ? NULL : o->listen);
    buf_addc(out, '}');
}

static void audit_state(struct agent *a, struct buf *out)
{
    const struct err *e = audit_failure(a);

    buf_addf(out, ",\"audit\":{\"ok\":%s", e->code ? "false" : "true");
    if (e->code) {
        buf_adds(out, ",\"error\":");
        ops_error(e, NULL, out);
    }
    buf_addc(out, '}');
}

static void last_lock(const struct server *s, struct buf *out)
{
    if (s->last_lock_ms == 0) {
        buf_adds(out, ",\"last_lock\":null");
        return;
    }
    buf_addf(out, ",\"last_lock\":{\"at_ms\":%" PRIu64, s->last_lock_ms);
    text(out, "why", s->last_lock);
    buf_addc(out, '}');
}

void ops_status(struct agent *a, struct buf *out)
{
    char hex[VAULT_ID_HEX];
    AUTO_BUF path = BUF_INIT(2 * WHERE_MAX);

    where_id_hex(a->vault_id, hex);
    buf_addf(&path, "%s/agent.sock", a->where.run);
    buf_addf(out, "{\"version\":\"%s\",\"protocol\":%u,\"pid\":%d,\"started_ms\":%" PRIu64, VERSION,
             AGENT_PROTOCOL, (int)a->pid, a->server->started_ms);
    text(out, "vault", a->where.vault);
    text(out, "vault_id", hex);
    text(out, "socket", buf_str(&path));
    buf_addf(out, ",\"records\":%zu,\"held\":%zu", vault_count(keyring_vault(a)), keyring_held(a));
    buf_addf(out, ",\"clients\":%zu,\"requests\":%zu,\"lock_after_ms\":%" PRIu64,
             a->server->n_clients, desk_open(a), a->options->lock_after_ms);
    all_tokens(a, out);
    proxy(a, out);
    audit_state(a, out);
    last_lock(a->server, out);
    buf_addc(out, '}');
}

/* -- list -- */

static void classes(const struct record_info *r, struct buf *out)
{
    unsigned bits = policy_classes(r);
    bool is_first = true;

    buf_adds(out, ",\"classes\":[");
    for (unsigned c = 0; c < CLASS_COUNT; c++) {
        if (!(bits & CLASS_BIT(c)))
            continue;
        buf_addf(out, "%s\"%s\"", is_first ? "" : ",", class_name((enum req_class)c));
        is_first = false;
    }
    buf_addc(out, ']');
}

static void unseal(const struct keyring_view *v, struct buf *out)
{
    switch (v->unseal.kind) {
    case UNSEAL_EACH_USE:
        text(out, "unseal", "each-use");
        break;
    case UNSEAL_SESSION:
        text(out, "unseal", "session");
        break;
    case UNSEAL_FOR:
        buf_addf(out, ",\"unseal\":\"%" PRIu64 "s\"", v->unseal.ms / 1000);
        break;
    default:
        text(out, "unseal", "default");
    }
}

static void held(const struct keyring_view *v, struct buf *out)
{
    truth(out, "held", v->is_held);
    if (v->is_held && v->left_ms != UINT64_MAX)
        buf_addf(out, ",\"left_ms\":%" PRIu64, v->left_ms);
    else if (v->is_held)
        buf_adds(out, ",\"left_ms\":null");
}

static void record(struct agent *a, const char *name, struct buf *out)
{
    struct keyring_view v;
    struct record_info r;
    struct err e;

    buf_adds(out, "{\"name\":");
    buf_add_json(out, bytes_str(name));
    record_info_init(&r);
    if (keyring_peek(a, name, &r, &e)) {
        text(out, "error", e.msg);
    } else {
        text(out, "connector", r.connector);
        text(out, "environment", r.environment);
        if (r.region[0])
            text(out, "region", r.region);
        text(out, "custody", custody_name(r.custody));
        classes(&r, out);
        truth(out, "release", r.release);
        truth(out, "unverified", r.unverified);
        keyring_view(a, name, &v);
        unseal(&v, out);
        held(&v, out);
    }
    record_info_free(&r);
    buf_addc(out, '}');
}

int ops_list(struct agent *a, struct buf *out, struct err *e)
{
    char name[NAME_MAX_LEN + 1];

    /* one that this machine does not trust is listed all the same, not authenticated */
    if (keyring_refresh(a, e) && e->code != ERR_TRUST)
        return e->code;
    buf_adds(out, "{\"authenticated\":false,\"records\":[");
    for (size_t i = 0; vault_name(keyring_vault(a), i, name); i++) {
        buf_adds(out, i ? "," : "");
        record(a, name, out);
    }
    buf_adds(out, "]}");
    return buf_check(out, "the list", e);
}
