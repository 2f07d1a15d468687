/* SPDX-License-Identifier: Apache-2.0 */
/* Birth and end of one errand. How errands run is errand.c's. */
#include "agent/errand.h"

#include "base/wipe.h"

struct errand *errand_new(enum purpose p, const struct record_info *info, struct signer *signer,
                          struct err *e)
{
    struct errand *r = wipe_malloc(sizeof(*r));

    if (!r) {
        err_set(e, ERR_MEMORY, "no memory to ask an exchange");
        return NULL;
    }
    memset(r, 0, sizeof(*r));
    r->info = info;
    r->signer = signer;
    for (size_t i = 0; i < CALLS_MAX; i++)
        answer_init(&r->answers[i]);
    r->talk.purpose = p;
    r->talk.conn = connector_find(info->connector);
    r->talk.region = info->region[0] ? info->region : NULL;
    r->talk.tag = r->tag;
    if (!r->talk.conn || !r->talk.conn->checks ||
        !environment_by_name(bytes_str(info->environment), &r->talk.env)) {
        err_set(&r->failed, ERR_FAILED, "this version of coffer cannot ask '%s' (%s) anything",
                info->connector, info->environment);
        err_hint(&r->failed, "use the version that added '%s', or a later one", info->name);
        r->is_over = r->is_done = true;
    }
    return r;
}

void errand_free(struct errand *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < CALLS_MAX; i++)
        answer_free(&r->answers[i]);
    wipe_free(r);
}

void errand_freep(struct errand **r)
{
    errand_free(*r);
    *r = NULL;
}
