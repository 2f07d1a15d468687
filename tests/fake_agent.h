/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's parts behind its socket, played: a desk that decides when the test says so, tokens
 * that answer then, a spawner that only notes. The vault is a real one. For one file of a test,
 * which links what is defined here in the place of the agent's own. */
#ifndef TESTS_FAKE_AGENT_H
#define TESTS_FAKE_AGENT_H

#include "agent/bearers.h"
#include "agent/counter.h"
#include "agent/desk.h"
#include "agent/keyring.h"
#include "agent/notice.h"
#include "agent/server.h"
#include "agent/spawn.h"
#include "agent/tokens.h"
#include "base/file.h"
#include "tests/harness.h"
#include "tests/vault_world.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define FAKE_ASKS 256u

struct fake_ask { /* at the desk */
    uint64_t id;
    struct asker who;
    desk_decided *decided;
    void *ctx;
    bool is_ws, is_forgotten;
    char record[NAME_MAX_LEN + 1], method[16], url[256];
    uint64_t timestamp_ms;
    size_t n_body;
};

static struct {
    struct agent a;
    struct agent_options options;
    struct world world;
    struct vault *vault;
    int listener;
    struct fake_ask asks[FAKE_ASKS];
    size_t n_asks, n_decided;
    struct err desk_error; /* of what is decided */
    struct err desk_full;  /* of desk_ask */
    tokens_done *done[8];  /* of unlock and look, in order */
    void *done_ctx[8];
    size_t n_done;
    size_t index; /* of unlock */
    uint32_t flags;
    char pin[64]; /* that came by the descriptor; "-" when none came */
    struct token_view tokens[3];
    size_t n_tokens;
    char locked_why[200];
    enum spawn_kind spawned[8];
    size_t n_spawned;
    char audit[8][200];
    size_t n_audit;
    struct err audit_error, peek_error;
    void (*told)(void *ctx, enum notice_kind k, const char *subject, const char *text);
    void *told_ctx;
    bool is_net_gone;
    bool is_noticed; /* each request at the desk makes a notice */
} fake;

/* -- the parts -- */

uint64_t desk_ask(struct agent *a, enum desk_way way, const struct asker *who, const char *record,
                  const struct wish *w, desk_decided *decided, void *ctx, struct err *e)
{
    (void)a;
    if (fake.desk_full.code || fake.n_asks == FAKE_ASKS) {
        *e = fake.desk_full;
        return 0;
    }
    CHECK(way == DESK_RELEASE);
    if (fake.is_noticed)
        fake.told(fake.told_ctx, NOTICE_VAULT, "", "it changed");
    struct fake_ask *q = &fake.asks[fake.n_asks++];
    *q = (struct fake_ask){.id = fake.n_asks,
                           .who = *who,
                           .decided = decided,
                           .ctx = ctx,
                           .is_ws = w->is_ws,
                           .timestamp_ms = w->clock.timestamp_ms,
                           .n_body = w->body.n};
    snprintf(q->record, sizeof(q->record), "%s", record);
    snprintf(q->method, sizeof(q->method), "%.*s", (int)w->method.n, (const char *)w->method.p);
    snprintf(q->url, sizeof(q->url), "%.*s", (int)w->url.n, (const char *)w->url.p);
    return q->id;
}

void desk_forget(struct agent *a, uint64_t id)
{
    (void)a;
    CHECK(id > 0 && id <= fake.n_asks && !fake.asks[id - 1].is_forgotten);
    fake.asks[id - 1].is_forgotten = true;
}

size_t desk_open(const struct agent *a)
{
    (void)a;
    return fake.n_asks - fake.n_decided;
}

/* The end of a turn: decides on all that was asked. */
static inline void fake_decide(void)
{
    static struct prepared p;
    struct request r;

    for (; fake.n_decided < fake.n_asks; fake.n_decided++) {
        struct fake_ask *q = &fake.asks[fake.n_decided];
        struct record_info info;
        if (q->is_forgotten)
            continue;
        record_info_init(&info);
        snprintf(info.connector, sizeof(info.connector), "binance");
        p.is_ws = q->is_ws;
        request_init(&r);
        buf_adds(&r.method, q->method);
        buf_adds(&r.url, q->url[0] ? q->url : "wss://x/");
        request_header(&r, BYTES_LIT("X-Signed"), BYTES_LIT("yes"));
        struct decision d = {.id = q->id,
                             .way = DESK_RELEASE,
                             .record = q->record,
                             .err = fake.desk_error,
                             .info = &info,
                             .prepared = &p,
                             .request = &r};
        q->is_forgotten = true; /* it is over */
        q->decided(q->ctx, &d);
        request_free(&r);
        record_info_free(&info);
    }
}

int keyring_refresh(struct agent *a, struct err *e)
{
    (void)a, (void)e;
    return OK;
}

int keyring_peek(struct agent *a, const char *name, struct record_info *out, struct err *e)
{
    (void)a;
    if (fake.peek_error.code) {
        *e = fake.peek_error;
        return e->code;
    }
    return vault_peek(fake.vault, name, out, e);
}

struct vault *keyring_vault(struct agent *a)
{
    (void)a;
    return fake.vault;
}

void keyring_view(struct agent *a, const char *name, struct keyring_view *out)
{
    (void)a;
    *out = (struct keyring_view){.left_ms = 0};
    if (strcmp(name, "main") != 0)
        return;
    *out = (struct keyring_view){
        .is_held = true, .left_ms = 5000, .unseal = {.kind = UNSEAL_FOR, .ms = 90000}};
}

size_t keyring_held(const struct agent *a)
{
    (void)a;
    return 1;
}

void agent_lock(struct agent *a, const char *why)
{
    (void)a;
    snprintf(fake.locked_why, sizeof(fake.locked_why), "%s", why);
    if (fake.told)
        fake.told(fake.told_ctx, NOTICE_LOCKED, "", why);
}

static inline void fake_wait(tokens_done *done, void *ctx)
{
    fake.done[fake.n_done] = done;
    fake.done_ctx[fake.n_done++] = ctx;
}

void tokens_unlock(struct agent *a, size_t i, int pin_fd, uint32_t flags, tokens_done *done,
                   void *ctx)
{
    (void)a;
    fake.index = i;
    fake.flags = flags;
    snprintf(fake.pin, sizeof(fake.pin), "-");
    if (pin_fd >= 0) {
        ssize_t n = read(pin_fd, fake.pin, sizeof(fake.pin) - 1);
        fake.pin[n > 0 ? n : 0] = 0;
        close(pin_fd);
    }
    fake_wait(done, ctx);
}

void tokens_look(struct agent *a, size_t i, tokens_done *done, void *ctx)
{
    (void)a, (void)i;
    fake_wait(done, ctx);
}

/* All that was asked of the tokens ends so. */
static inline void fake_tokens_answer(const struct tokenwire_done *d)
{
    for (size_t i = 0; i < fake.n_done; i++)
        fake.done[i](fake.done_ctx[i], d);
    fake.n_done = 0;
}

size_t tokens_view(const struct agent *a, size_t i, struct token_view *out)
{
    (void)a;
    *out = fake.tokens[i < fake.n_tokens ? i : 0];
    return fake.n_tokens;
}

int tokens_reload(struct agent *a, struct err *e)
{
    return spawn_ask(a->spawner, SPAWN_RELOAD, 0, e);
}

void tokens_follow(struct agent *a)
{
    (void)a;
}

int spawn_ask(struct spawn_link *l, enum spawn_kind kind, uint32_t place, struct err *e)
{
    (void)l, (void)place, (void)e;
    fake.spawned[fake.n_spawned++] = kind;
    return OK;
}

bool counter_is_open(const struct agent *a)
{
    (void)a;
    return !fake.is_net_gone;
}

int audit_add(struct agent *a, const struct audit_line *l, struct err *e)
{
    char who[ASKER_TEXT];

    (void)a, (void)e;
    asker_text(l->who, who);
    snprintf(fake.audit[fake.n_audit++ % 8], sizeof(fake.audit[0]), "%.80s %s '%s' %s", who, l->op,
             l->record, l->outcome);
    return OK;
}

const struct err *audit_failure(const struct agent *a)
{
    (void)a;
    return &fake.audit_error;
}

const char *notice_name(enum notice_kind k)
{
    return k == NOTICE_LOCKED ? "locked" : "touch";
}

void notices_listen(struct agent *a,
                    void (*told)(void *ctx, enum notice_kind k, const char *subject,
                                 const char *text),
                    void *ctx)
{
    (void)a;
    fake.told = told;
    fake.told_ctx = ctx;
}

/* -- life -- */

/* A socket of this name in the directory dir; for its path's length it does not matter where. */
static inline int fake_listen(const char *dir, const char *name)
{
    AUTO(fd_closep) int at = -1;
    struct sockaddr_un u = {.sun_family = AF_UNIX};
    struct err e;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    OK_CALL(dir_open(dir, DIR_CREATE, &at, &e), &e);
    snprintf(u.sun_path, sizeof(u.sun_path), "/proc/self/fd/%d/%.40s", at, name);
    unlink(u.sun_path);
    mode_t old = umask(0177);
    CHECK(bind(fd, (const struct sockaddr *)&u, sizeof(u)) == 0);
    umask(old);
    CHECK(listen(fd, 128) == 0);
    return fd;
}

static inline void fake_start(void)
{
    struct err e;
    static unsigned n;

    memset(&fake, 0, sizeof(fake));
    world_new(&fake.world, "P-256", SCHEME_ECDH_P256);
    OK_CALL(world_add(&fake.world, "main", &e), &e);
    OK_CALL(world_add(&fake.world, "other", &e), &e);
    OK_CALL(vault_load(&fake.world.w, &env_real, &fake.vault, &e), &e);
    fake.a.env = &env_real;
    fake.a.pid = getpid();
    fake.a.options = &fake.options;
    fake.a.where = fake.world.w;
    snprintf(fake.a.where.run, sizeof(fake.a.where.run), "%s/run%u", harness_dir(), n++);
    memcpy(fake.a.vault_id, fake.world.id, VAULT_ID_LEN);
    fake.n_tokens = 1;
    snprintf(fake.tokens[0].label, sizeof(fake.tokens[0].label), "first");
    fake.a.loop = event_base_new();
    fake.listener = fake_listen(fake.a.where.run, "agent.sock");
    OK_CALL(bearers_new(&fake.a, &e), &e);
    OK_CALL(server_new(&fake.a, fake.listener, &e), &e);
}

static inline void fake_stop(void)
{
    server_free(&fake.a);
    bearers_free(&fake.a);
    event_base_free(fake.a.loop);
    close(fake.listener);
    vault_free(fake.vault);
    softkey_free(&fake.world.key);
}

/* In a child process: what was asked of the desk is decided, and a PIN is right when it is 1234. */
static inline void fake_serve(void)
{
    while (event_base_loop(fake.a.loop, EVLOOP_ONCE) == 0) {
        fake_decide();
        if (fake.n_done > 0)
            fake_tokens_answer(&(struct tokenwire_done){
                .pin_try = strcmp(fake.pin, "1234") == 0 ? PIN_PROVEN : PIN_TRIED,
                .err = {.code = strcmp(fake.pin, "1234") == 0 ? OK : ERR_PIN}});
    }
}

static inline pid_t fake_fork(void)
{
    pid_t pid = fork();

    if (pid == 0) {
        event_reinit(fake.a.loop);
        fake_serve();
        _exit(0);
    }
    return pid;
}

static inline void fake_over(pid_t pid)
{
    int status;

    kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
}

#endif
