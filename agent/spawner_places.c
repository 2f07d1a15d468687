/* SPDX-License-Identifier: Apache-2.0 */
/* The processes that the core may ask for: coffer-net, and one coffer-token for each entry of
 * tokens.json that is for this vault. What they are started with is found out here, never taken
 * from the core. */
#include "agent/spawner.h"

#include "base/file.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define HANDED 'C'

static int read_entries(const struct spawner *s, struct place *out, size_t *n, struct err *e)
{
    struct local_tokens *all = calloc(1, sizeof(*all));
    size_t found = 0;

    if (!all)
        return err_set(e, ERR_MEMORY, "no memory for tokens.json");
    int rc = local_read(s->where, all, e);
    for (size_t i = 0; !rc && i < all->n && found < SPAWN_TOKENS_MAX; i++)
        if (memcmp(all->v[i].vault_id, s->vault_id, VAULT_ID_LEN) == 0)
            out[found++].entry = all->v[i];
    free(all);
    if (!rc)
        *n = found;
    return rc;
}

/* Those whose entry stands where it stood go on; the others end, and start when they are next asked
 * for. */
int spawner_read_places(struct spawner *s, struct err *e)
{
    struct place *now = calloc(SPAWN_TOKENS_MAX, sizeof(*now));
    size_t n = 0;

    if (!now)
        return err_set(e, ERR_MEMORY, "no memory for tokens.json");
    int rc = read_entries(s, now, &n, e);
    for (uint32_t i = 0; !rc && i < SPAWN_TOKENS_MAX; i++) {
        struct place *p = &s->tokens[i];
        if (memcmp(&p->entry, &now[i].entry, sizeof(p->entry)) != 0)
            spawner_kill(s, i);
        p->entry = now[i].entry;
    }
    if (!rc)
        s->n_tokens = n;
    free(now);
    return rc;
}

struct place *spawner_place(struct spawner *s, uint32_t number)
{
    if (number == SPAWN_NET)
        return s->options.has_no_proxy ? NULL : &s->net;
    return number < s->n_tokens ? &s->tokens[number] : NULL;
}

void spawner_tell(struct spawner *s, enum spawn_kind kind, uint32_t place, int value, int fd)
{
    const struct spawn_message m = {.kind = kind, .place = place, .value = value};
    struct err e;

    if (s->core_control < 0 || !spawn_send(s->core_control, &m, fd, &e))
        return;
    /* one that left so many unread hangs: without this one it is not to go on, and the next one
     * asks for all anew */
    if (e.code == ERR_LIMIT && s->core != 0)
        (void)kill(s->core, SIGKILL);
}

static int hand_over(int control, int fd)
{
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(sizeof(int))];
    } with = {.room = {0}};
    char byte = HANDED;
    struct iovec v = {&byte, 1};
    struct msghdr h = {
        .msg_iov = &v, .msg_iovlen = 1, .msg_control = &with, .msg_controllen = sizeof(with)};
    struct cmsghdr *c = CMSG_FIRSTHDR(&h);

    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(fd));
    memcpy(CMSG_DATA(c), &fd, sizeof(fd));
    return sendmsg(control, &h, MSG_DONTWAIT | MSG_NOSIGNAL) == 1 ? 0 : -1;
}

void spawner_give(struct spawner *s, struct place *p, uint32_t number)
{
    int pair[2];

    if (s->core_control < 0)
        return;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair)) {
        spawner_tell(s, SPAWN_FAILED, number, 0, -1);
        return;
    }
    /* one that does not take it has ended, or hangs: it is told that it is gone when it is */
    if (hand_over(p->control, pair[0]) == 0)
        spawner_tell(s, SPAWN_CHANNEL, number, 0, pair[1]);
    else
        spawner_kill(s, number);
    close(pair[0]);
    close(pair[1]);
}

void spawner_start(struct spawner *s, uint32_t number)
{
    struct place *p = spawner_place(s, number);
    struct err e = {.code = OK};

    if (!p) {
        spawner_tell(s, SPAWN_FAILED, number, 0, -1);
        return;
    }
    p->is_wanted = p->is_dying;
    if (p->is_dying)
        return;
    if (p->pid == 0 && spawner_launch(s, number, p, &e)) {
        spawner_say("%s", e.msg);
        spawner_tell(s, SPAWN_FAILED, number, 0, -1);
        return;
    }
    if (number != SPAWN_NET || !spawner_net_renew(s))
        spawner_give(s, p, number);
}

void spawner_kill(struct spawner *s, uint32_t number)
{
    struct place *p = number == SPAWN_NET         ? &s->net
                      : number < SPAWN_TOKENS_MAX ? &s->tokens[number]
                                                  : NULL;

    if (!p)
        return;
    if (p != &s->net) /* perhaps for a lock: nothing is unlocked unasked after it */
        s->is_unlock_wanted = false;
    p->is_wanted = false;
    if (p->pid == 0 || p->is_dying)
        return;
    (void)kill(p->pid, SIGKILL);
    p->is_dying = true;
}

void spawner_give_all(struct spawner *s)
{
    for (uint32_t i = 0; i < s->n_tokens; i++)
        if (s->tokens[i].pid != 0 && !s->tokens[i].is_dying)
            spawner_give(s, &s->tokens[i], i);
}

static bool reap_place(struct spawner *s, struct place *p, uint32_t number, pid_t pid,
                       int wait_status)
{
    if (p->pid != pid)
        return false;
    bool is_wanted = p->is_wanted;
    p->pid = 0;
    p->is_dying = p->is_wanted = false;
    p->end_ms = 0;
    fd_closep(&p->control);
    spawner_tell(s, SPAWN_GONE, number, wait_status, -1);
    if (is_wanted && !s->is_ending)
        spawner_start(s, number);
    return true;
}

bool spawner_reap(struct spawner *s, pid_t pid, int wait_status)
{
    if (pid == s->unlock) {
        s->unlock = 0;
        if (s->is_unlock_wanted && !s->is_ending)
            spawner_unlock(s);
        return true;
    }
    if (spawner_net_reap(s, pid) || reap_place(s, &s->net, SPAWN_NET, pid, wait_status))
        return true;
    for (uint32_t i = 0; i < SPAWN_TOKENS_MAX; i++)
        if (reap_place(s, &s->tokens[i], i, pid, wait_status))
            return true;
    return false;
}

bool spawner_has_children(const struct spawner *s)
{
    bool has = s->core != 0 || s->net.pid != 0 || s->old_net.pid != 0 || s->unlock != 0;

    for (uint32_t i = 0; i < SPAWN_TOKENS_MAX; i++)
        has = has || s->tokens[i].pid != 0;
    return has;
}

void spawner_end_all(struct spawner *s, bool is_hard)
{
    for (uint32_t i = 0; i < SPAWN_TOKENS_MAX; i++)
        spawner_kill(s, i);
    spawner_net_finish(&s->net);
    if (s->unlock != 0)
        (void)kill(s->unlock, is_hard ? SIGKILL : SIGTERM);
}
