/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of agent/bearers.c and bearers_file.c: who is let in, and what of it is on disk. */
#include "tests/harness.h"

#include "agent/bearers.h"
#include "agent/bearers_file.h"
#include "base/crypto.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const uint8_t rec_a[REC_ID_LEN] = {1}, rec_b[REC_ID_LEN] = {2};
static struct agent agent;
static struct bearer_list list;

static void file_path(char out[WHERE_MAX + 64])
{
    char hex[VAULT_ID_HEX];

    where_id_hex(agent.vault_id, hex);
    snprintf(out, WHERE_MAX + 64, "%s/%s/" BEARERS_FILE, agent.where.state, hex);
}

static void start(const char *name)
{
    struct err e;

    memset(&agent, 0, sizeof(agent));
    agent.env = &env_real;
    agent.vault_id[0] = 7;
    snprintf(agent.where.state, sizeof(agent.where.state), "%s/%s", harness_dir(), name);
    OK_CALL(bearers_new(&agent, &e), &e);
}

static void put_file(const char *text, mode_t mode)
{
    char path[WHERE_MAX + 64];

    file_path(path);
    unlink(path);
    FILE *f = fopen(path, "w");
    CHECK(f != NULL);
    fputs(text, f);
    fclose(f);
    CHECK(chmod(path, mode) == 0);
}

static int check(const char *bearer, const uint8_t *rec)
{
    char client[ASKER_NAME_MAX + 1] = "?";
    struct err e;

    int rc = bearers_check(&agent, bytes_str(bearer), rec, client, &e);
    if (rc)
        EQ_STR(client, "?"); /* untouched */
    return rc;
}

static void add(const char *client, const uint8_t *rec, char text[BEARER_TEXT])
{
    struct err e;

    OK_CALL(bearer_add(&agent.where, agent.vault_id, rec, client, &env_real, text, &e), &e);
}

static void test_lasting(void)
{
    char a[BEARER_TEXT], b[BEARER_TEXT], path[WHERE_MAX + 64], client[ASKER_NAME_MAX + 1];
    struct stat st;
    struct err e;

    start("lasting");
    EQ_INT(check("0123456789abcdef0123456789abcdef", rec_a), ERR_POLICY); /* there is no file */
    add("mm1", rec_a, a);
    add("mm1", rec_b, b); /* one per client and key */
    EQ_INT(strlen(a), 32);
    CHECK(strcmp(a, b) != 0);
    EQ_INT(check(a, rec_a), OK);
    EQ_INT(check(b, rec_b), OK);
    EQ_INT(check(a, rec_b), ERR_POLICY);
    EQ_INT(check(b, rec_a), ERR_POLICY);
    OK_CALL(bearers_check(&agent, bytes_str(a), rec_a, client, &e), &e);
    EQ_STR(client, "mm1");
    file_path(path);
    CHECK(stat(path, &st) == 0 && (st.st_mode & 07777) == 0600);
    EQ_INT(bearer_add(&agent.where, agent.vault_id, rec_a, "mm1", &env_real, b, &e), ERR_EXISTS);
    EQ_INT(check(b, rec_b), OK); /* b is untouched */
    OK_CALL(bearers_read(&agent.where, agent.vault_id, &list, &e), &e);
    EQ_INT(list.n, 2);
    EQ_STR(list.v[0].client, "mm1");
    CHECK(list.v[0].created_ms > 1700000000000u);
    bearers_free(&agent);
}

/* One look is for all that came in before it; what comes in after a change finds it. */
static void test_one_look_a_moment(void)
{
    char a[BEARER_TEXT], b[BEARER_TEXT];
    struct err e;

    start("moment");
    agent.moment = 1;
    EQ_INT(check("0123456789abcdef0123456789abcdef", rec_a), ERR_POLICY);
    add("mm1", rec_a, a);
    EQ_INT(check(a, rec_a), ERR_POLICY);
    agent_moment(&agent);
    EQ_INT(check(a, rec_a), OK);
    OK_CALL(bearer_revoke(&agent.where, agent.vault_id, rec_a, "mm1", &e), &e);
    EQ_INT(check(a, rec_a), OK);
    agent_moment(&agent);
    EQ_INT(check(a, rec_a), ERR_POLICY);
    agent.moment = 0;
    add("mm1", rec_a, b);
    EQ_INT(check(b, rec_a), OK);
    bearers_free(&agent);
}

/* What is stored lets nobody in. */
static void test_only_hashed(void)
{
    char a[BEARER_TEXT], path[WHERE_MAX + 64], text[4096];
    uint8_t hash[32];
    struct err e;

    start("hashed");
    add("mm1", rec_a, a);
    file_path(path);
    FILE *f = fopen(path, "r");
    size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;
    if (f)
        fclose(f);
    text[n] = 0;
    CHECK(n > 50 && !strstr(text, a));
    OK_CALL(bearers_read(&agent.where, agent.vault_id, &list, &e), &e);
    OK_CALL(sha256(bytes_str(a), hash, &e), &e);
    EQ_MEM(BYTES_ARR(list.v[0].hash), BYTES_ARR(hash));
    bearers_free(&agent);
}

/* The agent has seen it valid a moment before. */
static void test_revoke(void)
{
    char a[BEARER_TEXT], b[BEARER_TEXT];
    struct err e;

    start("revoke");
    add("mm1", rec_a, a);
    for (int i = 0; i < 50; i++) {
        add("mm2", rec_a, b);
        EQ_INT(check(b, rec_a), OK);
        OK_CALL(bearer_revoke(&agent.where, agent.vault_id, rec_a, "mm2", &e), &e);
        EQ_INT(check(b, rec_a), ERR_POLICY);
    }
    EQ_INT(check(a, rec_a), OK);
    EQ_INT(bearer_revoke(&agent.where, agent.vault_id, rec_a, "mm2", &e), ERR_NOT_FOUND);
    EQ_INT(bearer_revoke(&agent.where, agent.vault_id, rec_b, "mm1", &e), ERR_NOT_FOUND);
    EQ_INT(check(a, rec_a), OK);
    bearers_free(&agent);
}

/* Two changes within one tick of the file system's clock, back to the same size: seen. */
static void test_change_without_a_trace(void)
{
    char a[BEARER_TEXT], b[BEARER_TEXT];
    struct err e;

    start("trace");
    for (int i = 0; i < 20; i++) {
        add("mm1", rec_a, a);
        EQ_INT(check(a, rec_a), OK);
        OK_CALL(bearer_revoke(&agent.where, agent.vault_id, rec_a, "mm1", &e), &e);
        add("mm1", rec_a, b);
        EQ_INT(check(a, rec_a), ERR_POLICY);
        EQ_INT(check(b, rec_a), OK);
        OK_CALL(bearer_revoke(&agent.where, agent.vault_id, rec_a, "mm1", &e), &e);
    }
    bearers_free(&agent);
}

static void test_not_a_bearer(void)
{
    static const char *const bad[] = {"",
                                      "0",
                                      "0123456789abcdef0123456789abcde",
                                      "0123456789abcdef0123456789abcdef0",
                                      "0123456789ABCDEF0123456789ABCDEF",
                                      "0123456789abcdef 123456789abcdef",
                                      "g123456789abcdef0123456789abcdef"};
    char a[BEARER_TEXT], client[ASKER_NAME_MAX + 1];
    struct err e, first;

    start("not");
    add("mm1", rec_a, a);
    first.code = OK;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        EQ_INT(check(bad[i], rec_a), ERR_POLICY);
    /* nobody's, and of another key: one message */
    EQ_INT(bearers_check(&agent, bytes_str(bad[6]), rec_a, client, &first), ERR_POLICY);
    EQ_INT(bearers_check(&agent, bytes_str(a), rec_b, client, &e), ERR_POLICY);
    EQ_STR(e.msg, first.msg);
    EQ_STR(e.msg, "the bearer does not open this key");
    EQ_INT(e.n_hints, 2);
    bearers_free(&agent);
}

static void test_lent(void)
{
    char a[BEARER_TEXT], b[BEARER_TEXT], client[ASKER_NAME_MAX + 1], path[WHERE_MAX + 64];
    struct err e;

    start("lent");
    OK_CALL(bearers_lend(&agent, rec_a, "run-1", 7, a, &e), &e);
    OK_CALL(bearers_lend(&agent, rec_a, "run-1", 7, b, &e), &e);
    OK_CALL(bearers_check(&agent, bytes_str(a), rec_a, client, &e), &e);
    EQ_STR(client, "run-1");
    EQ_INT(check(a, rec_b), ERR_POLICY);
    file_path(path);
    CHECK(access(path, F_OK) != 0); /* in memory only */
    bearers_return(&agent, a);
    EQ_INT(check(a, rec_a), ERR_POLICY);
    EQ_INT(check(b, rec_a), OK);
    bearers_return(&agent, a); /* again: nothing */
    EQ_INT(check(b, rec_a), OK);
    EQ_INT(bearers_lend(&agent, rec_a, "a b", 7, a, &e), ERR_USAGE);
    for (uint32_t i = 1; i < BEARERS_MAX; i++)
        OK_CALL(bearers_lend(&agent, rec_a, "many", i / BEARERS_SHARE + 7, a, &e), &e);
    EQ_INT(bearers_lend(&agent, rec_a, "many", 70, a, &e), ERR_LIMIT);
    EQ_INT(check(b, rec_a), OK);
    bearers_free(&agent);
}

/* One process takes its share, and leaves the others theirs. */
static void test_share(void)
{
    char mine[BEARERS_SHARE][BEARER_TEXT], a[BEARER_TEXT];
    struct err e;

    start("share");
    for (size_t i = 0; i < BEARERS_SHARE; i++)
        OK_CALL(bearers_lend(&agent, rec_a, "greedy", 7, mine[i], &e), &e);
    EQ_INT(bearers_lend(&agent, rec_a, "greedy", 7, a, &e), ERR_LIMIT);
    EQ_STR(e.msg, "process 7 has 32 bearers already");
    EQ_INT(bearers_lend_again(&agent, rec_b, "greedy", 7, "0123456789abcdef0123456789abcdef", &e),
           ERR_LIMIT);
    OK_CALL(bearers_lend(&agent, rec_a, "run", 8, a, &e), &e);
    bearers_return(&agent, mine[3]); /* whose place the last one takes */
    bearers_return(&agent, mine[4]);
    for (size_t i = 3; i < 5; i++)
        OK_CALL(bearers_lend(&agent, rec_a, "greedy", 7, mine[i], &e), &e);
    EQ_INT(bearers_lend(&agent, rec_a, "greedy", 7, mine[3], &e), ERR_LIMIT);
    for (uint32_t i = 1; i < BEARERS_SHARE; i++)
        OK_CALL(bearers_lend(&agent, rec_a, "run", 8, a, &e), &e);
    EQ_INT(bearers_lend(&agent, rec_a, "run", 8, a, &e), ERR_LIMIT);
    bearers_free(&agent);
}

/* After a restart of the agent, whose memory is gone. */
static void test_lent_again(void)
{
    char a[BEARER_TEXT], b[BEARER_TEXT];
    struct err e;

    start("again");
    OK_CALL(bearers_lend(&agent, rec_a, "run", 7, a, &e), &e);
    EQ_INT(bearers_lend_again(&agent, rec_a, "run", 7, a, &e), ERR_EXISTS);
    bearers_free(&agent);
    OK_CALL(bearers_new(&agent, &e), &e);
    EQ_INT(check(a, rec_a), ERR_POLICY);
    OK_CALL(bearers_lend_again(&agent, rec_a, "run", 7, a, &e), &e);
    EQ_INT(check(a, rec_a), OK);
    EQ_INT(check(a, rec_b), ERR_POLICY);
    add("mm1", rec_a, b);
    EQ_INT(bearers_lend_again(&agent, rec_b, "run", 7, b, &e), ERR_EXISTS);
    EQ_INT(bearers_lend_again(&agent, rec_a, "run", 7, "0", &e), ERR_USAGE);
    EQ_INT(bearers_lend_again(&agent, rec_a, "a b", 7, "0123456789abcdef0123456789abcdef", &e),
           ERR_USAGE);
    bearers_return(&agent, a);
    EQ_INT(check(a, rec_a), ERR_POLICY);
    EQ_INT(check(b, rec_a), OK);
    bearers_free(&agent);
}

/* Nobody who is in it gets in; lent ones have nothing to do with it. */
static void test_unreadable(void)
{
    char a[BEARER_TEXT], l[BEARER_TEXT], path[WHERE_MAX + 64], other[WHERE_MAX + 80];
    struct err e;

    start("unreadable");
    add("mm1", rec_a, a);
    OK_CALL(bearers_lend(&agent, rec_a, "run", 7, l, &e), &e);
    EQ_INT(check(a, rec_a), OK);
    file_path(path);
    CHECK(chmod(path, 0644) == 0);
    EQ_INT(check(a, rec_a), ERR_IO);
    EQ_INT(check(l, rec_a), OK);
    CHECK(chmod(path, 0600) == 0);
    EQ_INT(check(a, rec_a), OK);
    put_file("{\"format\":1,\"bearers\":[", 0600);
    EQ_INT(check(a, rec_a), ERR_IO);
    EQ_INT(bearer_add(&agent.where, agent.vault_id, rec_a, "x", &env_real, l, &e), ERR_FORMAT);
    snprintf(other, sizeof(other), "%s.elsewhere", path);
    CHECK(rename(path, other) == 0 && symlink(other, path) == 0);
    EQ_INT(check(a, rec_a), ERR_IO);
    unlink(path);
    EQ_INT(check(a, rec_a), ERR_POLICY);
    bearers_free(&agent);
}

static void test_limit(void)
{
    char text[BEARER_TEXT], name[32];
    struct err e;

    start("limit");
    AUTO_BUF out = BUF_INIT(BEARERS_FILE_MAX);
    list.n = 0;
    for (size_t i = 0; i < BEARERS_MAX; i++) {
        struct bearer *b = &list.v[list.n++];
        memset(b, 0, sizeof(*b));
        memset(b->client, 'x', ASKER_NAME_MAX);
        snprintf(name, sizeof(name), "%04zu", i);
        memcpy(b->client, name, 4);
        b->created_ms = 9007199254740992u;
    }
    OK_CALL(bearers_print(&list, &out, &e), &e);
    static struct bearer_list again;
    OK_CALL(bearers_parse(buf_bytes(&out), &again, &e), &e);
    EQ_INT(again.n, BEARERS_MAX);
    EQ_MEM(bytes_of(again.v, sizeof(again.v)), bytes_of(list.v, sizeof(list.v)));
    char first[BEARER_TEXT];
    add("first", rec_a, first);
    put_file(buf_str(&out), 0600);
    EQ_INT(bearer_add(&agent.where, agent.vault_id, rec_a, "more", &env_real, text, &e), ERR_LIMIT);
    bearers_free(&agent);
}

/* A clock that cannot be read, or no random bytes: nothing is added. */
static int no_random(const struct env *env, void *p, size_t n, struct err *e)
{
    (void)env, (void)p, (void)n;
    return err_set(e, ERR_FAILED, "no random bytes");
}

static void test_no_random(void)
{
    const struct env poor = {.now_us = env_real.now_us, .random = no_random};
    char text[BEARER_TEXT] = "as it was";
    struct err e;

    start("random");
    EQ_INT(bearer_add(&agent.where, agent.vault_id, rec_a, "mm1", &poor, text, &e), ERR_FAILED);
    EQ_STR(text, "as it was");
    OK_CALL(bearers_read(&agent.where, agent.vault_id, &list, &e), &e);
    EQ_INT(list.n, 0);
    bearers_free(&agent);
}

int main(void)
{
    RUN(test_lasting);
    RUN(test_one_look_a_moment);
    RUN(test_only_hashed);
    RUN(test_revoke);
    RUN(test_change_without_a_trace);
    RUN(test_not_a_bearer);
    RUN(test_lent);
    RUN(test_share);
    RUN(test_lent_again);
    RUN(test_unreadable);
    RUN(test_limit);
    RUN(test_no_random);
    return harness_end();
}
