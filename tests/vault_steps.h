/* SPDX-License-Identifier: Apache-2.0 */
/* Rotations of a test vault's records, each as a process of its own would make it: loaded, opened,
 * locked, one commit. Which credential a record holds is told by its api_secret. */
#ifndef TESTS_VAULT_STEPS_H
#define TESTS_VAULT_STEPS_H

#include "tests/vault_world.h"

/* Loads the vault, opens it with o's key, and locks it. */
int step_begin(struct world *o, struct vault **v, struct err *e);
/* api_key "key-" secret, and this api_secret. */
int step_fields(struct secret fields[FIELD_COUNT], const char *secret, struct err *e);
void step_fields_free(struct secret fields[FIELD_COUNT]);
int step_add(struct world *o, const char *name, const char *secret, struct err *e);
int step_rotate(struct world *o, const char *name, const char *secret, struct err *e);
int step_drop(struct world *o, const char *name, struct err *e);
/* vault_rewrite with other classes. */
int step_rewrite(struct world *o, const char *name, const char *classes, struct err *e);
int step_rename(struct world *o, const char *from, const char *to, struct err *e);
/* Makes to the recipient in the place of o's key. */
int step_reseal(struct world *o, struct softkey *to, struct err *e);
/* Another change of the recipients. */
int step_rewrap(struct world *o, const struct rewrap *r, struct err *e);
/* o goes on with that key, which was step_reseal's. */
void step_take_key(struct world *o, struct softkey *to);
/* The vault's fingerprint and generation, as o's key opens it; its pin must hold. */
void step_fingerprint(struct world *o, char out[FINGERPRINT_TEXT], uint64_t *generation);
/* A second recipient, untested, whose key is not there. */
void step_add_recipient(struct world *o, struct softkey *spare);
/* "current" or "current retiring", as their secrets; "-" where one does not open. */
void step_secrets(struct world *o, const char *name, char *out, size_t cap);
/* The decap of a token that is pulled after so many operations. ctx: the real opener. */
extern unsigned step_decaps_left;
int step_failing_decap(void *ctx, enum scheme s, struct bytes ct, struct secret *z, struct err *e);
#define SECRETS(o, name, want)                                                                     \
    do {                                                                                           \
        char got_[128];                                                                            \
        step_secrets((o), (name), got_, sizeof(got_));                                             \
        EQ_STR(got_, (want));                                                                      \
    } while (0)

#endif
