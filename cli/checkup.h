/* SPDX-License-Identifier: Apache-2.0 */
/* What a checkup of a key says to a person, and which of it the owner has accepted. Shared by
 * verify, add and rotate. */
#ifndef CLI_CHECKUP_H
#define CLI_CHECKUP_H

#include "agent/errand.h"
#include "base/attr.h"
#include "base/err.h"
#include "cli/cli.h"
#include "vault/notes.h"
#include "vault/record.h"

/* The table of one key: works, latency, clock, rights, IP list, created, expires, age; under each
 * bad line what to do; or why the key is refused, with all causes and how to tell them apart.
 * stdout, unless --json. now_ms: for ages. */
void checkup_show(struct cli *c, const struct record_info *info, const struct checkup *k,
                  uint64_t now_ms);
/* The same as members of o: name, works, latency_ms, skew_ms, read, trade_spot, trade_futures,
 * withdraw, transfer (true, false, null), ip_allow_list, created_ms, expires_ms, problems[] of
 * {problem, text, todo, accepted}, failure {kind, code, message, causes[]} or null. */
void checkup_json(cJSON *o, const struct record_info *info, const struct checkup *k);

/* What a record's risk stores as its problem: the name, for some followed by ": " and what was
 * seen. */
#define RISK_PROBLEM sizeof(((struct risk *)0)->problem)
/* Whether what was accepted covers what is found: the same kind of problem, or that nobody can tell
 * where it was accepted for certain; of a right that coffer does not know only the same one. */
bool risk_covers(const struct risk *r, const struct finding *f);
const struct risk *risk_of_finding(const struct record_info *info, const struct finding *f);
/* The same where only the kind is known, as from a note. NULL: not accepted. */
const struct risk *risk_of_kind(const struct record_info *info, enum problem p);
bool risk_is_accepted(const struct record_info *info, enum problem p);
/* Something to do about it (no note), and not accepted. */
bool finding_is_open(const struct record_info *info, const struct finding *f);
/* Dangers that stand in no risk of info: in these add and rotate refuse. Count; out may be NULL. */
size_t dangers_open(const struct record_info *info, const struct verdict *v,
                    enum problem out[FINDINGS_MAX]);
/* Whether the reason must say 'withdraw': the key may, and that is not accepted yet. A reason that
 * was thought up for another danger, which every key of some exchanges has, does not cover it. */
bool danger_needs_word(const struct record_info *info, const struct verdict *v);
/* What a person is asked for, with that rule. */
const char *reason_question(const struct record_info *info, const struct verdict *v);
/* Writes them into info->risks with this reason (as accept_reason gave it). ERR_POLICY when the
 * reason must say more, ERR_LIMIT; nothing is written then. */
int dangers_accept(struct record_info *info, const struct verdict *v, const char *reason,
                   uint64_t now_ms, struct err *e) MUST_USE;
/* The text of --accept-risk, trimmed and checked (1 to 255 bytes of UTF-8), ERR_USAGE; "" when the
 * option was not given. */
int accept_reason(const struct args *a, char out[256], struct err *e) MUST_USE;
/* ERR_POLICY that names the open dangers with what was seen, with hints where to switch them off at
 * this exchange and how to accept them. */
int verdict_refuse(const struct record_info *info, const struct connector *k,
                   const struct verdict *v, struct err *e);
/* The exchange refuses not the key but the time stamp, and how far this machine's clock is off is
 * known. */
bool checkup_is_late(const struct checkup *k);
/* The exchange's code and words, without a stop at their end. */
#define FAILURE_WORDS 256u
void failure_words(const struct failure *f, char out[FAILURE_WORDS]);
/* ERR_EXCHANGE (the exchange refused the key), or ERR_FAILED (not reached), from a checkup that did
 * not work. */
int checkup_error(const char *name, const struct connector *k, const struct checkup *u,
                  struct err *e);
/* In a note, behind the name of a problem that was not accepted, where the name alone would be. */
#define NOTE_NEW ": new"
/* Keeps what was found for `coffer status`; a state directory that cannot be written is a warning.
 */
void checkup_note(const struct cli *c, const struct record_info *info, const struct checkup *k,
                  uint64_t now_ms);

#endif
