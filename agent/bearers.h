/* SPDX-License-Identifier: Apache-2.0 */
/* What clients of the proxy show to be let in: 128 random bits, as text of 32 hex digits. Lasting
 * ones are kept hashed (SHA-256) in STATE/VAULT_ID/bearers.json, one per client, and belong to a
 * record by its id, so that a rename changes nothing; lent ones live in the agent's memory and end
 * with the connection that asked for them. As a dummy API key: "coffer_NAME_BEARER". */
#ifndef AGENT_BEARERS_H
#define AGENT_BEARERS_H

#include "agent/agent.h"
#include "agent/audit.h"
#include "base/attr.h"

#define BEARER_BITS 128u
#define BEARER_TEXT 33u
#define BEARERS_MAX 256u
#define BEARERS_SHARE 32u /* of the lent ones, to one process */
#define BEARER_KEY_PREFIX "coffer_"

struct bearer {
    char client[ASKER_NAME_MAX + 1]; /* as record names: [A-Za-z0-9][A-Za-z0-9_-]* */
    uint8_t hash[32];
    uint8_t rec_id[REC_ID_LEN];
    uint64_t created_ms;
};
struct bearer_list {
    struct bearer v[BEARERS_MAX];
    size_t n;
};

/* -- the file: for `coffer bearer`, which needs no agent -- */
/* Empty when there is none. Large: heap. ERR_FORMAT, ERR_IO. */
int bearers_read(const struct where *w, const uint8_t vault_id[VAULT_ID_LEN],
                 struct bearer_list *out, struct err *e) MUST_USE;
/* ERR_EXISTS: the client has one for this record; ERR_LIMIT. text: the bearer, shown once. */
int bearer_add(const struct where *w, const uint8_t vault_id[VAULT_ID_LEN],
               const uint8_t rec_id[REC_ID_LEN], const char *client, const struct env *env,
               char text[BEARER_TEXT], struct err *e) MUST_USE;
int bearer_revoke(const struct where *w, const uint8_t vault_id[VAULT_ID_LEN],
                  const uint8_t rec_id[REC_ID_LEN], const char *client, struct err *e) MUST_USE;
int bearer_check_client(const char *name, struct err *e) MUST_USE;
/* "coffer_NAME_BEARER" into its parts; false: not of that form. */
bool bearer_from_key(struct bytes key, struct bytes *name, struct bytes *bearer) MUST_USE;

/* -- the agent -- */
int bearers_new(struct agent *a, struct err *e) MUST_USE; /* sets a->bearers */
void bearers_free(struct agent *a);
/* One that ends with bearers_return. pid: who has it. ERR_LIMIT. */
int bearers_lend(struct agent *a, const uint8_t rec_id[REC_ID_LEN], const char *client,
                 uint32_t pid, char text[BEARER_TEXT], struct err *e) MUST_USE;
/* The same one again, for who had it before the agent was started again. ERR_USAGE: text is none,
 * ERR_EXISTS: it is somebody's. */
int bearers_lend_again(struct agent *a, const uint8_t rec_id[REC_ID_LEN], const char *client,
                       uint32_t pid, const char *text, struct err *e) MUST_USE;
void bearers_return(struct agent *a, const char *text);
/* Whether it is anybody's: false for one that bearers_check refuses for every record. hash: its,
 * for bearers_check_hash, where it is true. */
bool bearers_is_known(struct agent *a, struct bytes bearer, uint8_t hash[32]) MUST_USE;
/* Constant time in the bearer. Looks at the file once a moment (agent.h). client: gets its name.
 * ERR_POLICY (nobody's, revoked, of another record: one message for all). A file that cannot be
 * read lets nobody in who is in it: ERR_IO. */
int bearers_check(struct agent *a, struct bytes bearer, const uint8_t rec_id[REC_ID_LEN],
                  char client[ASKER_NAME_MAX + 1], struct err *e) MUST_USE;
int bearers_check_hash(struct agent *a, const uint8_t hash[32], const uint8_t rec_id[REC_ID_LEN],
                       char client[ASKER_NAME_MAX + 1], struct err *e) MUST_USE;

#endif
