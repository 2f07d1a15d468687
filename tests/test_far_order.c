/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of connectors/far_order.c: prices and quantities of an order that nobody takes, and that it
 * is small whatever the exchange says. */
#include "connectors/far_order.h"
#include "tests/harness.h"

static int plan(const char *market, const char *tick, const char *floor, const char *step,
                const char *min, const char *value, struct far_order *out)
{
    struct far_order_rules r = {
        .market = bytes_str(market),
        .tick = bytes_str(tick),
        .floor = bytes_str(floor),
        .step = bytes_str(step),
        .min_quantity = bytes_str(min),
        .min_value = bytes_str(value),
        .quote = BYTES_LIT("USDT"),
        .symbol = "BTCUSDT",
    };
    struct err e;
    *out = (struct far_order){.price = ""};
    return far_order_plan(&r, out, &e);
}

static void orders_are_small_and_far(void)
{
    static const struct {
        const char *market, *tick, *floor, *step, *min, *value, *price, *quantity;
    } rows[] = {
        {"62012.40000000", "0.01000000", "0.2", "0.00001000", "0.00001000", "5.00000000", "31006.2",
         "0.00017"},
        {"62012.41", "0.01", "", "0.00001", "0.00001", "5", "31006.21", "0.00017"},
        {"100", "1", "0.7", "0.1", "0.1", "", "76", "0.1"},
        {"100", "1", "0.5", "0.1", "0.1", "95", "60", "1.6"},
        {"3", "1", "", "1", "1", "", "2", "1"},
        {"0.00001234", "0.00000001", "", "1", "1", "5", "0.00000617", "810373"},
        {"100", "", "", "", "", "5", "50", "0.1"},
        {"100", "0.00", "0", "0.000", "0.5", "0", "50", "0.5"},
        {"100", "0.5", "", "0.25", "", "", "50", "0.25"},
        {"1E2", "0.5", "", "0.25", "0.3", "", "50", "0.5"},
    };
    struct far_order o;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        EQ_INT(plan(rows[i].market, rows[i].tick, rows[i].floor, rows[i].step, rows[i].min,
                    rows[i].value, &o),
               OK);
        EQ_STR(o.price, rows[i].price);
        EQ_STR(o.quantity, rows[i].quantity);
    }
}

static void rules_without_room_are_refused(void)
{
    static const struct {
        const char *market, *tick, *floor, *step, *min, *value;
    } rows[] = {
        {"", "1", "", "1", "1", ""},      {"0", "1", "", "1", "1", ""},
        {"1", "1", "", "1", "1", ""},     {"100", "1", "1", "1", "1", ""},
        {"-5", "1", "", "1", "1", ""},    {"100", "-1", "", "1", "1", ""},
        {"100", "1", "x", "1", "1", ""},  {"100", "1", "", "", "", ""},
        {"100", "1", "", "1", "1,5", ""}, {"100", "1000", "", "1", "1", ""},
    };
    struct far_order o;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        EQ_INT(plan(rows[i].market, rows[i].tick, rows[i].floor, rows[i].step, rows[i].min,
                    rows[i].value, &o),
               ERR_EXCHANGE);
        EQ_STR(o.price, "");
    }
}

/* Whatever the exchange says of its market, no large order comes of it. */
static void no_rule_makes_a_large_order(void)
{
    static const struct {
        const char *market, *min, *value, *quote, *symbol;
        int rc;
    } rows[] = {
        {"200", "1", "", "USDT", "AUSDT", OK},
        {"200.02", "1", "", "USDT", "AUSDT", ERR_EXCHANGE},
        {"62000", "1", "5", "USDT", "AUSDT", ERR_EXCHANGE},
        {"62000", "0.00001", "200000", "USDT", "AUSDT", ERR_EXCHANGE},
        {"62000000000", "0.00001", "5", "USDC", "AUSDC", ERR_EXCHANGE},
        {"1E40", "0.00001", "5", "USD", "AUSD", ERR_EXCHANGE},
        {"200", "1", "", "BTC", "ABTC", ERR_EXCHANGE},
        {"0.03", "0.1", "0.0001", "XXBT", "ETHXBT", OK},
        {"200", "1", "", "DOGE", "ADOGE", ERR_EXCHANGE},
        {"200", "1", "", "usdt", "Ausdt", ERR_EXCHANGE},
        /* the exchange names another asset than the market does */
        {"10", "1", "", "JPY", "ETHBTC", ERR_EXCHANGE},
        {"10", "1", "", "ZJPY", "XBTUSD", ERR_EXCHANGE},
        {"10", "1", "", "ZUSD", "XBTUSD", OK},
        {"10", "1", "", "USD", "BTC-USD", OK},
        {"200", "1", "", "", "A", ERR_EXCHANGE},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct far_order_rules r = {
            .market = bytes_str(rows[i].market),
            .tick = BYTES_LIT("0.001"),
            .step = BYTES_LIT("0.00001"),
            .min_quantity = bytes_str(rows[i].min),
            .min_value = bytes_str(rows[i].value),
            .quote = bytes_str(rows[i].quote),
            .symbol = rows[i].symbol,
        };
        struct far_order o;
        struct err e;
        int rc = far_order_plan(&r, &o, &e);
        harness_int(rc, rows[i].rc, __FILE__, __LINE__, rows[i].market);
    }
}

int main(void)
{
    RUN(orders_are_small_and_far);
    RUN(rules_without_room_are_refused);
    RUN(no_rule_makes_a_large_order);
    return harness_end();
}
