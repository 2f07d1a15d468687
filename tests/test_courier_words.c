/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of agent/courier_fault.c and connect_to.c: what a person is told, and what one may type. */
#include "tests/harness.h"

#include "agent/courier.h"

#include <stdio.h>

static void test_connect_to(void)
{
    static const struct {
        const char *text;
        unsigned port; /* 0: refused */
    } rows[] = {
        {"::127.0.0.1:8443", 8443},
        {"api.binance.com:443:127.0.0.1:1", 1},
        {"api.binance.com::localhost:65535", 65535},
        {":443:[::1]:80", 80},
        {"[2001:db8::1]:443:[fe80::1]:80", 80},
        {"", 0},
        {"::", 0},
        {":::", 0},
        {"::127.0.0.1", 0},
        {"::127.0.0.1:", 0},
        {"::127.0.0.1:0", 0},
        {"::127.0.0.1:65536", 0},
        {"::127.0.0.1:080", 0},
        {"::127.0.0.1:80x", 0},
        {"::127.0.0.1:80:90", 0},
        {":0:127.0.0.1:80", 0},
        {":x:127.0.0.1:80", 0},
        {":::80", 0},
        {"::::1:80", 0},
        {"::[::1:80", 0},
        {"::[]:80", 0},
        {"::[::1]80", 0},
        {"::a b:80", 0},
        {"::user@host:80", 0},
        {"::host/:80", 0},
        {"a:443:b\n:80", 0},
    };
    struct err e;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        unsigned port = 0;
        int rc = connect_to_check(rows[i].text, &port, &e);
        harness_ok(rc == (rows[i].port ? OK : ERR_USAGE) && port == rows[i].port, __FILE__,
                   __LINE__, "'%s': %d, port %u", rows[i].text, rc, port);
    }
}

/* Every fault has words; an order of unknown end is always said to be one. */
static void test_words(void)
{
    struct err e;

    for (int fault = FAULT_NONE + 1; fault < FAULT_COUNT; fault++)
        for (int result = WIRE_NOT_SENT; result <= WIRE_UNKNOWN; result++)
            for (int is_order = 0; is_order < 2; is_order++) {
                static struct answer a;
                a.result = (enum wire_result)result;
                a.fault = (enum wire_fault)fault;
                snprintf(a.detail, sizeof(a.detail), "\033[31mdetail");
                int rc = answer_fault(&a, "api.test", is_order, &e);
                bool is_open = result == WIRE_UNKNOWN;
                EQ_INT(rc, fault == FAULT_REFUSED_HERE ? ERR_POLICY : ERR_FAILED);
                CHECK(strstr(e.msg, "'api.test'") != NULL);
                CHECK(!strchr(e.msg, '\033'));
                CHECK(!strstr(e.msg, "no reason is known"));
                CHECK(e.n_hints > 0 || fault == FAULT_INTERNAL);
                EQ_INT(strstr(e.msg, "it may have been carried out") != NULL, is_order && is_open);
                EQ_INT(strstr(e.msg, "nothing was sent") != NULL, is_order && !is_open);
                if (is_order && is_open)
                    CHECK(strstr(e.hints[0], "open orders") != NULL);
            }
}

static void test_some_words(void)
{
    static struct answer a;
    struct err e;

    a.result = WIRE_NOT_SENT, a.fault = FAULT_CERTIFICATE_NAME;
    snprintf(a.detail, sizeof(a.detail), "SSL: no match");
    answer_fault(&a, "api.test", false, &e);
    EQ_STR(e.msg, "cannot reach 'api.test': its certificate is for another host (SSL: no match)");
    EQ_STR(e.hints[0], "a proxy that opens TLS, or somebody between you and the exchange: do not "
                       "go on before you know which");
    a.result = WIRE_UNKNOWN, a.fault = FAULT_TIMEOUT;
    answer_fault(&a, "api.test", true, &e);
    EQ_STR(e.msg, "no whole answer from 'api.test': no answer came in time; it may have been "
                  "carried out");
    EQ_INT(e.n_hints, 2);
}

int main(void)
{
    RUN(test_connect_to);
    RUN(test_words);
    RUN(test_some_words);
    return harness_end();
}
