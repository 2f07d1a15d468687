/* SPDX-License-Identifier: Apache-2.0 */
/* What the core asks of the spawner. Whatever it says, it chooses nothing but what is started, and
 * when. */
#include "agent/spawner.h"

#include "base/file.h"

#include <signal.h>
#include <unistd.h>

static void core_ready(struct spawner *s)
{
    const struct err none = {.code = OK};

    if (s->is_ready)
        return;
    s->is_ready = true;
    spawner_report(&s->options, &none);
    if (s->options.ready_fd > 0)
        close(s->options.ready_fd);
    s->options.ready_fd = 0;
    service_tell("READY=1");
    /* In the background the command that starts it gives the PIN itself, and a wrong one once. */
    if (s->options.is_foreground)
        spawner_unlock(s);
}

static void start(struct spawner *s, const struct spawn_message *m)
{
    struct place *p = spawner_place(s, m);
    struct spawn_message failed = *m;

    failed.kind = SPAWN_FAILED;
    if (p)
        spawner_start(s, p);
    else
        spawner_tell(s, &failed, -1);
}

static void core_asks(struct spawner *s, const struct spawn_message *m)
{
    struct err e = {.code = OK};

    switch ((enum spawn_kind)m->kind) {
    case SPAWN_START:
        if (!s->is_ending)
            start(s, m);
        break;
    case SPAWN_KILL:
        spawner_kill(s, spawner_place(s, m));
        break;
    case SPAWN_RENEW:
        (void)spawner_net_renew(s);
        break;
    case SPAWN_UNLOCK:
        spawner_unlock(s);
        break;
    case SPAWN_RELOAD:
        if (spawner_read_places(s, &e))
            spawner_say("%s", e.msg);
        break;
    case SPAWN_STOP:
        spawner_begin_end(s, 0);
        break;
    case SPAWN_READY:
        core_ready(s);
        break;
    default: /* none that a core of ours sends */
        if (s->core != 0)
            (void)kill(s->core, SIGKILL);
        break;
    }
}

void spawner_read_core(struct spawner *s)
{
    struct spawn_message m;
    int r;

    while ((r = spawn_receive(s->core_control, &m, NULL)) > 0)
        core_asks(s, &m);
    if (r == 0)
        return;
    if (r == SPAWN_GARBAGE && s->core != 0)
        (void)kill(s->core, SIGKILL);
    fd_closep(&s->core_control);
    s->core_deaf_ms = ticks_ms(); /* it is about to end */
}
