/* SPDX-License-Identifier: Apache-2.0 */
/* The first process of the agent: starts the core, again when it dies, and does what the core may
 * not. It waits for signals and for the core's few messages, and holds no secret. */
#include "agent/spawner.h"

#include "base/file.h"
#include "vault/vault.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define AGAIN_MS 100u /* after a core's first death; doubled with each further one */
#define AGAIN_MAX_MS 5000u
#define LIVED_MS 10000u   /* after so long a death is the first one again */
#define CORE_END_MS 3000u /* for what is under way, when all shall end */
#define ALL_END_MS 5000u

/* -- the core -- */

/* In the child. What it does not need is closed: above all our ends of the others' pairs, at whose
 * end they end. */
static int be_core(struct spawner *s, int control, struct err *e)
{
    struct core_start start = {.control = control,
                               .listener = s->agent_socket,
                               .file = s->is_agent_ours ? &s->agent_file : NULL,
                               .is_first = s->core_deaths == 0};
    struct agent a = {.env = s->env, .options = &s->options, .pid = getppid(), .where = *s->where};
    int *left[] = {&s->lock,    &s->run_dir,      &s->proxy_socket, &s->tcp_socket,
                   &s->signals, &s->core_control, &s->net.control,  &s->old_net.control};

    memcpy(a.vault_id, s->vault_id, VAULT_ID_LEN);
    a.is_pin_kept = s->options.pin_file[0] || service_has_pin();
    for (size_t i = 0; i < ARRAY_LEN(left); i++)
        fd_closep(left[i]);
    for (size_t i = 0; i < SPAWNER_PLACES; i++)
        fd_closep(&s->tokens[i].control);
    if (s->options.lifeline_fd > 0)
        close(s->options.lifeline_fd);
    if (!start.is_first || s->is_ready)
        s->options.ready_fd = 0;
    int rc = core_run(&a, &start, e);
    if (rc)
        spawner_report(&s->options, e);
    return rc;
}

static int start_core(struct spawner *s, bool *in_core, struct err *e)
{
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
        return err_sys(e, errno, "make the way to the agent's core");
    s->core_next_ms = 0;
    s->core_since_ms = ticks_ms();
    pid_t pid = fork();
    if (pid < 0) {
        int why = errno;
        close(pair[0]);
        close(pair[1]);
        return err_sys(e, why, "start the agent's core");
    }
    if (pid == 0) {
        *in_core = true;
        close(pair[0]);
        return be_core(s, pair[1], e);
    }
    close(pair[1]);
    s->core = pid;
    s->core_control = pair[0];
    if (s->core_deaths > 0)
        spawner_give_all(s);
    return OK;
}

void spawner_begin_end(struct spawner *s, int status)
{
    if (s->is_ending)
        return;
    s->is_ending = true;
    s->status = status;
    s->ending_ms = ticks_ms();
    service_tell("STOPPING=1");
    spawner_tell(s, &(struct spawn_message){.kind = SPAWN_SIGNAL, .value = SIGTERM}, -1);
}

static const char *ending_text(int wait_status, char *out, size_t cap)
{
    if (WIFSIGNALED(wait_status))
        snprintf(out, cap, "signal %d", WTERMSIG(wait_status));
    else
        snprintf(out, cap, "status %d", WEXITSTATUS(wait_status));
    return out;
}

/* One that ends by itself with 0 was asked to; one that ends before it was ready has said why. */
static void core_ended(struct spawner *s, int wait_status)
{
    uint64_t now = ticks_ms();
    uint64_t delay = AGAIN_MS;
    char text[32];

    s->core = 0;
    s->core_deaf_ms = 0;
    fd_closep(&s->core_control);
    if (s->is_ending)
        return;
    bool is_clean = WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 0;
    if (is_clean || !s->is_ready) {
        if (!is_clean && WIFSIGNALED(wait_status))
            spawner_say("the agent's core ended (%s)",
                        ending_text(wait_status, text, sizeof(text)));
        spawner_begin_end(s, is_clean ? 0 : WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 1);
        return;
    }
    if (!spawner_is_reachable(s)) { /* a core that cannot start does not see that */
        spawner_say("the agent's core and its socket are gone: the agent ends");
        spawner_begin_end(s, 1);
        return;
    }
    s->core_deaths = now - s->core_since_ms > LIVED_MS ? 1 : s->core_deaths + 1;
    for (unsigned i = 1; i < s->core_deaths && delay < AGAIN_MAX_MS; i++)
        delay *= 2;
    s->core_next_ms = now + (delay < AGAIN_MAX_MS ? delay : AGAIN_MAX_MS);
    spawner_say("the agent's core ended (%s): it is started again",
                ending_text(wait_status, text, sizeof(text)));
}

/* -- signals -- */

static int take_signals(struct spawner *s, struct err *e)
{
    static const int ours[] = {SIGCHLD, SIGHUP, SIGINT, SIGTERM};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigset_t set;

    sigemptyset(&set);
    for (size_t i = 0; i < ARRAY_LEN(ours); i++)
        sigaddset(&set, ours[i]);
    /* the core has them blocked, too: it hears of them from here */
    if (sigprocmask(SIG_BLOCK, &set, NULL))
        return err_sys(e, errno, "block signals");
    s->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (s->signals < 0)
        return err_sys(e, errno, "wait for signals");
    /* a full quota is an error of a write, and no end */
    if (sigaction(SIGXFSZ, &ignore, NULL) || sigaction(SIGQUIT, &ignore, NULL))
        return err_sys(e, errno, "ignore signals");
    return OK;
}

static void reap(struct spawner *s)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid == s->core)
            core_ended(s, status);
        else
            (void)spawner_reap(s, pid, status);
    }
}

static void read_signals(struct spawner *s)
{
    struct signalfd_siginfo i;

    while (read(s->signals, &i, sizeof(i)) == (ssize_t)sizeof(i)) {
        if (i.ssi_signo == SIGCHLD)
            continue;
        if (i.ssi_signo == SIGHUP)
            spawner_tell(s, &(struct spawn_message){.kind = SPAWN_SIGNAL, .value = SIGHUP}, -1);
        else
            spawner_begin_end(s, 0);
    }
    reap(s);
}

/* -- the loop -- */

static void read_lifeline(struct spawner *s)
{
    char some[64];
    ssize_t n = read(s->options.lifeline_fd, some, sizeof(some));

    if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)))
        return;
    close(s->options.lifeline_fd);
    s->options.lifeline_fd = 0;
    spawner_begin_end(s, 0);
}

/* Milliseconds until something is due; -1: nothing is. */
static int until_due(const struct spawner *s)
{
    uint64_t now = ticks_ms();
    int net = spawner_net_due(s), core = -1;

    if (s->is_ending || s->core_deaf_ms != 0)
        return 50;
    if (s->core_next_ms != 0)
        core = s->core_next_ms > now ? (int)(s->core_next_ms - now) : 0;
    return net < 0 || (core >= 0 && core < net) ? core : net;
}

static int wait_once(struct spawner *s, struct err *e)
{
    struct pollfd p[] = {
        {.fd = s->signals, .events = POLLIN},
        {.fd = s->core_control, .events = POLLIN},
        {.fd = s->options.lifeline_fd > 0 ? s->options.lifeline_fd : -1, .events = POLLIN},
    };

    if (poll(p, ARRAY_LEN(p), until_due(s)) < 0)
        return errno == EINTR ? OK : err_sys(e, errno, "wait");
    if (p[1].revents && s->core_control >= 0)
        spawner_read_core(s);
    if (p[2].revents)
        read_lifeline(s);
    if (p[0].revents)
        read_signals(s);
    return OK;
}

/* The core first: what it has begun to sign, it still writes down. */
static void end_step(struct spawner *s)
{
    uint64_t now = ticks_ms();
    bool is_late = now - s->ending_ms > CORE_END_MS;

    if (s->core != 0 && is_late)
        (void)kill(s->core, SIGKILL);
    if (s->core != 0 && !is_late)
        return;
    spawner_deafen(s);
    spawner_end_all(s, now - s->ending_ms > ALL_END_MS);
}

/* What fails for want of memory may do later; the tokens keep their PINs meanwhile. */
static int start_core_again(struct spawner *s, bool *in_core, struct err *e)
{
    int rc = start_core(s, in_core, e);

    if (rc == OK || *in_core)
        return rc;
    spawner_say("%s", e->msg);
    s->core_next_ms = ticks_ms() + AGAIN_MAX_MS;
    return OK;
}

static int loop(struct spawner *s, bool *in_core, struct err *e)
{
    if (start_core(s, in_core, e) || *in_core)
        return e->code;
    while (!s->is_ending || spawner_has_children(s)) {
        if (wait_once(s, e))
            return e->code;
        if (s->core != 0 && s->core_deaf_ms != 0 && ticks_ms() - s->core_deaf_ms > CORE_END_MS)
            (void)kill(s->core, SIGKILL);
        spawner_net_step(s);
        if (s->is_ending)
            end_step(s);
        else if (s->core == 0 && s->core_next_ms != 0 && ticks_ms() >= s->core_next_ms &&
                 (start_core_again(s, in_core, e) || *in_core))
            return e->code;
    }
    return OK;
}

/* -- start and end -- */

static int find_vault(struct spawner *s, struct err *e)
{
    AUTO(vault_freep) struct vault *v = NULL;

    if (vault_load(s->where, s->env, &v, e))
        return e->code;
    memcpy(s->vault_id, vault_id(v), VAULT_ID_LEN);
    return OK;
}

static int prepare(struct spawner *s, struct err *e)
{
    s->tokens = calloc(SPAWNER_PLACES, sizeof(*s->tokens));
    if (!s->tokens)
        return err_set(e, ERR_MEMORY, "no memory for the agent");
    for (size_t i = 0; i < SPAWNER_PLACES; i++)
        s->tokens[i].control = -1;
    spawner_raise_limit();
    if (!s->options.is_foreground)
        (void)setsid(); /* it is one already where its starter saw to it */
    if (find_vault(s, e) || spawner_read_places(s, e) || spawner_listen(s, e))
        return e->code;
    return take_signals(s, e);
}

int spawner_run(const struct agent_options *o, const struct where *w, const struct env *env,
                struct err *e)
{
    struct spawner s = {.options = *o,
                        .where = w,
                        .env = env,
                        .lock = -1,
                        .run_dir = -1,
                        .agent_socket = -1,
                        .proxy_socket = -1,
                        .tcp_socket = -1,
                        .signals = -1,
                        .core_control = -1,
                        .net = {.control = -1},
                        .old_net = {.control = -1}};
    bool in_core = false;

    e->code = OK;
    int rc = prepare(&s, e);
    if (!rc)
        rc = loop(&s, &in_core, e);
    if (rc && !in_core)
        spawner_report(&s.options, e);
    if (!in_core) {
        spawner_end_all(&s, true);
        spawner_kill(&s, &s.net);
        if (s.core != 0)
            (void)kill(s.core, SIGKILL);
        spawner_unlisten(&s);
        fd_closep(&s.signals);
    }
    free(s.tokens);
    return rc ? err_exit(e->code) : in_core ? 0 : s.status;
}
