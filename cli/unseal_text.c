/* SPDX-License-Identifier: Apache-2.0 */
/* The words for some members of a record. What they do is agent/keyring.c's and agent/desk.c's. */
#include "cli/unseal_text.h"

#include "agent/keyring.h"
#include "agent/policy.h"

#include <stdio.h>

void unseal_words(const struct record_info *r, char out[UNSEAL_WORDS])
{
    struct unseal u;
    struct err quiet;

    if (!r->unseal[0])
        snprintf(out, UNSEAL_WORDS,
                 "held for %u minutes; for each signature where the token "
                 "asks for a touch (default)",
                 UNSEAL_DEFAULT_S / 60);
    else if (unseal_parse(bytes_str(r->unseal), &u, &quiet))
        snprintf(out, UNSEAL_WORDS, "'%s', which this version does not know", r->unseal);
    else if (u.kind == UNSEAL_EACH_USE)
        snprintf(out, UNSEAL_WORDS, "opened anew for each signature");
    else if (u.kind == UNSEAL_SESSION)
        snprintf(out, UNSEAL_WORDS, "held until the agent is locked");
    else
        snprintf(out, UNSEAL_WORDS, "held for %s", r->unseal);
}

void classes_words(const struct record_info *r, char out[CLASSES_TEXT])
{
    unsigned bits = policy_classes(r);
    size_t n = 0;

    out[0] = 0;
    for (unsigned i = 0; i < CLASS_COUNT && n < CLASSES_TEXT; i++)
        if (bits & CLASS_BIT(i))
            n += (size_t)snprintf(out + n, CLASSES_TEXT - n, "%s%s", n ? ", " : "",
                                  class_name((enum req_class)i));
}

const char *release_words(const struct record_info *r)
{
    return r->release ? "signatures may be handed to clients" : "only coffer sends what it signs";
}

static int take_unseal(const char *text, struct record_info *r, struct err *e)
{
    struct unseal u;

    if (strcmp(text, "default") == 0) {
        r->unseal[0] = 0;
        return OK;
    }
    if (!text[0] || unseal_parse(bytes_str(text), &u, e) || strlen(text) >= sizeof(r->unseal)) {
        err_set(e, ERR_USAGE, "option '--unseal' does not take '%.40s'", text);
        return err_hint(e, "each-use, session, default, or a time up to 7 days: 90s, 15m, 8h");
    }
    snprintf(r->unseal, sizeof(r->unseal), "%s", text);
    return OK;
}

int unseal_take(const struct args *a, struct record_info *r, struct err *e)
{
    const char *release = a->value[OPT_RELEASE];

    if (release && strcmp(release, "yes") != 0 && strcmp(release, "no") != 0)
        return err_set(e, ERR_USAGE, "option '--release' takes yes or no");
    if (a->given[OPT_UNSEAL] && take_unseal(a->value[OPT_UNSEAL], r, e))
        return e->code;
    if (release)
        r->release = strcmp(release, "yes") == 0;
    return OK;
}
