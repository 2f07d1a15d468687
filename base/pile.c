/* SPDX-License-Identifier: Apache-2.0 */
/* The queue of pile.h: what is taken off the front is moved away only when room is wanted. */
#include "base/pile.h"

#include "base/wipe.h"

#include <string.h>

void pile_free(struct pile *l)
{
    wipe_free(l->p);
    *l = (struct pile){0};
}

void pile_drop(struct pile *l, size_t n)
{
    if (n >= l->n) {
        pile_free(l);
        return;
    }
    explicit_bzero(l->p + l->at, n);
    l->at += n;
    l->n -= n;
}

uint8_t *pile_room(struct pile *l, size_t n)
{
    if (l->at > 0 && l->cap - l->at - l->n < n) {
        memmove(l->p, l->p + l->at, l->n);
        explicit_bzero(l->p + l->n, l->at);
        l->at = 0;
    }
    if (l->cap - l->at - l->n < n) {
        size_t cap = l->cap * 2 > l->n + n ? l->cap * 2 : l->n + n;
        uint8_t *p = wipe_realloc(l->p, cap);
        if (!p)
            return NULL;
        l->p = p;
        l->cap = cap;
    }
    return l->p + l->at + l->n;
}
