/* SPDX-License-Identifier: Apache-2.0 */
/* coffer rotate NAME: a new exchange key takes the place of the old one in a single commit. Nothing
 * changes before the new one has been tried; afterwards the old one stays sealed until it is proven
 * dead. Killed anywhere, one of the two is the record and neither is lost. */
#include "cli/rotate.h"

#include "base/ask.h"
#include "base/wipe.h"
#include "cli/choose.h"
#include "cli/key_facts.h"
#include "cli/session.h"
#include "cli/waiting.h"

#include <stdio.h>

struct rotation {
    struct vault *v;
    struct courier *courier;
    struct session session;
    struct record *old;
    struct checkup old_checkup;
    char old_account[80];
    struct candidate new;
    char reason[256]; /* of --accept-risk, or typed */
    bool can_try;     /* a new key was read, and it is not the old one */
    bool can_accept;  /* what stands against it is the person's to accept */
    uint64_t now_ms;  /* when it began */
};

static void rotation_close(struct rotation *r)
{
    candidate_close(&r->new);
    record_free(r->old);
    session_end(&r->session);
    courier_free(r->courier);
    vault_free(r->v);
}

/* The account that the key belonged to when it last worked on this machine. */
static void remember_account(const struct cli *c, struct rotation *r)
{
    const struct record_info *info = record_info(r->old);
    struct verify_note note;
    struct err quiet;

    if (notes_read(&c->where, info->vault_id, info->rec_id, &note, NULL, NULL, &quiet) == OK &&
        note_is_about(&note, info))
        snprintf(r->old_account, sizeof(r->old_account), "%s", note.account);
}

static int refuse_unfinished(const char *name, struct err *e)
{
    err_set(e, ERR_EXISTS,
            "the last rotation of '%s' is not finished: its old key is not proven "
            "dead",
            name);
    return err_hint(e, "delete the old key at the exchange, then: coffer rotate %s --finish", name);
}

/* Before the PIN and before anything is asked. */
static int plan(struct cli *c, struct rotation *r, struct err *e)
{
    const char *name = c->args->words[0];
    AUTO(record_info_free) struct record_info info;
    const struct record_info *list[1] = {&info};
    bool is_retiring;

    record_info_init(&info);
    if (record_check_name(name, e) || accept_reason(c->args, r->reason, e) ||
        candidate_check(c, e) || vault_load(&c->where, c->env, &r->v, e) ||
        vault_peek(r->v, name, &info, e) || vault_is_retiring(r->v, name, &is_retiring, e))
        return e->code;
    if (is_retiring)
        return refuse_unfinished(name, e);
    r->new.k = connector_find(info.connector);
    if (!r->new.k || !r->new.k->checks)
        return err_set(e, ERR_FAILED, "this version of coffer cannot try a key of '%s'",
                       info.connector);
    return courier_start(list, 1, &r->courier, e);
}

static int open_old(struct cli *c, struct rotation *r, struct err *e)
{
    uint64_t now_us;

    waiting_why("to open '%s'", c->args->words[0]);
    if (session_begin(c, r->v, &r->session, e) ||
        session_explain(&r->session,
                        vault_open_record(r->v, &r->session.opener, c->args->words[0], &r->old, e),
                        e) ||
        vault_may_write(r->v, e) || record_info_copy(&r->new.info, record_info(r->old), e) ||
        c->env->now_us(c->env, &now_us, e))
        return e->code;
    r->now_ms = now_us / 1000;
    r->new.info.unverified = false;
    remember_account(c, r);
    return OK;
}

/* A new key could not be tried either while the exchange is out of reach. */
static int try_old(struct cli *c, struct rotation *r, struct err *e)
{
    const char *name = c->args->words[0];

    if (rotate_try(c, r->courier, r->old, &r->old_checkup, e))
        return e->code;
    if (r->old_checkup.reach == REACH_NOT) {
        checkup_error(name, r->new.k, &r->old_checkup, e);
        return err_hint(e, "nothing was changed and nothing was asked");
    }
    if (r->old_checkup.reach == REACH_WORKS)
        out_note(&c->out, "the key in place %s works", record_info(r->old)->key_mask);
    else
        out_note(&c->out, "the key in place %s does not work any more: %s %s",
                 record_info(r->old)->key_mask, r->new.k->title,
                 r->old_checkup.failure.code[0] ? r->old_checkup.failure.code : "refuses it");
    if (r->old_checkup.reach != REACH_WORKS && !r->old_account[0])
        out_note(&c->out, "whose account it was is not known here: see that the new key is of the "
                          "same one");
    return OK;
}

static int refuse_same(const char *name, struct err *e)
{
    err_set(e, ERR_POLICY, "that is the key which '%s' has already", name);
    return err_hint(e, "make a new key at the exchange, and give that");
}

/* A typed reason is for what was shown, not for what another try may find. */
static int try_new(struct cli *c, struct rotation *r, struct err *e)
{
    if (accept_reason(c->args, r->reason, e))
        return e->code;
    return candidate_try(c, r->courier, &r->new, e);
}

/* OK: the new key may take over, e untouched. Else the error says why not. anew: not with what was
 * found before. */
static int judge_new(struct cli *c, struct rotation *r, bool anew, struct err *e)
{
    const char *name = c->args->words[0];
    struct objections o;

    r->can_accept = false;
    if (anew && try_new(c, r, e))
        return e->code;
    if (anew)
        checkup_show(c, &r->new.info, &r->new.checkup, r->now_ms);
    if (r->new.checkup.reach != REACH_WORKS)
        return checkup_error(name, r->new.k, &r->new.checkup, e);
    rotate_object(&r->old_checkup, r->old_account, &r->new.checkup, &r->new.info, &o);
    r->can_accept = !o.is_other_account;
    if (o.is_other_account || (rotate_objects(&o) && !r->reason[0]))
        return rotate_refuse(&r->new.info, r->new.k, &r->new.checkup.verdict, &o, e);
    return rotate_accept(&r->new.info, &o, &r->new.checkup.verdict, r->reason, r->now_ms, e);
}

static int read_new(struct cli *c, struct rotation *r, struct err *e)
{
    r->can_try = r->can_accept = false;
    if (candidate_read(c, &r->new, e))
        return e->code;
    if (record_same_field(r->old, r->new.draft, FIELD_API_KEY))
        return refuse_same(c->args->words[0], e);
    r->can_try = true;
    return OK;
}

enum step { STEP_TYPE, STEP_TRY, STEP_JUDGE, STEP_GIVE_UP };

/* Without a reason, or with one that is no text, the same comes again, and is asked again. */
static enum step take_reason(struct rotation *r)
{
    const char *question = reason_question(&r->new.info, &r->new.checkup.verdict);
    struct err e;

    return choose_reason(question, r->reason, &e) == ERR_PERSON ? STEP_GIVE_UP : STEP_JUDGE;
}

static bool may_pick(char letter, const struct rotation *r, const struct err *why)
{
    if (letter == 'a')
        return r->can_try;
    return letter != 'r' || (r->can_accept && why->code == ERR_POLICY);
}

/* What a person can still do about a new key that was refused; the typed secret is not lost by it.
 * An account that is another one cannot be accepted. */
static enum step offer(struct rotation *r, const struct err *why)
{
    static const struct choice choices[] = {
        {'a', "try it again, once it is put right at the exchange"},
        {'t', "type another key"},
        {'r', "accept it as it is and give a reason; it is kept and shown with the key"},
        {'g', "give up: the old key stays in place"},
        {0, NULL}};
    struct choice some[ARRAY_LEN(choices)];
    struct err quiet;
    char picked = 'g';
    size_t n = 0;

    out_error(why);
    for (size_t i = 0; i < ARRAY_LEN(choices); i++)
        if (may_pick(choices[i].letter, r, why))
            some[n++] = choices[i];
    if (choose("The new key is not in place.", some, &picked, &quiet))
        return STEP_GIVE_UP;
    if (picked == 'a')
        return STEP_TRY;
    if (picked == 't')
        return STEP_TYPE;
    return picked == 'r' ? take_reason(r) : STEP_GIVE_UP;
}

/* Said in any case, however many hints there are already. */
static int in_place(struct err *e)
{
    size_t n = strlen(e->msg);

    if (e->n_hints < ERR_HINTS)
        return err_hint(e, "the old key is in place");
    snprintf(e->msg + n, sizeof(e->msg) - n, "; the old key is in place");
    return e->code;
}

static int admit(struct cli *c, struct rotation *r, struct err *e)
{
    enum step step = STEP_TYPE;

    while (step != STEP_GIVE_UP) {
        int rc = step == STEP_TYPE ? read_new(c, r, e) : OK;
        if (rc == OK && judge_new(c, r, step != STEP_JUDGE, e) == OK)
            return OK;
        if (!candidate_is_typed(c) || e->code == ERR_MEMORY || e->code == ERR_PERSON)
            return in_place(e);
        step = offer(r, e);
    }
    enum err_code code = e->code;
    err_set(e, code, "the key of '%s' is not replaced", c->args->words[0]);
    return in_place(e);
}

static void report(struct cli *c, const struct rotation *r)
{
    const struct record_info *n = &r->new.info;

    out_note(&c->out, "'%s' now signs with key %s (%s)", n->name, n->key_mask,
             key_type_name(n->key));
    if (!c->out.is_json)
        return;
    cJSON *j = out_json(&c->out);
    checkup_json(j, n, &r->new.checkup);
    json_text(j, "key", n->key_mask);
    json_text(j, "key_type", key_type_name(n->key));
    json_text(j, "replaced_key", record_info(r->old)->key_mask);
}

/* Not an error: that the old key still lives is what one expects now. */
static void say_next(struct cli *c, const struct err *e)
{
    out_note(&c->out, "%s", e->msg);
    for (unsigned i = 0; i < e->n_hints; i++)
        out_note(&c->out, "  %s", e->hints[i]);
}

static bool ask_again(struct cli *c)
{
    struct err quiet;
    bool again = false;

    return candidate_is_typed(c) && !c->out.is_json &&
           ask_yes("Deleted there now? Look again?", NULL, &again, &quiet) == OK && again;
}

/* The switch is done whatever comes of this. At a terminal the person can delete the key now. */
static void end_old(struct cli *c, struct rotation *r)
{
    struct err e;
    enum proof p;

    do {
        e.code = OK;
        p = rotate_prove(c, r->courier, r->old, r->new.draft, &e);
        if (p != PROOF_DEAD)
            say_next(c, &e);
    } while (p != PROOF_DEAD && ask_again(c));
    if (p == PROOF_DEAD && rotate_drop(r->v, record_info(r->old), &e))
        out_error(&e);
    else if (p == PROOF_DEAD)
        out_note(&c->out, "'%s': the old key is forgotten; the rotation is finished",
                 r->new.info.name);
    else
        out_note(&c->out, "Until it is proven dead the old key stays sealed beside the new one.");
    if (c->out.is_json)
        json_text(out_json(&c->out), "old_key", proof_name(p));
}

/* Dated after the switch: what is older is about the key before. */
static void note_new(struct cli *c, const struct rotation *r)
{
    struct err quiet;
    uint64_t now_us;

    if (c->env->now_us(c->env, &now_us, &quiet) == OK)
        checkup_note(c, &r->new.info, &r->new.checkup, now_us / 1000);
}

static int rotate(struct cli *c, struct rotation *r, struct err *e)
{
    if (plan(c, r, e) || open_old(c, r, e) || try_old(c, r, e))
        return e->code;
    candidate_show_guide(c, &r->new);
    if (admit(c, r, e) || rotate_put(c, r->v, r->old, &r->new, e))
        return e->code;
    report(c, r);
    note_new(c, r);
    candidate_remove_source(c, &r->new);
    end_old(c, r);
    return OK;
}

static int check_options(const struct args *a, struct err *e)
{
    static const enum opt_id seal_only[] = {OPT_TO,         OPT_GENERATE,     OPT_LABEL,
                                            OPT_NEW_PIN_FD, OPT_NEW_PIN_FILE, OPT_YES};
    static const enum opt_id key_only[] = {OPT_FROM_JSON, OPT_FROM_FD, OPT_FIELD_FILE,
                                           OPT_REMOVE_SOURCE};

    for (size_t i = 0; i < ARRAY_LEN(seal_only) && !a->given[OPT_SEAL]; i++)
        if (a->given[seal_only[i]])
            return err_set(e, ERR_USAGE, "--%s goes with --seal", options[seal_only[i]].name);
    for (size_t i = 0; i < ARRAY_LEN(key_only) && (a->given[OPT_SEAL] || a->given[OPT_FINISH]); i++)
        if (a->given[key_only[i]])
            return err_set(e, ERR_USAGE, "--%s is for a new exchange key, not with --%s",
                           options[key_only[i]].name, a->given[OPT_SEAL] ? "seal" : "finish");
    if (a->given[OPT_SEAL] && (a->given[OPT_FINISH] || a->given[OPT_ACCEPT_RISK] || a->n_words > 0))
        return err_set(e, ERR_USAGE,
                       "--seal is about the whole vault: no NAME, --finish or "
                       "--accept-risk with it");
    if (!a->given[OPT_SEAL] && a->n_words == 0) {
        err_set(e, ERR_USAGE, "'coffer rotate' needs NAME, or --seal");
        return err_hint(e, "coffer rotate NAME replaces an exchange key; coffer rotate --seal the "
                           "key that seals them all");
    }
    return OK;
}

int run_rotate(struct cli *c, struct err *e)
{
    const struct args *a = c->args;

    if (check_options(a, e))
        return e->code;
    if (a->given[OPT_SEAL])
        return rotate_seal(c, e);
    if (a->given[OPT_FINISH])
        return rotate_finish(c, e);
    struct rotation *r = wipe_malloc(sizeof(*r));
    if (!r)
        return err_set(e, ERR_MEMORY, "no memory for the rotation");
    memset(r, 0, sizeof(*r));
    candidate_init(&r->new);
    int rc = rotate(c, r, e);
    rotation_close(r);
    wipe_free(r);
    return rc;
}
