/* SPDX-License-Identifier: Apache-2.0 */
/* pkcs11/uri.h: the URIs of the command line. */
#include "pkcs11/uri.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct token_uri uri;
    struct err e;
    char *text = malloc(n + 1);
    MUST(text);
    if (n)
        memcpy(text, p, n);
    text[n] = 0;
    if (uri_parse(text, &uri, &e) == OK) {
        MUST(uri.module[0] == 0 || uri.module[0] == '/');
        MUST(uri.id_len <= TOKEN_ID_MAX);
        MUST(!strstr(text, "pin-value") && !strstr(text, "pin-source"));
    } else {
        MUST(e.code != OK && e.msg[0]);
    }
    free(text);
    return 0;
}
