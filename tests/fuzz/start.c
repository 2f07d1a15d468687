/* SPDX-License-Identifier: Apache-2.0 */
/* Starts a harness as main starts the program: wiping allocator first, then the secret arena. */
#include "base/secret.h"
#include "base/wipe.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    struct err e;
    (void)argc;
    (void)argv;
    if (wipe_install(&e) || secret_arena_open(&e)) {
        fprintf(stderr, "fuzz: %s\n", e.msg);
        exit(99);
    }
    return 0;
}
