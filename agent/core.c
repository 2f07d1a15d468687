/* SPDX-License-Identifier: Apache-2.0 */
/* The core: makes its parts, shuts itself in, and turns. What happens with time alone is here, too:
 * the lock after an idle time or a sleep, the end of the session. */
#include "agent/core.h"

#include "agent/audit.h"
#include "agent/bearers.h"
#include "agent/counter.h"
#include "agent/desk.h"
#include "agent/keyring.h"
#include "agent/listen.h"
#include "agent/notice.h"
#include "agent/server.h"
#include "agent/tokens.h"
#include "base/secret.h"
#include "base/wipe.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

#define TICK_S 1
#define SLEPT_MS 1000u /* clocks drift apart by less without a sleep */

struct core {
    struct agent *a;
    const struct core_start *start;
    struct event *tick;
    struct core_watch *watch; /* NULL: none */
    uint64_t suspended_ms;    /* as it was at the last tick */
    uint64_t idle_ms;         /* ticks_ms when last nothing was open */
    uint64_t trimmed_ms;      /* of the last signature before memory was given back */
    uint64_t generation;      /* of the vault whose ports coffer-net has */
};

/* -- the lock -- */

static bool is_open(const struct agent *a)
{
    return keyring_held(a) > 0 || tokens_is_unlocked(a);
}

void agent_lock(struct agent *a, const char *why)
{
    tokens_lock(a);
    keyring_lock(a);
    notice(a, NOTICE_LOCKED, "", "locked: %s", why);
}

static void look_for_sleep(struct core *c)
{
    uint64_t now = ticks_suspended_ms();

    if (now > c->suspended_ms + SLEPT_MS && is_open(c->a))
        agent_lock(c->a, "the machine was asleep");
    c->suspended_ms = now;
}

static void look_for_idleness(struct core *c)
{
    uint64_t now = ticks_ms(), signed_ms = desk_last_ms(c->a);
    uint64_t limit = c->a->options->lock_after_ms;

    if (!is_open(c->a)) {
        c->idle_ms = now;
        return;
    }
    uint64_t last = signed_ms > c->idle_ms ? signed_ms : c->idle_ms;
    if (limit > 0 && now > last && now - last >= limit)
        agent_lock(c->a, "nothing was signed for as long as --lock-after says");
}

/* -- the session -- */

/* At a logout the runtime directory goes; and another agent may have taken its place. */
static void look_for_socket(struct core *c)
{
    char path[WHERE_MAX + 16];

    if (!c->start->file || c->a->is_ending)
        return;
    snprintf(path, sizeof(path), "%s/agent.sock", c->a->where.run);
    if (listen_is_there(path, c->start->file))
        return;
    spawner_say("'%s' is gone, and so is the session: the agent ends", path);
    c->a->is_ending = true;
}

/* A record may lead to a port that the running coffer-net was not given: the spawner looks. After a
 * forged vault it goes on as it is until the vault is proven again. */
static void look_for_ports(struct core *c)
{
    const struct vault *v = keyring_vault(c->a);

    if (!v || vault_generation(v) == c->generation || keyring_is_doubted(c->a))
        return;
    c->generation = vault_generation(v);
    spawn_link_renew_net(c->a);
}

/* What a rush left free between what lives on. */
static void give_back(struct core *c)
{
    uint64_t signed_ms = desk_last_ms(c->a);

    if (signed_ms != c->trimmed_ms)
        wipe_give_back();
    c->trimmed_ms = signed_ms;
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    struct core *c = arg;
    struct err e;

    (void)fd, (void)what;
    look_for_sleep(c);
    look_for_idleness(c);
    look_for_socket(c);
    give_back(c);
    /* what is wrong with it, whoever asks for a record is told */
    (void)!keyring_refresh(c->a, &e);
}

/* -- start, turns, end -- */

static int end_with_spawner(struct err *e)
{
    if (prctl(PR_SET_PDEATHSIG, (unsigned long)SIGKILL, 0L, 0L, 0L))
        return err_sys(e, errno, "ask for the spawner's end");
    return getppid() == 1 ? err_set(e, ERR_FAILED, "the agent's first process is gone") : OK;
}

static int make_parts(struct agent *a, const struct core_start *start, struct err *e)
{
    if (spawn_link_new(a, start->control, e) || notices_new(a, e) || audit_open(a, e) ||
        tokens_new(a, e) || keyring_new(a, e) || bearers_new(a, e) || desk_new(a, e) ||
        server_new(a, start->listener, e) || counter_new(a, e))
        return e->code;
    return OK;
}

static void free_parts(struct agent *a)
{
    struct err ignored;

    counter_free(a);
    if (a->audit) /* the end of what was under way: unknown */
        (void)!audit_commit(a, &ignored);
    server_free(a);
    desk_free(a);
    bearers_free(a);
    keyring_free(a);
    tokens_free(a);
    audit_close(a);
    notices_free(a);
    spawn_link_free(a);
}

static int begin(struct core *c, struct err *e)
{
    const struct timeval second = {TICK_S, 0};
    struct agent *a = c->a;

    if (end_with_spawner(e) || secret_arena_open(e))
        return e->code;
    a->loop = event_base_new();
    if (!a->loop)
        return err_set(e, ERR_MEMORY, "no memory for the agent's loop");
    if (make_parts(a, c->start, e))
        return e->code;
    c->tick = event_new(a->loop, -1, EV_PERSIST, on_tick, c);
    if (!c->tick || event_add(c->tick, &second))
        return err_set(e, ERR_MEMORY, "no memory for the agent's clock");
    c->suspended_ms = ticks_suspended_ms();
    c->idle_ms = ticks_ms();
    if (keyring_vault(a))
        c->generation = vault_generation(keyring_vault(a));
    c->watch = core_watch_new(a);
    if (core_confine(a, e))
        return e->code;
    if (!a->options->has_no_proxy)
        spawn_link_want_net(a);
    return spawn_ask(a->spawner, SPAWN_READY, 0, e);
}

static void turn(struct core *c)
{
    while (!c->a->is_ending) {
        c->a->moment++;
        if (event_base_loop(c->a->loop, EVLOOP_ONCE) < 0)
            return;
        look_for_ports(c);
        desk_turn(c->a);
        counter_turn(c->a);
    }
}

int core_run(struct agent *a, const struct core_start *start, struct err *e)
{
    struct core c = {.a = a, .start = start};
    struct err ignored;
    int rc = begin(&c, e);

    if (!rc) {
        if (a->options->ready_fd > 0) /* the spawner says the rest */
            close(a->options->ready_fd);
        turn(&c);
        (void)!spawn_ask(a->spawner, SPAWN_STOP, 0, &ignored);
    }
    if (c.tick)
        event_free(c.tick);
    core_watch_free(c.watch);
    free_parts(a);
    if (a->loop)
        event_base_free(a->loop);
    secret_arena_close();
    return rc;
}
