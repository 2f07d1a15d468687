/* SPDX-License-Identifier: Apache-2.0 */
/* Many talks at once: who may ask when, whose reply is whose, what stops one and what stops all.
 * Exchanges, policy and signing are the real ones; what is asked comes from a script here. */
#include "tests/errand_world.h"

static const struct step verify[] = {
    {"GET", "/api/v3/time", ALWAYS},
    {"GET", "/sapi/v1/account/apiRestrictions", ALWAYS},
    {"GET", "/api/v3/account", ALWAYS},
    {NULL, NULL, ALWAYS},
};

/* Also when the errand that asked for it is freed first. */
static bool is_within(struct bytes v, const struct buf *frame)
{
    return v.p >= frame->p && v.p + v.n <= frame->p + frame->n;
}

static void all_at_once(void)
{
    struct world *w = world_new("binance", PURPOSE_VERIFY, 20, verify, NULL);

    w->courier.is_backwards = true;
    w->courier.has_strays = true;
    OK_CALL(run(w), &w->e);
    EQ_INT(w->courier.n_before_wait, 41);
    EQ_INT(w->courier.n_sent, 41);
    EQ_INT(sent_count(&w->courier, "/time"), 1);
    EQ_INT(w->last_progress, 20);
    EQ_INT(w->n_progress, 20);
    for (size_t i = 0; i < w->n; i++) {
        char id[16];
        struct bytes v = {0};
        CHECK(w->list[i]->is_done && w->list[i]->failed.code == OK);
        EQ_INT(talk(w, i)->n_asked, 3);
        for (unsigned k = 0; k < 3; k++) {
            const struct reply *r = &talk(w, i)->replies[k];
            CHECK(talk(w, i)->is_answered[k] && r->status == 200 && r->answered_us == 1100000);
            EQ_MEM(r->body, BYTES_LIT("good"));
            CHECK(is_within(r->body, &w->list[i]->answers[k].frame));
            CHECK(is_within(r->headers[0].value, &w->list[i]->answers[k].frame));
            snprintf(id, sizeof(id), "%zu", k == 0 ? 0 : i * CALLS_MAX + k);
            CHECK(reply_header(r, "x-id", &v));
            EQ_MEM(v, bytes_str(id));
        }
    }
    for (size_t i = 0; i < w->courier.n_sent; i++)
        EQ_INT(w->courier.sent[i].is_signed, !strstr(w->courier.sent[i].url, "/time"));
    world_free(w);
}

static void clocks_apart(void)
{
    struct world *w = world_new("binance", PURPOSE_VERIFY, 12, verify, NULL);
    struct record_info *r = w->info;

    snprintf(r[1].connect_to, sizeof(r[1].connect_to), "::127.0.0.1:1");
    snprintf(r[2].region, sizeof(r[2].region), "x");
    buf_adds(&r[3].ca, "PEM");
    buf_adds(&r[4].ca, "OTHER");
    w->list[5]->talk.env = ENV_TEST;
    w->list[6]->talk.purpose = PURPOSE_BALANCE;
    snprintf(r[8].connect_to, sizeof(r[8].connect_to), "::127.0.0.1:1");
    buf_adds(&r[9].ca, "PEM");
    snprintf(r[10].region, sizeof(r[10].region), "x");
    OK_CALL(run(w), &w->e);
    /* 0 with 7 and 11; 1 with 8; 2 with 10; 3 with 9; 4; 5; 6 */
    EQ_INT(sent_count(&w->courier, "/time"), 7);
    for (size_t i = 0; i < w->n; i++)
        EQ_MEM(talk(w, i)->replies[0].body, BYTES_LIT("good"));
    world_free(w);
}

static void clock_that_fails(void)
{
    static const struct scripted answers[] = {
        {"/time", 0, NULL, WIRE_NOT_SENT, FAULT_DNS},
        {NULL, 0, NULL, WIRE_REPLIED, FAULT_NONE},
    };
    struct world *w = world_new("binance", PURPOSE_VERIFY, 3, verify, answers);

    OK_CALL(run(w), &w->e);
    EQ_INT(sent_count(&w->courier, "/time"), 1);
    for (size_t i = 0; i < w->n; i++) {
        EQ_INT(w->list[i]->failed.code, OK);
        CHECK(talk(w, i)->is_answered[0] && talk(w, i)->replies[0].status == 0);
        CHECK(!talk(w, i)->replies[0].is_unknown);
        EQ_INT(talk(w, i)->replies[2].status, 200);
    }
    world_free(w);
}

static void waits_for_answers(void)
{
    static const struct step steps[] = {
        {"GET", "/api/v3/time", ALWAYS},
        {"GET", "/api/v3/account", ANSWER(0)},
        {"GET", "/sapi/v1/account/apiRestrictions", ANSWER(1)},
        {NULL, NULL, ANSWER(2)},
    };
    struct world *w = world_new("binance", PURPOSE_VERIFY, 5, steps, NULL);

    OK_CALL(run(w), &w->e);
    EQ_INT(w->courier.n_before_wait, 1);
    EQ_INT(w->courier.n_sent, 11);
    EQ_INT(w->courier.most_open, 5);
    for (size_t i = 0; i < w->n; i++)
        CHECK(w->list[i]->is_done && talk(w, i)->n_asked == 3 && talk(w, i)->is_answered[2]);
    world_free(w);
}

static void not_too_many(void)
{
    struct world *w = world_new("binance", PURPOSE_VERIFY, KEYS_MAX, verify, NULL);

    OK_CALL(run(w), &w->e);
    EQ_INT(w->courier.most_open, 64);
    EQ_INT(w->courier.n_sent, 1 + 2 * KEYS_MAX);
    EQ_INT(w->last_progress, KEYS_MAX);
    world_free(w);
}

static const struct step kraken[] = {
    {"GET", "/0/public/Time", ALWAYS},
    {"POST", "/0/private/GetApiKeyInfo", ALWAYS},
    {"POST", "/0/private/Balance", ALWAYS},
    {"POST", "/0/private/OpenOrders", ALWAYS},
    {NULL, NULL, ALWAYS},
};

static void nonce_keys(void)
{
    struct world *w = world_new("kraken", PURPOSE_VERIFY, 4, kraken, NULL);
    char last[4][64] = {"", "", "", ""};

    w->info[3].rec_id[0] = w->info[2].rec_id[0];
    OK_CALL(run(w), &w->e);
    EQ_INT(sent_count(&w->courier, "/Time"), 1);
    /* the clock, and one private call for each of three keys */
    EQ_INT(w->courier.n_before_wait, 4);
    EQ_INT(w->courier.most_open, 4);
    EQ_INT(w->courier.n_sent, 13);
    for (size_t i = 0; i < w->courier.n_sent; i++) {
        const struct sent *s = &w->courier.sent[i];
        size_t key = s->id / CALLS_MAX < 3 ? s->id / CALLS_MAX : 2;
        if (!s->is_signed)
            continue;
        CHECK(strncmp(s->body, "nonce=", 6) == 0 && strlen(s->body) < sizeof(last[0]));
        CHECK(strcmp(s->body, last[key]) > 0);
        snprintf(last[key], sizeof(last[key]), "%s", s->body);
    }
    world_free(w);
}

static void faults(void)
{
    static const struct scripted answers[] = {
        {"/time", 0, NULL, WIRE_NOT_SENT, FAULT_DNS},
        {"Restrictions", 0, NULL, WIRE_UNKNOWN, FAULT_TIMEOUT},
        {"/account", 0, NULL, WIRE_NOT_SENT, FAULT_CONNECT},
        {NULL, 0, NULL, WIRE_REPLIED, FAULT_NONE},
    };
    struct world *w = world_new("binance", PURPOSE_VERIFY, 2, verify, answers);

    OK_CALL(run(w), &w->e);
    for (size_t i = 0; i < w->n; i++) {
        char want[64];
        snprintf(want, sizeof(want), "fault %d at api.binance.com", FAULT_DNS);
        EQ_STR(w->list[i]->failed.msg, want);
        CHECK(talk(w, i)->replies[1].is_unknown && !talk(w, i)->replies[2].is_unknown);
        CHECK(talk(w, i)->replies[1].status == 0 && talk(w, i)->is_answered[1]);
    }
    world_free(w);
}

static const struct step trade[] = {
    {"POST", "/api/v3/order?symbol=BTCUSDT&side=BUY&type=LIMIT", ALWAYS},
    {"DELETE", "/api/v3/order?symbol=BTCUSDT&orderId=1", ANSWER(0)},
    {NULL, NULL, ALWAYS},
};

static void orders(void)
{
    static const struct scripted answers[] = {
        {"/order", 0, NULL, WIRE_UNKNOWN, FAULT_CLOSED},
        {NULL, 0, NULL, WIRE_REPLIED, FAULT_NONE},
    };
    struct world *w = world_new("binance", PURPOSE_TRADE, 1, trade, answers);

    OK_CALL(run(w), &w->e);
    EQ_STR(w->list[0]->tag, "a0a1a2a3a4a5a6a7");
    EQ_STR(talk(w, 0)->tag, "a0a1a2a3a4a5a6a7");
    CHECK(w->list[0]->is_order[0] && strstr(w->list[0]->failed.msg, ", an order"));
    EQ_INT(w->courier.n_sent, 2);
    world_free(w);
    w = world_new("binance", PURPOSE_VERIFY, 1, verify, NULL);
    OK_CALL(run(w), &w->e);
    CHECK(!w->list[0]->tag[0] && !w->list[0]->is_order[1]);
    world_free(w);
}

static void policy(void)
{
    struct world *w = world_new("binance", PURPOSE_VERIFY, 1, verify, NULL);
    w->info[0].unverified = true;
    OK_CALL(run(w), &w->e);
    EQ_INT(w->list[0]->failed.code, OK);
    world_free(w);

    w = world_new("binance", PURPOSE_TRADE, 2, trade, NULL);
    w->info[0].unverified = true;
    OK_CALL(run(w), &w->e);
    EQ_INT(w->list[0]->failed.code, ERR_POLICY);
    CHECK(w->list[0]->is_done && talk(w, 0)->n_asked == 0);
    EQ_INT(w->list[1]->failed.code, OK);
    EQ_INT(w->courier.n_sent, 2);
    world_free(w);

    static const struct step withdraw[] = {
        {"GET", "/api/v3/account", ALWAYS},
        {"POST", "/sapi/v1/capital/withdraw/apply", ALWAYS},
        {NULL, NULL, ALWAYS},
    };
    w = world_new("binance", PURPOSE_BALANCE, 1, withdraw, NULL);
    OK_CALL(run(w), &w->e);
    EQ_INT(w->list[0]->failed.code, ERR_POLICY);
    EQ_INT(w->courier.n_sent, 1);
    CHECK(talk(w, 0)->is_answered[0]);
    world_free(w);
}

static void one_that_fails(void)
{
    struct world *w = world_new("binance", PURPOSE_VERIFY, 3, verify, NULL);

    w->list[0]->signer = &bad_signer;
    snprintf(w->info[1].name, sizeof(w->info[1].name), "refused");
    w->courier.refuses = ERR_LIMIT;
    OK_CALL(run(w), &w->e);
    EQ_INT(w->list[0]->failed.code, ERR_TOKEN);
    EQ_INT(w->list[1]->failed.code, ERR_LIMIT);
    EQ_INT(w->list[2]->failed.code, OK);
    EQ_INT(sent_count(&w->courier, "/time"), 1);
    EQ_INT(talk(w, 2)->n_asked, 3);
    CHECK(w->list[0]->is_done && w->list[1]->is_done && w->courier.n_answered == 3);
    world_free(w);
}

static void talks_gone_wrong(void)
{
    static const struct step no_symbol[] = {{"GET", "/api/v3/account", ALWAYS}, {"GET", "", FAILS}};
    static const struct step stuck[] = {{"GET", "/api/v3/account", ANSWER(5)}};
    static struct step endless[CALLS_MAX + 2];
    struct world *w = world_new("binance", PURPOSE_BALANCE, 1, no_symbol, NULL);

    OK_CALL(run(w), &w->e);
    EQ_INT(w->list[0]->failed.code, ERR_USAGE);
    EQ_INT(w->courier.n_answered, 1);
    world_free(w);
    w = world_new("binance", PURPOSE_BALANCE, 1, stuck, NULL);
    OK_CALL(run(w), &w->e);
    EQ_INT(w->list[0]->failed.code, ERR_FAILED);
    world_free(w);
    for (size_t i = 0; i < ARRAY_LEN(endless); i++)
        endless[i] = (struct step){"GET", "/api/v3/account", ALWAYS};
    w = world_new("binance", PURPOSE_BALANCE, 1, endless, NULL);
    OK_CALL(run(w), &w->e);
    EQ_INT(w->courier.n_sent, CALLS_MAX);
    CHECK(w->list[0]->is_done && w->list[0]->failed.code == OK);
    world_free(w);
}

static void courier_gone(void)
{
    struct world *w = world_new("binance", PURPOSE_VERIFY, 3, verify, NULL);
    w->courier.gone_after = 4;
    EQ_INT(run(w), ERR_FAILED);
    EQ_STR(w->e.msg, "coffer-net is gone");
    EQ_INT(w->e.n_hints, 0);
    world_free(w);

    w = world_new("binance", PURPOSE_TRADE, 1, trade, NULL);
    w->courier.gone_after = 1;
    EQ_INT(run(w), ERR_FAILED);
    CHECK(w->e.n_hints == 1 && strstr(w->e.hints[0], "'key0'"));
    world_free(w);

    w = world_new("binance", PURPOSE_VERIFY, 1, verify, NULL);
    snprintf(w->info[0].name, sizeof(w->info[0].name), "refused");
    w->courier.refuses = ERR_FAILED;
    EQ_INT(run(w), ERR_FAILED);
    world_free(w);
}

static void unknown_exchange(void)
{
    struct world *w = world_new("binance", PURPOSE_VERIFY, 2, verify, NULL);

    errand_freep(&w->list[1]);
    snprintf(w->info[1].connector, sizeof(w->info[1].connector), "nosuch");
    w->list[1] = errand_new(PURPOSE_VERIFY, &w->info[1], &good_signer, &w->e);
    OK_CALL(run(w), &w->e);
    CHECK(w->list[1]->is_done && strstr(w->list[1]->failed.msg, "'nosuch'"));
    EQ_INT(talk(w, 0)->n_asked, 3);
    EQ_INT(w->last_progress, 2);
    struct checkup k;
    errand_checkup(w->list[1], 1, &k);
    EQ_INT(k.reach, REACH_NOT);
    EQ_STR(k.not_reached.msg, w->list[1]->failed.msg);
    w->n = 0;
    OK_CALL(run(w), &w->e);
    w->n = 2;
    errand_free(NULL);
    world_free(w);
}

/* Nothing is signed here: not for want of a key, and not with one. */
static void by_the_agent(void)
{
    struct world *w = world_new("binance", PURPOSE_VERIFY, 3, verify, NULL);

    w->list[0]->signer = w->list[2]->signer = NULL;
    w->courier.no_to = "/account/";
    OK_CALL(run(w), &w->e);
    EQ_INT(w->courier.n_sent, 7);
    for (size_t i = 0; i < w->courier.n_sent; i++) {
        const struct sent *s = &w->courier.sent[i];
        bool is_clock = strstr(s->url, "/time") != NULL;
        EQ_INT(s->is_asked, strcmp(s->name, "key1") != 0);
        EQ_INT(s->is_signed, !s->is_asked && !is_clock);
        CHECK(!s->is_asked || !strstr(s->url, "signature"));
        CHECK(strncmp(s->url, "https://api.binance.com/", 24) == 0);
    }
    EQ_INT(w->list[0]->failed.code, ERR_POLICY);
    EQ_STR(w->list[0]->failed.msg, "the agent says no");
    EQ_INT(w->list[2]->failed.code, ERR_POLICY);
    world_free(w);
}

int main(void)
{
    RUN(by_the_agent);
    RUN(all_at_once);
    RUN(clocks_apart);
    RUN(clock_that_fails);
    RUN(waits_for_answers);
    RUN(not_too_many);
    RUN(nonce_keys);
    RUN(faults);
    RUN(orders);
    RUN(policy);
    RUN(one_that_fails);
    RUN(talks_gone_wrong);
    RUN(courier_gone);
    RUN(unknown_exchange);
    return harness_end();
}
