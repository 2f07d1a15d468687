/* SPDX-License-Identifier: Apache-2.0 */
/* vault/format.h: record files and their names. What is accepted prints to a header that is
 * accepted again and says the same. */
#include "tests/fuzz/fuzz.h"
#include "vault/format.h"

static void try_header(struct bytes line)
{
    struct record_info a, b;
    struct buf out = BUF_INIT(RECORD_FILE_MAX), again = BUF_INIT(RECORD_FILE_MAX);
    struct err e;
    record_info_init(&a);
    record_info_init(&b);
    if (header_parse(line, &a, &e) == OK) {
        MUST(record_check_name(a.name, &e) == OK);
        header_print(&a, &out);
        MUST(!out.failed);
        MUST(header_parse(buf_bytes(&out), &b, &e) == OK);
        header_print(&b, &again);
        MUST(bytes_eq(buf_bytes(&out), buf_bytes(&again)));
    }
    record_info_free(&a);
    record_info_free(&b);
    buf_free(&out);
    buf_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    static const uint8_t rid[RID_LEN] = {1};
    struct record_file file;
    struct wrapped wrap;
    struct bytes name;
    struct err e;
    uint64_t version;
    if (record_file_name_ok(bytes_of(p, n), &name, &version))
        MUST(name.n > 0 && name.n <= NAME_MAX_LEN && version > 0);
    if (record_file_split(bytes_of(p, n), &file, &e)) {
        try_header(bytes_of(p, n));
        return 0;
    }
    try_header(file.header);
    if (wraps_find(file.wraps, rid, &wrap, &e) == OK)
        MUST(wrap.n <= WRAP_MAX);
    return 0;
}
