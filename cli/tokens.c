/* SPDX-License-Identifier: Apache-2.0 */
/* coffer tokens: what each known module shows. No login, no PIN; one bad driver is one bad row. */
#include "cli/tokens.h"

#include "cli/session.h"

#include <stdlib.h>
#include <string.h>

#define TOKENS_SHOWN 16u

/* Two drivers go through the daemon of smart cards, and call its absence a broken token. */
static bool needs_pcscd(const struct place *p)
{
    return strstr(p->module, "ykcs11") || strstr(p->module, "opensc-pkcs11");
}

static const char *broken_fix(const struct place *p, const struct err *e)
{
    if (needs_pcscd(p))
        return "look whether pcscd runs, the daemon of smart card readers";
    if (strstr(p->module, "tpm2_pkcs11"))
        return "look whether there is a TPM, and whether you may use it: /dev/tpmrm0, group tss";
    return e->n_hints ? e->hints[0] : NULL;
}

static const char *why_unused(const struct place *p)
{
    if (needs_pcscd(p))
        return " (pcscd does not answer)";
    if (strstr(p->module, "tpm2_pkcs11"))
        return " (no TPM, or it may not be used)";
    return " (it does not work)";
}

static void show_broken(struct tokens_view *v, const struct place *p, const struct err *e)
{
    struct out *o = &v->c->out;
    const char *fix = broken_fix(p, e);

    if (p->is_asked || p->is_used) {
        out_line(o, "module %s", p->module);
        out_line(o, "  does not work: %s", e->msg);
        if (fix)
            out_line(o, "            fix: %s", fix);
    } else { /* installed, and there may be nothing for it on this machine */
        out_line(o, "module %s: no token%s", p->module, why_unused(p));
    }
    cJSON *j = v->list ? json_object(v->list, NULL) : NULL;
    json_text(j, "module", p->module);
    json_text(j, "error", e->msg);
    json_text(j, "fix", fix ? fix : "");
}

/* n_shown: tokens of the places before it. A driver that was asked for and has shown some works;
 * SoftHSM without a configuration of the user's own fails all the same. */
static size_t show_place(struct tokens_view *v, const struct place *p, size_t n_shown)
{
    struct token_info infos[TOKENS_SHOWN];
    struct err e = {.code = OK};
    size_t n = 0;

    if (token_list(p->module, p->conf, infos, TOKENS_SHOWN, &n, &e)) {
        if (p->is_asked && n_shown > 0)
            return 0;
        show_broken(v, p, &e);
        if (p->is_asked)
            v->c->status = 1;
        return 0;
    }
    if (n > TOKENS_SHOWN)
        out_warn("'%s' shows %zu tokens; the first %u are listed", p->module, n, TOKENS_SHOWN);
    for (size_t i = 0; i < n && i < TOKENS_SHOWN; i++)
        tokens_show(v, &infos[i], p);
    return n;
}

static void say_end(struct tokens_view *v, size_t n)
{
    struct out *o = &v->c->out;

    if (n == 0) {
        out_line(o, "no tokens found");
        out_note(o, "Plug a token in, or name its driver: coffer tokens --module PATH");
        out_note(o, "Without hardware: coffer init --softhsm");
    }
    if (v->has_twins)
        out_note(o, "One key by two drivers is one device: take either URI, and stay with it.");
    else if (v->has_yubikey && v->has_piv)
        out_note(o, "A YubiKey shows itself by libykcs11 and by OpenSC, under two names and "
                    "serials: the same one may be listed twice.");
}

int run_tokens(struct cli *c, struct err *e)
{
    AUTO(local_list_freep) struct local_tokens *l = NULL;
    size_t n = 0;

    if (local_list(c, &l, e))
        return e->code;
    struct places *p = calloc(1, sizeof(*p));
    struct tokens_view *v = calloc(1, sizeof(*v));
    if (!p || !v) {
        free(p);
        free(v);
        return err_set(e, ERR_MEMORY, "no memory for the list of modules");
    }
    v->c = c;
    v->l = l;
    v->list = c->out.is_json ? json_array(out_json(&c->out), "tokens") : NULL;
    token_places_find(c, l, getenv("SOFTHSM2_CONF") != NULL, p);
    for (size_t i = 0; i < p->n; i++)
        n += show_place(v, &p->v[i], n);
    say_end(v, n);
    free(p);
    free(v);
    return OK;
}
