/* SPDX-License-Identifier: Apache-2.0 */
/* Removing what a failed `coffer init` made. Links are never followed. */
#ifndef CLI_TREE_H
#define CLI_TREE_H

/* Removes a directory with all that is in it. Only for directories this run made. */
void tree_remove(const char *path);

#endif
