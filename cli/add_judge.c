/* SPDX-License-Identifier: Apache-2.0 */
/* May this key be sealed? A key that works and cannot move money away, yes; one that the exchange
 * refuses, never; what lies between is the person's to decide, here or with --accept-risk. */
#include "cli/add.h"
#include "cli/choose.h"

#include <stdio.h>

enum step { STEP_SEAL, STEP_TRY, STEP_TYPE, STEP_ASK, STEP_GIVE_UP };

static const struct choice on_danger[] = {
    {'a', "try it again, once it is changed at the exchange"},
    {'r', "accept the risk and give a reason; it is kept and shown with the key"},
    {'g', "give up: nothing is stored"},
    {0, NULL}};
static const struct choice on_refusal[] = {
    {'a', "try it again, once it is put right at the exchange"},
    {'t', "type the key anew"},
    {'g', "give up: nothing is stored"},
    {0, NULL}};
static const struct choice on_silence[] = {
    {'a', "try it again"},
    {'u', "seal it as unverified: it signs only reads until 'coffer verify' has tried it"},
    {'g', "give up: nothing is stored"},
    {0, NULL}};

static int seal_unverified(struct cli *c, struct adding *a, const char *reason, struct err *e)
{
    uint64_t now_us;

    if (c->env->now_us(c->env, &now_us, e))
        return e->code;
    a->d.info.unverified = true;
    if (reason[0])
        add_mark_untried(&a->d.info, reason, now_us / 1000);
    return OK;
}

/* A courier that is gone reaches nobody: the same to the person as an exchange that is down. */
static void try_key(struct cli *c, struct adding *a, struct courier *courier)
{
    struct err e;

    if (candidate_try(c, courier, &a->d, &e)) {
        memset(&a->d.checkup, 0, sizeof(a->d.checkup));
        a->d.checkup.reach = REACH_NOT;
        a->d.checkup.not_reached = e;
    }
    a->is_tried = true;
}

/* What it most often is, before what the exchange's code may mean else: each site knows its own
 * keys only. */
static void region_first(const struct connector *k, const char *region, struct err *e)
{
    char others[128] = "";
    size_t n = 0;

    if (!k->regions)
        return;
    for (const char *const *v = k->regions; *v && n < sizeof(others); v++)
        if (strcmp(*v, region) != 0)
            n += (size_t)snprintf(others + n, sizeof(others) - n, "%s--region %s", n ? " or " : "",
                                  *v);
    /* In the place of the cause that says so already, or of the last one. */
    unsigned at = 0;
    while (at < e->n_hints && !strstr(e->hints[at], "--region"))
        at++;
    if (at == ERR_HINTS)
        at--;
    if (at == e->n_hints)
        e->n_hints++;
    memmove(e->hints[1], e->hints[0], at * sizeof(e->hints[0]));
    snprintf(e->hints[0], sizeof(e->hints[0]),
             "is the account of another site of %s than '%s'? Then try %s", k->title, region,
             others);
}

/* What follows without asking anybody; STEP_ASK with e filled when that cannot be said. */
static enum step judge(struct cli *c, struct adding *a, uint64_t now_ms, struct err *e)
{
    const struct checkup *k = &a->d.checkup;
    struct record_info *r = &a->d.info;

    if (k->reach == REACH_REFUSED) {
        checkup_error(r->name, a->d.k, k, e);
        if (!c->args->given[OPT_REGION])
            region_first(a->d.k, r->region, e);
        return STEP_ASK;
    }
    if (k->reach == REACH_NOT) {
        if (a->reason[0])
            return seal_unverified(c, a, a->reason, e) ? STEP_GIVE_UP : STEP_SEAL;
        checkup_error(r->name, a->d.k, k, e);
        return STEP_ASK;
    }
    if (dangers_open(r, &k->verdict, NULL) == 0) {
        if (a->reason[0])
            out_advice(&c->out, "nothing was found that must be accepted, so the reason is not "
                                "kept");
        return STEP_SEAL;
    }
    if (a->reason[0])
        return dangers_accept(r, &k->verdict, a->reason, now_ms, e) ? STEP_ASK : STEP_SEAL;
    verdict_refuse(r, a->d.k, &k->verdict, e);
    return STEP_ASK;
}

/* A reason of blanks is asked for again: the key is not lost by a slip. */
static int ask_reason(const char *question, char out[256], struct err *e)
{
    out[0] = 0;
    for (int i = 0; i < 3 && !out[0]; i++)
        if (choose_reason(question, out, e) && e->code == ERR_PERSON)
            return e->code;
    return OK;
}

static int accept_by_reason(struct adding *a, uint64_t now_ms, enum step *step, struct err *e)
{
    struct record_info *info = &a->d.info;
    const struct verdict *v = &a->d.checkup.verdict;
    char reason[256];
    struct err no;

    *step = STEP_ASK;
    if (ask_reason(reason_question(info, v), reason, e))
        return e->code;
    if (!reason[0])
        return OK;
    if (dangers_accept(info, v, reason, now_ms, &no))
        out_error(&no);
    else
        *step = STEP_SEAL;
    return OK;
}

static int ask_person(struct cli *c, struct adding *a, uint64_t now_ms, enum step *step,
                      struct err *e)
{
    static const struct choice *const lists[] = {
        [REACH_WORKS] = on_danger, [REACH_REFUSED] = on_refusal, [REACH_NOT] = on_silence};
    char picked;

    if (choose("What now?", lists[a->d.checkup.reach], &picked, e))
        return e->code;
    *step = STEP_GIVE_UP;
    if (picked == 'a')
        *step = STEP_TRY;
    else if (picked == 't')
        *step = STEP_TYPE;
    else if (picked == 'r')
        return accept_by_reason(a, now_ms, step, e);
    else if (picked == 'u') {
        *step = STEP_SEAL;
        return seal_unverified(c, a, "", e);
    }
    return OK;
}

/* why: what stands against sealing. Returns OK with the next step. */
static int let_decide(struct cli *c, struct adding *a, uint64_t now_ms, const struct err *why,
                      enum step *step, struct err *e)
{
    if (a->d.checkup.reach == REACH_WORKS)
        checkup_show(c, &a->d.info, &a->d.checkup, now_ms);
    out_error(why);
    do {
        if (ask_person(c, a, now_ms, step, e))
            return err_hint(e, "the key was not stored");
    } while (*step == STEP_ASK);
    return OK;
}

/* Said in any case, however many hints there are already. */
static int not_stored(struct err *e)
{
    size_t n = strlen(e->msg);

    if (e->n_hints < ERR_HINTS)
        return err_hint(e, "the key was not stored");
    snprintf(e->msg + n, sizeof(e->msg) - n, "; the key was not stored");
    return e->code;
}

static int give_up(const struct adding *a, const struct err *why, struct err *e)
{
    enum err_code code = why->code;

    return err_set(e, code, "'%s' is not stored", a->d.info.name);
}

int add_judge(struct cli *c, struct adding *a, struct courier *courier, struct err *e)
{
    enum step step = STEP_TYPE;
    struct err why;
    uint64_t now_us;

    while (step != STEP_SEAL) {
        if (step == STEP_TYPE && (candidate_read(c, &a->d, e) || add_ask_known(c, a, e)))
            return e->code;
        try_key(c, a, courier);
        if (c->env->now_us(c->env, &now_us, e))
            return e->code;
        step = judge(c, a, now_us / 1000, &why);
        if (step == STEP_ASK && candidate_is_typed(c)) {
            if (let_decide(c, a, now_us / 1000, &why, &step, e))
                return e->code;
            if (step == STEP_GIVE_UP)
                return give_up(a, &why, e);
        } else if (step != STEP_SEAL) {
            *e = why;
            return not_stored(e);
        }
    }
    return OK;
}
