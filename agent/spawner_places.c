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

/* Also one that is listed no more, while its process is dying. */
static struct place *find(struct spawner *s, const uint8_t rid[RID_LEN])
{
    for (size_t i = 0; i < SPAWNER_PLACES; i++) {
        struct place *p = &s->tokens[i];
        if ((p->is_listed || p->pid != 0) && memcmp(p->entry.rid, rid, RID_LEN) == 0)
            return p;
    }
    return NULL;
}

static struct place *find_free(struct spawner *s)
{
    for (size_t i = 0; i < SPAWNER_PLACES; i++)
        if (!s->tokens[i].is_listed && s->tokens[i].pid == 0)
            return &s->tokens[i];
    return NULL;
}

static void list(struct spawner *s, const struct local_token *entry)
{
    struct place *p = find(s, entry->rid);

    if (p && !local_same(&p->entry, entry))
        spawner_kill(s, p);
    if (!p)
        p = find_free(s);
    if (!p) {
        spawner_say("too many tokens whose drivers do not end");
        return;
    }
    p->entry = *entry;
    p->is_listed = true;
}

int spawner_read_places(struct spawner *s, struct err *e)
{
    struct local_tokens *all = calloc(1, sizeof(*all));

    if (!all)
        return err_set(e, ERR_MEMORY, "no memory for tokens.json");
    if (local_read(s->where, all, e)) {
        free(all);
        return e->code;
    }
    local_keep(all, s->vault_id, SPAWN_TOKENS_MAX);
    for (size_t i = 0; i < SPAWNER_PLACES; i++) {
        struct place *p = &s->tokens[i];
        if (p->is_listed && !local_of(all, p->entry.rid)) {
            spawner_kill(s, p);
            p->is_listed = false;
        }
    }
    for (size_t i = 0; i < all->n; i++)
        list(s, &all->v[i]);
    free(all);
    return OK;
}

struct place *spawner_place(struct spawner *s, const struct spawn_message *m)
{
    if (m->place == SPAWN_NET)
        return s->options.has_no_proxy ? NULL : &s->net;
    struct place *p = find(s, m->rid);
    return p && p->is_listed ? p : NULL;
}

void spawner_tell(struct spawner *s, const struct spawn_message *m, int fd)
{
    struct err e;

    if (s->core_control < 0 || !spawn_send(s->core_control, m, fd, &e))
        return;
    /* one that left so many unread hangs: without this one it is not to go on, and the next one
     * asks for all anew */
    if (e.code == ERR_LIMIT && s->core != 0)
        (void)kill(s->core, SIGKILL);
}

static void tell_of(struct spawner *s, enum spawn_kind kind, const struct place *p, int value,
                    int fd)
{
    struct spawn_message m = {
        .kind = kind, .place = p == &s->net ? SPAWN_NET : SPAWN_TOKEN, .value = value};

    memcpy(m.rid, p->entry.rid, RID_LEN);
    spawner_tell(s, &m, fd);
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

void spawner_give(struct spawner *s, struct place *p)
{
    int pair[2];

    if (s->core_control < 0)
        return;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair)) {
        tell_of(s, SPAWN_FAILED, p, 0, -1);
        return;
    }
    if (hand_over(p->control, pair[0]) == 0) {
        tell_of(s, SPAWN_CHANNEL, p, 0, pair[1]);
    } else { /* it has ended, or hangs; that coffer-net is gone is told when it is */
        spawner_kill(s, p);
        if (p != &s->net)
            tell_of(s, SPAWN_FAILED, p, 0, -1);
    }
    close(pair[0]);
    close(pair[1]);
}

void spawner_start(struct spawner *s, struct place *p)
{
    struct err e = {.code = OK};
    bool is_net = p == &s->net;

    p->is_wanted = p->is_dying;
    if (p->is_dying)
        return;
    if (p->pid == 0 && spawner_launch(s, is_net, p, &e)) {
        spawner_say("%s", e.msg);
        tell_of(s, SPAWN_FAILED, p, 0, -1);
        return;
    }
    if (!is_net || !spawner_net_renew(s))
        spawner_give(s, p);
}

void spawner_kill(struct spawner *s, struct place *p)
{
    if (p != &s->net) /* perhaps for a lock: nothing is unlocked unasked after it */
        s->is_unlock_wanted = false;
    if (!p)
        return;
    p->is_wanted = false;
    if (p->pid == 0 || p->is_dying)
        return;
    (void)kill(p->pid, SIGKILL);
    p->is_dying = true;
}

void spawner_give_all(struct spawner *s)
{
    for (size_t i = 0; i < SPAWNER_PLACES; i++)
        if (s->tokens[i].pid != 0 && !s->tokens[i].is_dying)
            spawner_give(s, &s->tokens[i]);
}

static bool reap_place(struct spawner *s, struct place *p, pid_t pid, int wait_status)
{
    if (p->pid != pid)
        return false;
    bool is_wanted = p->is_wanted;
    p->pid = 0;
    p->is_dying = p->is_wanted = false;
    p->end_ms = 0;
    fd_closep(&p->control);
    tell_of(s, SPAWN_GONE, p, wait_status, -1);
    if (is_wanted && !s->is_ending)
        spawner_start(s, p);
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
    if (spawner_net_reap(s, pid) || reap_place(s, &s->net, pid, wait_status))
        return true;
    for (size_t i = 0; i < SPAWNER_PLACES; i++)
        if (reap_place(s, &s->tokens[i], pid, wait_status))
            return true;
    return false;
}

bool spawner_has_children(const struct spawner *s)
{
    bool has = s->core != 0 || s->net.pid != 0 || s->old_net.pid != 0 || s->unlock != 0;

    for (size_t i = 0; i < SPAWNER_PLACES; i++)
        has = has || s->tokens[i].pid != 0;
    return has;
}

void spawner_end_all(struct spawner *s, bool is_hard)
{
    for (size_t i = 0; i < SPAWNER_PLACES; i++)
        spawner_kill(s, &s->tokens[i]);
    spawner_net_finish(&s->net);
    if (s->unlock != 0)
        (void)kill(s->unlock, is_hard ? SIGKILL : SIGTERM);
}
