/* SPDX-License-Identifier: Apache-2.0 */
/* The first process of the agent from the inside; for agent/spawner*.c. */
#ifndef AGENT_SPAWNER_H
#define AGENT_SPAWNER_H

#include "agent/courier_start.h"
#include "agent/listen.h"
#include "agent/service.h"
#include "agent/spawn.h"
#include "base/attr.h"
#include "vault/local.h"

/* Of tokens: as many again as may be listed, for those that are dying. */
#define SPAWNER_PLACES (2 * SPAWN_TOKENS_MAX)

/* One process that the core may ask for. */
struct place {
    struct local_token entry; /* of a token */
    bool is_listed;           /* the entry is on the list; one that left it may still be dying */
    pid_t pid;                /* 0: none runs */
    int control;              /* our end of the pair over which it gets its channels; -1 */
    bool is_dying;            /* killed, and not yet gone */
    uint64_t end_ms;          /* told to finish, and killed then; 0: not told */
    bool is_wanted;           /* to be started again when it is gone */
};

struct spawner {
    struct agent_options options; /* as given, with the addresses that came of them */
    const struct where *where;
    const struct env *env;
    uint8_t vault_id[VAULT_ID_LEN];
    /* spawner_sockets.c */
    int lock;
    int run_dir;
    int agent_socket, proxy_socket, tcp_socket; /* -1: none */
    unsigned tcp_port;
    bool is_agent_ours, is_proxy_ours; /* bound here, and to be removed at the end */
    struct listen_file agent_file, proxy_file;
    /* spawner_places.c */
    struct place *tokens; /* SPAWNER_PLACES; one stays where it is */
    /* spawner_net.c */
    struct place net;
    struct place old_net;   /* the one before, which finishes what it has begun */
    struct ports net_ports; /* that the last one was given */
    uint64_t renew_ms;      /* when to look again whether it needs others; 0: not */
    /* spawner_words.c */
    pid_t unlock;          /* `coffer unlock`; 0: does not run */
    bool is_unlock_wanted; /* once more, when that has ended */
    /* spawner.c */
    int signals;
    pid_t core; /* 0: none runs */
    int core_control;
    uint64_t core_since_ms, core_next_ms;
    uint64_t core_deaf_ms; /* since when it does not hear us; 0: it does */
    unsigned core_deaths;  /* in a row */
    bool is_ready, is_ending;
    uint64_t ending_ms;
    int status;
};

/* spawner.c: all shall end, with this status; the first one counts. */
void spawner_begin_end(struct spawner *s, int status);
/* spawner_asked.c */
void spawner_read_core(struct spawner *s);

/* spawner_sockets.c: becomes the agent of this user, and listens. ERR_EXISTS: another is. */
int spawner_listen(struct spawner *s, struct err *e) MUST_USE;
void spawner_unlisten(struct spawner *s);
/* At the end nobody comes in any more; that an agent is still there, is seen until it is gone. */
void spawner_deafen(struct spawner *s);
/* The agent's socket, where it was bound here, still lies there. */
bool spawner_is_reachable(const struct spawner *s);
/* spawner_places.c: what may be started, by tokens.json alone. Tokens whose entry is as it was go
 * on, wherever in it they stand. */
int spawner_read_places(struct spawner *s, struct err *e) MUST_USE;
/* NULL: no such place. */
struct place *spawner_place(struct spawner *s, const struct spawn_message *m);
void spawner_start(struct spawner *s, struct place *p); /* or gives a new channel to it */
void spawner_kill(struct spawner *s, struct place *p);  /* NULL: one that is gone */
/* Channels to a new core for the tokens that run. */
void spawner_give_all(struct spawner *s);
/* One of ours has ended: true, and the core was told. */
bool spawner_reap(struct spawner *s, pid_t pid, int wait_status);
bool spawner_has_children(const struct spawner *s);
/* The end of them; the proxy may finish what it has begun. is_hard: `coffer unlock` is killed. */
void spawner_end_all(struct spawner *s, bool is_hard);
/* A new channel between it and the core. */
void spawner_give(struct spawner *s, struct place *p);
void spawner_tell(struct spawner *s, const struct spawn_message *m, int fd);

/* spawner_ports.c: all TCP ports that coffer-net needs for this vault. */
int spawner_ports(const struct where *w, const struct env *env, struct ports *out,
                  struct err *e) MUST_USE;
bool spawner_ports_cover(const struct ports *given, const struct ports *wanted);

/* spawner_net.c: another coffer-net takes the place of one that lacks a port, on the same sockets;
 * that one finishes what it has begun. One at a time: what cannot be done yet is done later. True:
 * the core has got a channel to the new one. */
bool spawner_net_renew(struct spawner *s);
/* It takes no more connections, finishes what it has begun, and ends. */
void spawner_net_finish(struct place *p);
/* Milliseconds until there is something to do; -1: there is nothing. */
int spawner_net_due(const struct spawner *s);
void spawner_net_step(struct spawner *s);
bool spawner_net_reap(struct spawner *s, pid_t pid); /* it was the one before */

/* spawner_words.c: starts the process of this place. */
int spawner_launch(struct spawner *s, bool is_net, struct place *p, struct err *e) MUST_USE;
void spawner_unlock(struct spawner *s); /* `coffer unlock`, where there is a PIN for it */

/* spawner_start.c: as many descriptors as clients may need. */
void spawner_raise_limit(void);
/* A program of ours with these descriptors as 3 and on, and nothing else of ours. argv[0] is its
 * name. ERR_FAILED. */
int spawner_exec(char *const *argv, char *const *envp, const int *fds, size_t n, pid_t *pid,
                 struct err *e) MUST_USE;

#endif
