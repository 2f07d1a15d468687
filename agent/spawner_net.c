/* SPDX-License-Identifier: Apache-2.0 */
/* coffer-net, whose ports are fixed when it starts: another one beside it, and how one ends without
 * cutting off what it has begun. When this process dies all end at once, at the end of their pair.
 */
#include "agent/spawner.h"

#include "base/file.h"

#include <signal.h>
#include <sys/socket.h>

#define FINISH 'F'
#define FINISH_MS 10000u /* more than a request of a client's may take */
#define AGAIN_MS 1000u

static void be_killed(struct place *p)
{
    if (p->pid == 0 || p->is_dying)
        return;
    (void)kill(p->pid, SIGKILL);
    p->is_dying = true;
}

void spawner_net_finish(struct place *p)
{
    static const char word = FINISH;

    if (p->pid == 0 || p->is_dying || p->end_ms != 0)
        return;
    p->end_ms = ticks_ms() + FINISH_MS;
    if (send(p->control, &word, 1, MSG_DONTWAIT | MSG_NOSIGNAL) != 1)
        be_killed(p);
}

bool spawner_net_renew(struct spawner *s)
{
    struct place fresh = {.control = -1};
    struct ports now;
    struct err e;

    s->renew_ms = 0;
    if (s->is_ending || s->net.pid == 0 || s->net.is_dying)
        return false; /* the next one is given what it needs then */
    bool is_read = spawner_ports(s->where, s->env, &now, &e) == OK;
    if (is_read && spawner_ports_cover(&s->net_ports, &now))
        return false;
    if (!is_read || s->old_net.pid != 0) {
        s->renew_ms = ticks_ms() + AGAIN_MS;
        return false;
    }
    if (spawner_launch(s, true, &fresh, &e)) { /* else it says when to look again */
        s->renew_ms = ticks_ms() + AGAIN_MS;
        spawner_say("%s", e.msg);
        return false;
    }
    s->old_net = s->net;
    s->net = fresh;
    spawner_give(s, &s->net);
    spawner_net_finish(&s->old_net);
    return true;
}

/* -- in time -- */

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return b == 0 || (a != 0 && a < b) ? a : b;
}

static uint64_t end_of(const struct place *p)
{
    return p->pid != 0 && !p->is_dying ? p->end_ms : 0;
}

int spawner_net_due(const struct spawner *s)
{
    uint64_t due = earlier(s->renew_ms, earlier(end_of(&s->net), end_of(&s->old_net)));
    uint64_t now = ticks_ms();

    if (due == 0)
        return -1;
    return due > now ? (int)(due - now) : 0;
}

void spawner_net_step(struct spawner *s)
{
    struct place *all[] = {&s->net, &s->old_net};
    uint64_t now = ticks_ms();

    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        if (end_of(all[i]) != 0 && now >= all[i]->end_ms)
            be_killed(all[i]);
    if (s->renew_ms != 0 && now >= s->renew_ms)
        (void)spawner_net_renew(s);
}

bool spawner_net_reap(struct spawner *s, pid_t pid)
{
    struct place *p = &s->old_net;

    if (pid != p->pid)
        return false;
    fd_closep(&p->control);
    *p = (struct place){.control = -1};
    if (s->renew_ms != 0)
        (void)spawner_net_renew(s);
    return true;
}
