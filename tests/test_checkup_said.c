/* SPDX-License-Identifier: Apache-2.0 */
/* What is said of a checkup beside the table: the errors, the JSON, the note for later. */
#include "connectors/connector.h"
#include "tests/checkup_fixture.h"
#include "tests/harness.h"

/* -- errors -- */

static bool hints_say(const struct err *e, const char *text)
{
    for (unsigned i = 0; i < e->n_hints; i++)
        if (strstr(e->hints[i], text))
            return true;
    return false;
}

static void refusals_name_what_and_where(void)
{
    struct record_info r = info_of();
    struct checkup k = works();
    struct verdict v = {.is_judged = true};
    struct err e;

    verdict_add(&v, PROBLEM_WITHDRAW, NULL, "%s", "");
    verdict_add(&v, PROBLEM_WITHDRAW_UNKNOWN, NULL, "%s", "");
    verdict_add(&v, PROBLEM_TRANSFER, NULL, "%s", "");
    v.withdraw = FACT_YES;
    EQ_INT(verdict_refuse(&r, &connector_kraken, &v, &e), ERR_POLICY);
    CHECK(strstr(e.msg, r.name) && strstr(e.msg, "may withdraw"));
    CHECK(strstr(e.msg, "cannot be proven not to withdraw"));
    CHECK(strstr(e.msg, "may move funds"));
    CHECK(hints_say(&e, connector_kraken.checks->no_withdraw));
    CHECK(hints_say(&e, connector_kraken.checks->no_transfer));
    CHECK(hints_say(&e, "--accept-risk REASON") && hints_say(&e, "must say 'withdraw'"));
    CHECK(e.n_hints < ERR_HINTS); /* room for what the caller knows */

    verdict_add(&k.verdict, PROBLEM_UNKNOWN_RIGHT, "look it up", "'moon'");
    verdict_add(&k.verdict, PROBLEM_NO_IP_LIST, "bind it", "anywhere");
    EQ_INT(verdict_refuse(&r, &connector_kraken, &k.verdict, &e), ERR_POLICY);
    CHECK(strstr(e.msg, "'moon'") && !strstr(e.msg, "anywhere"));
    CHECK(hints_say(&e, "look it up") && !hints_say(&e, "bind it"));
    CHECK(!hints_say(&e, "must say"));
}

static void errors_of_a_key_that_does_not_work(void)
{
    struct checkup k = refused();
    struct err e;

    EQ_INT(checkup_error("acme", &connector_binance, &k, &e), ERR_EXCHANGE);
    CHECK(strstr(e.msg, "'acme'") && strstr(e.msg, "-2015 Invalid API-key"));
    CHECK(hints_say(&e, "the key was deleted: it is gone from the list"));
    CHECK(hints_say(&e, "the address is not on its list"));

    k = (struct checkup){.reach = REACH_NOT};
    EQ_INT(checkup_error("acme", &connector_binance, &k, &e), ERR_FAILED);
    CHECK(strstr(e.msg, "Binance"));
    err_set(&k.not_reached, ERR_IO, "api.binance.com could not be reached");
    err_hint(&k.not_reached, "look at the network");
    EQ_INT(checkup_error("acme", &connector_binance, &k, &e), ERR_FAILED);
    CHECK(strstr(e.msg, "could not be reached") && strstr(e.msg, "'acme'"));
    CHECK(hints_say(&e, "look at the network"));
    k.not_reached.code = ERR_POLICY;
    EQ_INT(checkup_error("acme", &connector_binance, &k, &e), ERR_POLICY);
}

/* -- JSON -- */

static char *json_of(const struct record_info *r, const struct checkup *k)
{
    cJSON *o = cJSON_CreateObject();

    checkup_json(o, r, k);
    char *text = cJSON_PrintUnformatted(o);
    cJSON_Delete(o);
    return text;
}

static void json_of_a_good_key(void)
{
    struct record_info r = info_of();
    struct checkup k = works();
    char *text = json_of(&r, &k);

    EQ_STR(text, "{\"name\":\"acme\",\"works\":true,\"latency_ms\":84,\"skew_ms\":-12,"
                 "\"skew_error_ms\":40,\"read\":true,\"trade_spot\":true,\"trade_futures\":false,"
                 "\"withdraw\":false,\"transfer\":false,\"ip_allow_list\":true,"
                 "\"ips\":\"203.0.113.7\",\"created_ms\":1766361600000,\"expires\":false,"
                 "\"expires_ms\":null,\"problems\":[],\"failure\":null}");
    cJSON_free(text);
}

static void json_knows_null(void)
{
    struct record_info r = info_of();
    struct checkup k = {.reach = REACH_NOT};
    struct err e;

    err_set(&k.not_reached, ERR_FAILED, "no way");
    char *text = json_of(&r, &k);
    CHECK(strstr(text, "\"works\":null,\"latency_ms\":null,\"skew_ms\":null"));
    CHECK(strstr(text, "\"withdraw\":null,\"transfer\":null,\"ip_allow_list\":null"));
    CHECK(strstr(text, "\"failure\":{\"kind\":\"not_reached\",\"code\":\"\",\"message\":\"no "
                       "way\""));
    cJSON_free(text);

    k = refused();
    text = json_of(&r, &k);
    CHECK(strstr(text, "\"works\":false"));
    CHECK(strstr(text, "\"code\":\"-2015\"") && strstr(text, "\"what\":\"the key was deleted\""));
    cJSON_free(text);

    k = works();
    verdict_add(&k.verdict, PROBLEM_WITHDRAW, "untick it", "on");
    OK_CALL(dangers_accept(&r, &k.verdict, "withdraws", NOW_MS, &e), &e);
    text = json_of(&r, &k);
    CHECK(strstr(text,
                 "\"problems\":[{\"problem\":\"may-withdraw\",\"weight\":\"danger\",\"text\":"
                 "\"on\",\"todo\":\"untick it\",\"accepted\":true,\"reason\":\"withdraws\"}]"));
    cJSON_free(text);
}

/* -- the note -- */

static void a_note_outlives_an_exchange_that_is_down(void)
{
    struct record_info r = info_of();
    struct checkup k = works();
    struct cli c = {.status = 0};
    struct verify_note n;
    struct err e;

    snprintf(c.where.state, sizeof(c.where.state), "%s/state", harness_dir());
    r.version = 3;
    verdict_add(&k.verdict, PROBLEM_NO_IP_LIST, "", "%s", "");
    checkup_note(&c, &r, &k, NOW_MS);
    OK_CALL(notes_read(&c.where, r.vault_id, r.rec_id, &n, NULL, NULL, &e), &e);
    EQ_STR(n.works, "yes");
    EQ_STR(n.withdraw, "no");
    EQ_STR(n.expires, "no");
    EQ_INT(n.worked_ms, NOW_MS);
    EQ_INT(n.version, 3);
    EQ_INT(n.n_problems, 1);
    EQ_STR(n.problems[0], "no-ip-list");

    k = (struct checkup){.reach = REACH_NOT};
    checkup_note(&c, &r, &k, NOW_MS + 5);
    OK_CALL(notes_read(&c.where, r.vault_id, r.rec_id, &n, NULL, NULL, &e), &e);
    EQ_STR(n.works, "unreached");
    EQ_INT(n.at_ms, NOW_MS + 5);
    EQ_INT(n.worked_ms, NOW_MS);
    EQ_STR(n.withdraw, "no");
    EQ_INT(n.n_problems, 1);

    k = refused();
    checkup_note(&c, &r, &k, NOW_MS + 6);
    OK_CALL(notes_read(&c.where, r.vault_id, r.rec_id, &n, NULL, NULL, &e), &e);
    EQ_STR(n.works, "refused");
    EQ_INT(n.worked_ms, NOW_MS);
}

static struct verify_note note_of(const struct cli *c, const struct record_info *r)
{
    struct verify_note n;
    struct err e;

    OK_CALL(notes_read(&c->where, r->vault_id, r->rec_id, &n, NULL, NULL, &e), &e);
    return n;
}

/* Rotation refuses keys of other accounts by it, so it is not lost when it was not asked for. */
static void the_account_stays_with_the_key(void)
{
    struct record_info r = info_of();
    struct checkup k = works();
    struct cli c = {.status = 0};
    struct verify_note n;

    snprintf(c.where.state, sizeof(c.where.state), "%s/accounts", harness_dir());
    r.version = 3;
    snprintf(k.verdict.account, sizeof(k.verdict.account), "A1");
    checkup_note(&c, &r, &k, NOW_MS);
    k.verdict.account[0] = 0;
    checkup_note(&c, &r, &k, NOW_MS + 1);
    EQ_STR(note_of(&c, &r).account, "A1");
    r.version = 4; /* as when a risk was accepted: the same credential */
    checkup_note(&c, &r, &k, NOW_MS + 2);
    EQ_STR(note_of(&c, &r).account, "A1");
    r.version = 5; /* and this is another one */
    r.rotated_ms = NOW_MS + 3;
    k = (struct checkup){.reach = REACH_NOT};
    checkup_note(&c, &r, &k, NOW_MS + 4);
    n = note_of(&c, &r);
    EQ_STR(n.account, "");
    EQ_STR(n.withdraw, "unknown");
    EQ_INT(n.worked_ms, 0);
}

static struct checkup with_right(const char *words)
{
    struct checkup k = works();

    verdict_add(&k.verdict, PROBLEM_UNKNOWN_RIGHT, "", "%s", words);
    return k;
}

static void a_new_right_is_marked_in_the_note(void)
{
    struct record_info r = info_of();
    struct checkup one = with_right("enableMoon"), other = with_right("enableMars");
    struct cli c = {.status = 0};
    struct err e;

    snprintf(c.where.state, sizeof(c.where.state), "%s/rights", harness_dir());
    OK_CALL(dangers_accept(&r, &one.verdict, "mine", NOW_MS, &e), &e);
    checkup_note(&c, &r, &one, NOW_MS);
    EQ_STR(note_of(&c, &r).problems[0], "unknown-right");
    checkup_note(&c, &r, &other, NOW_MS);
    EQ_STR(note_of(&c, &r).problems[0], "unknown-right: new");
}

int main(void)
{
    RUN(refusals_name_what_and_where);
    RUN(errors_of_a_key_that_does_not_work);
    RUN(json_of_a_good_key);
    RUN(json_knows_null);
    RUN(a_note_outlives_an_exchange_that_is_down);
    RUN(the_account_stays_with_the_key);
    RUN(a_new_right_is_marked_in_the_note);
    return harness_end();
}
