/* SPDX-License-Identifier: Apache-2.0 */
/* coffer doctor: what concerns the vault and its records. It changes nothing, unless --take-back
 * asks for it. Its recipients and tokens are in doctor_tokens.c. */
#include "cli/doctor.h"

#include "cli/agent_rows.h"
#include "cli/pin_source.h"
#include "cli/recipients.h"
#include "cli/session.h"

#include <stdio.h>

static const char need_pin[] = "give a PIN: --pin-file, --pin-fd or a terminal";

/* Of trust's hints the last one says what to do. */
static void last_hint_first(struct err *e)
{
    if (e->n_hints > 1)
        memcpy(e->hints[0], e->hints[e->n_hints - 1], sizeof(e->hints[0]));
}

static void check_trust(struct doctor *d, const struct vault *v)
{
    char fingerprint[FINGERPRINT_TEXT];
    struct err e = {.code = OK};

    if (vault_fingerprint(v, fingerprint, &e)) {
        doctor_error(d, FINDING_FAIL, "trust", &e);
        return;
    }
    if (d->rows)
        json_text(out_json(&d->c->out), "fingerprint", fingerprint);
    if (vault_trust_state(v) == TRUST_NO_PIN)
        doctor_row(d, FINDING_WARN, "trust",
                   "compare it with the paper or the machine that made the vault; if it is the "
                   "same: coffer trust FINGERPRINT",
                   "fingerprint %s, not trusted on this machine yet", fingerprint);
    else if (vault_trust_state(v) == TRUST_PIN_UNWRITABLE)
        doctor_row(d, FINDING_FAIL, "trust", "make the state directory writable",
                   "fingerprint %s; this machine cannot remember the newest state", fingerprint);
    else
        doctor_row(d, FINDING_OK, "trust", NULL, "fingerprint %s, generation %llu", fingerprint,
                   (unsigned long long)vault_generation(v));
}

/* Without a key: what this machine remembers of the vault, against what the vault says of itself.
 */
static void check_pinned(struct doctor *d, const struct vault *v)
{
    char fingerprint[FINGERPRINT_TEXT];
    enum trust_state state;
    struct err e = {.code = OK};

    if (vault_pin_look(v, fingerprint, &state, &e)) {
        last_hint_first(&e);
        doctor_error(d, FINDING_FAIL, "trust", &e);
        return;
    }
    if (state == TRUST_NEWER) {
        doctor_row(d, FINDING_WARN, "trust", "give a PIN: the token tells",
                   "newer than this machine has seen (generation %llu): whether it still has the "
                   "trusted fingerprint %s is not known yet",
                   (unsigned long long)vault_generation(v), fingerprint);
        return;
    }
    if (state != TRUST_PINNED) {
        doctor_row(d, FINDING_WARN, "trust",
                   "compare the fingerprint with the paper or the machine that made the vault: "
                   "coffer trust FINGERPRINT",
                   "this machine has not been told to trust this vault");
        return;
    }
    if (d->rows)
        json_text(out_json(&d->c->out), "trusted_fingerprint", fingerprint);
    doctor_row(d, FINDING_OK, "trust", NULL,
               "this machine trusts fingerprint %s; generation %llu is not older than it has seen "
               "(not checked by the token)",
               fingerprint, (unsigned long long)vault_generation(v));
}

static void check_record(struct doctor *d, struct vault *v, const char *name,
                         const struct opener *o, size_t *n_good)
{
    struct err e = {.code = OK};
    struct record_info info;
    int rc;

    if (o) {
        AUTO(record_freep) struct record *r = NULL;
        rc = vault_open_record(v, o, name, &r, &e);
    } else {
        record_info_init(&info);
        rc = vault_peek(v, name, &info, &e);
        record_info_free(&info);
    }
    if (rc) {
        err_wrap(&e, "'%s'", name);
        doctor_error(d, FINDING_FAIL, "record", &e);
    } else {
        ++*n_good;
    }
}

/* why_not: why o is NULL. */
static void check_records(struct doctor *d, struct vault *v, const struct opener *o,
                          const char *why_not)
{
    char name[NAME_MAX_LEN + 1];
    size_t n_good = 0;

    for (size_t i = 0; vault_name(v, i, name); i++)
        check_record(d, v, name, o, &n_good);
    if (o)
        doctor_row(d, n_good == vault_count(v) ? FINDING_OK : FINDING_WARN, "records", NULL,
                   "%zu of %zu opened by the token", n_good, vault_count(v));
    else
        doctor_row(d, FINDING_WARN, "records", why_not,
                   "%zu of %zu look whole; the token did not check them, only their hashes were",
                   n_good, vault_count(v));
}

/* NULL, or what stands against a login. With an option or a remembered PIN always; at a terminal
 * the person may pass. */
static const char *why_no_login(struct doctor *d, const struct vault *v,
                                const struct local_tokens *l)
{
    size_t n;
    const struct recipient *r = vault_recipients(v, &n);
    const struct local_token *t = NULL;

    for (size_t i = 0; i < n && !t; i++)
        t = local_find(l, v, &r[i]);
    if (!t)
        return "tell this machine first which token opens the vault";
    if (!d->is_token_there)
        return "the token is not there: see the row 'token'";
    if (pin_is_given(d->c, d->is_pin_file_bad ? "" : t->pin_file))
        return NULL;
    if (!pin_can_be_asked(d->c))
        return d->is_pin_file_bad ? "mend the PIN file first" : need_pin;
    out_advice(&d->c->out,
               "the PIN lets the token check each record; an empty one checks without it");
    return NULL;
}

/* The sealing key is found by its id; a key made anew under the same id opens nothing. False: it is
 * another one, which is told. */
static bool check_key(struct doctor *d, struct session *s)
{
    const char *label = token_info(s->token)->label;
    bool is_other = session_key_is_other(s);

    if (is_other)
        doctor_row(d, FINDING_FAIL, "token",
                   "plug in the token that has the vault's key; a key that was overwritten is lost",
                   "token '%s' does not show the key that the vault is sealed to; another one may "
                   "have its id",
                   label);
    else
        doctor_row(d, FINDING_OK, "token", NULL, "'%s' has the key that the vault is sealed to",
                   label);
    return !is_other;
}

/* A login that went well, and a key that did not open the vault. */
static void show_unopened(struct doctor *d, const struct session *s, int rc, struct err *e)
{
    bool is_trust = rc == ERR_TRUST;

    if (is_trust)
        last_hint_first(e);
    if (rc == ERR_TAMPERED && e->n_hints == 0)
        err_hint(e, "the vault's file is damaged: restore it from a backup, or open it by another "
                    "recipient: coffer recover");
    doctor_error(d, FINDING_FAIL, is_trust ? "trust" : s->token ? "opening" : "login", e);
}

static void check_with_token(struct doctor *d, struct vault *v)
{
    AUTO_SESSION s = {0};
    struct err e = {.code = OK};
    bool is_our_key = true;
    int rc = session_begin(d->c, v, &s, &e);

    if (rc == ERR_PERSON && !d->c->args->given[OPT_PIN_FD] && !d->c->args->given[OPT_PIN_FILE]) {
        doctor_error(d, FINDING_WARN, "login", &e);
        check_pinned(d, v);
        check_records(d, v, NULL, need_pin);
        return;
    }
    if (!rc) {
        is_our_key = check_key(d, &s);
        if (!token_info(s.token)->is_software)
            out_advice(&d->c->out,
                       "%zu operation%s of the token follow%s (a touch each, where it asks for it)",
                       vault_count(v) + 1, vault_count(v) ? "s" : "", vault_count(v) ? "" : "s");
        rc = session_explain(&s, vault_open(v, &s.opener, &e), &e);
    }
    if (rc) {
        if (is_our_key || rc != ERR_TAMPERED) /* else the cause is told */
            show_unopened(d, &s, rc, &e);
        if (rc != ERR_TRUST)
            check_pinned(d, v);
        check_records(d, v, NULL,
                      rc == ERR_TRUST ? "see the row 'trust': mend that first"
                      : !is_our_key   ? "see the row 'token': mend that first"
                      : s.token       ? "see the row 'opening': mend that first"
                                      : "see the row 'login': mend that first");
        return;
    }
    check_trust(d, v);
    check_records(d, v, &s.opener, NULL);
}

static void check_vault(struct doctor *d)
{
    struct err e = {.code = OK};
    AUTO(vault_freep) struct vault *v = NULL;
    AUTO(local_list_freep) struct local_tokens *l = NULL;

    if (vault_load(&d->c->where, d->c->env, &v, &e)) {
        doctor_error(d, FINDING_FAIL, "vault", &e);
        return;
    }
    doctor_row(d, FINDING_OK, "vault", NULL, "'%s' is yours alone", d->c->where.vault);
    const char *why_not = "mend the local configuration first";
    if (!local_list(d->c, &l, &e)) {
        doctor_tokens(d, v, l);
        why_not = why_no_login(d, v, l);
    } else if (!d->is_config_bad) {
        doctor_error(d, FINDING_FAIL, "local config", &e);
    }
    if (why_not) {
        check_pinned(d, v);
        check_records(d, v, NULL, why_not);
    } else {
        check_with_token(d, v);
    }
    doctor_orphans(d, v);
    doctor_agent(d, v);
}

static int take_back(struct cli *c, struct err *e)
{
    AUTO(vault_freep) struct vault *v = NULL;
    AUTO(way_in_close) struct way_in w = {.is_paper = false};
    const char *file = c->args->value[OPT_TAKE_BACK];

    if (vault_load(&c->where, c->env, &v, e) || way_in_any(c, v, NULL, &w, e) ||
        way_in_open(c, v, &w, e) || vault_lock(v, e) || vault_take_back(v, &w.opener, file, e))
        return e->code;
    out_note(&c->out, "'%s' is part of the vault again; 'coffer list' shows it", file);
    if (c->out.is_json)
        json_text(out_json(&c->out), "taken_back", file);
    return OK;
}

int run_doctor(struct cli *c, struct err *e)
{
    struct doctor d = {.c = c};

    if (c->args->given[OPT_TAKE_BACK])
        return take_back(c, e);
    if (c->args->given[OPT_WORDS_FD])
        return err_set(e, ERR_USAGE, "--words-fd goes with --take-back");
    d.rows = c->out.is_json ? json_array(out_json(&c->out), "checks") : NULL;
    doctor_network(&d); /* before a token's driver is loaded */
    doctor_memory(&d);
    doctor_swap(&d);
    doctor_state(&d);
    check_vault(&d);
    if (d.n_fail > 0)
        c->status = 1;
    out_note(&c->out, "%s", "");
    out_note(&c->out, "%u to mend, %u to know about", d.n_fail, d.n_warn);
    return OK;
}
