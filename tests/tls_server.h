/* SPDX-License-Identifier: Apache-2.0 */
/* A TLS server on a free port of loopback, in threads of the test, with a certificate of its own
 * for "api.test". What it does is in the path, see tls_server.c. */
#ifndef TESTS_TLS_SERVER_H
#define TESTS_TLS_SERVER_H

#include "base/attr.h"

#include <stddef.h>

struct tls_server;

struct tls_server *tls_server_new(void); /* ends the test's process when it cannot */
void tls_server_free(struct tls_server *s);
unsigned tls_server_port(const struct tls_server *s);
const char *tls_server_ca(const struct tls_server *s); /* PEM */
unsigned tls_server_connections(struct tls_server *s);
unsigned tls_server_requests(struct tls_server *s);
/* The request that came last: head and body. */
void tls_server_last(struct tls_server *s, char *out, size_t cap);

#endif
