/* SPDX-License-Identifier: Apache-2.0 */
/* What `coffer doctor` finds about who opens the vault: its recipients as the vault lists them, and
 * the tokens of this machine that are there. No login. */
#include "cli/doctor.h"

#include "base/file.h"
#include "base/landlock.h"
#include "base/secret.h"
#include "cli/pin_source.h"
#include "cli/recipients.h"
#include "cli/session.h"
#include "pkcs11/advice.h"
#include "pkcs11/driver.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void check_pin_file(struct doctor *d, const char *path)
{
    AUTO_SECRET pin = {0};
    struct err e = {.code = OK};

    if (!path[0])
        return;
    int rc = file_read_secret(path, 1024, FILE_PRIVATE, &pin, &e);
    if (rc == ERR_NOT_FOUND)
        err_hint(&e, "write the PIN into that file (mode 0600)");
    d->is_pin_file_bad = rc != OK;
    if (rc)
        doctor_error(d, FINDING_FAIL, "PIN file", &e);
    else
        doctor_row(d, FINDING_OK, "PIN file", NULL, "'%s' is yours alone", path);
}

static void check_pin_state(struct doctor *d, const struct token_info *i, const char *module)
{
    char first_pin[TOKEN_PATH_MAX + 200];

    snprintf(first_pin, sizeof(first_pin),
             "set one with its security officer's PIN: pkcs11-tool --module %s --token-label '%s' "
             "--init-pin --login",
             module, i->label);
    if (i->pin == PIN_LOCKED)
        doctor_row(d, FINDING_FAIL, "PIN", token_unlock_advice(i),
                   "the PIN of token '%s' is locked", i->label);
    else if (i->pin == PIN_UNSET)
        doctor_row(d, FINDING_FAIL, "PIN", first_pin, "token '%s' has no PIN", i->label);
    else if (i->pin == PIN_FINAL_TRY)
        doctor_row(d, FINDING_FAIL, "PIN", token_prove_advice(i),
                   "one PIN try is left on token '%s'", i->label);
    else if (i->pin == PIN_LOW)
        doctor_row(d, FINDING_WARN, "PIN", token_prove_advice(i),
                   "a wrong PIN was entered on token '%s'", i->label);
    if (pin_is_blocked(d->c, i))
        doctor_row(d, FINDING_WARN, "PIN guard", "type the PIN once at a terminal",
                   "a PIN that nobody typed failed, or is being tried: none is tried again until "
                   "one was typed");
}

/* The sealing key alone: what else is on the token does not open the vault. The key itself is
 * judged by check_key, also where its token is elsewhere. */
static void check_advisories(struct doctor *d, const struct token_info *i,
                             const struct recipient *r)
{
    static const enum doctor_level levels[] = {[ADVISORY_NOTE] = FINDING_WARN,
                                               [ADVISORY_WARN] = FINDING_WARN,
                                               [ADVISORY_BAD] = FINDING_FAIL};
    struct advisory list[ADVISORIES_MAX];
    struct token_key key = {.spki = r->spki};

    key.kind = spki_fits(&r->spki, SCHEME_ECDH_P256) ? SEAL_KEY_P256 : SEAL_KEY_RSA2048;
    size_t n = token_advisories(i, &key, 1, list);
    for (size_t k = 0; k < n; k++)
        if (strcmp(list[k].id, "ROCA") != 0)
            doctor_row(d, levels[list[k].level], "advisory", list[k].fix, "token '%s': %s: %s",
                       i->label, list[k].id, list[k].text);
}

/* false: it cannot be opened; why is said when it is known whether another one can. */
static bool check_token(struct doctor *d, const struct local_token *t, const struct recipient *r)
{
    AUTO(token_closep) struct token *token = NULL;
    struct err later;

    if (session_open_token(t, &token, &later))
        return false;
    const struct token_info *i = token_info(token);
    if (i->is_software)
        doctor_row(d, FINDING_WARN, "token", "for more than trials use a hardware token",
                   "'%s' is there; it is software: its files and its PIN are all it takes",
                   i->label);
    else
        doctor_row(d, FINDING_OK, "token", NULL, "'%s' (%s) is there", i->label, i->driver);
    check_pin_state(d, i, t->where.module);
    check_advisories(d, i, r);
    check_pin_file(d, t->pin_file);
    return true;
}

/* Under an agent the driver runs in a process of its own (coffer-token). */
static void check_reach(struct doctor *d, const struct local_token *t, const char *label)
{
    struct driver_needs needs;
    char text[DRIVER_TEXT];

    driver_needs(t->where.module, driver_tcti(), &needs);
    driver_text(&needs, text);
    doctor_row(d, FINDING_OK, "token process", NULL, "'%s' (%s) may use: %s", label, needs.name,
               text);
    if (needs.n_ports > 0 && landlock_version() < LANDLOCK_PORTS)
        doctor_row(d, FINDING_WARN, "token process", "a kernel of 6.7 or newer with landlock",
                   "this kernel cannot hold the driver of '%s' to these ports: it may connect to "
                   "any",
                   label);
}

/* A spare belongs into a drawer: its absence is no fault while another token is there. A driver
 * that is gone is one, and so are the files of an embedded token. */
static void check_absent(struct doctor *d, const struct local_token *t, const struct recipient *r,
                         bool is_other_there)
{
    AUTO(token_closep) struct token *token = NULL;
    struct err e = {.code = OK};

    if (session_open_token(t, &token, &e) == OK)
        return; /* plugged in meanwhile */
    bool is_away =
        e.code == ERR_NOT_FOUND && !t->where.softhsm_conf[0] && access(t->where.module, R_OK) == 0;
    if (is_away && is_other_there)
        doctor_row(d, FINDING_OK, "token", NULL,
                   "'%s' is not plugged in, so it was not looked at; another token is there",
                   r->label);
    else
        doctor_error(d, FINDING_FAIL, "token", &e);
}

static void check_key(struct doctor *d, const struct recipient *r)
{
    struct advisory a;

    if (!spki_is_roca(&r->spki))
        return;
    advisory_roca(r->label, &a);
    doctor_row(d, FINDING_FAIL, "advisory", a.fix, "%s: %s", a.id, a.text);
}

static void check_recipient(struct doctor *d, const struct recipient *r)
{
    bool is_paper = r->kind == RECIPIENT_PAPER;

    if (is_paper)
        doctor_row(d, FINDING_OK, "recipient", NULL,
                   "'%s' is paper, not a token: who reads its 24 words opens the vault", r->label);
    if (!r->tested)
        doctor_row(d, FINDING_WARN, "recipient",
                   is_paper ? "with the paper: coffer recipients test --paper"
                            : "on a machine with that token: coffer recipients test URI",
                   "'%s' is UNTESTED: it has never opened this vault", r->label);
    check_key(d, r);
}

/* An embedded token is files, which can be kept twice; another cannot. */
static void check_recovery(struct doctor *d, const struct vault *v, const struct recipient *r,
                           const struct local_token *t)
{
    static const char spare[] = "add a spare: coffer recipients add URI, or coffer recipients add "
                                "--paper";
    char dir[WHERE_MAX], fix[WHERE_MAX + 160];
    struct err quiet;

    snprintf(fix, sizeof(fix), "%s", spare);
    if (t && t->where.softhsm_conf[0] &&
        where_softhsm(&d->c->where, vault_id(v), dir, &quiet) == OK && access(dir, F_OK) == 0)
        snprintf(fix, sizeof(fix), "%s; or keep elsewhere the token's directory '%s'", spare, dir);
    if (r->kind == RECIPIENT_PAPER)
        doctor_row(d, FINDING_WARN, "recovery", "add a token: coffer recipients add URI",
                   "one paper opens this vault, and no token does");
    else
        doctor_row(d, FINDING_WARN, "recovery", fix,
                   "one token opens this vault: if it is lost, so is the vault");
}

void doctor_tokens(struct doctor *d, const struct vault *v, const struct local_tokens *l)
{
    bool is_there[RECIPIENTS_MAX] = {false};
    size_t n, n_known = 0, n_there = 0;
    const struct recipient *r = vault_recipients(v, &n);

    for (size_t i = 0; i < n; i++) {
        const struct local_token *t = local_find(l, v, &r[i]);
        is_there[i] = t && check_token(d, t, &r[i]);
        n_known += t != NULL;
        n_there += is_there[i];
    }
    d->is_token_there = n_there > 0;
    for (size_t i = 0; i < n; i++) {
        const struct local_token *t = local_find(l, v, &r[i]);
        if (t && !is_there[i])
            check_absent(d, t, &r[i], n_there > 0);
        if (t)
            check_reach(d, t, r[i].label);
    }
    if (n_known == 0 && vault_has_token(v, NULL))
        doctor_row(d, FINDING_FAIL, "token",
                   "coffer trust FINGERPRINT --token URI; after copying an embedded token's "
                   "directory: coffer trust FINGERPRINT --softhsm",
                   "this machine knows no token for this vault");
    for (size_t i = 0; i < n; i++)
        check_recipient(d, &r[i]);
    if (recipients_on_one(v))
        check_recovery(d, v, &r[0], local_find(l, v, &r[0]));
}
