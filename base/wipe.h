/* SPDX-License-Identifier: Apache-2.0 */
/* An allocator that wipes each block before it is given back, for our buffers and for OpenSSL and
 * cJSON, which copy what they are handed and free it unwiped. Keeps its own length word. */
#ifndef BASE_WIPE_H
#define BASE_WIPE_H

#include "base/attr.h"
#include "base/err.h"

#include <stddef.h>

void *wipe_malloc(size_t n) MUST_USE; /* NULL when memory is out or n is absurd */
/* Moves and wipes the old block; p stays valid on NULL. */
void *wipe_realloc(void *p, size_t n) MUST_USE;
void wipe_free(void *p); /* takes NULL */

/* Wipes the 64 KiB of stack below the caller: what finished calls left there, the vector registers
 * that the dynamic linker saved while it bound a function included. */
void wipe_stack(void);

/* What a rush left free between what lives on goes back to the system, where the C library can. */
void wipe_give_back(void);

/* Hands the allocator to OpenSSL and cJSON, and starts OpenSSL without openssl.cnf. Must come
 * before their first call; ERR_FAILED when it came too late. */
int wipe_install(struct err *e) MUST_USE;

#endif
