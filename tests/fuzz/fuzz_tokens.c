/* SPDX-License-Identifier: Apache-2.0 */
/* vault/local_parse.h: tokens.json. */
#include "tests/fuzz/fuzz.h"
#include "vault/local_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    static struct local_tokens tokens;
    struct err e;
    if (local_parse(bytes_of(p, n), &tokens, &e))
        return 0;
    MUST(tokens.n <= LOCAL_TOKENS_MAX);
    for (size_t i = 0; i < tokens.n; i++) {
        MUST(tokens.v[i].key_id_len <= TOKEN_ID_MAX);
        MUST(memchr(tokens.v[i].where.module, 0, TOKEN_PATH_MAX) != NULL);
        MUST(tokens.v[i].where.module[0] == '/');
    }
    return 0;
}
