/* SPDX-License-Identifier: Apache-2.0 */
/* libcurl copies headers into lists and send buffers, and frees them unwiped: so it gets our
 * allocator. The system's libraries beneath it see no request. */
#include "net/memory.h"

#include "base/wipe.h"

#include <curl/curl.h>
#include <stdint.h>
#include <string.h>

static void *curl_calloc(size_t n, size_t size)
{
    if (size > 0 && n > SIZE_MAX / size)
        return NULL;
    void *p = wipe_malloc(n * size);
    if (p)
        memset(p, 0, n * size);
    return p;
}

static char *curl_strdup(const char *s)
{
    size_t n = strlen(s) + 1;
    char *p = wipe_malloc(n);
    if (p)
        memcpy(p, s, n);
    return p;
}

int memory_install(struct err *e)
{
    if (wipe_install(e))
        return e->code;
    if (curl_global_init_mem(CURL_GLOBAL_DEFAULT, wipe_malloc, wipe_free, wipe_realloc, curl_strdup,
                             curl_calloc))
        return err_set(e, ERR_FAILED, "libcurl does not start");
    /* only of that one is known what its errors mean, and that it takes our allocator */
    const char *tls = curl_version_info(CURLVERSION_NOW)->ssl_version;
    if (!tls || strncmp(tls, "OpenSSL/", 8) != 0)
        return err_set(e, ERR_FAILED, "this libcurl has '%s' for TLS, not OpenSSL",
                       tls ? tls : "nothing");
    return OK;
}
