/* SPDX-License-Identifier: Apache-2.0 */
/* What is left when none of the tokens that this machine knows opens the vault: whether another
 * recipient does, and the command for it. Trying that one is not here. */
#include "cli/session.h"

#include <stdio.h>

/* A tested one rather than one that may not open it: any but rid (RID_LEN bytes); without a token,
 * rid NULL, a paper. */
static const struct recipient *another(const struct vault *v, const uint8_t *rid, size_t *n_others)
{
    size_t n;
    const struct recipient *r = vault_recipients(v, &n), *best = NULL;

    *n_others = 0;
    for (size_t i = 0; i < n; i++) {
        if (rid ? memcmp(r[i].rid, rid, RID_LEN) == 0 : r[i].kind != RECIPIENT_PAPER)
            continue;
        ++*n_others;
        if (!best || (r[i].tested && !best->tested))
            best = &r[i];
    }
    return best;
}

/* Where there is no trust yet, recover needs the fingerprint. */
static bool is_trusted(const struct vault *v)
{
    char fp[FINGERPRINT_TEXT];
    enum trust_state state = TRUST_NOT_CHECKED;
    struct err quiet;

    return vault_pin_look(v, fp, &state, &quiet) == OK &&
           (state == TRUST_PINNED || state == TRUST_NEWER);
}

int session_hint_lost(const struct vault *v, const uint8_t *rid, struct err *e)
{
    size_t n = 0;
    const struct recipient *r = another(v, rid, &n);
    char more[40] = "";

    if (!r && rid)
        return err_hint(e, "nothing else opens this vault");
    if (!r)
        return e->code;
    if (n > 1)
        snprintf(more, sizeof(more), " and %zu more", n - 1);
    return err_hint(e, "%s: coffer recover%s ('%.60s'%s %s this vault%s)",
                    rid ? "lost or broken for good" : "no token left",
                    is_trusted(v) ? "" : " FINGERPRINT", r->label, more,
                    rid ? (n > 1 ? "also open" : "also opens") : (n > 1 ? "open" : "opens"),
                    r->tested ? "" : "; UNTESTED");
}
