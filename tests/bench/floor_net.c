/* SPDX-License-Identifier: Apache-2.0 */
/* The floor of sending: the least that any program must do to send one request by libcurl and print
 * the reply. No checks, no sandbox, no second process. floor_net CA-FILE CONNECT-TO URL HEADER */
#include <curl/curl.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    long status = 0;

    if (argc != 5) {
        fputs("usage: floor_net CA-FILE CONNECT-TO URL HEADER\n", stderr);
        return 2;
    }
    curl_global_init(CURL_GLOBAL_DEFAULT);
    CURL *c = curl_easy_init();
    struct curl_slist *to = curl_slist_append(NULL, argv[2]);
    struct curl_slist *headers = curl_slist_append(NULL, argv[4]);
    curl_easy_setopt(c, CURLOPT_CAINFO, argv[1]);
    curl_easy_setopt(c, CURLOPT_CONNECT_TO, to);
    curl_easy_setopt(c, CURLOPT_URL, argv[3]);
    curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    CURLcode rc = curl_easy_perform(c);
    if (rc)
        fprintf(stderr, "floor_net: %s\n", curl_easy_strerror(rc));
    curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_cleanup(c);
    curl_slist_free_all(to);
    curl_slist_free_all(headers);
    curl_global_cleanup();
    return rc || status != 200;
}
