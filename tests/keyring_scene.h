/* SPDX-License-Identifier: Apache-2.0 */
/* A keyring with a vault and coffer-tokens, for the tests of agent/keyring*.c: asked, and its vault
 * changed, replaced and forged. */
#ifndef TESTS_KEYRING_SCENE_H
#define TESTS_KEYRING_SCENE_H

#include "tests/fake_token.h"
#include "tests/vault_steps.h"

struct scene {
    struct world o;
    struct softkey spare; /* a second token, which is a recipient */
    struct fake_agent f;
};

/* n tokens (1 or 2), all unlocked. */
void scene_new(struct scene *s, size_t n);
void scene_free(struct scene *s);
/* A record with this api_secret, that stays open for as long. */
void scene_add(struct scene *s, const char *name, const char *secret, const char *unseal);

struct asked {
    bool is_done;
    unsigned n;
    enum err_code code;
    struct held *held; /* to be released */
    struct keyring_wait *wait;
};
void scene_ask(struct scene *s, const char *name, const char *why, struct asked *x);
/* Opens it, now or later, and checks which secret it signs with. */
void scene_opens(struct scene *s, const char *name, const char *secret);
void scene_opens_at_once(struct scene *s, const char *name, const char *secret);
void scene_refused(struct scene *s, const char *name, enum err_code code);
void scene_refused_at_once(struct scene *s, const char *name, enum err_code code);
void scene_signs_with(struct held *h, const char *secret);

void scene_trusts(struct world *o, const char *fp);
/* Another vault with the same id, a higher generation, the same recipient and a record "main". */
void scene_forge(struct scene *s, struct world *forged);
/* vault.json and the records of from, over those of o. */
void scene_replace_vault(const struct world *o, const struct world *from);
void scene_copy_vault(const char *from, const char *to);

struct vault_copy {
    struct buf text;
};
void scene_copy_take(const struct world *o, struct vault_copy *out);
/* As rsync does: written aside, renamed. */
void scene_copy_put(const struct world *o, struct bytes text);

#endif
