/* SPDX-License-Identifier: Apache-2.0 */
/* What the fuzz harnesses share. A harness is one file fuzz_NAME.c with libFuzzer's entry point and
 * a corpus in corpus/NAME; `make check` replays the corpus, `make fuzz` looks for more. */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include "base/bytes.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* What must hold for every input. Not assert: a harness is always on. */
#define MUST(c)                                                                                    \
    do {                                                                                           \
        if (!(c)) {                                                                                \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #c);                 \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

#endif
