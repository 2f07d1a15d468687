/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP proxy of the environment: https_proxy and no_proxy, either case; nothing else counts. It
 * only carries TLS connections through (CONNECT). */
#ifndef NET_PROXY_H
#define NET_PROXY_H

#include "base/attr.h"
#include "base/bytes.h"

#define PROXY_MAX 1024u

struct proxy {
    char url[PROXY_MAX]; /* empty: none */
    unsigned port;
    bool is_tls;         /* it is itself spoken to by TLS */
    const char *bad;     /* why the one that is named cannot be used; NULL: it can */
    struct bytes except; /* no_proxy; borrowed */
};

/* Each text as in the environment, or NULL. */
void proxy_set(struct proxy *p, const char *url, const char *except);
void proxy_from_environment(struct proxy *p);
/* host: name or name:port, lower case. false also when there is no proxy. */
bool proxy_is_for(const struct proxy *p, const char *host);

#endif
