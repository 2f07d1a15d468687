/* SPDX-License-Identifier: Apache-2.0 */
/* The list of what a key holds, with every amount checked to be a decimal. */
#include "connectors/checks.h"

#include "base/text.h"
#include "base/wipe.h"

void balances_free(struct balances *b)
{
    wipe_free(b->v);
    *b = (struct balances){0};
}

/* An amount in plain digits; *is_zero is cleared when it is not zero. */
static int take_amount(struct bytes text, char out[DECIMAL_TEXT], bool *is_zero, struct err *e)
{
    AUTO_DECIMAL d = {0};

    out[0] = 0;
    if (text.n == 0)
        return OK;
    if (decimal_parse(text, &d, e) || decimal_text(&d, out, e)) {
        if (e->code == ERR_LIMIT)
            e->code = ERR_FORMAT;
        return e->code;
    }
    if (!decimal_is_zero(&d))
        *is_zero = false;
    return OK;
}

static int take_row(struct balance *row, const char *wallet, struct bytes asset,
                    struct bytes free_text, struct bytes locked, struct bytes total, bool *is_zero,
                    struct err *e)
{
    if (!text_copy(row->wallet, sizeof(row->wallet), bytes_str(wallet)))
        return err_set(e, ERR_LIMIT, "a wallet's name is too long");
    if (asset.n == 0 || asset.n >= sizeof(row->asset))
        return err_set(e, ERR_FORMAT, "an asset's name is empty or too long");
    text_clean(row->asset, sizeof(row->asset), asset);
    if (free_text.n == 0 && locked.n == 0 && total.n == 0)
        return err_set(e, ERR_FORMAT, "no amount is told");
    *is_zero = true;
    if (take_amount(free_text, row->free, is_zero, e) ||
        take_amount(locked, row->locked, is_zero, e) || take_amount(total, row->total, is_zero, e))
        return e->code;
    if (row->total[0] || !row->free[0] || !row->locked[0])
        return OK;
    return decimal_sum_text(bytes_str(row->free), bytes_str(row->locked), row->total, e);
}

static int make_room(struct balances *b, struct err *e)
{
    if (b->n >= BALANCES_MAX)
        return err_set(e, ERR_LIMIT, "more than %u balances", BALANCES_MAX);
    if (b->n < b->cap)
        return OK;
    size_t cap = b->cap ? b->cap * 2 : 32;
    void *v = wipe_realloc(b->v, cap * sizeof(*b->v));
    if (!v)
        return err_set(e, ERR_MEMORY, "no memory for balances");
    b->v = v;
    b->cap = cap;
    return OK;
}

int balances_add(struct balances *b, const char *wallet, struct bytes asset, struct bytes free,
                 struct bytes locked, struct bytes total, struct err *e)
{
    struct balance row;
    bool is_zero;

    if (take_row(&row, wallet, asset, free, locked, total, &is_zero, e))
        return err_wrap(e, "balances");
    if (is_zero)
        return OK;
    if (make_room(b, e))
        return e->code;
    b->v[b->n++] = row;
    return OK;
}
