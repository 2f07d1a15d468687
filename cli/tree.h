/* SPDX-License-Identifier: Apache-2.0 */
/* Removing what a failed `coffer init` made. Links are never followed. */
#ifndef CLI_TREE_H
#define CLI_TREE_H

#include <stdbool.h>

/* Removes a directory with all that is in it. Only for directories this run made. */
void tree_remove(const char *path);
/* Removes the files of a vault that has no records yet, and the directory itself if it is ours and
 * nothing else is in it. */
void tree_remove_vault(const char *path, bool with_dir);

#endif
