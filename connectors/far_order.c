/* SPDX-License-Identifier: Apache-2.0 */
/* Price and quantity of an order that nobody will take, in exact decimals. */
#include "connectors/far_order.h"

#include "base/text.h"

/* Takes what is not told for zero. */
static int take(struct bytes text, struct decimal *out, struct err *e)
{
    AUTO_DECIMAL zero = {0};
    int rc = decimal_parse(text.n ? text : BYTES_LIT("0"), out, e);

    if (!rc)
        rc = decimal_parse(BYTES_LIT("0"), &zero, e);
    if (!rc && decimal_cmp(out, &zero) < 0)
        rc = err_set(e, ERR_FORMAT, "a negative number");
    return rc;
}

static void move(struct decimal *to, struct decimal *from)
{
    decimal_free(to);
    *to = *from;
    *from = (struct decimal){0};
}

/* To the larger of both. */
static int raise_to(struct decimal *v, struct bytes least, struct err *e)
{
    AUTO_DECIMAL d = {0};
    int rc = take(least, &d, e);

    if (!rc && decimal_cmp(&d, v) > 0)
        move(v, &d);
    return rc;
}

static int round_up(struct decimal *v, struct bytes step, unsigned scale, struct err *e)
{
    AUTO_DECIMAL by = {0}, one = {0}, got = {0};
    int rc = take(step, &by, e);

    if (!rc)
        rc = decimal_parse(BYTES_LIT("1"), &one, e);
    if (rc)
        return rc;
    if (decimal_is_zero(&by))
        rc = decimal_is_zero(v) ? OK : decimal_div_up(v, &one, scale, &got, e);
    else
        rc = decimal_step_up(v, &by, &got, e);
    if (!rc && got.v)
        move(v, &got);
    return rc;
}

/* The share of the market price to ask for: a half, or above the floor by a fifth of what is left,
 * because the exchange measures the floor from an average and not from the last price. */
static int share_of(struct bytes floor, struct decimal *out, struct err *e)
{
    AUTO_DECIMAL f = {0}, part = {0}, most = {0};
    int rc = take(floor, &f, e);

    if (!rc)
        rc = decimal_parse(BYTES_LIT("0.8"), &most, e);
    if (!rc)
        rc = decimal_mul(&f, &most, &part, e);
    decimal_free(&most);
    if (!rc)
        rc = decimal_parse(BYTES_LIT("0.2"), &most, e);
    if (!rc)
        rc = decimal_add(&part, &most, out, e);
    return rc ? rc : raise_to(out, BYTES_LIT("0.5"), e);
}

static int plan_price(const struct far_order_rules *r, const struct decimal *market,
                      struct decimal *price, struct err *e)
{
    AUTO_DECIMAL share = {0};
    int rc = share_of(r->floor, &share, e);

    if (!rc)
        rc = decimal_mul(market, &share, price, e);
    if (!rc)
        rc = raise_to(price, r->min_price, e);
    if (!rc)
        rc = round_up(price, r->tick, market->scale, e);
    if (!rc && decimal_cmp(price, market) >= 0)
        rc = err_set(e, ERR_EXCHANGE, "no price below the market is taken");
    return rc;
}

#define QUANTITY_SCALE 8u /* where no step tells */

static int plan_quantity(const struct far_order_rules *r, const struct decimal *price,
                         struct decimal *out, struct err *e)
{
    AUTO_DECIMAL value = {0}, step = {0}, q = {0};
    int rc = take(r->min_quantity, out, e);

    if (!rc)
        rc = take(r->min_value, &value, e);
    if (!rc)
        rc = take(r->step, &step, e);
    if (rc)
        return rc;
    unsigned scale = decimal_is_zero(&step) ? QUANTITY_SCALE : step.scale;
    if (!decimal_is_zero(&value))
        rc = decimal_div_up(&value, price, scale, &q, e);
    if (!rc && q.v && decimal_cmp(&q, out) > 0)
        move(out, &q);
    if (!rc && decimal_is_zero(out))
        rc = raise_to(out, r->step, e);
    if (!rc)
        rc = round_up(out, r->step, scale, e);
    if (!rc && decimal_is_zero(out))
        rc = err_set(e, ERR_EXCHANGE, "no least quantity is told");
    return rc;
}

/* About 100 dollars in each; what is not here has no known worth. Kraken puts X and Z before the
 * older names. */
static const struct {
    const char *quote, *most;
} worth[] = {
    {"USDT", "100"},   {"USDC", "100"},  {"USD", "100"},    {"ZUSD", "100"},  {"FDUSD", "100"},
    {"TUSD", "100"},   {"DAI", "100"},   {"USDE", "100"},   {"USD1", "100"},  {"PYUSD", "100"},
    {"USDG", "100"},   {"RLUSD", "100"}, {"EUR", "100"},    {"ZEUR", "100"},  {"EURC", "100"},
    {"EURI", "100"},   {"EURT", "100"},  {"GBP", "100"},    {"ZGBP", "100"},  {"CHF", "100"},
    {"CAD", "150"},    {"ZCAD", "150"},  {"AUD", "150"},    {"ZAUD", "150"},  {"SGD", "150"},
    {"BRL", "500"},    {"PLN", "400"},   {"AED", "400"},    {"TRY", "2000"},  {"MXN", "2000"},
    {"ZAR", "2000"},   {"JPY", "15000"}, {"ZJPY", "15000"}, {"BTC", "0.002"}, {"XBT", "0.002"},
    {"XXBT", "0.002"}, {"ETH", "0.05"},  {"XETH", "0.05"},  {"BNB", "0.2"},
};

/* Two words for the same: what the person asked for, and what the exchange says. */
static bool is_quoted_in(const char *symbol, const char *quote)
{
    bool is_old = strlen(quote) == 4 && (quote[0] == 'X' || quote[0] == 'Z');

    return text_ends(bytes_str(symbol), quote) ||
           (is_old && text_ends(bytes_str(symbol), quote + 1));
}

static const char *most_of(const char *symbol, struct bytes quote)
{
    for (size_t i = 0; i < ARRAY_LEN(worth); i++)
        if (bytes_eq_str(quote, worth[i].quote) && is_quoted_in(symbol, worth[i].quote))
            return worth[i].most;
    return NULL;
}

/* The one bound that no reply moves. */
static int check_worth(const struct far_order_rules *r, const struct decimal *price,
                       const struct decimal *quantity, struct err *e)
{
    AUTO_DECIMAL value = {0}, most = {0};
    const char *bound = most_of(r->symbol, r->quote);
    int rc;

    if (!bound) {
        err_set(e, ERR_EXCHANGE, "it is not known how much an order in this market is worth");
        return err_hint(e, "take one that is paid with USDT, USDC, USD, EUR, BTC or ETH");
    }
    rc = decimal_mul(price, quantity, &value, e);
    if (!rc)
        rc = decimal_parse(bytes_str(bound), &most, e);
    if (rc || decimal_cmp(&value, &most) <= 0)
        return rc;
    err_set(e, ERR_EXCHANGE, "the smallest order here is worth more than %s %.*s, too much to try",
            bound, (int)r->quote.n, (const char *)r->quote.p);
    return err_hint(e, "take a market with smaller orders");
}

static int text_of(const struct decimal *d, char out[DECIMAL_TEXT], struct err *e)
{
    int rc = decimal_text(d, out, e);

    if (rc || !strchr(out, '.'))
        return rc;
    size_t n = strlen(out);
    while (n && out[n - 1] == '0')
        n--;
    if (n && out[n - 1] == '.')
        n--;
    out[n] = 0;
    return OK;
}

int far_order_plan(const struct far_order_rules *r, struct far_order *out, struct err *e)
{
    AUTO_DECIMAL market = {0}, price = {0}, quantity = {0};
    struct far_order got;
    int rc = take(r->market, &market, e);

    if (!rc && decimal_is_zero(&market))
        rc = err_set(e, ERR_EXCHANGE, "no market price is told");
    if (!rc)
        rc = plan_price(r, &market, &price, e);
    if (!rc)
        rc = plan_quantity(r, &price, &quantity, e);
    if (!rc)
        rc = check_worth(r, &price, &quantity, e);
    if (!rc)
        rc = text_of(&market, got.market, e);
    if (!rc)
        rc = text_of(&price, got.price, e);
    if (!rc)
        rc = text_of(&quantity, got.quantity, e);
    if (!rc)
        *out = got;
    else if (rc == ERR_FORMAT || rc == ERR_LIMIT || rc == ERR_USAGE)
        rc = err_set(e, ERR_EXCHANGE, "the rules of this market cannot be read");
    return rc;
}
