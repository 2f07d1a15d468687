/* SPDX-License-Identifier: Apache-2.0 */
/* Starts coffer-net and has it carry requests: the only way from here to an exchange. This process
 * opens no connection itself. */
#ifndef AGENT_COURIER_H
#define AGENT_COURIER_H

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/wire.h"
#include "connectors/checks.h"
#include "connectors/connector.h"
#include "vault/record.h"

struct courier;

/* Starts coffer-net, which stands beside coffer or in ../lib/coffer. Before any token module is
 * loaded, so that no descriptor or memory of a driver is inherited. records: those whose hosts may
 * be called (their ports and those of --connect-to are all that coffer-net may reach; NULL
 * elements are skipped). ERR_FAILED when it cannot be found or started. */
int courier_start(const struct record_info *const *records, size_t n, struct courier **out,
                  struct err *e) MUST_USE;
void courier_free(struct courier *c); /* ends coffer-net; takes NULL */
void courier_freep(struct courier **c);

/* One reply, or what became of a request without one. Owned buffers. */
struct answer {
    uint32_t id;
    enum wire_result result;
    enum wire_fault fault;
    unsigned status;
    uint64_t sent_us, answered_us;
    struct header headers[WIRE_HEADERS_MAX]; /* point into frame */
    size_t n_headers;
    struct bytes body;                       /* points into frame */
    char detail[160];
    struct err refused;                      /* by the agent or its proxy; code OK: it was not */
    struct buf frame;
};
void answer_init(struct answer *a);
void answer_free(struct answer *a);
/* The view that connectors read; borrowed from a. */
void answer_reply(const struct answer *a, struct reply *out);

/* Hands over one signed request. rec: its connector's hosts of its environment and region (or the
 * record's own narrower list), CA and connect-to go along, and coffer-net refuses any other host.
 * timeout_ms: 0 for 10 s. Returns when it is handed over, not when it is answered.
 * ERR_FAILED: coffer-net is gone. */
int courier_send(struct courier *c, uint32_t id, const struct request *r,
                 const struct record_info *rec, unsigned timeout_ms, struct err *e) MUST_USE;
/* Waits for the next answer to anything that was sent. ERR_FAILED: coffer-net is gone; whether what
 * was under way arrived is unknown. a: fresh, or used before. */
int courier_wait(struct courier *c, struct answer *a, struct err *e) MUST_USE;
/* What stands in the place of a reply, as an error with hints: "api.binance.com could not be
 * reached: ...". ERR_FAILED, or ERR_POLICY for a host that is not allowed; where the agent refused,
 * its error. host: for the message.
 * is_order: not GET, so that an unknown end is said as such ("it may have been carried out"). */
int answer_fault(const struct answer *a, const char *host, bool is_order, struct err *e);

/* --connect-to: [HOST]:[PORT]:ADDRESS:PORT as curl takes it, IPv6 addresses in brackets. ERR_USAGE.
 * port: that it leads to. */
int connect_to_check(const char *text, unsigned *port, struct err *e) MUST_USE;

#endif
