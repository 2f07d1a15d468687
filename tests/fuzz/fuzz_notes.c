/* SPDX-License-Identifier: Apache-2.0 */
/* vault/notes_parse.h: what is parsed is printed and parsed again to the same. */
#include "tests/fuzz/fuzz.h"
#include "vault/notes_parse.h"

static void same(const struct notes *a, const struct notes *b)
{
    MUST(a->verify.at_ms == b->verify.at_ms && a->verify.version == b->verify.version);
    MUST(strcmp(a->verify.works, b->verify.works) == 0);
    MUST(strcmp(a->verify.withdraw, b->verify.withdraw) == 0);
    MUST(strcmp(a->verify.transfer, b->verify.transfer) == 0);
    MUST(a->verify.n_problems == b->verify.n_problems);
    for (size_t i = 0; i < a->verify.n_problems; i++)
        MUST(strcmp(a->verify.problems[i], b->verify.problems[i]) == 0);
    MUST(a->review.at_ms == b->review.at_ms && a->review.n_open == b->review.n_open);
    for (size_t i = 0; i < a->review.n_open; i++)
        MUST(strcmp(a->review.open[i], b->review.open[i]) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    static struct notes notes, again;
    struct buf text = BUF_INIT(4 * NOTES_MAX);
    struct err e;
    if (notes_parse(bytes_of(p, n), &notes)) {
        MUST(notes.verify.n_problems <= NOTE_PROBLEMS);
        /* escapes may make it longer than what is read */
        if (notes_print(&notes, &text, &e) == OK) {
            MUST(notes_parse(buf_bytes(&text), &again));
            same(&notes, &again);
        } else {
            MUST(text.n > NOTES_MAX);
        }
    }
    buf_free(&text);
    return 0;
}
