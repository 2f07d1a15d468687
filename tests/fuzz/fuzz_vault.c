/* SPDX-License-Identifier: Apache-2.0 */
/* vault/format.h: vault.json. What is accepted prints to a body that is accepted again. */
#include "tests/fuzz/fuzz.h"
#include "vault/format.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct bytes lines[2];
    struct err e;
    if (lines_split(bytes_of(p, n), lines, 2, &e)) {
        MUST(e.code == ERR_FORMAT || e.code == ERR_LIMIT);
        lines[0] = bytes_of(p, n);
    }
    struct body *body = calloc(2, sizeof(*body));
    struct buf out = BUF_INIT(VAULT_JSON_MAX);
    MUST(body);
    if (body_parse(lines[0], &body[0], &e) == OK) {
        for (size_t i = 0; i < body[0].n_entries; i++) {
            struct bytes name;
            uint64_t version;
            if (i)
                MUST(!bytes_eq(body[0].entries[i].name, body[0].entries[i - 1].name));
            MUST(record_file_name_ok(body[0].entries[i].current.file, &name, &version));
        }
        body_print(&body[0], &out);
        MUST(!out.failed);
        MUST(body_parse(buf_bytes(&out), &body[1], &e) == OK);
        MUST(body[0].n_entries == body[1].n_entries && body[0].generation == body[1].generation);
        body_free(&body[1]);
        body_free(&body[0]);
    }
    buf_free(&out);
    free(body);
    return 0;
}
