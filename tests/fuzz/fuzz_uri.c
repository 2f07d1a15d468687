/* SPDX-License-Identifier: Apache-2.0 */
/* pkcs11/uri.h: the URIs of the command line. */
#include "pkcs11/uri.h"
#include "tests/fuzz/fuzz.h"

/* The name where an attribute begins; inside a value it is only text. */
static bool has_attribute(const char *text, const char *name)
{
    const char *query = strchr(text, '?');
    for (const char *at = text; (at = strstr(at, name)); at++)
        if (at == text + strlen("pkcs11:") || (query && at == query + 1) ||
            (at[-1] == (query && query < at ? '&' : ';')))
            return true;
    return false;
}

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
        MUST(!has_attribute(text, "pin-value") && !has_attribute(text, "pin-source"));
    } else {
        MUST(e.code != OK && e.msg[0]);
    }
    free(text);
    return 0;
}
