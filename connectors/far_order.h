/* SPDX-License-Identifier: Apache-2.0 */
/* The smallest order to buy that rests far below the market: for proving that a key may trade. Its
 * numbers only; how it is written and sent is in the exchanges' own files. */
#ifndef CONNECTORS_FAR_ORDER_H
#define CONNECTORS_FAR_ORDER_H

#include "base/decimal.h"

/* Decimals as text. Empty or zero: there is no such rule. */
struct far_order_rules {
    struct bytes market; /* the last price; required */
    struct bytes tick;   /* prices are multiples of it */
    struct bytes min_price;
    struct bytes floor; /* the least share of the market price that is taken: "0.2" */
    struct bytes step;  /* quantities are multiples of it */
    struct bytes min_quantity;
    struct bytes min_value; /* price times quantity */
    struct bytes quote;     /* the asset that is paid with, as the exchange names it; required */
    const char *symbol;     /* of the market: it ends with that asset; required */
};

struct far_order { /* without zeros at the end */
    char market[DECIMAL_TEXT], price[DECIMAL_TEXT], quantity[DECIMAL_TEXT];
};

/* Half the market price, or as near as the rules demand; the least quantity that they all take.
 * ERR_EXCHANGE: they leave no room, are no decimals, or make an order that is worth more than a
 * test may be (about 100 dollars), or whose worth nobody here can tell: whatever an exchange says
 * of its rules, no large order comes of it. */
int far_order_plan(const struct far_order_rules *r, struct far_order *out, struct err *e) MUST_USE;

#endif
