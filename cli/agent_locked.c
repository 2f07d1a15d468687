/* SPDX-License-Identifier: Apache-2.0 */
/* What a command says of a running agent that its change has locked. Nothing of it is an error: the
 * change is made, and whatever cannot be learnt of the agent is not told. */
#include "cli/agent_view.h"

#include <poll.h>

#define AGAIN_MS 10000u /* for an agent that unlocks itself */
#define AGAIN_STEP_MS 100

bool agent_was_unlocked(const struct cli *c, const struct vault *v)
{
    AUTO_VIEW a = {0};
    struct err quiet;

    return agent_view_open(c, vault_id(v), &a, &quiet) == OK && a.is_unlocked;
}

static int wait_unlocked(struct agent_view *a, struct err *e)
{
    uint64_t until = ticks_ms() + AGAIN_MS;

    while (a->is_unattended && !a->is_unlocked && ticks_ms() < until) {
        poll(NULL, 0, AGAIN_STEP_MS);
        if (agent_view_read(a, false, e))
            return e->code;
    }
    return OK;
}

void agent_say_locked(const struct cli *c, const struct vault *v, bool was_unlocked)
{
    AUTO_VIEW a = {0};
    struct err quiet;

    if (!was_unlocked || agent_view_open(c, vault_id(v), &a, &quiet) || wait_unlocked(&a, &quiet) ||
        a.is_unlocked)
        return;
    out_advice(&c->out, "the running agent is locked now: run 'coffer unlock'");
}
