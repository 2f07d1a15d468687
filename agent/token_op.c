/* SPDX-License-Identifier: Apache-2.0 */
/* What a token is asked: made, finished, cancelled. Whoever waits is told in a turn of the loop of
 * its own, so that no call of tokens.h calls back from within. */
#include "agent/token_place.h"

#include "base/file.h"
#include "base/wipe.h"

#include <event2/event.h>

struct tokens_op *op_new(struct tokens *all, enum op_kind kind, tokens_done *done, void *ctx,
                         struct err *e)
{
    struct tokens_op *op = wipe_malloc(sizeof(*op));
    if (!op) {
        err_set(e, ERR_MEMORY, "no memory to ask a token");
        return NULL;
    }
    *op = (struct tokens_op){.all = all, .kind = kind, .pin_fd = -1, .done = done, .ctx = ctx};
    return op;
}

void op_free(struct tokens_op *op)
{
    fd_closep(&op->pin_fd);
    wipe_free(op);
}

void op_finish_later(struct tokens_op *op, const struct err *e)
{
    struct tokens_op **at = &op->all->finished;
    op->place = NULL;
    op->err = *e;
    op->next = NULL;
    while (*at)
        at = &(*at)->next;
    *at = op;
    event_active(op->all->later, EV_TIMEOUT, 0);
}

void tokens_cancel(struct tokens_op *op)
{
    op->done = NULL;
    if (!op->place || op->is_sent)
        return;
    struct tokens_op **at = &op->place->first;
    while (*at != op)
        at = &(*at)->next;
    *at = op->next;
    op_free(op);
}
