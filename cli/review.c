/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

int run_review(struct cli *c, struct err *e)
{
    (void)c;
    return err_set(e, ERR_FAILED, "not built");
}
