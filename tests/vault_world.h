/* SPDX-License-Identifier: Apache-2.0 */
/* A vault on disk with keys in memory, for the tests of its life, its trust and its damage. What
 * needs a real token is in the end-to-end tests. */
#ifndef TESTS_VAULT_WORLD_H
#define TESTS_VAULT_WORLD_H

#include "tests/softkey.h"

struct world {
    struct where w;
    struct softkey key; /* free it with softkey_free */
    uint8_t id[VAULT_ID_LEN];
};

/* A new vault in directories of its own below harness_dir(). */
void world_new(struct world *o, const char *kind, enum scheme s);
/* Adds a Binance key, each time the same, under this name: loads, locks, opens and commits. */
int world_add(struct world *o, const char *name, struct err *e);
/* Loads the vault afresh and opens one record. */
int world_open(struct world *o, const char *name, struct record **r, struct err *e);
/* Checks that the record signs as the key of world_add does, and does no more than that. */
void world_signs(struct world *o, const char *name);
size_t world_count_files(const struct world *o); /* record files, referenced or not */
void world_record_path(const struct world *o, const char *name, char *out, size_t cap);

void read_all(const char *path, struct buf *out); /* adds the file's bytes to out */
void write_all(const char *path, struct bytes v);
void copy_file(const char *from, const char *to);

#endif
