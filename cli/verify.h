/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of coffer verify: many keys at once (verify.c), what is written down about them
 * (verify_settle.c), what is said of them (verify_report.c), and the test order
 * (verify_trade.c). */
#ifndef CLI_VERIFY_H
#define CLI_VERIFY_H

#include "agent/errand.h"
#include "base/attr.h"
#include "base/err.h"
#include "cli/checkup.h"
#include "cli/cli.h"
#include "vault/vault.h"

/* One key on its way through a checkup. */
struct patient {
    struct record_info info; /* at first as read without a PIN, then authenticated */
    struct record *r;        /* while it is open */
    struct errand *errand;
    struct checkup k;
    bool is_retiring; /* a rotation is unfinished */
    bool was_marked;  /* the record said that it was not verified */
    uint64_t now_ms;  /* when it was reported */
};

struct verifying {
    struct patient *list; /* owned */
    size_t n, n_done;     /* done: reported, from the first on */
    char reason[256];
    bool is_one; /* NAME was given */
    bool is_by_agent; /* which opens the keys; no record is open here */
    struct courier *courier;
    size_t n_works, n_refused, n_unreached, n_trouble; /* trouble: problems with a key that works */
};

/* Counts one, and tells of it: of one that was named all, of one of many only with --json, into
 * list; of them verify_summary tells. */
void verify_report(struct cli *c, struct verifying *a, struct patient *p, cJSON *list,
                   uint64_t now_ms);
/* The end: of many a table with a row each, all of those with which something is wrong, and a line
 * that counts; then what reading did not prove. */
void verify_summary(struct cli *c, const struct verifying *a);

/* What follows from a checkup for the record, in at most one commit: it loses the mark of a key
 * that was never verified, and gains the risks accepted with reason ("" none). Only a reason
 * that does not do, or an accepted risk that could not be written, is an error; all else is a
 * warning. p->info is brought up to date. */
int verify_settle(struct cli *c, struct vault *v, struct patient *p, const char *reason,
                  uint64_t now_ms, struct err *e) MUST_USE;

/* Refusals that need no PIN: options, and a record that may not trade. */
int verify_trade_check(const struct cli *c, const struct record_info *info, struct err *e) MUST_USE;
/* Asks, places the order, cancels it, tells. p: works, and is opened or the agent's. */
int verify_trade(struct cli *c, struct courier *courier, const struct patient *p,
                 struct err *e) MUST_USE;

#endif
