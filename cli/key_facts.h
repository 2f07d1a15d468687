/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of a key without a PIN and without asking the exchange: its record, and what this
 * machine noted. None of it is authenticated. Shared by status and review. */
#ifndef CLI_KEY_FACTS_H
#define CLI_KEY_FACTS_H

#include "base/attr.h"
#include "base/err.h"
#include "cli/cli.h"
#include "connectors/checks.h"
#include "vault/notes.h"
#include "vault/vault.h"

#define DAY_MS UINT64_C(86400000)
#define OLD_DAYS 90u    /* a key is due for rotation */
#define STALE_DAYS 30u  /* a verification is out of date */
#define REVIEW_DAYS 30u /* a review is */
#define SOON_DAYS 14u   /* before a key expires */
#define IDLE_DAYS 14u   /* after which exchanges delete keys that nobody uses */

struct key_facts {
    struct record_info info;
    struct verify_note verify; /* all zero when it was about an earlier credential */
    struct review_note review;
    bool has_bad_notes; /* they are there and cannot be read */
    bool is_retiring;   /* a rotation is unfinished */
    uint64_t now_ms;
};

/* f is filled only on OK, and freed by key_facts_free. */
int key_facts_read(const struct cli *c, struct vault *v, const char *name, uint64_t now_ms,
                   struct key_facts *f, struct err *e) MUST_USE;
void key_facts_free(struct key_facts *f);

/* Whether a note is about the credential that the record holds now. */
bool note_is_about(const struct verify_note *n, const struct record_info *r);
/* Whole days from then to now; 0 when then is in the future. */
uint64_t days_since(uint64_t now_ms, uint64_t then_ms);
uint64_t key_age_days(const struct key_facts *f); /* since it was rotated or added */
bool key_is_old(const struct key_facts *f);
bool key_works(const struct key_facts *f); /* the last try that reached the exchange went well */
bool key_is_refused(const struct key_facts *f);
bool key_is_expired(const struct key_facts *f);
bool key_expires_soon(const struct key_facts *f); /* not when it is expired already */
bool key_has_problem(const struct key_facts *f, enum problem p);
bool review_is_due(const struct key_facts *f);
/* A note's "yes" or "no"; anything else is unknown. */
enum fact fact_by_word(const char *word);
/* true, false or null. */
void json_fact(cJSON *to, const char *name, enum fact v);

#define AGO_TEXT 24u
/* "since today", "for 3 d". */
const char *since_text(uint64_t now_ms, uint64_t then_ms, char out[AGO_TEXT]);
/* "3 d ago", "5 h ago", "just now"; "never" for 0. */
void ago_text(uint64_t now_ms, uint64_t then_ms, char out[AGO_TEXT]);

#endif
