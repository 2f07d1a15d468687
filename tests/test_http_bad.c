/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of net/http*.c: what is no request, or one that two readers could take in two ways. */
#include "tests/harness.h"
#include "tests/http_fixture.h"

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static void test_malformed(void)
{
    static const char *const rows[] = {
        GET "Content-Length: 5\r\nContent-Length: 5\r\n\r\n",
        GET "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        GET "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        GET "X: a\r\n b\r\n\r\n",
        "GET /m/https://a/ HTTP/1.1\r\nHost : coffer\r\n\r\n",
        "GET /m/https://a/ HTTP/1.1\r\n\r\n",
        "CONNECT a:443 HTTP/1.1\r\n" HOST "\r\n",
        "GET https://a/ HTTP/1.1\r\n" HOST "\r\n",
        "GET /m/https://a/ HTTP/1.1\nHost: coffer\n\n",
        "GET /m/https://a/\r\n\r\n",
        "\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01",
        "{\"op\":\"hello\"}\n",
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        open_hub();
        say(fd, rows[i]);
        say(fd, GET "\r\n"); /* is not seen any more */
        const char *got = hear(fd);
        ROW(status_of(got) == 422 && strstr(got, "X-Coffer-Error: format\r\n"), i, got);
        ROW(!strstr(got + 1, "HTTP/1.1 "), i, got);
        CHECK(hears_end(fd));
        EQ_INT(n_jobs, 0);
        close_hub();
    }
}

static uint32_t random_next(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

/* Byte by byte: valgrind takes memmove on an array for memcpy. */
static void change(uint8_t *text, size_t *n, uint32_t *state)
{
    static const char marks[] = "\r\n\t :,;/%~#\x00\x01\x7f\x80\xff"
                                "aA09";
    size_t at = random_next(state) % *n;

    switch (random_next(state) % 4) {
    case 0: /* one is missing */
        for (size_t i = at; i + 1 < *n; i++)
            text[i] = text[i + 1];
        --*n;
        return;
    case 1: /* one is there twice */
        for (size_t i = *n; i > at; i--)
            text[i] = text[i - 1];
        ++*n;
        return;
    default:
        text[at] = (uint8_t)marks[random_next(state) % (sizeof(marks) - 1)];
    }
}

/* By the thousand: a good request with some bytes changed, cut or doubled. Each is answered with
 * one of our statuses, asked about, or waited for, and nothing of it is left. */
static void test_malformed_thousands(void)
{
    static const char good[] = "POST /main/https%3A%2F%2Fapi.test%2Fa HTTP/1.1\r\n" HOST
                               "X-Key: coffer_main\r\nContent-Length: 4\r\nOrigin: *\r\n\r\nabcd";
    uint32_t state = 1;
    unsigned n_refused = 0, n_asked = 0;

    open_hub();
    for (unsigned i = 0; i < 3000; i++) {
        uint8_t text[2 * sizeof(good)];
        size_t n = sizeof(good) - 1;
        memcpy(text, good, n);
        for (uint32_t k = random_next(&state) % 3 + 1; k > 0; k--)
            change(text, &n, &state);
        if (text[0] == 0)
            continue; /* no HTTP at all */
        int one = client_new(hub, SOCK_STREAM, 0);
        size_t before = n_jobs;
        say_bytes(one, bytes_of(text, n));
        const char *got = hear(one);
        unsigned status = status_of(got);
        n_refused += status == 422;
        n_asked += n_jobs > before;
        if (*got && status != 422)
            ROW(false, i, got);
        close(one);
        pump();
        http_tick(hub, 2000); /* one whose next request waits is only seen to be gone then */
        if (n_jobs > before)
            CHECK(n_jobs == before + 1 && jobs[before]->is_abandoned);
        EQ_INT(http_count(hub), 1);
        jobs_forget();
    }
    CHECK(n_refused > 500 && n_asked > 500);
    printf("# %u refused, %u asked\n", n_refused, n_asked);
    say(fd, GET "\r\n");
    EQ_INT(n_jobs, 1);
    close_hub();
}

int main(void)
{
    loop = event_base_new();
    RUN(test_malformed);
    RUN(test_malformed_thousands);
    event_base_free(loop);
    return harness_end();
}
