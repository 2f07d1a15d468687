/* SPDX-License-Identifier: Apache-2.0 */
/* How to make the least privileged key at one exchange: texts, for `coffer guide` and `coffer add`.
 * Lists end with NULL. A line of which nobody could confirm the fact ends in "(unconfirmed)". */
#ifndef CONNECTORS_GUIDE_H
#define CONNECTORS_GUIDE_H

struct guide {
    const char *where;                /* the page: url and the way through the menus */
    const char *const *before;        /* what must be there first: identity check, 2FA, futures */
    const char *const *steps;
    const char *const *tick;          /* boxes as the exchange labels them */
    const char *const *never;         /* boxes that stay off, and why */
    const char *ip;                   /* the IP list: what for, how many, what without it */
    const char *const *you_get;       /* what the page shows, and which coffer field it is */
    const char *own_key;              /* registering an own public key, or that there is none */
    const char *const *own_steps;     /* NULL, or how to make a pair of one's own */
    const char *then;                 /* NULL, or why `add` refuses at first a key made so */
    const char *life;                 /* expiry, deletion when idle, number of keys */
    const char *limits;               /* what is counted per IP, per account, per key */
    const char *hummingbot;           /* connector names and what its questions mean */
    const char *const *traps;
    const char *checked;              /* "2026-11": when these facts were last gathered */
};

#endif
