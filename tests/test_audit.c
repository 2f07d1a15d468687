/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of agent/audit.c: the exact lines, one write a turn, torn lines, a full disk and what comes
 * after it, files that are moved away, and files that are not ours alone. */
#include "tests/harness.h"

#include "agent/audit.h"
#include "base/file.h"
#include "base/json.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static uint64_t now_us;

static int fixed_now(const struct env *env, uint64_t *us, struct err *e)
{
    (void)env, (void)e;
    *us = now_us;
    return OK;
}

static const struct env fixed = {.now_us = fixed_now};
static struct agent agent;
static char path[WHERE_MAX + 80];

static void begin(void)
{
    static unsigned n;
    struct err e;

    now_us = 1700000000123456;
    agent = (struct agent){.env = &fixed};
    snprintf(agent.where.state, sizeof(agent.where.state), "%s/state%u", harness_dir(), n++);
    memset(agent.vault_id, 0xab, sizeof(agent.vault_id));
    snprintf(path, sizeof(path), "%s/abababababababababababababababab/audit.log",
             agent.where.state);
    OK_CALL(audit_open(&agent, &e), &e);
}

static void put(const char *record)
{
    struct err e;
    struct audit_line l = {.record = record, .op = "request", .outcome = "allowed"};

    OK_CALL(audit_add(&agent, &l, &e), &e);
}

static const char *contents(void)
{
    static struct buf text = BUF_INIT(1 << 20);
    struct err e;

    buf_reset(&text);
    OK_CALL(file_read_user(path, 1 << 20, &text, &e), &e);
    return buf_str(&text);
}

#define LINE(r)                                                                                    \
    "{\"time\":\"2023-11-14T22:13:20.123Z\",\"op\":\"request\",\"record\":\"" r                    \
    "\",\"outcome\":\"allowed\"}\n"

static void test_line(void)
{
    struct asker who = {.way = ASKER_TCP, .uid = UINT32_MAX, .pid = UINT32_MAX, .client = "mm1"};
    struct gist g = {.side = "BUY", .size = "0.5", .market = "ETHUSDT", .n = 3};
    struct audit_line l = {.who = &who,
                           .record = "acme",
                           .op = "request",
                           .cls = "trade",
                           .method = BYTES_LIT("POST"),
                           .path = BYTES_LIT("/api/v3/order"),
                           .gist = &g,
                           .outcome = "allowed"};
    struct stat st;
    struct err e;

    begin();
    OK_CALL(audit_add(&agent, &l, &e), &e);
    EQ_STR(contents(), "");
    OK_CALL(audit_commit(&agent, &e), &e);
    EQ_STR(contents(), "{\"time\":\"2023-11-14T22:13:20.123Z\",\"way\":\"tcp\",\"client\":\"mm1\","
                       "\"op\":\"request\",\"record\":\"acme\",\"class\":\"trade\",\"method\":"
                       "\"POST\",\"path\":\"/api/v3/order\",\"side\":\"BUY\",\"market\":"
                       "\"ETHUSDT\",\"size\":\"0.5\",\"orders\":3,\"outcome\":\"allowed\"}\n");
    EQ_INT(stat(path, &st), 0);
    EQ_INT(st.st_mode & 07777, 0600);
    OK_CALL(audit_commit(&agent, &e), &e);
    EQ_INT(audit_failure(&agent)->code, OK);
    audit_close(&agent);
}

/* Whatever a client wrote for a name or path, a line is one line of JSON. */
static void test_hostile_words(void)
{
    static const struct json_limits limits = {4096, 2, 20};
    char record[300], long_path[3000];
    struct asker who = {.way = ASKER_PROXY, .uid = 1000, .pid = 77};
    struct json root, v;
    struct err e;

    begin();
    memset(long_path, '\x01', sizeof(long_path));
    snprintf(record, sizeof(record), "a\"b\\c\nd\x1b[1m\xff\xe2\x80\xae");
    struct audit_line l = {.who = &who, .record = record, .op = "sign", .outcome = "not_found"};
    l.path = bytes_of(long_path, sizeof(long_path));
    OK_CALL(audit_add(&agent, &l, &e), &e);
    OK_CALL(audit_commit(&agent, &e), &e);
    const char *text = contents();
    CHECK(strchr(text, '\n') == text + strlen(text) - 1);
    for (const char *p = text; *p; p++)
        CHECK(*p == '\n' || (*p >= ' ' && *p <= '~'));
    OK_CALL(json_check(bytes_str(text), &limits, &root, &e), &e);
    CHECK(json_get(root, "uid", &v) && v.type == JSON_NUMBER);
    CHECK(!json_get(root, "client", &v));
    audit_close(&agent);
}

static void test_asker(void)
{
    char text[ASKER_TEXT];
    struct asker a = {.way = ASKER_PROXY, .uid = 1000, .pid = 77};

    asker_text(&a, text);
    EQ_STR(text, "uid 1000 (pid 77)");
    a.pid = UINT32_MAX;
    asker_text(&a, text);
    EQ_STR(text, "uid 1000");
    a.uid = UINT32_MAX;
    asker_text(&a, text);
    EQ_STR(text, "a client over TCP");
    snprintf(a.client, sizeof(a.client), "mm1");
    asker_text(&a, text);
    EQ_STR(text, "bot 'mm1'");
}

static void test_appends(void)
{
    struct err e;

    begin();
    put("one");
    put("two");
    OK_CALL(audit_commit(&agent, &e), &e);
    audit_close(&agent);
    OK_CALL(audit_open(&agent, &e), &e);
    put("three");
    OK_CALL(audit_commit(&agent, &e), &e);
    EQ_STR(contents(), LINE("one") LINE("two") LINE("three"));
    audit_close(&agent);
}

/* A power failure in the middle of a line. */
static void test_torn(void)
{
    struct err e;

    begin();
    put("one");
    OK_CALL(audit_commit(&agent, &e), &e);
    audit_close(&agent);
    EQ_INT(truncate(path, (off_t)strlen(LINE("one")) - 5), 0);
    OK_CALL(audit_open(&agent, &e), &e);
    put("two");
    OK_CALL(audit_commit(&agent, &e), &e);
    const char *text = contents();
    EQ_INT(strlen(text), 2 * strlen(LINE("one")) - 5 + 1);
    CHECK(strstr(text, "\n" LINE("two")) != NULL);
    audit_close(&agent);
}

static void limit_files(rlim_t n)
{
    struct rlimit r = {.rlim_cur = n, .rlim_max = RLIM_INFINITY};

    getrlimit(RLIMIT_FSIZE, &r);
    r.rlim_cur = n == RLIM_INFINITY ? r.rlim_max : n;
    EQ_INT(setrlimit(RLIMIT_FSIZE, &r), 0);
}

/* The turn whose lines did not fit is not there in part, and what follows waits for room. */
static void test_disk_full(void)
{
    struct audit_line l = {.record = "x", .op = "request", .outcome = "allowed"};
    struct err e;

    begin();
    signal(SIGXFSZ, SIG_IGN);
    put("one");
    OK_CALL(audit_commit(&agent, &e), &e);
    put("two");
    put("three");
    limit_files(strlen(LINE("one")) + strlen(LINE("two")) + 10);
    EQ_INT(audit_commit(&agent, &e), ERR_IO);
    CHECK(strstr(e.msg, "nothing is signed") != NULL);
    EQ_INT(audit_failure(&agent)->code, ERR_IO);
    EQ_INT(audit_commit(&agent, &e), OK); /* nothing is due */
    limit_files(strlen(LINE("one")) + 5);
    EQ_INT(audit_add(&agent, &l, &e), ERR_IO);
    EQ_INT(audit_failure(&agent)->code, ERR_IO);
    limit_files(RLIM_INFINITY);
    EQ_STR(contents(), LINE("one"));
    put("four");
    OK_CALL(audit_commit(&agent, &e), &e);
    EQ_INT(audit_failure(&agent)->code, OK);
    EQ_STR(contents(), LINE("one") "{\"time\":\"2023-11-14T22:13:20.123Z\",\"op\":\"log\","
                                   "\"outcome\":\"resumed\",\"lost\":3}\n" LINE("four"));
    audit_close(&agent);
}

/* Seen within a second or so. */
static void until_there(void)
{
    struct err e;

    for (int i = 0; i < 30 && access(path, F_OK) != 0; i++) {
        usleep(100000);
        put("moved");
        OK_CALL(audit_commit(&agent, &e), &e);
    }
    CHECK(strstr(contents(), LINE("moved")) == contents());
}

static void test_moved(void)
{
    char aside[sizeof(path) + 2];
    struct err e;

    begin();
    put("one");
    OK_CALL(audit_commit(&agent, &e), &e);
    snprintf(aside, sizeof(aside), "%s.1", path);
    EQ_INT(rename(path, aside), 0);
    until_there();
    EQ_INT(unlink(path), 0);
    until_there();
    audit_close(&agent);
}

static void test_not_ours(void)
{
    struct err e;

    begin();
    audit_close(&agent);
    EQ_INT(chmod(path, 0640), 0);
    EQ_INT(audit_open(&agent, &e), ERR_IO);
    CHECK(strstr(e.msg, "open to others") && agent.audit == NULL);
    EQ_INT(unlink(path), 0);
    EQ_INT(symlink("/dev/null", path), 0);
    EQ_INT(audit_open(&agent, &e), ERR_IO);
    EQ_INT(unlink(path), 0);
    EQ_INT(mkfifo(path, 0600), 0);
    EQ_INT(audit_open(&agent, &e), ERR_IO);
    EQ_INT(unlink(path), 0);
    OK_CALL(audit_open(&agent, &e), &e);
    audit_close(&agent);
}

int main(void)
{
    RUN(test_line);
    RUN(test_hostile_words);
    RUN(test_asker);
    RUN(test_appends);
    RUN(test_torn);
    RUN(test_disk_full);
    RUN(test_moved);
    RUN(test_not_ours);
    return harness_end();
}
