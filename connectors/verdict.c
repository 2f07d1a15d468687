/* SPDX-License-Identifier: Apache-2.0 */
/* What is wrong with a key: the table of problems, and what follows from facts alike at every
 * exchange. What a fact is read from is in the exchanges' own files. */
#include "connectors/checks.h"

#include "base/text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#define DAY_MS 86400000u
#define SOON_DAYS 14u
#define OLD_DAYS 90u

/* One each: a verdict never runs out of room. */
_Static_assert(PROBLEM_COUNT <= FINDINGS_MAX, "room for each problem");

static const struct {
    const char *name, *line;
    enum weight weight;
} problems[PROBLEM_COUNT] = {
    [PROBLEM_WITHDRAW] = {"may-withdraw", "may withdraw", WEIGHT_DANGER},
    [PROBLEM_WITHDRAW_UNKNOWN] = {"withdraw-unknown", "cannot be proven not to withdraw",
                                  WEIGHT_DANGER},
    [PROBLEM_TRANSFER] = {"may-transfer", "may move funds between accounts", WEIGHT_DANGER},
    [PROBLEM_TRANSFER_UNKNOWN] = {"transfer-unknown",
                                  "cannot be proven not to move funds between accounts",
                                  WEIGHT_DANGER},
    [PROBLEM_UNKNOWN_RIGHT] = {"unknown-right", "has a right that coffer does not know",
                               WEIGHT_DANGER},
    [PROBLEM_ADDRESSES] = {"may-change-addresses", "may add or change withdrawal addresses",
                           WEIGHT_DANGER},
    [PROBLEM_NO_IP_LIST] = {"no-ip-list", "works from any IP address", WEIGHT_WARN},
    [PROBLEM_IP_LIST_UNKNOWN] = {"ip-list-unknown", "the exchange does not tell its IP list",
                                 WEIGHT_NOTE},
    [PROBLEM_EXPIRED] = {"expired", "has expired", WEIGHT_WARN},
    [PROBLEM_EXPIRES_SOON] = {"expires-soon", "expires soon", WEIGHT_WARN},
    [PROBLEM_DELETED_WHEN_IDLE] = {"deleted-when-idle", "is deleted by the exchange when unused",
                                   WEIGHT_WARN},
    [PROBLEM_CANNOT_READ] = {"cannot-read", "cannot read", WEIGHT_WARN},
    [PROBLEM_CANNOT_TRADE] = {"cannot-trade", "cannot trade", WEIGHT_NOTE},
    [PROBLEM_CLOCK] = {"clock", "this machine's clock is off", WEIGHT_WARN},
    [PROBLEM_OLD] = {"old", "is over 90 days old", WEIGHT_WARN},
    [PROBLEM_MOCKED] = {"mocked", "this environment answers with made-up data", WEIGHT_NOTE},
};

static bool is_problem(enum problem p)
{
    return (unsigned)p < PROBLEM_COUNT;
}

const char *problem_name(enum problem p)
{
    return is_problem(p) ? problems[p].name : "unknown";
}

bool problem_by_name(struct bytes name, enum problem *out)
{
    struct bytes words;

    (void)text_cut(name, ':', &name, &words);
    for (unsigned i = 0; i < PROBLEM_COUNT; i++)
        if (bytes_eq_str(name, problems[i].name)) {
            *out = (enum problem)i;
            return true;
        }
    return false;
}

const char *problem_line(enum problem p)
{
    return is_problem(p) ? problems[p].line : "has a problem that coffer does not know";
}

enum weight problem_weight(enum problem p)
{
    return is_problem(p) ? problems[p].weight : WEIGHT_DANGER;
}

static struct finding *find(struct verdict *v, enum problem p)
{
    for (size_t i = 0; i < v->n_findings; i++)
        if (v->findings[i].problem == p)
            return &v->findings[i];
    return NULL;
}

bool verdict_has(const struct verdict *v, enum problem p)
{
    for (size_t i = 0; i < v->n_findings; i++)
        if (v->findings[i].problem == p)
            return true;
    return false;
}

/* Behind all of at least its weight. */
static struct finding *insert(struct verdict *v, enum problem p)
{
    size_t at = v->n_findings;

    while (at > 0 && problem_weight(v->findings[at - 1].problem) < problem_weight(p))
        at--;
    memmove(&v->findings[at + 1], &v->findings[at], (v->n_findings - at) * sizeof(*v->findings));
    v->n_findings++;
    v->findings[at] = (struct finding){.problem = p};
    return &v->findings[at];
}

void verdict_add(struct verdict *v, enum problem p, const char *todo, const char *text_fmt, ...)
{
    /* Longer than a finding's text, so that the cut below falls between characters. */
    char raw[1024] = "";
    va_list ap;

    if (!is_problem(p) || find(v, p))
        return;
    struct finding *f = insert(v, p);
    va_start(ap, text_fmt);
    vsnprintf(raw, sizeof(raw), text_fmt, ap);
    va_end(ap);
    text_clean(f->text, sizeof(f->text), bytes_str(raw));
    text_clean(f->todo, sizeof(f->todo), bytes_str(todo ? todo : ""));
}

/* As verdict_add; where the connector was first, its words stay, and only advice that it left out
 * is filled in. */
static void conclude(struct verdict *v, enum problem p, const char *todo, const char *text)
{
    struct finding *f = find(v, p);

    if (!f)
        verdict_add(v, p, todo, "%s", text);
    else if (!f->todo[0] && todo)
        text_clean(f->todo, sizeof(f->todo), bytes_str(todo));
}

static void conclude_danger(struct verdict *v, enum fact f, enum problem yes, enum problem unknown,
                            const char *todo)
{
    if (f == FACT_YES)
        conclude(v, yes, todo, "");
    else if (f != FACT_NO)
        conclude(v, unknown, todo, "the exchange's answer does not say that this right is off");
}

static void conclude_rights(struct verdict *v, const struct checks *advice)
{
    const char *withdraw = advice && advice->no_withdraw
                               ? advice->no_withdraw
                               : "take this right away where the exchange lists its API keys";
    const char *transfer = advice && advice->no_transfer
                               ? advice->no_transfer
                               : "take this right away where the exchange lists its API keys";

    conclude_danger(v, v->withdraw, PROBLEM_WITHDRAW, PROBLEM_WITHDRAW_UNKNOWN, withdraw);
    conclude_danger(v, v->transfer, PROBLEM_TRANSFER, PROBLEM_TRANSFER_UNKNOWN, transfer);
    if (verdict_has(v, PROBLEM_UNKNOWN_RIGHT))
        conclude(v, PROBLEM_UNKNOWN_RIGHT,
                 "look it up where the exchange lists its API keys, and take it away if it is not "
                 "needed",
                 "");
    if (v->read == FACT_NO)
        conclude(v, PROBLEM_CANNOT_READ,
                 "give it the right to read: without it neither orders nor balances are seen", "");
    bool is_known_none = (v->trade_spot == FACT_NO || v->trade_futures == FACT_NO) &&
                         v->trade_spot != FACT_YES && v->trade_futures != FACT_YES;
    if (is_known_none)
        conclude(v, PROBLEM_CANNOT_TRADE, "nothing, if it is for watching only",
                 v->trade_spot == v->trade_futures ? "" : "no right to trade is known to be on");
}

static void conclude_ips(struct verdict *v, const struct checks *advice)
{
    const char *todo = advice && advice->bind_ip
                           ? advice->bind_ip
                           : "bind it to the addresses of your servers at the exchange";

    if (v->ip_bound == FACT_NO)
        conclude(v, PROBLEM_NO_IP_LIST, todo, "whoever gets hold of it can use it from anywhere");
    else if (v->ip_bound != FACT_YES)
        conclude(v, PROBLEM_IP_LIST_UNKNOWN, todo, "");
}

static const char *days(char out[32], uint64_t ms)
{
    uint64_t n = ms / DAY_MS;

    if (n == 0)
        snprintf(out, 32, "less than a day");
    else
        snprintf(out, 32, "%" PRIu64 " day%s", n, n == 1 ? "" : "s");
    return out;
}

static void conclude_times(struct verdict *v, uint64_t now_ms)
{
    static const char renew[] = "make a new key at the exchange, then bring it in with "
                                "'coffer rotate'";
    char text[80], span[32];

    if (v->expires_ms != 0 && v->expires_ms <= now_ms) {
        snprintf(text, sizeof(text), "%s ago", days(span, now_ms - v->expires_ms));
        conclude(v, PROBLEM_EXPIRED, renew, text);
    } else if (v->expires_ms != 0 && v->expires_ms - now_ms <= SOON_DAYS * (uint64_t)DAY_MS) {
        snprintf(text, sizeof(text), "in %s", days(span, v->expires_ms - now_ms));
        conclude(v, PROBLEM_EXPIRES_SOON, renew, text);
    }
    if (v->created_ms != 0 && v->created_ms < now_ms &&
        now_ms - v->created_ms > OLD_DAYS * (uint64_t)DAY_MS) {
        snprintf(text, sizeof(text), "made %s ago", days(span, now_ms - v->created_ms));
        conclude(v, PROBLEM_OLD, renew, text);
    }
}

void verdict_conclude(struct verdict *v, const struct checks *advice, uint64_t now_ms)
{
    conclude_rights(v, advice);
    conclude_ips(v, advice);
    conclude_times(v, now_ms);
}
