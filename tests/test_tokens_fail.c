/* SPDX-License-Identifier: Apache-2.0 */
/* agent/token*.c: coffer-tokens that hang, end or lie, a core that is a new one, and a list of
 * tokens that changes. */
#include "tests/tokens_fixture.h"

#include <sys/socket.h>
#include <unistd.h>

static void test_hung(void)
{
    struct scene s;
    struct token_view v;
    struct told t, u;
    struct tokens_op *op;
    scene_new(&s, 1);
    s.f.a.tokens->hung_ms = 120;
    CHECK(fake_unlock(&s.f, 0));
    s.f.tokens[0].way = FAKE_IS_MUTE;
    EQ_INT(decap(&s, &s.o.key, &t, &op), OK);
    EQ_INT(decap(&s, &s.o.key, &u, &op), OK);
    fake_turn(&s.f, &u.is_done, 3000);
    EQ_INT(t.code, ERR_TOKEN);
    EQ_INT(u.code, ERR_TOKEN);
    EQ_STR(t.msg, "token 'test token' has not answered for 1 s");
    EQ_INT(s.f.tokens[0].n_kills, 1);
    EQ_INT(s.f.tokens[0].n_unattended, 1);
    EQ_INT(s.f.n_told[NOTICE_TOKEN], 1);
    EQ_STR(s.f.told[NOTICE_TOKEN], "token 'test token' has not answered for 1 s; it is locked now");
    fake_settle(&s.f);
    EQ_INT(s.f.tokens[0].n_starts, 2);
    tokens_view(&s.f.a, 0, &v);
    CHECK(v.is_running && v.is_known && !v.is_unlocked);
    EQ_INT(v.restarts, 1);
    s.f.tokens[0].way = FAKE_ANSWERS;
    CHECK(fake_unlock(&s.f, 0));
    EQ_INT(decap(&s, &s.o.key, &t, &op), OK);
    fake_turn(&s.f, &t.is_done, 3000);
    EQ_INT(t.code, OK);
    scene_free(&s);
}

/* One that says nothing from the start is not started for ever. */
static void test_mute_from_the_start(void)
{
    struct scene s;
    struct told t = {.n = 0};
    scene_new(&s, 1);
    s.f.a.tokens->hung_ms = 100;
    s.f.tokens[0].way = FAKE_IS_MUTE;
    tokens_look(&s.f.a, 0, on_done, &t);
    fake_turn(&s.f, &t.is_done, 3000);
    EQ_INT(t.code, ERR_TOKEN);
    fake_turn(&s.f, NULL, 250);
    EQ_INT(s.f.tokens[0].n_starts, 1);
    EQ_INT(s.f.tokens[0].n_unattended, 0);
    scene_free(&s);
}

static void test_ends(void)
{
    struct scene s;
    struct token_view v;
    struct told t, u;
    struct tokens_op *op;
    scene_new(&s, 1);
    CHECK(fake_unlock(&s.f, 0));
    s.f.tokens[0].way = FAKE_ENDS;
    EQ_INT(decap(&s, &s.o.key, &t, &op), OK);
    EQ_INT(decap(&s, &s.o.key, &u, &op), OK);
    fake_turn(&s.f, &u.is_done, 3000);
    EQ_INT(t.code, ERR_TOKEN);
    EQ_INT(u.code, ERR_TOKEN);
    EQ_STR(t.msg, "the driver of token 'test token' has ended");
    fake_settle(&s.f);
    tokens_view(&s.f.a, 0, &v);
    CHECK(!v.is_running && !v.is_unlocked);
    EQ_INT(s.f.tokens[0].n_starts, 1); /* only when it is next needed */
    EQ_INT(s.f.tokens[0].n_unattended, 1);
    EQ_INT(s.f.n_told[NOTICE_TOKEN], 1);
    EQ_INT(decap(&s, &s.o.key, &t, &op), ERR_PERSON);
    s.f.tokens[0].way = FAKE_ANSWERS;
    CHECK(fake_unlock(&s.f, 0));
    EQ_INT(s.f.tokens[0].n_starts, 2);
    fake_crash(&s.f, 0); /* soon again: nobody is asked to unlock it by itself once more */
    fake_settle(&s.f);
    EQ_INT(s.f.tokens[0].n_unattended, 1);
    EQ_INT(s.f.n_told[NOTICE_TOKEN], 2);
    scene_free(&s);
}

static void test_babbles(void)
{
    struct scene s;
    struct told t;
    struct tokens_op *op;
    scene_new(&s, 1);
    CHECK(fake_unlock(&s.f, 0));
    s.f.tokens[0].way = FAKE_BABBLES;
    EQ_INT(decap(&s, &s.o.key, &t, &op), OK);
    fake_turn(&s.f, &t.is_done, 3000);
    EQ_INT(t.code, ERR_TOKEN);
    EQ_INT(s.f.tokens[0].n_kills, 1);
    scene_free(&s);
}

static void test_cannot_be_started(void)
{
    struct scene s;
    struct told t = {.n = 0};
    scene_new(&s, 1);
    s.f.tokens[0].is_unstartable = true;
    tokens_unlock(&s.f.a, 0, -1, 0, on_done, &t);
    fake_turn(&s.f, &t.is_done, 3000);
    EQ_INT(t.code, ERR_TOKEN);
    EQ_STR(t.msg, "the driver of token 'test token' could not be started");
    fake_settle(&s.f);
    EQ_INT(s.f.tokens[0].n_starts, 1);
    s.f.tokens[0].is_unstartable = false;
    CHECK(fake_unlock(&s.f, 0));
    scene_free(&s);
}

/* The core was killed: a new one finds the process, and that it is unlocked. */
static void test_a_new_core(void)
{
    struct scene s;
    struct token_view v;
    AUTO_BUF out = BUF_INIT(TOKENWIRE_MAX);
    struct tokenwire_state state = {.label = "found", .is_logged_in = true, .is_present = true};
    struct err e;
    int pair[2];
    scene_new(&s, 1);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
    tokens_channel(&s.f.a, s.o.key.recipient.rid, pair[1]);
    OK_CALL(tokenwire_put_state(&out, &state, &e), &e);
    /* in two pieces */
    CHECK(write(pair[0], out.p, 3) == 3);
    fake_settle(&s.f);
    CHECK(write(pair[0], out.p + 3, out.n - 3) == (ssize_t)out.n - 3);
    fake_settle(&s.f);
    tokens_view(&s.f.a, 0, &v);
    CHECK(v.is_running && v.is_known && v.is_unlocked);
    EQ_STR(v.state.label, "found");
    EQ_INT(s.f.tokens[0].n_starts, 0);
    close(pair[0]);
    fake_settle(&s.f);
    tokens_view(&s.f.a, 0, &v);
    CHECK(!v.is_running && !v.is_unlocked);
    scene_free(&s);
}

static void put(struct scene *s, struct softkey *key)
{
    struct local_token entry;
    struct err e;
    fake_entry(&s->o, key, &entry);
    OK_CALL(local_put(&s->o.w, &entry, &e), &e);
}

static void drop(struct scene *s, const struct softkey *key)
{
    struct err e;
    OK_CALL(local_drop(&s->o.w, s->o.id, key->recipient.rid, &e), &e);
}

static void test_reload(void)
{
    struct scene s;
    struct token_view v;
    struct err e;
    scene_new(&s, 1);
    CHECK(fake_unlock(&s.f, 0));
    put(&s, &s.spare);
    OK_CALL(tokens_reload(&s.f.a, &e), &e);
    EQ_INT(s.f.n_reloads, 1);
    EQ_INT(tokens_view(&s.f.a, 0, &v), 2);
    CHECK(v.is_unlocked); /* goes on */
    tokens_view(&s.f.a, 1, &v);
    EQ_STR(v.label, "spare");
    drop(&s, &s.o.key);
    OK_CALL(tokens_reload(&s.f.a, &e), &e);
    EQ_INT(tokens_view(&s.f.a, 0, &v), 1);
    CHECK(!v.is_unlocked && !v.is_running);
    EQ_STR(v.label, "spare");
    EQ_INT(s.f.tokens[0].n_kills, 1);
    EQ_STR(s.f.told[NOTICE_TOKEN], "token 'test token' is not on this machine's list any more; it "
                                   "is locked now: run 'coffer unlock'");
    tokens_view(&s.f.a, 1, &v); /* as for a command that began before */
    CHECK(!v.label[0] && !v.is_known);
    scene_free(&s);
}

/* What stands behind it moves up, and goes on: unlocked, and with what it was asked. */
static void test_first_of_two_goes(void)
{
    struct scene s;
    struct token_view v;
    struct told t, u;
    struct tokens_op *op;
    scene_new(&s, 2);
    CHECK(fake_unlock(&s.f, 0) && fake_unlock(&s.f, 1));
    s.f.tokens[0].way = s.f.tokens[1].way = FAKE_WAITS;
    EQ_INT(decap(&s, &s.o.key, &t, &op), OK);
    EQ_INT(decap(&s, &s.spare, &u, &op), OK);
    fake_settle(&s.f);
    drop(&s, &s.o.key);
    tokens_follow(&s.f.a);
    EQ_INT(tokens_view(&s.f.a, 0, &v), 1);
    EQ_STR(v.label, "spare");
    CHECK(v.is_unlocked && v.is_running && tokens_is_unlocked(&s.f.a));
    fake_settle(&s.f);
    EQ_INT(t.code, ERR_TOKEN);
    CHECK(!u.is_done);
    fake_touch(&s.f, 1);
    EQ_INT(u.n, 1);
    EQ_INT(u.code, OK);
    EQ_INT(s.f.tokens[0].n_kills, 1);
    EQ_INT(s.f.tokens[1].n_kills, 0);
    EQ_INT(s.f.tokens[1].n_starts, 1);
    EQ_INT(s.f.tokens[0].n_unattended + s.f.tokens[1].n_unattended, 0);
    EQ_STR(s.f.told[NOTICE_TOKEN],
           "token 'test token' is not on this machine's list any more; it is locked now");
    scene_free(&s);
}

/* Back on the list, and wanted, before its old process is told to be gone. */
static void test_goes_and_comes_back(void)
{
    struct scene s;
    struct token_view v;
    scene_new(&s, 2);
    CHECK(fake_unlock(&s.f, 0) && fake_unlock(&s.f, 1));
    drop(&s, &s.o.key);
    tokens_follow(&s.f.a);
    put(&s, &s.o.key);
    tokens_follow(&s.f.a);
    EQ_INT(tokens_view(&s.f.a, 1, &v), 2);
    CHECK(!v.is_unlocked && !v.is_running);
    EQ_STR(v.label, "test token");
    CHECK(fake_unlock(&s.f, 1));
    EQ_INT(s.f.tokens[0].n_starts, 2);
    EQ_INT(s.f.tokens[1].n_kills, 0);
    tokens_view(&s.f.a, 1, &v);
    EQ_INT(v.restarts, 0);
    scene_free(&s);
}

/* The spawner still has a process that this core does not know: it is to look again. */
static void test_channel_of_none(void)
{
    struct scene s;
    char byte;
    int pair[2];
    scene_new(&s, 1);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
    tokens_channel(&s.f.a, s.spare.recipient.rid, pair[1]);
    EQ_INT(read(pair[0], &byte, 1), 0);
    EQ_INT(s.f.n_reloads, 1);
    tokens_gone(&s.f.a, s.spare.recipient.rid, 9);
    close(pair[0]);
    scene_free(&s);
}

static void test_follow(void)
{
    struct scene s;
    struct local_token entry;
    struct token_view v;
    struct err e;
    scene_new(&s, 1);
    CHECK(fake_unlock(&s.f, 0));
    tokens_follow(&s.f.a);
    EQ_INT(s.f.n_reloads, 0); /* nothing changed */
    fake_entry(&s.o, &s.spare, &entry);
    OK_CALL(local_put(&s.o.w, &entry, &e), &e);
    tokens_follow(&s.f.a);
    EQ_INT(s.f.n_reloads, 1);
    EQ_INT(tokens_view(&s.f.a, 0, &v), 2);
    CHECK(v.is_unlocked);
    tokens_follow(&s.f.a);
    EQ_INT(s.f.n_reloads, 1);
    unsigned before = s.f.tokens[0].n_unattended;
    OK_CALL(local_drop(&s.o.w, s.o.id, s.o.key.recipient.rid, &e), &e);
    tokens_follow(&s.f.a);
    EQ_INT(tokens_view(&s.f.a, 0, &v), 1);
    CHECK(!v.is_unlocked);
    EQ_INT(s.f.tokens[0].n_unattended, before); /* another token gets no PIN unasked */
    scene_free(&s);
}

/* The same token, whose sealing key is another one by now. */
static void test_follow_new_key(void)
{
    struct scene s;
    struct local_token old, now;
    struct token_view v;
    struct err e;
    scene_new(&s, 2);
    drop(&s, &s.spare);
    fake_entry(&s.o, &s.o.key, &old);
    snprintf(old.where.serial, sizeof(old.where.serial), "0001");
    OK_CALL(local_put(&s.o.w, &old, &e), &e);
    tokens_follow(&s.f.a);
    fake_settle(&s.f);
    CHECK(fake_unlock(&s.f, 0));
    unsigned before = s.f.tokens[1].n_unattended;
    fake_entry(&s.o, &s.spare, &now);
    now.where = old.where;
    OK_CALL(local_put(&s.o.w, &now, &e), &e);
    OK_CALL(local_drop(&s.o.w, s.o.id, s.o.key.recipient.rid, &e), &e);
    tokens_follow(&s.f.a);
    EQ_INT(tokens_view(&s.f.a, 0, &v), 1);
    CHECK(!v.is_unlocked && !v.is_running);
    EQ_INT(s.f.tokens[1].n_unattended, before + 1);
    EQ_STR(s.f.told[NOTICE_TOKEN],
           "the sealing key is another one; it is locked now: run 'coffer unlock'");
    scene_free(&s);
}

int main(void)
{
    RUN(test_hung);
    RUN(test_mute_from_the_start);
    RUN(test_ends);
    RUN(test_babbles);
    RUN(test_cannot_be_started);
    RUN(test_a_new_core);
    RUN(test_reload);
    RUN(test_first_of_two_goes);
    RUN(test_goes_and_comes_back);
    RUN(test_channel_of_none);
    RUN(test_follow);
    RUN(test_follow_new_key);
    return harness_end();
}
