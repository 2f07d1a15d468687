/* SPDX-License-Identifier: Apache-2.0 */
/* The questions of coffer recover about the token that comes, and the words, which are typed after
 * it was reached. Using the token is not here. */
#include "cli/recover.h"

#include "base/ask.h"
#include "base/text.h"
#include "cli/choose.h"
#include "cli/pick.h"

#include <stdio.h>

#define TRIES 3

static int ask_uri(struct recovery *r, struct err *e)
{
    struct err quiet;

    for (int i = 0;; i++) {
        if (ask_line("The new token's URI ('coffer tokens' lists them; nothing: there is none yet)",
                     NULL, r->to_text, sizeof(r->to_text), e))
            return e->code;
        if (text_trim(bytes_str(r->to_text)).n == 0) {
            r->to_text[0] = 0;
            return OK;
        }
        if (pick_uri_from(r->to_text, "the URI", &r->uri, &r->where, &quiet) == OK)
            return OK;
        if (i + 1 == TRIES)
            return (*e = quiet).code;
        out_error(&quiet);
    }
}

/* Not every token makes every kind. */
static int ask_kind(struct recovery *r, struct err *e)
{
    static const struct choice kinds[] = {
        {'p', "EC P-256"},
        {'r', "RSA 2048, where the token or its driver has no elliptic curves (tpm2-pkcs11)"},
        {'n', "no: it has one"},
        {0, NULL},
    };
    char picked = 0;

    if (choose("Make a sealing key on it?", kinds, &picked, e))
        return e->code;
    r->makes_key = picked != 'n';
    r->kind = picked == 'r' ? "rsa2048" : picked == 'p' ? "p256" : NULL;
    return OK;
}

static int ask_new(struct cli *c, struct recovery *r, struct err *e)
{
    out_note(&c->out, "%s", "");
    out_note(&c->out, "For " SOFTWARE_TOKEN_HOW ".");
    fflush(stdout);
    if (ask_uri(r, e))
        return e->code;
    r->makes_key = c->args->given[OPT_GENERATE];
    return !r->to_text[0] || r->makes_key ? OK : ask_kind(r, e);
}

int recover_new(struct cli *c, struct recovery *r, struct err *e)
{
    const struct args *a = c->args;

    if (!a->given[OPT_TO])
        return r->is_guided ? ask_new(c, r, e) : OK;
    if (!text_copy(r->to_text, sizeof(r->to_text), bytes_str(a->value[OPT_TO])))
        return err_set(e, ERR_USAGE, "--to: the URI is too long");
    r->makes_key = a->given[OPT_GENERATE];
    return pick_uri_from(r->to_text, "--to", &r->uri, &r->where, e);
}

int recover_new_again(struct recovery *r, struct err *e)
{
    fflush(stdout);
    r->kind = NULL;
    if (ask_uri(r, e))
        return e->code;
    return r->to_text[0] ? ask_kind(r, e) : OK;
}

int recover_words(struct cli *c, struct recovery *r, struct err *e)
{
    if (!r->types_words)
        return OK;
    for (int i = 0;; i++) {
        int rc = way_in_paper(c, r->v, &r->in, e);
        if (rc == OK || rc == ERR_PERSON || i + 1 == TRIES)
            return rc;
        paper_free(&r->in.paper);
        out_error(e);
    }
}
