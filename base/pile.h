/* SPDX-License-Identifier: Apache-2.0 */
/* A queue of bytes in one block: added at its end, taken off its front, wiped when taken. Empty, it
 * holds no memory. Its ceiling is its owner's. */
#ifndef BASE_PILE_H
#define BASE_PILE_H

#include <stddef.h>
#include <stdint.h>

struct pile {
    uint8_t *p;
    size_t at, n, cap; /* n bytes from p + at on */
};

void pile_free(struct pile *l);
/* Takes n bytes, or all there are, off the front. */
void pile_drop(struct pile *l, size_t n);
/* Room for n bytes behind what is there, not yet counted; NULL: no memory. */
uint8_t *pile_room(struct pile *l, size_t n);

#endif
