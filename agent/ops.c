/* SPDX-License-Identifier: Apache-2.0 */
/* What the agent does for a client that asks on its socket, and for the owner there: all but
 * signing (ops_sign.c). Deciding and remembering is the other parts'; here they are only asked. */
#include "agent/ops.h"

#include "agent/desk.h"
#include "agent/keyring.h"
#include "agent/ops_sign.h"
#include "agent/server_client.h"
#include "agent/spawn.h"
#include "agent/tokens.h"
#include "base/codec.h"
#include "base/wipe.h"

#include <stdio.h>
#include <unistd.h>

#define EMPTY BYTES_LIT("{}")

/* -- answers -- */

static void fail(struct client *c, struct bytes id, const struct err *e, const char *pin_try)
{
    AUTO_BUF text = BUF_INIT(16384);
    struct err ignored;

    ops_error(e, pin_try, &text);
    if (buf_check(&text, "the error", &ignored))
        client_kill(c);
    else
        client_error(c, id, buf_bytes(&text));
}

void op_fail(struct client *c, struct bytes id, const struct err *e)
{
    fail(c, id, e, NULL);
}

static void answer(struct client *c, struct bytes id, const struct buf *result)
{
    struct err e;

    if (buf_check(result, "the answer", &e))
        op_fail(c, id, &e);
    else
        client_result(c, id, buf_bytes(result));
}

static struct bytes op_id(const struct op *o)
{
    return bytes_of(o->id, o->n_id);
}

/* The owner's acts stand in the log too. That it cannot be written stops no lock; and nothing is
 * signed then. */
static void audit(struct agent *a, const struct asker *who, const char *op, const char *record,
                  const struct err *e)
{
    struct audit_line l = {.who = who,
                           .record = record,
                           .op = op,
                           .cls = "",
                           .outcome = e->code ? err_name(e->code) : "allowed"};
    struct err ignored;

    (void)!audit_add(a, &l, &ignored);
}

/* -- unlock -- */

static const char *const tries[] = {"not_tried", "tried", "proven"};

static const char *try_name(unsigned v)
{
    return tries[v < ARRAY_LEN(tries) ? v : PIN_TRIED];
}

static const char *label_of(const struct token_view *v)
{
    return v->is_known && v->state.label[0] ? v->state.label : v->label;
}

static bool is_meant(const struct token_view *v, const char *text)
{
    uint8_t rid[RID_LEN];
    size_t n;

    if (hex_decode(rid, sizeof(rid), &n, bytes_str(text)) && n == RID_LEN &&
        memcmp(rid, v->rid, RID_LEN) == 0)
        return true;
    return strcmp(label_of(v), text) == 0 ||
           (v->is_known && v->state.serial[0] && strcmp(v->state.serial, text) == 0);
}

static int choose_by_text(struct agent *a, const char *text, size_t n, size_t *index, struct err *e)
{
    struct token_view v;
    size_t found = 0;

    for (size_t i = 0; i < n; i++) {
        tokens_view(a, i, &v);
        if (!is_meant(&v, text))
            continue;
        *index = i;
        found++;
    }
    if (found == 1)
        return OK;
    if (found == 0)
        err_set(e, ERR_NOT_FOUND, "no token of this vault is called '%s'", text);
    else
        err_set(e, ERR_USAGE, "%zu tokens of this vault are called '%s'", found, text);
    return err_hint(e, "'coffer status' lists the tokens; a serial number names one");
}

/* The only one that is not unlocked yet and not known to be away; or the only one. */
static int choose_any(struct agent *a, size_t n, size_t *index, struct err *e)
{
    struct token_view v;
    size_t found = 0;

    for (size_t i = 0; i < n; i++) {
        tokens_view(a, i, &v);
        if (v.is_unlocked || (v.is_known && !v.state.is_present))
            continue;
        *index = i;
        found++;
    }
    if (n == 1)
        *index = 0;
    if (n == 1 || found == 1)
        return OK;
    err_set(e, ERR_USAGE, "%zu tokens open this vault: say which", n);
    return err_hint(e, "'coffer status' lists them");
}

static int choose(struct agent *a, const struct op_words *w, size_t *index, struct err *e)
{
    struct token_view v;
    size_t n = tokens_view(a, 0, &v);

    if (n == 0) {
        err_set(e, ERR_NOT_FOUND, "this machine knows no token that opens this vault");
        return err_hint(e, "'coffer trust' finds it and writes it down");
    }
    if (w->has_index && w->index >= n)
        return err_set(e, ERR_NOT_FOUND, "there is no token %llu of this vault",
                       (unsigned long long)w->index);
    if (w->has_index)
        *index = (size_t)w->index;
    else
        return w->token[0] ? choose_by_text(a, w->token, n, index, e) : choose_any(a, n, index, e);
    return OK;
}

/* Its number now; an empty view when it is on the list no more. */
static size_t find_token(struct agent *a, const uint8_t rid[RID_LEN], struct token_view *v)
{
    size_t i = 0, n = tokens_view(a, 0, v);

    while (i < n && memcmp(v->rid, rid, RID_LEN) != 0)
        (void)tokens_view(a, ++i, v);
    return i;
}

static void unlocked(void *ctx, const struct tokenwire_done *d)
{
    struct op *o = ctx;
    AUTO_BUF out = BUF_INIT(4096);
    struct token_view v;

    if (!o->a) { /* the agent ends */
        op_end(o);
        return;
    }
    size_t index = find_token(o->a, o->rid, &v);
    audit(o->a, &o->who, "unlock", label_of(&v), &d->err);
    if (o->c && d->err.code) {
        fail(o->c, op_id(o), &d->err, try_name(d->pin_try));
    } else if (o->c) {
        buf_adds(&out, "{\"token\":");
        buf_add_json(&out, bytes_str(label_of(&v)));
        buf_addf(&out, ",\"index\":%zu,\"pin_try\":\"%s\",\"recoveries\":%u,\"unlocked\":true}",
                 index, try_name(d->pin_try), d->recoveries);
        answer(o->c, op_id(o), &out);
    }
    op_end(o);
}

static void run_unlock(struct client *c, const struct op_words *w, size_t cost)
{
    struct agent *a = c->server->a;
    int pin = stream_take_fd(c->stream);
    struct token_view v;
    size_t index = 0;
    struct err e;

    int rc = choose(a, w, &index, &e);
    struct op *o = rc ? NULL : op_begin(c, w, cost);
    if (!rc && !o)
        rc = err_set(&e, ERR_MEMORY, "out of memory");
    if (rc) {
        if (pin >= 0)
            close(pin);
        fail(c, w->id, &e, try_name(PIN_NOT_TRIED));
        return;
    }
    tokens_view(a, index, &v);
    memcpy(o->rid, v.rid, RID_LEN);
    tokens_unlock(a, index, pin, w->use_last_try ? TOKENWIRE_USE_LAST_TRY : 0, unlocked, o);
}

/* -- status, with a look at the tokens before -- */

static void tell_status(struct client *c, struct bytes id)
{
    AUTO_BUF out = BUF_INIT(65536);

    ops_status(c->server->a, &out);
    answer(c, id, &out);
}

static void looked(void *ctx, const struct tokenwire_done *d)
{
    struct op *o = ctx;

    (void)d; /* one that cannot be asked: its state says so */
    if (--o->n_left > 0)
        return;
    if (o->a && o->c)
        tell_status(o->c, op_id(o));
    op_end(o);
}

static void run_status(struct client *c, const struct op_words *w, size_t cost)
{
    struct token_view v;

    tokens_follow(c->server->a);
    size_t n = w->look ? tokens_view(c->server->a, 0, &v) : 0;
    struct op *o = n ? op_begin(c, w, cost) : NULL;

    if (!o) {
        tell_status(c, w->id);
        return;
    }
    o->n_left = (unsigned)n;
    for (size_t i = 0; i < n; i++)
        tokens_look(c->server->a, i, looked, o);
}

/* -- the rest, answered at once -- */

static void run_hello(struct client *c, const struct op_words *w, size_t cost)
{
    char hex[VAULT_ID_HEX];
    AUTO_BUF out = BUF_INIT(512);
    struct err e;

    (void)cost;
    if (w->protocol != AGENT_PROTOCOL) {
        err_set(&e, ERR_USAGE, "the agent speaks protocol %u, not %llu", AGENT_PROTOCOL,
                (unsigned long long)w->protocol);
        err_hint(&e, "agent and client are of different versions of coffer");
        op_fail(c, w->id, &e);
        return;
    }
    where_id_hex(c->server->a->vault_id, hex);
    buf_addf(&out, "{\"protocol\":%u,\"version\":\"%s\",\"pid\":%d,\"vault_id\":\"%s\"}",
             AGENT_PROTOCOL, VERSION, (int)c->server->a->pid, hex);
    answer(c, w->id, &out);
}

static void run_list(struct client *c, const struct op_words *w, size_t cost)
{
    AUTO_BUF out = BUF_INIT(SERVER_OUT_MAX / 2);
    struct err e;

    (void)cost;
    if (ops_list(c->server->a, &out, &e))
        op_fail(c, w->id, &e);
    else
        answer(c, w->id, &out);
}

static void run_lock(struct client *c, const struct op_words *w, size_t cost)
{
    static const struct err none = {.code = OK};
    char who[ASKER_TEXT], why[ASKER_TEXT + 16];

    (void)cost;
    asker_text(&c->who, who);
    snprintf(why, sizeof(why), "%s asked for it", who);
    agent_lock(c->server->a, why);
    audit(c->server->a, &c->who, "lock", "", &none);
    client_result(c, w->id, EMPTY);
}

static int lend(struct client *c, const struct op_words *w, struct lent *l, struct err *e)
{
    struct agent *a = c->server->a;
    char client[ASKER_NAME_MAX + 1];
    struct record_info info;

    if (c->n_lent == SERVER_LENT_MAX)
        return err_set(e, ERR_LIMIT, "this connection has %u bearers already", SERVER_LENT_MAX);
    if (w->client[0])
        snprintf(client, sizeof(client), "%s", w->client);
    else
        snprintf(client, sizeof(client), "pid-%u", c->who.pid);
    record_info_init(&info);
    int rc = keyring_peek(a, w->name, &info, e);
    if (!rc && w->bearer[0]) {
        memcpy(l->text, w->bearer, sizeof(l->text));
        rc = bearers_lend_again(a, info.rec_id, client, c->who.pid, l->text, e);
    } else if (!rc) {
        rc = bearers_lend(a, info.rec_id, client, c->who.pid, l->text, e);
    }
    record_info_free(&info);
    return rc;
}

static void run_lend(struct client *c, const struct op_words *w, size_t cost)
{
    AUTO_BUF out = BUF_INIT(512);
    struct lent *l = wipe_malloc(sizeof(*l));
    struct err e;

    (void)cost;
    if (!l)
        err_set(&e, ERR_MEMORY, "out of memory");
    if (!l || lend(c, w, l, &e)) {
        wipe_free(l);
        op_fail(c, w->id, &e);
        return;
    }
    l->next = c->lent;
    c->lent = l;
    c->n_lent++;
    buf_addf(&out, "{\"bearer\":\"%s\",\"key\":\"" BEARER_KEY_PREFIX "%s_%s\"}", l->text, w->name,
             l->text);
    answer(c, w->id, &out);
}

static void run_subscribe(struct client *c, const struct op_words *w, size_t cost)
{
    (void)cost;
    client_result(c, w->id, EMPTY);
    c->is_subscribed = true;
}

static void run_reload(struct client *c, const struct op_words *w, size_t cost)
{
    struct agent *a = c->server->a;
    struct err e;

    (void)cost;
    if (tokens_reload(a, &e) || keyring_refresh(a, &e))
        op_fail(c, w->id, &e);
    else
        client_result(c, w->id, EMPTY);
}

static void run_stop(struct client *c, const struct op_words *w, size_t cost)
{
    struct err e;

    (void)cost;
    client_result(c, w->id, EMPTY);
    /* without a spawner it ends all the same */
    if (spawn_ask(c->server->a->spawner, SPAWN_STOP, 0, &e))
        c->server->a->is_ending = true;
}

void op_run(struct client *c, const struct op_words *w, size_t cost)
{
    static void (*const run[OP_COUNT])(struct client *, const struct op_words *, size_t) = {
        [OP_HELLO] = run_hello,     [OP_LIST] = run_list, [OP_STATUS] = run_status,
        [OP_UNLOCK] = run_unlock,   [OP_LOCK] = run_lock, [OP_SIGN] = op_run_sign,
        [OP_SIGN_WS] = op_run_sign, [OP_LEND] = run_lend, [OP_SUBSCRIBE] = run_subscribe,
        [OP_RELOAD] = run_reload,   [OP_STOP] = run_stop,
    };

    run[w->kind](c, w, cost);
}

/* A signature is for nobody then; what was asked of a token comes to its end alone. */
void op_forget(struct op *o)
{
    struct client *c = o->c;

    if (o->kind != OP_SIGN && o->kind != OP_SIGN_WS) {
        op_orphan(o);
        return;
    }
    desk_forget(c->server->a, o->desk_id);
    op_end(o);
}
