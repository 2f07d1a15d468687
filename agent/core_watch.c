/* SPDX-License-Identifier: Apache-2.0 */
/* Hears of a new vault.json when it is put there, and not only when it is next looked at: a new key
 * may need a coffer-net with another port. Where nothing is heard (a network's file system, a
 * directory that was moved) the core looks once a second all the same. */
#include "agent/core.h"

#include "agent/keyring.h"
#include "base/file.h"

#include <event2/event.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#define AGAIN_MS 100u /* nobody who puts one after the other there keeps the core busy */

struct core_watch {
    struct agent *a;
    int fd;
    struct event *readable;
    uint64_t looked_ms;
};

static bool is_about_vault(const char *p, size_t n)
{
    struct inotify_event v;
    bool is_any = false;

    for (size_t at = 0; at + sizeof(v) <= n; at += sizeof(v) + v.len) {
        memcpy(&v, p + at, sizeof(v));
        if (v.len > n - at - sizeof(v))
            break;
        const char *name = p + at + sizeof(v);
        is_any = is_any || (v.len > 0 && strncmp(name, "vault.json", v.len) == 0);
    }
    return is_any;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct core_watch *w = arg;
    char got[16 * (sizeof(struct inotify_event) + NAME_MAX + 1)];
    bool is_any = false;
    struct err e;
    ssize_t n;

    (void)what;
    while ((n = read(fd, got, sizeof(got))) > 0)
        is_any = is_any || is_about_vault(got, (size_t)n);
    uint64_t now = ticks_ms();
    if (!is_any || now - w->looked_ms < AGAIN_MS)
        return;
    w->looked_ms = now;
    /* what is wrong with it, whoever asks for a record is told */
    (void)!keyring_refresh(w->a, &e);
}

void core_watch_free(struct core_watch *w)
{
    if (!w)
        return;
    if (w->readable)
        event_free(w->readable);
    fd_closep(&w->fd);
    free(w);
}

struct core_watch *core_watch_new(struct agent *a)
{
    struct core_watch *w = calloc(1, sizeof(*w));

    if (!w)
        return NULL;
    w->a = a;
    w->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (w->fd >= 0 && inotify_add_watch(w->fd, a->where.vault, IN_MOVED_TO | IN_ONLYDIR) >= 0)
        w->readable = event_new(a->loop, w->fd, EV_READ | EV_PERSIST, on_readable, w);
    if (w->readable && event_add(w->readable, NULL) == 0)
        return w;
    core_watch_free(w);
    return NULL;
}
