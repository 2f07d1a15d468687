/* SPDX-License-Identifier: Apache-2.0 */
/* coffer run: a bot with the proxy's address and credentials that are none. The agent is started
 * and ended here where none runs; the bearer lives as long as this process's connection. */
#include "base/caller.h"
#include "base/file.h"
#include "cli/agent_start.h"
#include "cli/bot.h"
#include "cli/child.h"
#include "cli/session.h"
#include "cli/waiting.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define LEND_MS 10000u
#define END_MS 5000u /* for an agent that was started here */
#define END_STEP_MS 10

struct running {
    struct cli *c;
    struct vault *v;
    const char *name;
    enum bot_kind kind;
    struct agent_view a;
    bool is_ours; /* the agent was started here */
    pid_t agent;
    int life;
    char bearer[BEARER_TEXT]; /* lent; "": none is needed */
    pid_t bot;
    int signals, status;
    bool has_ended; /* the bot, with that status */
};

/* -- the agent -- */

static int find_agent(struct running *r, struct err *e)
{
    int rc = agent_view_open(r->c, vault_id(r->v), &r->a, e);

    if (rc != ERR_NOT_FOUND)
        return rc;
    /* Most clients know no other way than TCP. */
    if (agent_start(r->c, "127.0.0.1:0", &r->life, &r->agent, e))
        return e->code;
    r->is_ours = true;
    return agent_view_open(r->c, vault_id(r->v), &r->a, e);
}

/* again: the one that was lent before, to an agent that was started anew. */
static int lend(struct running *r, bool again, struct err *e)
{
    AUTO_BUF line = BUF_INIT(512);
    struct json answer = {0}, v;
    char text[BEARER_TEXT];

    buf_adds(&line, "{\"op\":\"lend\",\"name\":");
    buf_add_json(&line, bytes_str(r->name));
    buf_addf(&line, ",\"client\":\"run-%ld\"", (long)getpid());
    if (again)
        buf_addf(&line, ",\"bearer\":\"%s\"", r->bearer);
    buf_addc(&line, '}');
    if (buf_check(&line, "the request to the agent", e) ||
        agent_call(r->a.client, buf_bytes(&line), -1, LEND_MS, &answer, e))
        return e->code;
    if (!json_get(answer, "bearer", &v) || !json_cstr(v, text, sizeof(text)))
        return err_set(e, ERR_FORMAT, "the agent lent no bearer");
    if (again && strcmp(text, r->bearer) != 0)
        return err_set(e, ERR_FAILED, "the agent lent another bearer");
    memcpy(r->bearer, text, sizeof(text));
    return OK;
}

static int check_way(const struct running *r, struct err *e)
{
    bool needs_tcp = r->kind == BOT_CCXT || r->kind == BOT_FREQTRADE;

    if (r->a.proxy_tcp[0] || !needs_tcp)
        return OK;
    err_set(e, ERR_FAILED,
            "the agent that runs has no TCP address, and this client knows no other "
            "way");
    err_hint(e, "coffer agent --stop, then coffer agent --listen 127.0.0.1:PORT");
    return err_hint(e, "or without an agent: coffer run starts its own");
}

static int get_ready(struct running *r, struct err *e)
{
    const struct view_token *t;

    if (find_agent(r, e))
        return e->code;
    waiting_why("so that '%s' can sign for a bot", r->name);
    if (check_way(r, e) || agent_unlock(r->c, r->v, &r->a, &t, e))
        return e->code;
    return r->a.proxy_tcp[0] ? lend(r, false, e) : OK;
}

static void end_agent(struct running *r)
{
    struct err quiet;
    int status;

    if (!r->is_ours)
        return;
    /* Told, it ends in order; the closed pipe ends it in any case. */
    if (r->a.client && agent_tell(r->a.client, "stop", &quiet))
        out_warn("%s", quiet.msg);
    fd_closep(&r->life);
    r->life = -1;
    for (unsigned ms = 0; ms < END_MS && !child_ended(r->agent, &status); ms += END_STEP_MS)
        poll(NULL, 0, END_STEP_MS);
}

/* -- the bot -- */

static const int passed_on[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGCONT};

/* What the terminal sends it sends to the program as well. */
static void pass_on(const struct running *r, const struct signalfd_siginfo *s)
{
    if (s->ssi_signo != SIGCHLD && s->ssi_code <= 0)
        kill(r->bot, (int)s->ssi_signo);
}

/* Passes on what came; true: the bot has ended. */
static bool look_after(void *ctx)
{
    struct running *r = ctx;
    struct signalfd_siginfo s;

    while (read(r->signals, &s, sizeof(s)) == (ssize_t)sizeof(s))
        pass_on(r, &s);
    if (!r->has_ended)
        r->has_ended = child_ended(r->bot, &r->status);
    return r->has_ended;
}

/* Its core was started anew, and has forgotten what it lent. */
static void connect_again(struct running *r)
{
    struct err e;

    agent_view_close(&r->a);
    /* an agent that stands still may take its time: the bot is not left alone meanwhile */
    agent_client_beside(r->signals, look_after, r);
    int rc = agent_view_open(r->c, vault_id(r->v), &r->a, &e);
    if (!rc && r->bearer[0])
        rc = lend(r, true, &e);
    agent_client_beside(-1, NULL, NULL);
    if (rc && !r->has_ended) {
        out_warn("the agent was lost: %s", e.msg);
        out_hint("'%s' is not signed for any more; end the program, and run it again", r->name);
        agent_view_close(&r->a);
    }
}

/* Until the bot ends. */
static int watch(struct running *r, struct err *e)
{
    while (!look_after(r)) {
        struct pollfd p[] = {
            {.fd = r->signals, .events = POLLIN},
            {.fd = r->a.client ? agent_client_fd(r->a.client) : -1, .events = POLLIN}};
        if (poll(p, ARRAY_LEN(p), -1) < 0 && errno != EINTR)
            return err_sys(e, errno, "wait for the program");
        if (p[1].revents)
            connect_again(r);
    }
    return OK;
}

static int start_bot(struct running *r, const struct bot_env *env, const sigset_t *mask,
                     struct err *e)
{
    struct child k = {.program = r->c->args->rest[0],
                      .argv = r->c->args->rest,
                      .envp = env->v,
                      .mask = mask,
                      .umask = caller_umask(),
                      .fds = {-1, -1}};

    int rc = child_start(&k, &r->bot, e);
    return rc == ERR_NOT_FOUND ? err_set(e, ERR_NOT_FOUND, "there is no such program") : rc;
}

/* Signals are held from here on: none is lost between the start and the wait. */
static int run_it(struct running *r, const struct bot_env *env, int *status, struct err *e)
{
    AUTO(fd_closep) int signals = -1;
    sigset_t held, before;

    sigemptyset(&held);
    sigaddset(&held, SIGCHLD);
    for (size_t i = 0; i < ARRAY_LEN(passed_on); i++)
        sigaddset(&held, passed_on[i]);
    if (sigprocmask(SIG_BLOCK, &held, &before))
        return err_sys(e, errno, "hold signals");
    signals = signalfd(-1, &held, SFD_CLOEXEC | SFD_NONBLOCK);
    int rc = signals < 0 ? err_sys(e, errno, "wait for signals") : start_bot(r, env, &before, e);
    if (rc)
        return rc;
    r->signals = signals;
    rc = watch(r, e);
    *status = r->status;
    return rc;
}

static int run(struct running *r, int *status, struct err *e)
{
    AUTO(bot_env_free) struct bot_env env = {0};
    char suspicious[BOT_NAME_MAX];
    struct bot bot;

    if (get_ready(r, e) || bot_fill(&bot, r->name, &r->a, r->bearer, e) ||
        bot_env_make(&env, r->kind, &bot, caller_environment(), e))
        return e->code;
    if (bot_env_suspicious(caller_environment(), suspicious)) {
        out_warn("the environment has '%s', which the program gets too", suspicious);
        out_hint("if that is an exchange's secret: whatever reads the environment has it; add it "
                 "to the vault, and unset it");
    }
    return run_it(r, &env, status, e);
}

static int check(struct running *r, struct err *e)
{
    const struct args *a = r->c->args;
    struct record_info info;

    if (a->n_rest == 0) {
        err_set(e, ERR_USAGE, "'coffer run' needs the program to start, after '--'");
        return err_hint(e, "for example: coffer run %s -- python3 bot.py", "NAME");
    }
    if (a->given[OPT_AS] && bot_kind_parse(a->value[OPT_AS], OPT_AS, &r->kind, e))
        return e->code;
    if (record_check_name(r->name, e) || vault_load(&r->c->where, r->c->env, &r->v, e))
        return e->code;
    record_info_init(&info);
    int rc = vault_peek(r->v, r->name, &info, e);
    record_info_free(&info);
    return rc;
}

int run_bot(struct cli *c, struct err *e)
{
    struct running r = {.c = c, .name = c->args->words[0], .kind = BOT_ENV, .life = -1};
    int status = 1;

    int rc = check(&r, e);
    if (!rc)
        rc = run(&r, &status, e);
    end_agent(&r);
    agent_view_close(&r.a);
    vault_free(r.v);
    if (!rc)
        c->status = status;
    return rc;
}
