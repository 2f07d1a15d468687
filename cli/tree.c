/* SPDX-License-Identifier: Apache-2.0 */
/* The removals of tree.h; failures are silent, since they follow an error that is told. */
#include "cli/tree.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <unistd.h>

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    (void)remove(path);
    return 0;
}

void tree_remove(const char *path)
{
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

void tree_remove_vault(const char *path, bool with_dir)
{
    int dir = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (dir < 0)
        return;
    unlinkat(dir, "vault.json", 0);
    unlinkat(dir, "lock", 0);
    unlinkat(dir, "records", AT_REMOVEDIR);
    close(dir);
    if (with_dir)
        rmdir(path);
}
