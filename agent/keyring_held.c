/* SPDX-License-Identifier: Apache-2.0 */
/* Open records, in the order of their use: how long each is kept, and who goes when memory is
 * short.
 */
#include "agent/keyring_inside.h"

#include "base/wipe.h"

#include <event2/event.h>

static void link_to(struct held **first, struct held *h)
{
    h->prev = NULL;
    h->next = *first;
    if (h->next)
        h->next->prev = h;
    *first = h;
}

static void unlink_from(struct held **first, struct held *h)
{
    if (h->prev)
        h->prev->next = h->next;
    else
        *first = h->next;
    if (h->next)
        h->next->prev = h->prev;
}

struct held *held_new(struct keyring *k, struct record *r, struct err *e)
{
    struct held *h = wipe_malloc(sizeof(*h));
    if (!h) {
        record_free(r);
        err_set(e, ERR_MEMORY, "no memory for an open record");
        return NULL;
    }
    *h = (struct held){.k = k, .record = r, .refs = 1};
    link_to(&k->loose, h);
    return h;
}

const struct record_info *held_info(const struct held *h)
{
    return record_info(h->record);
}

struct signer *held_signer(struct held *h)
{
    return record_signer(h->record);
}

/* Of one that is not kept. */
static void free_unused(struct held *h)
{
    if (h->refs)
        return;
    unlink_from(&h->k->loose, h);
    record_free(h->record);
    wipe_free(h);
}

void held_release(struct held *h)
{
    h->refs--;
    if (!h->is_kept)
        free_unused(h);
}

static void use_first(struct keyring *k, struct held *h)
{
    link_to(&k->first, h);
    if (!k->last)
        k->last = h;
}

static void take_out(struct keyring *k, struct held *h)
{
    if (k->last == h)
        k->last = h->prev;
    unlink_from(&k->first, h);
}

static void drop(struct keyring *k, struct held *h)
{
    take_out(k, h);
    k->n_kept--;
    h->is_kept = false;
    link_to(&k->loose, h);
    free_unused(h);
}

/* The timer runs to the earliest end. */
static void set_timer(struct keyring *k)
{
    uint64_t least = UINT64_MAX, now = ticks_ms();
    for (const struct held *h = k->first; h; h = h->next)
        least = h->until_ms < least ? h->until_ms : least;
    event_del(k->expiry);
    if (least == UINT64_MAX)
        return;
    uint64_t ms = least > now ? least - now : 0;
    struct timeval after = {(time_t)(ms / 1000), (suseconds_t)(ms % 1000) * 1000};
    event_add(k->expiry, &after);
}

void held_expire(struct keyring *k)
{
    uint64_t now = ticks_ms();
    for (struct held *h = k->first, *next; h; h = next) {
        next = h->next;
        if (h->until_ms <= now)
            drop(k, h);
    }
    set_timer(k);
}

static struct held *find(const struct keyring *k, const char *name)
{
    struct held *h = k->first;
    while (h && strcmp(held_info(h)->name, name) != 0)
        h = h->next;
    return h;
}

const struct held *held_look(const struct keyring *k, const char *name)
{
    const struct held *h = find(k, name);
    return h && h->until_ms > ticks_ms() ? h : NULL;
}

struct held *held_find(struct keyring *k, const char *name)
{
    struct held *h = find(k, name);
    if (h && h->until_ms <= ticks_ms()) {
        drop(k, h);
        return NULL;
    }
    if (h && h != k->first) {
        take_out(k, h);
        use_first(k, h);
    }
    return h;
}

void held_keep(struct keyring *k, struct held *h, uint64_t for_ms)
{
    struct held *old = find(k, held_info(h)->name);
    if (old)
        drop(k, old);
    unlink_from(&k->loose, h);
    h->is_kept = true;
    h->until_ms = for_ms == UINT64_MAX ? UINT64_MAX : ticks_ms() + for_ms;
    use_first(k, h);
    k->n_kept++;
    set_timer(k);
}

void held_drop_all(struct keyring *k)
{
    while (k->first)
        drop(k, k->first);
    set_timer(k);
}

void held_wipe_all(struct keyring *k)
{
    held_drop_all(k);
    for (struct held *h = k->loose; h; h = h->next)
        record_wipe(h->record);
}

void held_drop_changed(struct keyring *k)
{
    for (struct held *h = k->first, *next; h; h = next) {
        next = h->next;
        if (!vault_is_current(k->vault, h->record))
            drop(k, h);
    }
    set_timer(k);
}

bool held_drop_oldest(struct keyring *k)
{
    struct held *h = k->last;
    while (h && h->refs)
        h = h->prev;
    if (h)
        drop(k, h);
    return h != NULL;
}
