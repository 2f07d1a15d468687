/* SPDX-License-Identifier: Apache-2.0 */
/* Opening a record by a token that answers later. The vault asks for the private-key operation in
 * the middle of its own work, so that is done twice: the first time only to learn what the token is
 * to be asked, the second time with its answer at hand. */
#include "agent/keyring_inside.h"
#include "agent/notice.h"
#include "base/wipe.h"

#include <stdio.h>

#define ASKS_MAX 4u /* of one opening: the vault may change meanwhile, a token may be pulled */

struct keyring_wait {
    struct keyring_wait *next;
    struct opening *opening;
    keyring_done *done;
    void *ctx;
    char why[TOKENS_WHY_MAX];
};

struct opening {
    struct opening *next;
    struct keyring *k;
    char name[NAME_MAX_LEN + 1], why[TOKENS_WHY_MAX];
    bool is_each_use; /* as it seemed before it was open */
    bool is_over;     /* no longer among k->openings */
    bool has_moved;   /* from a token that failed to another */
    struct keyring_wait *first;
    struct tokens_op *op;
    unsigned n_asks;
    uint8_t rid[RID_LEN];
    enum scheme scheme;
    size_t n_ct;
    uint8_t ct[KEM_CT_MAX];
};

static void on_answer(void *ctx, const struct tokenwire_done *d);

/* -- who waits -- */

static void append(struct opening *o, struct keyring_wait *w)
{
    struct keyring_wait **at = &o->first;
    while (*at)
        at = &(*at)->next;
    w->next = NULL;
    w->opening = o;
    *at = w;
}

/* Takes the first off, and tells it; h NULL: e. */
static void tell(struct keyring_wait *w, struct held *h, const struct err *e)
{
    keyring_done *done = w->done;
    void *ctx = w->ctx;
    wipe_free(w);
    if (h)
        h->refs++;
    done(ctx, h, e);
}

static struct keyring_wait *pop(struct opening *o)
{
    struct keyring_wait *w = o->first;
    if (w)
        o->first = w->next;
    return w;
}

static void take_out(struct opening *o)
{
    struct opening **at = &o->k->openings;
    if (o->is_over)
        return;
    while (*at != o)
        at = &(*at)->next;
    *at = o->next;
    o->is_over = true;
}

static void fail(struct opening *o, const struct err *e)
{
    take_out(o);
    for (struct keyring_wait *w; (w = pop(o));)
        tell(w, NULL, e);
    wipe_free(o);
}

/* -- the two passes -- */

struct pass {
    struct opening *o;
    const struct secret *z; /* NULL: the first */
    bool is_asked;          /* o->ct says what for */
};

static int deferred_decap(void *ctx, enum scheme s, struct bytes ct, struct secret *z,
                          struct err *e)
{
    struct pass *p = ctx;
    struct opening *o = p->o;
    (void)s;
    if (p->z && bytes_eq(ct, bytes_of(o->ct, o->n_ct)))
        return secret_copy(z, secret_bytes(p->z), e);
    if (ct.n > sizeof(o->ct))
        return err_set(e, ERR_FORMAT, "the wrap has a ciphertext of %zu bytes", ct.n);
    memcpy(o->ct, ct.p, ct.n);
    o->n_ct = ct.n;
    p->is_asked = true;
    return err_set(e, ERR_FAILED, "the token has not answered yet");
}

/* OK: *r is open. Else p->is_asked, or it cannot be opened. */
static int pass(struct pass *p, struct record **r, struct err *e)
{
    struct opening *o = p->o;
    struct keyring *k = o->k;
    struct opener opener = {.scheme = o->scheme, .decap = deferred_decap, .ctx = p};
    int rc;
    memcpy(opener.rid, o->rid, RID_LEN);
    do {
        p->is_asked = false;
        rc = vault_open_record(k->vault, &opener, o->name, r, e);
    } while (rc == ERR_LIMIT && !secret_room(SECRET_MAX) && held_drop_oldest(k));
    keyring_settle(k);
    if (rc == ERR_TRUST)
        keyring_refuse(k, e);
    return rc;
}

/* -- asking -- */

/* What needs no key is found out before anybody is asked to touch a token. */
static int check_pin(struct keyring *k, struct err *e)
{
    char fp[FINGERPRINT_TEXT];
    enum trust_state state;
    if (vault_is_open(k->vault))
        return OK;
    int rc = vault_pin_look(k->vault, fp, &state, e);
    if (rc == ERR_TRUST)
        keyring_refuse(k, e);
    return rc;
}

/* The token is asked for what the first pass has learnt. */
static int send(struct opening *o, struct err *e)
{
    if (o->n_asks++ == ASKS_MAX)
        return err_set(e, ERR_FAILED, "'%s' changes too often to be opened", o->name);
    return tokens_decap(o->k->agent, o->rid, bytes_of(o->ct, o->n_ct), o->name, o->why, on_answer,
                        o, &o->op, e);
}

static int choose(struct opening *o, struct err *e)
{
    size_t n = 0;
    const struct recipient *all = vault_recipients(o->k->vault, &n);
    tokens_follow(o->k->agent);
    return tokens_choose(o->k->agent, all, n, o->rid, &o->scheme, e);
}

/* From the choice of a token to its being asked. */
static int begin(struct opening *o, struct err *e)
{
    struct pass p = {.o = o};
    struct record *r = NULL;
    int rc = check_pin(o->k, e);
    if (!rc)
        rc = choose(o, e);
    if (rc)
        return rc;
    rc = pass(&p, &r, e);
    return p.is_asked ? send(o, e) : rc;
}

/* -- the answer -- */

static bool is_each_use(const struct opening *o, const char *unseal)
{
    struct unseal u = unseal_of(unseal);
    return u.kind == UNSEAL_EACH_USE ||
           (u.kind == UNSEAL_DEFAULT && tokens_may_touch(o->k->agent, o->rid));
}

static uint64_t kept_ms(const char *unseal)
{
    struct unseal u = unseal_of(unseal);
    return u.kind == UNSEAL_SESSION ? UINT64_MAX
           : u.kind == UNSEAL_FOR   ? u.ms
                                    : UNSEAL_DEFAULT_S * 1000u;
}

/* The rest asks anew, each for itself. */
static void each_anew(struct opening *o)
{
    struct agent *a = o->k->agent;
    for (struct keyring_wait *w; (w = pop(o));)
        keyring_wait_for(a, o->name, w);
}

static void warn_without_pin(struct keyring *k, bool was_open)
{
    if (!was_open && vault_trust_state(k->vault) == TRUST_NO_PIN)
        notice(k->agent, NOTICE_VAULT, "",
               "this machine has no pin of the vault, so a forged one could not be told from it: "
               "run 'coffer trust FINGERPRINT'");
}

static void opened(struct opening *o, struct record *r)
{
    struct err e;
    const char *unseal = record_info(r)->unseal;
    bool each = is_each_use(o, unseal);
    uint64_t ms = kept_ms(unseal);
    struct held *h = held_new(o->k, r, &e);
    if (!h) {
        fail(o, &e);
        return;
    }
    take_out(o);
    if (!each)
        held_keep(o->k, h, ms);
    struct keyring_wait *w = pop(o);
    if (w)
        tell(w, h, NULL);
    while (!each && (w = pop(o)))
        tell(w, h, NULL);
    held_release(h);
    each_anew(o);
    wipe_free(o);
}

/* Another token may be there, unlocked, where this one is gone. */
static bool try_another(struct opening *o)
{
    uint8_t before[RID_LEN];
    struct err quiet;
    if (o->has_moved)
        return false;
    o->has_moved = true;
    memcpy(before, o->rid, RID_LEN);
    return choose(o, &quiet) == OK && memcmp(before, o->rid, RID_LEN) != 0 &&
           begin(o, &quiet) == OK;
}

static void on_answer(void *ctx, const struct tokenwire_done *d)
{
    struct opening *o = ctx;
    struct keyring *k = o->k;
    struct pass p = {.o = o, .z = &d->z};
    struct record *r = NULL;
    struct err e = d->err;
    o->op = NULL;
    if (e.code == ERR_TOKEN && o->first && try_another(o))
        return;
    if (!o->first && o->is_each_use) /* nobody wants it any more */
        e = (struct err){.code = ERR_FAILED};
    int rc = e.code ? e.code : keyring_refresh(k->agent, &e);
    bool was_open = vault_is_open(k->vault);
    if (!rc)
        rc = pass(&p, &r, &e);
    if (p.is_asked && send(o, &e) == OK)
        return;
    if (rc) {
        fail(o, &e);
        return;
    }
    warn_without_pin(k, was_open);
    opened(o, r);
}

/* -- the calls -- */

/* As the header says before it is opened: a wrong word in it costs an operation more, or is found
 * out when it is open. */
static bool seems_each_use(struct opening *o)
{
    struct record_info info;
    struct err quiet;
    record_info_init(&info);
    bool each =
        vault_peek(o->k->vault, o->name, &info, &quiet) != OK || is_each_use(o, info.unseal);
    keyring_settle(o->k);
    record_info_free(&info);
    return each;
}

/* One under way that serves this one too. What a person was shown for a touch is what it is for. */
static struct opening *joinable(struct keyring *k, const char *name, const char *why)
{
    struct opening *o = k->openings;
    while (o && (strcmp(o->name, name) != 0 ||
                 (o->is_each_use && (o->first || strcmp(o->why, why) != 0))))
        o = o->next;
    return o;
}

static struct opening *opening_new(struct keyring *k, const char *name, const char *why)
{
    struct opening *o = wipe_malloc(sizeof(*o));
    if (!o)
        return NULL;
    *o = (struct opening){.next = k->openings, .k = k};
    snprintf(o->name, sizeof(o->name), "%s", name);
    snprintf(o->why, sizeof(o->why), "%s", why);
    k->openings = o;
    return o;
}

bool keyring_wait_for(struct agent *a, const char *name, struct keyring_wait *w)
{
    struct err e;
    struct keyring *k = a->keyring;
    struct opening *o = joinable(k, name, w->why);
    if (o) {
        append(o, w);
        return true;
    }
    o = opening_new(k, name, w->why);
    int rc = o ? begin(o, &e) : err_set(&e, ERR_MEMORY, "no memory to open '%s'", name);
    if (!rc) {
        o->is_each_use = seems_each_use(o);
        append(o, w);
        return true;
    }
    if (o)
        fail(o, &e);
    tell(w, NULL, &e);
    return false;
}

void keyring_open(struct agent *a, const char *name, const char *why, keyring_done *done, void *ctx,
                  struct keyring_wait **w)
{
    UNSET struct err e;
    *w = NULL;
    if (keyring_refresh(a, &e)) {
        done(ctx, NULL, &e);
        return;
    }
    struct held *h = held_find(a->keyring, name);
    if (h) {
        h->refs++;
        done(ctx, h, NULL);
        return;
    }
    struct keyring_wait *new = wipe_malloc(sizeof(*new));
    if (!new) {
        err_set(&e, ERR_MEMORY, "no memory to open '%s'", name);
        done(ctx, NULL, &e);
        return;
    }
    *new = (struct keyring_wait){.done = done, .ctx = ctx};
    snprintf(new->why, sizeof(new->why), "%s", why);
    if (keyring_wait_for(a, name, new))
        *w = new;
}

void keyring_cancel(struct keyring_wait *w)
{
    struct opening *o = w->opening;
    struct keyring_wait **at = &o->first;
    while (*at != w)
        at = &(*at)->next;
    *at = w->next;
    wipe_free(w);
    if (o->first || o->is_over || !o->op || tokens_is_sent(o->op))
        return;
    tokens_cancel(o->op);
    take_out(o);
    wipe_free(o);
}

void openings_end(struct keyring *k, const struct err *e)
{
    struct opening *all = k->openings;
    k->openings = NULL;
    for (struct opening *o = all; o; o = o->next) {
        o->is_over = true;
        if (e && o->op)
            tokens_cancel(o->op);
        o->op = NULL;
    }
    for (struct opening *o; (o = all);) {
        all = o->next;
        for (struct keyring_wait *w; (w = pop(o));) {
            if (e)
                tell(w, NULL, e);
            else
                wipe_free(w);
        }
        wipe_free(o);
    }
}
