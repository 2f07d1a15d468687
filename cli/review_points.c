/* SPDX-License-Identifier: Apache-2.0 */
/* The checklist, and what of it the exchange has answered already. Nothing is asked here. */
#include "cli/review_points.h"

#include "cli/checkup.h"

#include <inttypes.h>
#include <stdio.h>

const struct point_text review_points[POINT_COUNT] = {
    [POINT_WITHDRAW] = {"withdrawal-off", "withdrawal is off",
                        "Is withdrawal switched off for this key?",
                        "switch it off where the exchange lists its API keys", false},
    [POINT_IP_LIST] = {"ip-list", "an IP list is set",
                       "Is the key bound to the addresses of your machines (IP list)?",
                       "enter the public address of each machine that uses it, at the exchange",
                       false},
    [POINT_AGE] = {"age", "not due for rotation", "Is the key younger than 90 days?",
                   "replace it: coffer rotate NAME", false},
    [POINT_EMAIL] = {"own-email", "the account has an e-mail address of its own",
                     "Does the exchange account have an e-mail address that is used for nothing "
                     "else?",
                     "give it one: an address that nobody knows is in no leak and gets no phishing",
                     true},
    [POINT_SECOND_FACTOR] = {"second-factor", "the second factor is an app or a hardware key",
                             "Is the account's second factor an app or a hardware key (not SMS)?",
                             "switch it over: phone numbers are taken over by calling the provider",
                             true},
    [POINT_ANTI_PHISHING] = {"anti-phishing", "an anti-phishing code is set",
                             "Is an anti-phishing code set, or is none offered there?",
                             "set one in the account's security settings: real mails then show it",
                             true},
    [POINT_ADDRESSES] = {"withdrawal-addresses", "withdrawals go to listed addresses only",
                         "Is the account's list of withdrawal addresses on, or is none offered?",
                         "switch it on: whoever gets in can then not send money to new addresses",
                         true},
    [POINT_COPIES] = {"no-copies", "no copy of the secret elsewhere",
                      "Is the secret nowhere else: downloads, chats, mails, bot settings, cloud, "
                      "backups?",
                      "delete the copies; if one was ever online or seen by others, replace the "
                      "key: coffer rotate NAME",
                      false},
};

const char *standing_name(enum standing s)
{
    static const char *const names[] = {"ask", "open", "ok"};

    return names[s];
}

/* A verification counts for as long as a review does. */
static bool is_fresh(const struct key_facts *f)
{
    return key_works(f) && days_since(f->now_ms, f->verify.worked_ms) <= STALE_DAYS &&
           f->verify.worked_ms == f->verify.at_ms;
}

static enum standing from_exchange(const struct key_facts *f, enum fact is_good, char why[WHY_TEXT])
{
    char ago[AGO_TEXT];

    ago_text(f->now_ms, f->verify.at_ms, ago);
    if (is_good == FACT_UNKNOWN)
        snprintf(why, WHY_TEXT, "%s",
                 f->verify.at_ms ? "the exchange does not say" : "never verified here");
    else if (!is_fresh(f))
        snprintf(why, WHY_TEXT, "the last good verification is too old to tell");
    else
        snprintf(why, WHY_TEXT, "%s, %s",
                 is_good == FACT_YES ? "the exchange says so" : "the exchange says it is not so",
                 ago);
    /* Bad news keeps. */
    if (is_good == FACT_NO)
        return STANDS_OPEN;
    return is_good == FACT_YES && is_fresh(f) ? STANDS_WELL : STANDS_UNKNOWN;
}

/* What was accepted once is asked about again. */
static bool is_accepted(const struct key_facts *f, enum problem p, char why[WHY_TEXT])
{
    char date[DATE_TEXT];

    for (size_t i = 0; i < f->info.n_risks; i++) {
        const struct risk *r = &f->info.risks[i];
        if (strcmp(r->problem, problem_name(p)) != 0)
            continue;
        date_text(r->date_ms, date);
        snprintf(why, WHY_TEXT, "accepted on %.10s: %s", date, r->reason);
        return true;
    }
    return false;
}

static enum standing know_withdraw(const struct key_facts *f, char why[WHY_TEXT])
{
    enum fact may = fact_by_word(f->verify.withdraw);
    enum fact is_off = may == FACT_NO ? FACT_YES : may == FACT_YES ? FACT_NO : FACT_UNKNOWN;

    if (may != FACT_NO &&
        (is_accepted(f, PROBLEM_WITHDRAW, why) || is_accepted(f, PROBLEM_WITHDRAW_UNKNOWN, why)))
        return may == FACT_YES ? STANDS_OPEN : STANDS_UNKNOWN;
    return from_exchange(f, is_off, why);
}

enum standing point_known(const struct key_facts *f, enum review_point p, char why[WHY_TEXT])
{
    why[0] = 0;
    if (p == POINT_WITHDRAW)
        return know_withdraw(f, why);
    if (p == POINT_IP_LIST)
        return from_exchange(f, fact_by_word(f->verify.ip_bound), why);
    if (p != POINT_AGE)
        return STANDS_UNKNOWN;
    snprintf(why, WHY_TEXT, "%" PRIu64 " d old", key_age_days(f));
    return key_is_old(f) ? STANDS_OPEN : STANDS_WELL;
}

enum standing point_last(const struct key_facts *f, enum review_point p)
{
    if (f->review.at_ms == 0)
        return STANDS_UNKNOWN;
    for (size_t i = 0; i < f->review.n_open && i < ARRAY_LEN(f->review.open); i++)
        if (strcmp(f->review.open[i], review_points[p].name) == 0)
            return STANDS_OPEN;
    return STANDS_WELL;
}

const char *point_advice(const struct key_facts *f, enum review_point p)
{
    const struct connector *k = connector_find(f->info.connector);
    const char *own = NULL;

    if (k && k->checks && p == POINT_WITHDRAW)
        own = k->checks->no_withdraw;
    if (k && k->checks && p == POINT_IP_LIST)
        own = k->checks->bind_ip;
    return own ? own : review_points[p].advice;
}
