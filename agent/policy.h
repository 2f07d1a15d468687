/* SPDX-License-Identifier: Apache-2.0 */
/* The one place that says whether a record may be used for a request: by class and host, and to
 * whom the signature goes. What it cannot evaluate it refuses. */
#ifndef AGENT_POLICY_H
#define AGENT_POLICY_H

#include "base/attr.h"
#include "base/err.h"
#include "connectors/gist.h"
#include "connectors/connector.h"
#include "vault/vault.h"

struct asker;
struct prepared;

/* The risk of a record whose key was never tried at the exchange. */
#define RISK_NOT_VERIFIED "not verified"
/* The key was tried at the exchange, and passed. */
bool policy_is_verified(const struct record_info *rec);
/* Bits of the classes that the record opens, the default ones included. */
unsigned policy_classes(const struct record_info *rec);
/* Reads "account,transfer" or "all" into bits. ERR_USAGE names the classes that exist. */
int policy_parse_classes(struct bytes text, unsigned *bits, struct err *e) MUST_USE;
/* OK, or ERR_POLICY that names the class, for CLASS_UNKNOWN what (a method and path), and how the
 * owner could allow it. */
int policy_check(const struct record_info *rec, enum req_class cls, const char *what,
                 struct err *e) MUST_USE;
/* host: as in the connector's list, empty when the request names none. ERR_POLICY when the record
 * is narrowed to other hosts. */
int policy_check_host(const struct record_info *rec, struct bytes host, struct err *e) MUST_USE;

/* Everything that is known of a request of a client of the agent. */
struct policy_case {
    const struct record_info *rec;
    const struct prepared *request; /* checked with this rec: its class and hosts are allowed */
    const struct asker *who;
    const struct gist *gist; /* of an order; empty where it cannot be read */
    bool is_released;        /* the signature is given to the client */
};
/* The one place where a client's request is judged by more than class and host: whatever rules are
 * to come, they are evaluated here, on the bytes that are signed. Called on the header before a key
 * is opened, and again on the authenticated record. ERR_POLICY with a hint. */
int policy_evaluate(const struct policy_case *c, struct err *e) MUST_USE;

#endif
