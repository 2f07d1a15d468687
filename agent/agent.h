/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's parts in one struct, for the files that make up coffer-agent. Each part has a header
 * of its own; core.c makes them, in this order, and ends them in the opposite one. One thread, one
 * event loop: nothing here waits for a token, a client or the network. */
#ifndef AGENT_AGENT_H
#define AGENT_AGENT_H

#include "base/env.h"
#include "base/err.h"
#include "vault/vault.h"
#include "vault/where.h"

#include <stdbool.h>
#include <sys/types.h>

#define AGENT_PROTOCOL 1u
#define AGENT_LINE_MAX (1024u * 1024u) /* of a client's message */
#define AGENT_UIDS_MAX 32u
#define AGENT_PORTS_MAX 16u

struct event_base;

struct agent_options {
    char proxy_socket[WHERE_MAX]; /* empty: WHERE.run/proxy.sock */
    char listen[64];              /* "127.0.0.1:PORT" or "[::1]:PORT"; empty: no TCP */
    bool has_no_proxy;
    bool is_foreground;
    uint64_t lock_after_ms;           /* without a signature for so long: as `lock`; 0: never */
    uid_t proxy_uids[AGENT_UIDS_MAX]; /* besides our own, who may use the proxy's socket */
    size_t n_proxy_uids;
    unsigned token_ports[AGENT_PORTS_MAX]; /* that a network HSM's driver may connect to */
    size_t n_token_ports;
    char pin_file[WHERE_MAX]; /* a PIN source for unattended unlocking; empty: none */
    int ready_fd;             /* what became of the start is written there; 0: to stderr */
    int lifeline_fd;          /* the agent ends when the other end of this pipe does; 0: none */
};

struct agent {
    const struct env *env;
    const struct agent_options *options;
    pid_t pid;        /* of the agent's first process: whom to signal */
    bool is_pin_kept; /* in a file or a credential, for every token of the vault */
    struct where where;
    struct event_base *loop;
    uint8_t vault_id[VAULT_ID_LEN];
    struct spawn_link *spawner; /* agent/spawn.h: starts and ends the other processes */
    struct notices *notices;    /* agent/notice.h */
    struct audit *audit;        /* agent/audit.h */
    struct tokens *tokens;      /* agent/tokens.h: the coffer-token processes */
    struct keyring *keyring;    /* agent/keyring.h: the vault, and records that are open */
    struct bearers *bearers;    /* agent/bearers.h */
    struct desk *desk;          /* agent/desk.h: decides on requests */
    struct server *server;      /* agent/server.h: the agent's socket */
    struct counter *counter;    /* agent/counter.h: coffer-net, the proxy */
    /* Goes up with each turn of the loop, and when something has come in: a file that was looked at
     * since then is as what came in must find it, and is not looked at again. 0: no loop turns, and
     * each look is made. */
    uint64_t moment;
    bool is_ending;
};

/* Something has come in. */
static inline void agent_moment(struct agent *a)
{
    a->moment += a->moment > 0;
}

#endif
