/* SPDX-License-Identifier: Apache-2.0 */
/* The spawner, the coffer-tokens and the notices of fake_token.h. */
#include "tests/fake_token.h"

#include "base/file.h"
#include "tests/harness.h"

#include <event2/event.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

static struct fake_agent *fake;

void fake_noted(enum notice_kind k, const char *text)
{
    snprintf(fake->told[k], sizeof(fake->told[k]), "%s", text);
    fake->n_told[k]++;
}

/* -- a coffer-token -- */

static void say(struct fake_token *t, struct bytes v)
{
    CHECK(send(t->fd, v.p, v.n, MSG_NOSIGNAL) == (ssize_t)v.n);
}

static void say_state(struct fake_token *t)
{
    AUTO_BUF out = BUF_INIT(TOKENWIRE_MAX);
    struct err e;
    OK_CALL(tokenwire_put_state(&out, &t->state, &e), &e);
    say(t, buf_bytes(&out));
}

static void say_done(struct fake_token *t, const struct tokenwire_done *d)
{
    struct err e;
    t->out.n = 0;
    OK_CALL(tokenwire_put_done(&t->out, d, &e), &e);
    say(t, secret_bytes(&t->out));
}

static void end_process(struct fake_token *t)
{
    if (t->readable)
        event_free(t->readable);
    t->readable = NULL;
    fd_closep(&t->fd);
    t->fd = -1;
    t->has_pending = false;
    t->state.is_logged_in = false;
    buf_free(&t->in);
    t->in = (struct buf)BUF_INIT(TOKENWIRE_MAX);
}

static void decrypt(struct fake_token *t, uint32_t id, struct bytes ct)
{
    struct tokenwire_done d = {.id = id, .err = {.code = OK}};
    if (t->way == FAKE_IS_GONE)
        err_set(&d.err, ERR_TOKEN, "the token is gone");
    else if (t->key->opener.decap(t->key, t->key->opener.scheme, ct, &d.z, &d.err))
        CHECK(d.err.code != OK);
    else if (t->way == FAKE_LIES)
        d.z.p[0] ^= 1;
    say_done(t, &d);
    secret_free(&d.z);
}

static void asked_decap(struct fake_token *t, uint32_t id, struct bytes ct)
{
    AUTO_BUF out = BUF_INIT(TOKENWIRE_MAX);
    struct err e;
    t->n_decaps++;
    if (t->way == FAKE_IS_MUTE)
        return;
    if (t->way == FAKE_BABBLES) {
        say(t, BYTES_LIT("no frame, this"));
        return;
    }
    if (t->way != FAKE_WAITS) {
        decrypt(t, id, ct);
        return;
    }
    t->has_pending = true;
    t->pending_id = id;
    memcpy(t->pending_ct, ct.p, ct.n);
    t->n_pending = ct.n;
    OK_CALL(tokenwire_put_waiting(&out, id, &e), &e);
    say(t, buf_bytes(&out));
}

static void asked_unlock(struct fake_token *t, uint32_t id, int pin_fd)
{
    struct tokenwire_done d = {.id = id, .pin_try = PIN_PROVEN, .err = {.code = OK}};
    ssize_t n = pin_fd >= 0 ? pread(pin_fd, t->pin, sizeof(t->pin) - 1, 0) : 0;
    t->pin[n > 0 ? n : 0] = 0;
    if (t->way == FAKE_IS_MUTE)
        return;
    if (strcmp(t->pin, "wrong") == 0) {
        d.pin_try = PIN_TRIED;
        err_set(&d.err, ERR_PIN, "wrong PIN");
    } else {
        t->state.is_logged_in = true;
        say_state(t);
    }
    say_done(t, &d);
}

static bool take_frame(struct fake_token *t, enum tokenwire_kind kind, struct bytes frame, int fd)
{
    struct err e;
    uint32_t id = 0, flags = 0;
    struct bytes ct;
    if (kind == TOKENWIRE_UNLOCK && OK_CALL(tokenwire_get_unlock(frame, &id, &flags, &e), &e))
        asked_unlock(t, id, fd);
    if (kind == TOKENWIRE_LOOK && t->way != FAKE_IS_MUTE)
        say_state(t);
    if (kind == TOKENWIRE_RELEASE)
        t->n_releases++;
    if (kind == TOKENWIRE_DECAP && t->way == FAKE_ENDS) {
        fake_crash(fake, (size_t)(t - fake->tokens));
        return false;
    }
    if (kind == TOKENWIRE_DECAP && OK_CALL(tokenwire_get_decap(frame, &id, &ct, &e), &e))
        asked_decap(t, id, ct);
    return true;
}

static ssize_t receive(struct fake_token *t, int *fd)
{
    uint8_t p[TOKENWIRE_MAX];
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec part = {p, sizeof(p)};
    struct msghdr m = {.msg_iov = &part,
                       .msg_iovlen = 1,
                       .msg_control = control.room,
                       .msg_controllen = sizeof(control.room)};
    ssize_t n = recvmsg(t->fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    struct cmsghdr *h = n > 0 ? CMSG_FIRSTHDR(&m) : NULL;
    if (h)
        memcpy(fd, CMSG_DATA(h), sizeof(*fd));
    if (n > 0)
        buf_add(&t->in, bytes_of(p, (size_t)n));
    return n;
}

static void on_asked(evutil_socket_t sock, short what, void *ctx)
{
    struct fake_token *t = ctx;
    enum tokenwire_kind kind = TOKENWIRE_STATE;
    struct err e;
    AUTO(fd_closep) int fd = -1;
    (void)sock, (void)what;
    if (receive(t, &fd) <= 0) {
        event_del(t->readable);
        return;
    }
    for (size_t n; OK_CALL(tokenwire_frame(buf_bytes(&t->in), &n, &kind, &e), &e) && n;) {
        if (!take_frame(t, kind, bytes_of(t->in.p, n), fd))
            return;
        memmove(t->in.p, t->in.p + n, t->in.n - n);
        t->in.n -= n;
    }
}

/* -- the spawner -- */

struct message {
    enum spawn_kind kind;
    const struct fake_token *token;
    int fd;
};

static void on_message(evutil_socket_t fd, short what, void *ctx)
{
    struct message *m = ctx;
    (void)fd, (void)what;
    if (fake && m->kind == SPAWN_CHANNEL)
        tokens_channel(&fake->a, m->token->key->recipient.rid, m->fd);
    else if (fake)
        tokens_gone(&fake->a, m->token->key->recipient.rid, m->kind == SPAWN_FAILED ? -1 : 9);
    else
        fd_closep(&m->fd);
    free(m);
}

/* Told in a later turn, as by the real one. */
static void tell_core(enum spawn_kind kind, const struct fake_token *t, int fd)
{
    static const struct timeval now = {0, 0};
    struct message *m = malloc(sizeof(*m));
    if (!m)
        abort();
    *m = (struct message){kind, t, fd};
    event_base_once(fake->a.loop, -1, EV_TIMEOUT, on_message, m, &now);
}

static void start(struct fake_token *t)
{
    int pair[2];
    t->n_starts++;
    if (t->is_unstartable) {
        tell_core(SPAWN_FAILED, t, -1);
        return;
    }
    CHECK(t->fd < 0); /* the core waits for its end */
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
        abort();
    t->fd = pair[0];
    t->readable = event_new(fake->a.loop, t->fd, EV_READ | EV_PERSIST, on_asked, t);
    event_add(t->readable, NULL);
    if (t->way != FAKE_IS_MUTE || t->n_starts > 1)
        say_state(t);
    tell_core(SPAWN_CHANNEL, t, pair[1]);
}

static struct fake_token *token_of(const uint8_t rid[RID_LEN])
{
    for (size_t i = 0; i < fake->n; i++)
        if (memcmp(fake->tokens[i].key->recipient.rid, rid, RID_LEN) == 0)
            return &fake->tokens[i];
    return NULL;
}

void fake_asked(enum spawn_kind kind, const uint8_t rid[RID_LEN])
{
    struct fake_token *t = token_of(rid);
    if (kind == SPAWN_RELOAD)
        fake->n_reloads++;
    if (!t)
        return;
    if (kind == SPAWN_UNLOCK)
        t->n_unattended++;
    if (kind == SPAWN_START)
        start(t);
    if (kind == SPAWN_KILL) {
        t->n_kills++;
        if (t->fd >= 0) {
            end_process(t);
            tell_core(SPAWN_GONE, t, -1);
        }
    }
}

void fake_crash(struct fake_agent *f, size_t place)
{
    end_process(&f->tokens[place]);
    tell_core(SPAWN_GONE, &f->tokens[place], -1);
}

void fake_touch(struct fake_agent *f, size_t place)
{
    struct fake_token *t = &f->tokens[place];
    if (!CHECK(t->has_pending))
        return;
    t->has_pending = false;
    decrypt(t, t->pending_id, bytes_of(t->pending_ct, t->n_pending));
    fake_settle(f);
}

void fake_tell_state(struct fake_agent *f, size_t place)
{
    say_state(&f->tokens[place]);
    fake_settle(f);
}

/* -- the core -- */

static void on_guard(evutil_socket_t fd, short what, void *ctx)
{
    (void)fd, (void)what;
    *(bool *)ctx = true;
}

void fake_turn(struct fake_agent *f, const bool *done, unsigned ms)
{
    bool is_late = false;
    struct event *guard = event_new(f->a.loop, -1, 0, on_guard, &is_late);
    struct timeval after = {ms / 1000, (suseconds_t)(ms % 1000) * 1000};
    event_add(guard, &after);
    while (!is_late && !(done && *done))
        event_base_loop(f->a.loop, EVLOOP_ONCE);
    event_free(guard);
    CHECK(!done || *done);
}

void fake_settle(struct fake_agent *f)
{
    for (int i = 0; i < 30; i++)
        event_base_loop(f->a.loop, EVLOOP_NONBLOCK);
}

struct unlocking {
    bool is_done;
    enum err_code code;
};

static void on_unlocked(void *ctx, const struct tokenwire_done *d)
{
    struct unlocking *u = ctx;
    u->is_done = true;
    u->code = d->err.code;
}

bool fake_unlock(struct fake_agent *f, size_t place)
{
    struct unlocking u = {.is_done = false};
    int fd = memfd_create("pin", MFD_CLOEXEC);
    CHECK(write(fd, "123456", 6) == 6);
    tokens_unlock(&f->a, place, fd, 0, on_unlocked, &u);
    fake_turn(f, &u.is_done, 3000);
    return u.is_done && u.code == OK;
}

void fake_entry(const struct world *o, const struct softkey *key, struct local_token *out)
{
    *out = (struct local_token){.scheme = key->recipient.scheme, .key_id = {1}, .key_id_len = 1};
    memcpy(out->vault_id, o->id, VAULT_ID_LEN);
    memcpy(out->rid, key->recipient.rid, RID_LEN);
    snprintf(out->where.module, sizeof(out->where.module), "/usr/lib/none.so");
    snprintf(out->where.label, sizeof(out->where.label), "%.32s", key->recipient.label);
}

static void fake_token_new(struct fake_token *t, struct softkey *key)
{
    struct err e;
    *t = (struct fake_token){.key = key, .fd = -1, .in = BUF_INIT(TOKENWIRE_MAX)};
    OK_CALL(secret_new(&t->out, 4096, &e), &e);
    snprintf(t->state.label, sizeof(t->state.label), "%s", key->recipient.label);
    t->state.is_present = t->state.is_software = true;
    t->state.touch = TOUCH_NEVER;
}

void fake_start(struct fake_agent *f, struct world *o, struct softkey *const *keys, size_t n)
{
    struct err e;
    struct local_token entry;
    memset(f, 0, sizeof(*f));
    fake = f;
    f->a = (struct agent){.env = &env_real, .options = &f->options, .where = o->w};
    f->a.loop = event_base_new();
    f->n = n;
    for (size_t i = 0; i < n; i++) {
        fake_token_new(&f->tokens[i], keys[i]);
        fake_entry(o, keys[i], &entry);
        OK_CALL(local_put(&o->w, &entry, &e), &e);
    }
    OK_CALL(tokens_new(&f->a, &e), &e);
    OK_CALL(keyring_new(&f->a, &e), &e);
}

void fake_end(struct fake_agent *f)
{
    keyring_free(&f->a);
    tokens_free(&f->a);
    for (size_t i = 0; i < f->n; i++) {
        end_process(&f->tokens[i]);
        buf_free(&f->tokens[i].in);
        secret_free(&f->tokens[i].out);
    }
    fake = NULL;
    for (int i = 0; i < 5; i++)
        event_base_loop(f->a.loop, EVLOOP_NONBLOCK);
    event_base_free(f->a.loop);
}
