/* SPDX-License-Identifier: Apache-2.0 */
/* Which classes of requests a record opens, and how a refusal reads. */
#include "agent/policy.h"
#include "tests/harness.h"

#include <stdio.h>

static void info_for(struct record_info *r, const char *connector)
{
    record_info_init(r);
    snprintf(r->name, sizeof(r->name), "acme");
    snprintf(r->connector, sizeof(r->connector), "%s", connector);
    snprintf(r->environment, sizeof(r->environment), "live");
    r->key = KEY_HMAC;
}

static void classes(void)
{
    struct record_info r;
    struct err e;

    info_for(&r, "binance");
    EQ_INT(policy_check(&r, CLASS_PUBLIC, "GET /x", &e), OK);
    EQ_INT(policy_check(&r, CLASS_READ, "GET /x", &e), OK);
    EQ_INT(policy_check(&r, CLASS_CANCEL, "GET /x", &e), OK);
    EQ_INT(policy_check(&r, CLASS_WITHDRAW, "GET /x", &e), ERR_POLICY);
    CHECK(strstr(e.msg, "withdraw") != NULL);
    EQ_INT(e.n_hints, 1);
    EQ_STR(e.hints[0], "a trading bot needs no withdrawals: make them on the exchange's own site");
    EQ_INT(policy_check(&r, CLASS_TRANSFER, "GET /x", &e), ERR_POLICY);
    CHECK(strstr(e.msg, "transfer") && strstr(e.hints[0], "--allow transfer"));
    CHECK(!strstr(e.hints[0], "remove") && strstr(e.hints[0], "coffer add OTHERNAME binance"));
    EQ_INT(policy_check(&r, CLASS_UNKNOWN, "GET /x", &e), ERR_POLICY);
    EQ_STR(e.msg, "coffer does not know GET /x and so does not sign it (class unknown)");
    EQ_INT(e.n_hints, 1);
    CHECK(strstr(e.hints[0], "spelling") && !strstr(e.hints[0], "--allow"));
    snprintf(r.classes, sizeof(r.classes), "transfer,later-class,withdraw");
    EQ_INT(policy_check(&r, CLASS_WITHDRAW, "GET /x", &e), OK);
    EQ_INT(policy_check(&r, CLASS_TRANSFER, "GET /x", &e), OK);
    EQ_INT(policy_check(&r, CLASS_KEYS, "GET /x", &e), ERR_POLICY);
    r.unverified = true;
    EQ_INT(policy_check(&r, CLASS_READ, "GET /x", &e), OK);
    EQ_INT(policy_check(&r, CLASS_PUBLIC, "GET /x", &e), OK);
    EQ_INT(policy_check(&r, CLASS_TRADE, "GET /x", &e), ERR_POLICY);
    r.unverified = false;
    buf_adds(&r.policy, "{\"markets\":[]}");
    EQ_INT(policy_check(&r, CLASS_READ, "GET /x", &e), ERR_POLICY);
    record_info_free(&r);
}

static void class_lists(void)
{
    unsigned bits = 0;
    struct err e;

    OK_CALL(policy_parse_classes(BYTES_LIT("account,keys"), &bits, &e), &e);
    EQ_INT(bits, CLASS_BIT(CLASS_ACCOUNT) | CLASS_BIT(CLASS_KEYS));
    OK_CALL(policy_parse_classes(BYTES_LIT("all"), &bits, &e), &e);
    EQ_INT(bits, CLASSES_ALL);
    EQ_INT(policy_parse_classes(BYTES_LIT(""), &bits, &e), ERR_USAGE);
    EQ_INT(policy_parse_classes(BYTES_LIT("read,"), &bits, &e), ERR_USAGE);
    EQ_INT(policy_parse_classes(BYTES_LIT("account, keys"), &bits, &e), ERR_USAGE);
    EQ_INT(policy_parse_classes(BYTES_LIT("account,all"), &bits, &e), ERR_USAGE);
}

static void verified(void)
{
    struct record_info r;

    info_for(&r, "binance");
    CHECK(policy_is_verified(&r));
    snprintf(r.risks[0].problem, sizeof(r.risks[0].problem), "can withdraw");
    r.n_risks = 1;
    CHECK(policy_is_verified(&r));
    snprintf(r.risks[1].problem, sizeof(r.risks[1].problem), RISK_NOT_VERIFIED);
    r.n_risks = 2;
    CHECK(!policy_is_verified(&r));
    r.n_risks = 0;
    r.unverified = true;
    CHECK(!policy_is_verified(&r));
    record_info_free(&r);
}

int main(void)
{
    RUN(classes);
    RUN(class_lists);
    RUN(verified);
    return harness_end();
}
