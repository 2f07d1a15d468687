/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of coffer add: what the options say (add_plan.c), whether the key may be sealed
 * (add_judge.c), what is asked besides (add_ask.c), and the sealing (add.c). */
#ifndef CLI_ADD_H
#define CLI_ADD_H

#include "agent/courier.h"
#include "base/attr.h"
#include "base/err.h"
#include "cli/candidate.h"
#include "cli/cli.h"

struct adding {
    struct candidate d;
    char reason[256]; /* of --accept-risk; "" none */
    bool is_tried;    /* d.checkup stands */
    struct vault *v;  /* borrowed; where other keys are looked for */
};

/* Fills d.k and d.info from the command line. Nothing is asked or opened but --ca-file. */
int add_plan(struct cli *c, struct adding *a, struct err *e) MUST_USE;
/* Reads the key and tries it until it may be sealed (OK), or not: then the error says why. At a
 * terminal the person decides; otherwise --accept-risk has decided. */
int add_judge(struct cli *c, struct adding *a, struct courier *courier, struct err *e) MUST_USE;
/* At a terminal, and without --region: which of an exchange's sites the account is of. After
 * add_plan. */
int add_ask_region(struct cli *c, struct adding *a, struct err *e) MUST_USE;
/* A key that looks like one of the vault's is warned of; at a terminal the person says whether to
 * go on (ERR_EXISTS: no). After the key was read. */
int add_ask_known(struct cli *c, struct adding *a, struct err *e) MUST_USE;
/* ERR_USAGE unless the exchange has a host of this environment there. region NULL: anywhere. */
int add_check_host(const struct connector *k, const char *environment, const char *region,
                   struct err *e) MUST_USE;
/* Writes down that the key was never tried, or not yet. */
void add_mark_untried(struct record_info *r, const char *reason, uint64_t now_ms);

#endif
