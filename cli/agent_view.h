/* SPDX-License-Identifier: Apache-2.0 */
/* What the agent that runs says of itself, and the few things that commands ask of it. Whether a
 * command goes through it is by_agent.h's; how it is started agent_start.h's. */
#ifndef CLI_AGENT_VIEW_H
#define CLI_AGENT_VIEW_H

#include "agent/client.h"
#include "base/attr.h"
#include "cli/cli.h"
#include "pkcs11/token.h"
#include "vault/vault.h"

#define VIEW_TOKENS_MAX 16u

/* A token of the vault, as the agent's helper for it told last. */
struct view_token {
    uint8_t rid[RID_LEN];
    struct token_info info; /* label and serial at least */
    bool is_known;          /* the helper has told; else present and the rest of info are not */
    bool is_present, is_unlocked;
    bool is_touched; /* its key asks for a touch, as far as the driver tells */
};

struct agent_view {
    struct agent_client *client;
    char version[48];
    uint64_t pid, started_ms, held;
    char proxy_socket[WHERE_MAX], proxy_tcp[64]; /* empty: it does not listen there */
    bool is_proxy_running, is_unlocked;
    bool is_unattended;           /* a PIN file: what was lost is unlocked again without a person */
    char audit_fault[ERR_MSG_MAX]; /* why nothing is signed; empty: the log can be written */
    struct view_token tokens[VIEW_TOKENS_MAX];
    size_t n_tokens;
};
void agent_view_close(struct agent_view *a);
#define AUTO_VIEW AUTO(agent_view_close) struct agent_view

/* agent_connect, with one message wherever no agent is. */
int agent_find(const struct cli *c, const uint8_t *vault_id, struct agent_client **out,
               struct err *e) MUST_USE;
/* Connects, and asks what there is. ERR_NOT_FOUND: no agent runs (for this vault; vault_id NULL:
 * for any). Others as agent_connect. a: zeroed. */
int agent_view_open(const struct cli *c, const uint8_t *vault_id, struct agent_view *a,
                    struct err *e) MUST_USE;
/* Asks again. look: each token's state is read from the token first. */
int agent_view_read(struct agent_view *a, bool look, struct err *e) MUST_USE;
/* {"op":op} and nothing else. */
int agent_tell(struct agent_client *c, const char *op, struct err *e) MUST_USE;

/* Gives the agent the PIN of the first of the vault's tokens that is there and whose PIN is not
 * locked up, with the rules of pin_login. OK at once where one is unlocked. *used: which one it
 * was, NULL when nothing was to be done. The PIN goes through a pipe that the token's helper reads;
 * no other part of the agent sees it. */
int agent_unlock(const struct cli *c, const struct vault *v, struct agent_view *a,
                 const struct view_token **used, struct err *e) MUST_USE;

/* Around a change of what opens the vault, which may lock an agent: first whether one runs and is
 * unlocked; then, where it was, that it is locked now and stays so. */
bool agent_was_unlocked(const struct cli *c, const struct vault *v);
void agent_say_locked(const struct cli *c, const struct vault *v, bool was_unlocked);

#endif
