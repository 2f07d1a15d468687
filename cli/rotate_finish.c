/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a rotated key: a call with it must fail in a way that only a deleted key fails. An
 * answer that a living key can get too proves nothing, and is said so. */
#include "cli/rotate.h"

#include "agent/policy.h"
#include "base/ask.h"
#include "cli/session.h"
#include "cli/waiting.h"

#include <stdio.h>

#define RISK_UNPROVEN "old-key-unproven"

const char *proof_name(enum proof p)
{
    static const char *const names[] = {"dead", "alive", "unproven", "unreached"};
    return names[p];
}

int rotate_try(struct cli *c, struct courier *courier, struct record *r, struct checkup *out,
               struct err *e)
{
    AUTO(errand_freep) struct errand *errand = NULL;
    struct errand *list[1];
    uint64_t now_us;

    errand = errand_new(PURPOSE_VERIFY, record_info(r), record_signer(r), e);
    if (!errand)
        return e->code;
    errand->talk.wants_account = true;
    list[0] = errand;
    if (errands_run(courier, list, 1, &c->where, c->env, NULL, NULL, e) ||
        c->env->now_us(c->env, &now_us, e))
        return e->code;
    errand_checkup(errand, now_us / 1000, out);
    return OK;
}

static int say_alive(const struct record_info *r, const struct connector *k, bool works,
                     struct err *e)
{
    err_set(e, ERR_PERSON, "the old key %s of '%s' %s at %s", r->key_mask, r->name,
            works ? "still works" : "is still known", k->title);
    err_hint(e, "delete it there: %s", k->checks->delete_at);
    return err_hint(e, "then: coffer rotate %s --finish", r->name);
}

/* Of a key that had worked no cause is left but these two: it was not mistyped. */
static void say_why(const struct record_info *r, const struct failure *f, struct err *e)
{
    bool is_key = f->kind == FAILURE_KEY || f->kind == FAILURE_KEY_GONE;

    if (is_key && policy_is_verified(r))
        err_hint(e, "a key that was deleted and one used from an address that is not on its list "
                    "are answered alike");
    else if (f->kind == FAILURE_KEY_GONE)
        err_hint(e, "it was sealed without being tried: a key that was mistyped is answered as one "
                    "that was deleted, and the right one may live");
    else
        for (size_t i = 0; i < f->n_causes && i < 2; i++)
            err_hint(e, "it may be that %s", f->causes[i].what);
}

static int say_unproven(const struct record_info *r, const struct connector *k,
                        const struct failure *f, struct err *e)
{
    const char *but = f->kind == FAILURE_KEY_GONE && !policy_is_verified(r)
                          ? "but it was never seen to work here"
                          : "but does not say that it is gone";

    err_set(e, ERR_PERSON, "%s refuses the old key %s of '%s'%s%s, %s", k->title, r->key_mask,
            r->name, f->code[0] ? ": " : "", f->code, but);
    say_why(r, f, e);
    return err_hint(e,
                    "see that it is gone there (%s), then: coffer rotate %s --finish --accept-risk "
                    "'seen deleted on the site'",
                    k->checks->delete_at, r->name);
}

/* A key that lacks a right, or is used from the wrong address, exists. A key that there is not
 * counts as proof only while the exchange knows the new one by the same way (else this is another
 * site, or another side, of it), and only of a key that had worked: what was mistyped is not there
 * either. */
static enum proof judge(const struct record_info *old, const struct checkup *u, bool new_works)
{
    if (u->reach == REACH_WORKS)
        return PROOF_ALIVE;
    if (u->reach != REACH_REFUSED || u->failure.kind == FAILURE_CLOCK)
        return PROOF_UNREACHED;
    if (failure_shows_life(u->failure.kind))
        return PROOF_ALIVE;
    bool is_gone = u->failure.kind == FAILURE_KEY_GONE && new_works && policy_is_verified(old);
    return is_gone ? PROOF_DEAD : PROOF_UNPROVEN;
}

enum proof rotate_prove(struct cli *c, struct courier *courier, struct record *old,
                        struct record *now, struct err *e)
{
    const struct record_info *r = record_info(old);
    const struct connector *k = connector_find(r->connector);
    struct checkup u, control = {.reach = REACH_NOT};

    if (rotate_try(c, courier, old, &u, e))
        return PROOF_UNREACHED;
    if (u.reach == REACH_REFUSED && rotate_try(c, courier, now, &control, e))
        return PROOF_UNREACHED;
    enum proof p = judge(r, &u, control.reach == REACH_WORKS);
    if (p == PROOF_ALIVE)
        say_alive(r, k, u.reach == REACH_WORKS, e);
    else if (p == PROOF_UNPROVEN)
        say_unproven(r, k, &u.failure, e);
    else if (p == PROOF_UNREACHED)
        checkup_error(r->name, k, &u, e);
    else
        out_note(&c->out, "the old key %s is dead: %s says %s, and knows the new one", r->key_mask,
                 k->title, u.failure.code[0] ? u.failure.code : "that there is no such key");
    if (p == PROOF_UNPROVEN && control.reach != REACH_WORKS)
        err_hint(e, "the key in place does not work at the moment either: coffer verify %s",
                 r->name);
    return p;
}

/* Since the proof another process may have finished this rotation and begun one more, whose old key
 * lives. Vault locked. */
static int is_still_retiring(struct vault *v, const struct record_info *old, struct err *e)
{
    AUTO(record_info_free) struct record_info info;

    record_info_init(&info);
    if (vault_peek_retiring(v, old->name, &info, e))
        return e->code;
    if (info.version == old->version && memcmp(info.rec_id, old->rec_id, REC_ID_LEN) == 0)
        return OK;
    err_set(e, ERR_FAILED, "'%s' was changed meanwhile by another process", old->name);
    return err_hint(e, "nothing was forgotten; run the command again");
}

int rotate_drop(struct vault *v, const struct record_info *old, struct err *e)
{
    int rc = vault_lock(v, e);

    if (!rc)
        rc = is_still_retiring(v, old, e);
    if (!rc)
        rc = vault_drop_retiring(v, old->name, e);
    vault_unlock(v);
    return rc;
}

/* Where the word goes: a new place; without one, that of the oldest such word. An end that was
 * killed between its two commits says the same again. */
static struct risk *place_of_word(struct record_info *info, const char *reason)
{
    struct risk *oldest = NULL;

    for (size_t i = 0; i < info->n_risks; i++) {
        struct risk *r = &info->risks[i];
        if (strcmp(r->problem, RISK_UNPROVEN) != 0)
            continue;
        if (strcmp(r->reason, reason) == 0)
            return r;
        oldest = oldest ? oldest : r;
    }
    return info->n_risks < RISKS_MAX ? &info->risks[info->n_risks++] : oldest;
}

/* The owner's word that it is gone, kept with the record that goes on. */
static int keep_word(const struct cli *c, struct vault *v, struct record *now, const char *reason,
                     struct err *e)
{
    AUTO(record_info_free) struct record_info info;
    uint64_t now_us;

    record_info_init(&info);
    if (record_info_copy(&info, record_info(now), e) || c->env->now_us(c->env, &now_us, e))
        return e->code;
    struct risk *r = place_of_word(&info, reason);
    if (!r)
        return err_set(e, ERR_LIMIT, "'%s' has %u accepted risks already, which is all it can keep",
                       info.name, RISKS_MAX);
    *r = (struct risk){.date_ms = now_us / 1000};
    snprintf(r->problem, sizeof(r->problem), RISK_UNPROVEN);
    snprintf(r->reason, sizeof(r->reason), "%s", reason);
    int rc = vault_lock(v, e);
    if (!rc)
        rc = vault_rewrite(v, now, &info, e);
    vault_unlock(v);
    return rc;
}

static void report(struct cli *c, const char *name, enum proof p)
{
    if (p == PROOF_DEAD)
        out_note(&c->out, "'%s': the old key is forgotten; the rotation is finished", name);
    else
        out_note(&c->out,
                 "'%s': the old key is forgotten on your word; nobody has proven that it is dead",
                 name);
    if (!c->out.is_json)
        return;
    json_text(out_json(&c->out), "name", name);
    json_text(out_json(&c->out), "old_key", proof_name(p));
}

static bool can_ask(const struct cli *c)
{
    return !c->out.is_json && !c->out.is_quiet && ask_possible();
}

/* As 'coffer rotate NAME' asks at its end. */
static bool ask_again(struct cli *c, const struct err *why)
{
    struct err quiet;
    bool again = false;

    out_note(&c->out, "%s", why->msg);
    out_note(&c->out, "  %s", why->hints[0]);
    return ask_yes("Deleted there now? Look again?", NULL, &again, &quiet) == OK && again;
}

/* Looks again as often as the person says so. */
static enum proof prove(struct cli *c, struct courier *courier, struct record *old,
                        struct record *now, struct err *e)
{
    enum proof p = rotate_prove(c, courier, old, now, e);

    while (p == PROOF_ALIVE && can_ask(c)) {
        if (!ask_again(c, e)) {
            err_set(e, ERR_PERSON, "the old key of '%s' lives, and is kept",
                    record_info(now)->name);
            err_hint(e, "once it is deleted: coffer rotate %s --finish", record_info(now)->name);
            return p;
        }
        p = rotate_prove(c, courier, old, now, e);
    }
    return p;
}

static int finish(struct cli *c, struct vault *v, const struct record_info *old_info,
                  const char *reason, struct err *e)
{
    AUTO(courier_freep) struct courier *courier = NULL;
    AUTO_SESSION s = {0};
    AUTO(record_freep) struct record *old = NULL;
    AUTO(record_freep) struct record *now = NULL;
    const char *name = old_info->name;

    waiting_why("to open '%s'", name);
    if (courier_start(&old_info, 1, &courier, e) || session_begin(c, v, &s, e) ||
        session_explain(&s, vault_open_retiring(v, &s.opener, name, &old, e), e) ||
        session_explain(&s, vault_open_record(v, &s.opener, name, &now, e), e) ||
        vault_may_write(v, e))
        return e->code;
    enum proof p = prove(c, courier, old, now, e);
    bool on_word = p == PROOF_UNPROVEN && reason[0];
    if (p != PROOF_DEAD && !on_word)
        return e->code;
    if (on_word && keep_word(c, v, now, reason, e))
        return e->code;
    if (rotate_drop(v, record_info(old), e))
        return e->code;
    report(c, name, p);
    return OK;
}

int rotate_finish(struct cli *c, struct err *e)
{
    AUTO(vault_freep) struct vault *v = NULL;
    AUTO(record_info_free) struct record_info old;
    const char *name = c->args->words[0];
    char reason[256];

    record_info_init(&old);
    if (accept_reason(c->args, reason, e) || record_check_name(name, e) ||
        vault_load(&c->where, c->env, &v, e))
        return e->code;
    int rc = vault_peek_retiring(v, name, &old, e);
    if (rc == ERR_NOT_FOUND && vault_has(v, name)) {
        err_set(e, ERR_NOT_FOUND, "'%s' has no old key: no rotation is unfinished", name);
        return err_hint(e, "'coffer status' shows what is");
    }
    return rc ? rc : finish(c, v, &old, reason, e);
}
