/* SPDX-License-Identifier: Apache-2.0 */
/* coffer verify: one login, all keys side by side. */
#include "cli/verify.h"

#include "agent/policy.h"
#include "base/wipe.h"
#include "cli/by_agent.h"
#include "cli/key_facts.h"
#include "cli/session.h"
#include "cli/waiting.h"

#include <stdio.h>

#define BATCH 32u /* open at a time: their secrets lie in locked memory */

static void verifying_close(struct verifying *a)
{
    for (size_t i = 0; a->list && i < a->n; i++) {
        errand_free(a->list[i].errand);
        record_free(a->list[i].r);
        record_info_free(&a->list[i].info);
    }
    wipe_free(a->list);
    courier_free(a->courier);
    a->list = NULL;
    a->courier = NULL;
}

static int check_options(const struct args *a, struct verifying *out, struct err *e)
{
    if (accept_reason(a, out->reason, e))
        return e->code;
    if (a->n_words > 0 && record_check_name(a->words[0], e))
        return e->code;
    if (a->n_words == 0 && (a->given[OPT_TRADE] || a->given[OPT_ACCEPT_RISK]))
        return err_set(e, ERR_USAGE, "option '--%s' needs the NAME of one key",
                       options[a->given[OPT_TRADE] ? OPT_TRADE : OPT_ACCEPT_RISK].name);
    if (a->given[OPT_YES] && !a->given[OPT_TRADE])
        return err_set(e, ERR_USAGE, "option '--yes' answers the question of --trade");
    return OK;
}

static void cannot(struct patient *p, const struct err *why)
{
    p->k.reach = REACH_NOT;
    p->k.not_reached = *why;
}

/* What is unreadable is listed with the others, but ends the run when it was asked for by name. */
static int look(struct vault *v, struct verifying *a, struct patient *p, const char *name,
                struct err *e)
{
    int rc = vault_peek(v, name, &p->info, e);

    if (!rc)
        rc = vault_is_retiring(v, name, &p->is_retiring, e);
    if (!rc || a->is_one)
        return rc;
    record_info_free(&p->info);
    snprintf(p->info.name, sizeof(p->info.name), "%s", name);
    cannot(p, e);
    return OK;
}

static int look_at_all(const struct args *args, struct vault *v, struct verifying *a, struct err *e)
{
    char name[NAME_MAX_LEN + 1];
    size_t n = args->n_words ? 1 : vault_count(v);

    a->is_one = args->n_words > 0;
    if (n == 0)
        return OK;
    a->list = wipe_malloc(n * sizeof(*a->list));
    if (!a->list)
        return err_set(e, ERR_MEMORY, "no memory for %zu keys", n);
    memset(a->list, 0, n * sizeof(*a->list));
    for (a->n = 0; a->n < n; a->n++) {
        struct patient *p = &a->list[a->n];
        record_info_init(&p->info);
        if (!a->is_one && !vault_name(v, a->n, name))
            return OK;
        if (look(v, a, p, a->is_one ? args->words[0] : name, e)) {
            record_info_free(&p->info);
            return e->code;
        }
    }
    return OK;
}

static int start_courier(struct verifying *a, struct err *e)
{
    const struct record_info **infos = wipe_malloc(a->n * sizeof(const struct record_info *));

    if (!infos)
        return err_set(e, ERR_MEMORY, "no memory for %zu keys", a->n);
    for (size_t i = 0; i < a->n; i++) {
        const struct record_info *info = &a->list[i].info;
        infos[i] = connector_find(info->connector) ? info : NULL;
    }
    int rc = courier_start(infos, a->n, &a->courier, e);
    wipe_free(infos);
    return rc;
}

static int open_one(struct vault *v, struct session *s, struct verifying *a, struct patient *p,
                    struct err *e)
{
    if (p->k.not_reached.code)
        return OK;
    if (a->is_by_agent) {
        p->errand = errand_new(PURPOSE_VERIFY, &p->info, NULL, e);
        return p->errand ? OK : e->code;
    }
    waiting_why("to open '%s'", p->info.name);
    int rc = vault_open_record(v, &s->opener, p->info.name, &p->r, e);
    if (session_explain(s, rc, e)) {
        /* That the vault is not to be believed ends it for all of them. */
        if (a->is_one || rc == ERR_TRUST || rc == ERR_PIN || rc == ERR_PIN_LOCKED)
            return rc;
        cannot(p, e);
        return OK;
    }
    record_info_free(&p->info);
    record_info_init(&p->info);
    if (record_info_copy(&p->info, record_info(p->r), e))
        return e->code;
    p->errand = errand_new(PURPOSE_VERIFY, record_info(p->r), record_signer(p->r), e);
    return p->errand ? OK : e->code;
}

struct progress {
    const struct out *o;
    size_t before, n;
};

static void show_progress(void *ctx, size_t n_done, size_t n)
{
    const struct progress *p = ctx;

    (void)n;
    out_progress(p->o, "verified", p->before + n_done, p->n);
}

/* Asking whose key it is costs another call, and it stays the same as long as the key does. */
static bool has_account(const struct cli *c, const struct record_info *info)
{
    struct verify_note n;
    struct err quiet;

    return notes_read(&c->where, info->vault_id, info->rec_id, &n, NULL, NULL, &quiet) == OK &&
           note_is_about(&n, info) && n.account[0];
}

/* While one key's first calls are on their way the next key is opened. */
static int send_out(struct cli *c, struct vault *v, struct session *s, struct verifying *a,
                    size_t from, size_t n, struct errands *run, struct err *e)
{
    for (size_t i = from; i < from + n; i++) {
        struct patient *p = &a->list[i];
        if (open_one(v, s, a, p, e))
            return e->code;
        if (!p->errand)
            continue;
        p->errand->talk.wants_account = !has_account(c, &p->info);
        if (errands_add(run, p->errand, e))
            return e->code;
    }
    if (from == 0 && !a->is_by_agent)
        session_say_trust(v);
    return OK;
}

static int ask_exchanges(struct cli *c, struct vault *v, struct session *s, struct verifying *a,
                         size_t from, size_t n, struct err *e)
{
    AUTO(errands_freep) struct errands *run = NULL;
    struct progress ctx = {&c->out, from, a->n};
    uint64_t now_us;

    out_progress(&c->out, "verified", from, a->n);
    int rc = errands_begin(a->courier, n, &c->where, c->env, &run, e);
    if (!rc)
        rc = send_out(c, v, s, a, from, n, run, e);
    if (!rc)
        rc = errands_end(run, show_progress, &ctx, e);
    if (rc || from + n < a->n)
        out_progress(&c->out, "verified", a->n, a->n);
    if (rc || c->env->now_us(c->env, &now_us, e))
        return e->code;
    for (size_t i = from; i < from + n; i++)
        if (a->list[i].errand)
            errand_checkup(a->list[i].errand, now_us / 1000, &a->list[i].k);
    return OK;
}

static void batch_close(struct verifying *a, size_t from, size_t n)
{
    for (size_t i = from; i < from + n; i++) {
        errand_free(a->list[i].errand);
        record_free(a->list[i].r);
        a->list[i].errand = NULL;
        a->list[i].r = NULL;
    }
}

/* Tells all that was found, even when something about one of them could not be written. */
static int settle(struct cli *c, struct vault *v, struct verifying *a, size_t from, size_t n,
                  cJSON *list, struct err *e)
{
    uint64_t now_us;
    struct err one;
    int rc = OK;

    if (c->env->now_us(c->env, &now_us, e))
        return e->code;
    for (size_t i = from; i < from + n; i++) {
        struct patient *p = &a->list[i];
        if (verify_settle(c, v, p, a->reason, now_us / 1000, &one) && !rc) {
            *e = one;
            rc = e->code;
        }
        if (p->errand)
            checkup_note(c, &p->info, &p->k, now_us / 1000);
        verify_report(c, a, p, list, now_us / 1000);
    }
    return rc;
}

static int run_batches(struct cli *c, struct vault *v, struct session *s, struct verifying *a,
                       struct err *e)
{
    cJSON *list = c->out.is_json && !a->is_one ? json_array(out_json(&c->out), "keys") : NULL;
    int rc = OK;

    for (size_t from = 0; from < a->n && !rc; from += BATCH) {
        size_t n = a->n - from < BATCH ? a->n - from : BATCH;
        rc = ask_exchanges(c, v, s, a, from, n, e);
        if (!rc)
            rc = settle(c, v, a, from, n, list, e);
        if (!rc && c->args->given[OPT_TRADE] && a->list[0].k.reach == REACH_WORKS)
            rc = verify_trade(c, a->courier, &a->list[0], e);
        batch_close(a, from, n);
    }
    return rc;
}

static int exit_status(const struct args *args, const struct verifying *a)
{
    if (a->n_refused > 0)
        return 4;
    if (a->n_unreached > 0)
        return 1;
    return args->given[OPT_STRICT] && a->n_trouble > 0 ? 5 : 0;
}

/* What is written into a record is its owner's act: a risk accepted, or the mark of a key that was
 * never tried taken off. The vault is opened here for that. */
static bool may_be_by_agent(const struct verifying *a)
{
    for (size_t i = 0; i < a->n; i++)
        if (!a->list[i].k.not_reached.code && !policy_is_verified(&a->list[i].info))
            return false;
    return !a->reason[0];
}

static int verify(struct cli *c, struct verifying *a, struct err *e)
{
    AUTO(vault_freep) struct vault *v = NULL;
    AUTO_SESSION s = {0};
    const struct args *args = c->args;

    if (check_options(args, a, e) || vault_load(&c->where, c->env, &v, e) ||
        look_at_all(args, v, a, e))
        return e->code;
    if (a->n == 0) {
        out_line(&c->out, "no keys: coffer add NAME EXCHANGE");
        if (!c->out.is_json)
            return OK;
        json_array(out_json(&c->out), "keys");
        verify_summary(c, a);
        return OK;
    }
    waiting_why(a->n == 1 ? "to open '%s'" : "to open '%s' and others", a->list[0].info.name);
    if ((args->given[OPT_TRADE] && verify_trade_check(c, &a->list[0].info, e)) ||
        (may_be_by_agent(a) && by_agent(c, v, false, &a->courier, e)))
        return e->code;
    a->is_by_agent = a->courier != NULL;
    if (!a->is_by_agent && (start_courier(a, e) || session_begin(c, v, &s, e)))
        return e->code;
    int rc = run_batches(c, v, &s, a, e);
    if (!rc || !(a->is_one || c->out.is_json))
        verify_summary(c, a);
    if (rc)
        return rc;
    int status = exit_status(args, a);
    if (c->status == 0 || status == 4)
        c->status = status;
    return OK;
}

int run_verify(struct cli *c, struct err *e)
{
    struct verifying a = {.n = 0};

    int rc = verify(c, &a, e);
    verifying_close(&a);
    return rc;
}
