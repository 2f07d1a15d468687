/* SPDX-License-Identifier: Apache-2.0 */
/* Notes of a key: what was written comes back, one part at a time; what is not as documented is
 * bad, and nothing. */
#include "tests/harness.h"

#include "base/file.h"
#include "vault/notes_parse.h"
#include "vault/state.h"
#include "vault/trust.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const uint8_t id[16] = {1, 2, 3}, rec[16] = {9}, other[16] = {8};
static const char file[] = "01020300000000000000000000000000/"
                           "09000000000000000000000000000000.notes.json";

static struct where fresh(void)
{
    static unsigned n;
    struct where w;
    memset(&w, 0, sizeof(w));
    snprintf(w.state, sizeof(w.state), "%s/s%u/state", harness_dir(), ++n);
    return w;
}

static struct verify_note verified(void)
{
    struct verify_note n = {.at_ms = 1700000000000,
                            .version = 3,
                            .works = "yes",
                            .worked_ms = 1700000000000,
                            .expires_ms = 1800000000000,
                            .exchange_created_ms = 1600000000000,
                            .expires = "yes",
                            .ip_bound = "no",
                            .withdraw = "unknown",
                            .transfer = "no",
                            .account = "main \"1\"",
                            .problems = {"no-ip-list", "old"},
                            .n_problems = 2};
    return n;
}

static void same(const struct verify_note *a, const struct verify_note *b)
{
    EQ_INT(a->at_ms, b->at_ms);
    EQ_INT(a->version, b->version);
    EQ_STR(a->works, b->works);
    EQ_INT(a->worked_ms, b->worked_ms);
    EQ_INT(a->expires_ms, b->expires_ms);
    EQ_INT(a->exchange_created_ms, b->exchange_created_ms);
    EQ_STR(a->expires, b->expires);
    EQ_STR(a->ip_bound, b->ip_bound);
    EQ_STR(a->withdraw, b->withdraw);
    EQ_STR(a->transfer, b->transfer);
    EQ_STR(a->account, b->account);
    EQ_INT(a->n_problems, b->n_problems);
    for (size_t i = 0; i < a->n_problems; i++)
        EQ_STR(a->problems[i], b->problems[i]);
}

static void test_parts(void)
{
    struct err e;
    struct where w = fresh();
    struct verify_note v, wrote = verified();
    struct review_note r, reviewed = {.at_ms = 5, .open = {"backup"}, .n_open = 1};
    bool is_bad = true;
    OK_CALL(notes_read(&w, id, rec, &v, &r, &is_bad, &e), &e); /* no directory at all */
    EQ_INT(v.at_ms, 0);
    EQ_INT(r.at_ms, 0);
    CHECK(!is_bad);
    OK_CALL(notes_write(&w, id, rec, &wrote, NULL, &e), &e);
    OK_CALL(notes_read(&w, id, rec, &v, &r, NULL, &e), &e);
    same(&v, &wrote);
    EQ_INT(r.at_ms, 0);
    OK_CALL(notes_write(&w, id, rec, NULL, &reviewed, &e), &e);
    OK_CALL(notes_read(&w, id, rec, &v, &r, &is_bad, &e), &e);
    same(&v, &wrote);
    EQ_INT(r.at_ms, 5);
    EQ_INT(r.n_open, 1);
    EQ_STR(r.open[0], "backup");
    snprintf(wrote.works, sizeof(wrote.works), "refused");
    wrote.n_problems = 0;
    OK_CALL(notes_write(&w, id, rec, &wrote, NULL, &e), &e);
    OK_CALL(notes_read(&w, id, rec, &v, &r, &is_bad, &e), &e);
    same(&v, &wrote);
    EQ_STR(r.open[0], "backup");
    OK_CALL(notes_read(&w, id, other, &v, &r, &is_bad, &e), &e); /* another key */
    EQ_INT(v.at_ms, 0);
    CHECK(!is_bad);
    char path[WHERE_MAX + 80];
    struct stat st;
    snprintf(path, sizeof(path), "%s/%s", w.state, file);
    EQ_INT(stat(path, &st), 0);
    EQ_INT(st.st_mode & 07777, 0600);
}

/* Nothing is written that could not be read, and no unknown answer becomes another. */
static void test_values(void)
{
    struct err e;
    struct where w = fresh();
    struct verify_note v, n = verified();
    bool is_bad;
    n.withdraw[0] = n.transfer[0] = n.expires[0] = n.ip_bound[0] = 0;
    n.expires_ms = UINT64_MAX;
    memset(n.account, '\xe4', sizeof(n.account) - 1); /* not UTF-8 */
    OK_CALL(notes_write(&w, id, rec, &n, NULL, &e), &e);
    OK_CALL(notes_read(&w, id, rec, &v, NULL, &is_bad, &e), &e);
    CHECK(!is_bad);
    EQ_STR(v.withdraw, "unknown");
    EQ_STR(v.transfer, "unknown");
    EQ_STR(v.expires, "unknown");
    EQ_STR(v.ip_bound, "unknown");
    EQ_INT(v.expires_ms, 9007199254740992);
    CHECK(strncmp(v.account, "\\xe4\\xe4", 8) == 0);
    n = verified();
    snprintf(n.works, sizeof(n.works), "maybe");
    EQ_INT(notes_write(&w, id, rec, &n, NULL, &e), ERR_USAGE);
    n.works[0] = 0;
    EQ_INT(notes_write(&w, id, rec, &n, NULL, &e), ERR_USAGE);
    n = verified();
    snprintf(n.withdraw, sizeof(n.withdraw), "No");
    EQ_INT(notes_write(&w, id, rec, &n, NULL, &e), ERR_USAGE);
    n = verified();
    n.problems[1][0] = 0;
    EQ_INT(notes_write(&w, id, rec, &n, NULL, &e), ERR_USAGE);
    OK_CALL(notes_read(&w, id, rec, &v, NULL, NULL, &e), &e); /* what was there stays */
    EQ_STR(v.withdraw, "unknown");
}

#define V                                                                                          \
    "{\"at_ms\":1,\"version\":1,\"works\":\"yes\",\"worked_ms\":0,\"expires_ms\":0,"               \
    "\"exchange_created_ms\":0,\"expires\":\"no\",\"ip_bound\":\"no\",\"withdraw\":\"no\","        \
    "\"transfer\":\"no\",\"account\":\"\",\"problems\":[]"

static void test_malformed(void)
{
    static const char *const good[] = {"{\"format\":1}", "{\"verify\":" V "},\"format\":1}",
                                       "{\"format\":1,\"review\":{\"at_ms\":1,\"open\":[]}}\n"};
    static const char *const bad[] = {
        "",
        "x",
        "[]",
        "{}",
        "{\"format\":2}",
        "{\"format\":1,\"more\":1}",
        "{\"format\":1,\"verify\":{}}",
        "{\"format\":1,\"verify\":[]}",
        "{\"verify\":" V "}}",
        "{\"format\":1,\"verify\":" V ",\"more\":1}}",
        "{\"format\":1,\"verify\":" V ",\"at_ms\":1}}",
        "{\"format\":1,\"review\":{\"at_ms\":0,\"open\":[]}}",
        "{\"format\":1,\"review\":{\"at_ms\":1,\"open\":[1]}}",
        "{\"format\":1,\"review\":{\"at_ms\":1,\"open\":[\"\"]}}",
        "{\"format\":1,\"review\":{\"at_ms\":1,\"open\":\"\"}}",
        "{\"format\":1,\"review\":{\"at_ms\":1}}",
        "{\"format\":1,\"review\":{\"at_ms\":1,\"open\":[],\"x\":[]}}",
        "{\"format\":1,\"review\":{\"at_ms\":1,\"open\":[\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"]}}",
    };
    struct notes n;
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        CHECK(notes_parse(bytes_str(good[i]), &n));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        harness_ok(!notes_parse(bytes_str(bad[i]), &n) && n.verify.at_ms == 0 &&
                       n.review.n_open == 0,
                   __FILE__, __LINE__, "%s", bad[i]);
}

/* Each member once with a value that is not one of its own. */
static void test_members(void)
{
    static const char *const changes[][2] = {
        {"\"at_ms\":1", "\"at_ms\":0"},
        {"\"at_ms\":1", "\"at_ms\":\"1\""},
        {"\"version\":1", "\"version\":-1"},
        {"\"works\":\"yes\"", "\"works\":\"no\""},
        {"\"works\":\"yes\"", "\"works\":true"},
        {"\"expires\":\"no\"", "\"expires\":\"\""},
        {"\"ip_bound\":\"no\"", "\"ip_bound\":false"},
        {"\"withdraw\":\"no\"", "\"withdraw\":\"NO\""},
        {"\"transfer\":\"no\"", "\"transfer\":\"none\""},
        {"\"account\":\"\"", "\"account\":\"\\u0000\""},
        {"\"account\":\"\"", "\"account\":null"},
        {"\"problems\":[]", "\"problems\":{}"},
    };
    static const char text[] = "{\"format\":1,\"verify\":" V "}}";
    struct notes n;
    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        AUTO_BUF t = BUF_INIT(4096);
        const char *at = strstr(text, changes[i][0]);
        CHECK(at != NULL);
        if (!at)
            continue;
        buf_add(&t, bytes_of(text, (size_t)(at - text)));
        buf_adds(&t, changes[i][1]);
        buf_adds(&t, at + strlen(changes[i][0]));
        harness_ok(!notes_parse(buf_bytes(&t), &n), __FILE__, __LINE__, "%s", changes[i][1]);
    }
}

static void put(const struct where *w, const char *text, mode_t mode)
{
    struct err e;
    AUTO(fd_closep) int dir = -1;
    char path[WHERE_MAX + 80];
    snprintf(path, sizeof(path), "%s/%s", w->state, file);
    OK_CALL(state_dir(w, id, true, &dir, &e), &e);
    OK_CALL(file_replace_at(dir, strchr(file, '/') + 1, bytes_str(text), &e), &e);
    EQ_INT(chmod(path, mode), 0);
}

static void test_bad_file(void)
{
    struct err e;
    struct where w = fresh();
    struct verify_note v = {.at_ms = 7}, n = verified();
    struct review_note r = {.at_ms = 7};
    bool is_bad = false;
    put(&w, "{\"format\":1,\"verify\":" V "}}", 0644); /* open to others */
    OK_CALL(notes_read(&w, id, rec, &v, &r, &is_bad, &e), &e);
    CHECK(is_bad);
    EQ_INT(v.at_ms, 0);
    EQ_INT(r.at_ms, 0);
    put(&w, "{\"format\":1,\"verify\":", 0600);
    is_bad = false;
    OK_CALL(notes_read(&w, id, rec, &v, NULL, &is_bad, &e), &e);
    CHECK(is_bad);
    OK_CALL(notes_write(&w, id, rec, &n, NULL, &e), &e); /* replaced by one that is good */
    OK_CALL(notes_read(&w, id, rec, &v, NULL, &is_bad, &e), &e);
    CHECK(!is_bad);
    same(&v, &n);
}

int main(void)
{
    RUN(test_parts);
    RUN(test_values);
    RUN(test_malformed);
    RUN(test_members);
    RUN(test_bad_file);
    return harness_end();
}
