/* SPDX-License-Identifier: Apache-2.0 */
/* The tokens of this vault, and what the rest of the core asks of them. What happens with one
 * process is token_place.c's. */
#include "agent/tokens.h"

#include "agent/notice.h"
#include "agent/token_place.h"
#include "base/file.h"
#include "base/wipe.h"

#include <event2/event.h>

#include <stdio.h>

/* The entries of this vault, in their order; *n of them. NULL with e set on failure. */
static struct local_tokens *entries(const struct agent *a, struct err *e)
{
    struct local_tokens *all = wipe_malloc(sizeof(*all));
    if (!all) {
        err_set(e, ERR_MEMORY, "no memory for the list of tokens");
        return NULL;
    }
    if (local_read(&a->where, all, e)) {
        wipe_free(all);
        return NULL;
    }
    local_keep(all, a->vault_id, SPAWN_TOKENS_MAX);
    return all;
}

static struct place *place_of(const struct agent *a, const uint8_t rid[RID_LEN])
{
    for (size_t i = 0; i < a->tokens->n; i++)
        if (memcmp(a->tokens->places[i]->entry.rid, rid, RID_LEN) == 0)
            return a->tokens->places[i];
    return NULL;
}

/* Takes those that are not listed any more out; n of them. */
static size_t take_out(struct tokens *t, const struct local_tokens *all, struct place **out)
{
    size_t kept = 0, n = 0;
    for (size_t i = 0; i < t->n; i++) {
        struct place *p = t->places[i];
        if (local_of(all, p->entry.rid))
            t->places[kept++] = p;
        else
            out[n++] = p;
    }
    for (size_t i = kept; i < t->n; i++)
        t->places[i] = NULL;
    t->n = kept;
    return n;
}

static int put_in(struct tokens *t, const struct local_token *entry, struct err *e)
{
    struct place *p = place_of(t->agent, entry->rid);
    if (p && !local_same(&p->entry, entry))
        place_change(p, entry);
    if (p)
        return OK;
    p = place_new(t, entry, e);
    if (!p)
        return e->code;
    t->places[t->n++] = p;
    return OK;
}

static struct place *same_token(const struct tokens *t, const struct place *as)
{
    for (size_t i = 0; i < t->n; i++)
        if (place_is_same_token(t->places[i], as))
            return t->places[i];
    return NULL;
}

static int take_entries(struct tokens *t, const struct local_tokens *all, struct err *e)
{
    struct place *left[SPAWN_TOKENS_MAX];
    size_t n = take_out(t, all, left);
    int rc = OK;
    for (size_t i = 0; !rc && i < all->n; i++)
        rc = put_in(t, &all->v[i], e);
    for (size_t i = 0; i < n; i++) {
        place_leave(left[i], same_token(t, left[i]));
        place_free(left[i]);
    }
    return rc;
}

static int read_entries(struct agent *a, struct err *e)
{
    local_mark(&a->where, &a->tokens->mark);
    struct local_tokens *all = entries(a, e);
    int rc = all ? take_entries(a->tokens, all, e) : e->code;
    wipe_free(all);
    return rc;
}

static void on_later(evutil_socket_t fd, short what, void *ctx)
{
    struct tokens *t = ctx;
    (void)fd, (void)what;
    for (struct tokens_op *op; (op = t->finished);) {
        struct tokenwire_done d = {.id = op->id, .err = op->err};
        tokens_done *done = op->done;
        void *to = op->ctx;
        t->finished = op->next;
        op_free(op);
        if (done)
            done(to, &d);
    }
}

/* Who makes the keyring later learns it from the same file. */
static int learn_vault_id(struct agent *a, struct err *e)
{
    static const uint8_t none[VAULT_ID_LEN];
    AUTO(vault_freep) struct vault *v = NULL;
    if (memcmp(a->vault_id, none, VAULT_ID_LEN) != 0)
        return OK;
    int rc = vault_load(&a->where, a->env, &v, e);
    if (!rc)
        memcpy(a->vault_id, vault_id(v), VAULT_ID_LEN);
    return rc;
}

int tokens_new(struct agent *a, struct err *e)
{
    int rc = learn_vault_id(a, e);
    if (rc)
        return rc;
    struct tokens *t = wipe_malloc(sizeof(*t));
    if (!t)
        return err_set(e, ERR_MEMORY, "no memory for the tokens");
    *t = (struct tokens){.agent = a, .hung_ms = TOKEN_HUNG_MS};
    a->tokens = t;
    t->later = event_new(a->loop, -1, 0, on_later, t);
    rc = t->later ? read_entries(a, e) : err_set(e, ERR_MEMORY, "no memory for the tokens");
    if (rc)
        tokens_free(a);
    return rc;
}

void tokens_free(struct agent *a)
{
    struct tokens *t = a->tokens;
    if (!t)
        return;
    for (size_t i = 0; i < SPAWN_TOKENS_MAX; i++)
        place_free(t->places[i]);
    for (struct tokens_op *op; (op = t->finished);) {
        t->finished = op->next;
        op_free(op);
    }
    if (t->later)
        event_free(t->later);
    wipe_free(t);
    a->tokens = NULL;
}

size_t tokens_view(const struct agent *a, size_t i, struct token_view *out)
{
    const struct tokens *t = a->tokens;
    *out = (struct token_view){.restarts = 0}; /* of one that has gone meanwhile, too */
    if (i < t->n) {
        const struct place *p = t->places[i];
        *out = (struct token_view){.is_running = p->at == PLACE_UP,
                                   .is_known = p->is_known,
                                   .is_unlocked = p->is_unlocked,
                                   .has_pin_file = p->entry.pin_file[0] != 0,
                                   .state = p->state,
                                   .restarts = p->restarts};
        memcpy(out->rid, p->entry.rid, RID_LEN);
        snprintf(out->label, sizeof(out->label), "%s", p->entry.where.label);
    }
    return t->n;
}

void tokens_channel(struct agent *a, const uint8_t rid[RID_LEN], int fd)
{
    struct place *p = place_of(a, rid);
    struct err quiet;
    if (p) {
        place_channel(p, fd);
        return;
    }
    fd_closep(&fd);
    /* the spawner's list is older than ours: a token on it no more is not to stay unlocked */
    (void)!spawn_ask(a->spawner, SPAWN_RELOAD, 0, &quiet);
}

void tokens_gone(struct agent *a, const uint8_t rid[RID_LEN], int status)
{
    struct place *p = place_of(a, rid);
    if (p)
        place_gone(p, status);
}

static void ask(struct agent *a, size_t i, enum op_kind kind, int pin_fd, uint32_t flags,
                tokens_done *done, void *ctx)
{
    struct tokenwire_done d = {.id = 0};
    struct place *p = i < a->tokens->n ? a->tokens->places[i] : NULL;
    struct tokens_op *op = op_new(a->tokens, kind, done, ctx, &d.err);
    if (!op) { /* no memory to say so later */
        fd_closep(&pin_fd);
        done(ctx, &d);
        return;
    }
    op->pin_fd = pin_fd;
    op->flags = flags;
    if (p) {
        place_ask(p, op);
        return;
    }
    err_set(&d.err, ERR_NOT_FOUND, "this machine knows no such token of the vault");
    err_hint(&d.err, "'coffer doctor' lists the tokens that can open it");
    op_finish_later(op, &d.err);
}

void tokens_unlock(struct agent *a, size_t i, int pin_fd, uint32_t flags, tokens_done *done,
                   void *ctx)
{
    ask(a, i, OP_UNLOCK, pin_fd, flags, done, ctx);
}

void tokens_look(struct agent *a, size_t i, tokens_done *done, void *ctx)
{
    ask(a, i, OP_LOOK, -1, 0, done, ctx);
}

static int none_unlocked(struct err *e)
{
    err_set(e, ERR_PERSON, "no token of this vault is unlocked");
    return err_hint(e, "run 'coffer unlock'");
}

static bool may_touch(const struct place *p)
{
    enum touch_policy touch = (enum touch_policy)p->state.touch;
    if (!p->is_known || touch == TOUCH_ALWAYS || touch == TOUCH_CACHED)
        return true;
    return touch == TOUCH_UNKNOWN && !p->state.is_software;
}

bool tokens_may_touch(const struct agent *a, const uint8_t rid[RID_LEN])
{
    const struct place *p = place_of(a, rid);
    return !p || may_touch(p);
}

bool tokens_is_unlocked(const struct agent *a)
{
    for (size_t i = 0; i < a->tokens->n; i++)
        if (a->tokens->places[i]->is_unlocked)
            return true;
    return false;
}

/* Lower is better. */
static size_t rank(const struct place *p)
{
    size_t load = place_load(p);
    return (p->has_failed ? 4000u : 0u) + (p->state.is_present ? 0u : 2000u) +
           (may_touch(p) ? 1000u : 0u) + (load < 999 ? load : 999);
}

int tokens_choose(const struct agent *a, const struct recipient *among, size_t n,
                  uint8_t rid[RID_LEN], enum scheme *s, struct err *e)
{
    const struct place *best = NULL;
    for (size_t i = 0; i < n; i++) {
        const struct place *p = place_of(a, among[i].rid);
        if (p && p->at == PLACE_UP && p->is_unlocked && (!best || rank(p) < rank(best)))
            best = p;
    }
    if (!best)
        return none_unlocked(e);
    memcpy(rid, best->entry.rid, RID_LEN);
    *s = best->entry.scheme;
    return OK;
}

int tokens_decap(struct agent *a, const uint8_t rid[RID_LEN], struct bytes ct, const char *subject,
                 const char *why, tokens_done *done, void *ctx, struct tokens_op **op,
                 struct err *e)
{
    struct place *p = place_of(a, rid);
    if (!p || p->at != PLACE_UP || !p->is_unlocked)
        return none_unlocked(e);
    if (ct.n > KEM_CT_MAX)
        return err_set(e, ERR_FORMAT, "the wrap has a ciphertext of %zu bytes", ct.n);
    struct tokens_op *o = op_new(a->tokens, OP_DECAP, done, ctx, e);
    if (!o)
        return e->code;
    memcpy(o->ct, ct.p, ct.n);
    o->n_ct = ct.n;
    snprintf(o->subject, sizeof(o->subject), "%s", subject);
    snprintf(o->why, sizeof(o->why), "%s", why);
    *op = o;
    place_ask(p, o);
    return OK;
}

bool tokens_is_sent(const struct tokens_op *op)
{
    return op->is_sent;
}

void tokens_lock(struct agent *a)
{
    struct err why;
    err_set(&why, ERR_PERSON, "the agent was locked");
    err_hint(&why, "run 'coffer unlock'");
    for (size_t i = 0; i < a->tokens->n; i++)
        place_kill(a->tokens->places[i], &why);
}

void tokens_release(struct agent *a)
{
    for (size_t i = 0; i < a->tokens->n; i++)
        place_release(a->tokens->places[i]);
}

int tokens_reload(struct agent *a, struct err *e)
{
    int rc = spawn_ask(a->spawner, SPAWN_RELOAD, 0, e);
    return rc ? rc : read_entries(a, e);
}

void tokens_follow(struct agent *a)
{
    struct local_mark now;
    struct err e;
    local_mark(&a->where, &now);
    if (memcmp(&now, &a->tokens->mark, sizeof(now)) != 0 && tokens_reload(a, &e))
        notice(a, NOTICE_TOKEN, "", "the list of tokens cannot be read: %s", e.msg);
}
