/* SPDX-License-Identifier: Apache-2.0 */
/* agent/token*.c: coffer-tokens at the other end of a socketpair that are unlocked, asked, waited
 * for and locked. What goes wrong is in test_tokens_fail.c. */
#include "tests/tokens_fixture.h"

#include <unistd.h>

static void test_unlock(void)
{
    struct scene s;
    struct token_view v;
    scene_new(&s, 1);
    EQ_INT(tokens_view(&s.f.a, 0, &v), 1);
    CHECK(!v.is_running && !v.is_known && !v.is_unlocked);
    EQ_STR(v.label, "test token");
    EQ_MEM(BYTES_ARR(v.rid), bytes_of(s.o.key.recipient.rid, RID_LEN));
    EQ_INT(s.f.tokens[0].n_starts, 0);
    CHECK(!tokens_is_unlocked(&s.f.a));
    CHECK(fake_unlock(&s.f, 0));
    EQ_STR(s.f.tokens[0].pin, "123456");
    EQ_INT(s.f.tokens[0].n_starts, 1);
    EQ_INT(s.f.n_told[NOTICE_UNLOCKED], 1);
    tokens_view(&s.f.a, 0, &v);
    CHECK(v.is_running && v.is_known && v.is_unlocked && tokens_is_unlocked(&s.f.a));
    EQ_INT(v.restarts, 0);
    scene_free(&s);
}

static void test_wrong_pin(void)
{
    struct scene s;
    struct token_view v;
    struct told t = {.n = 0};
    scene_new(&s, 1);
    FILE *file = tmpfile();
    CHECK(file && fputs("wrong", file) >= 0 && fflush(file) == 0);
    tokens_unlock(&s.f.a, 0, dup(fileno(file)), 0, on_done, &t);
    CHECK(!t.is_done);
    fclose(file);
    fake_turn(&s.f, &t.is_done, 3000);
    EQ_INT(t.code, ERR_PIN);
    tokens_view(&s.f.a, 0, &v);
    CHECK(v.is_known && !v.is_unlocked);
    t = (struct told){.n = 0};
    tokens_unlock(&s.f.a, 7, -1, 0, on_done, &t);
    CHECK(!t.is_done);
    fake_turn(&s.f, &t.is_done, 3000);
    EQ_INT(t.code, ERR_NOT_FOUND);
    scene_free(&s);
}

static void test_decap(void)
{
    struct scene s;
    struct told t, u;
    struct tokens_op *op;
    scene_new(&s, 1);
    EQ_INT(decap(&s, &s.o.key, &t, &op), ERR_PERSON);
    EQ_INT(decap(&s, &s.spare, &t, &op), ERR_PERSON);
    CHECK(fake_unlock(&s.f, 0));
    EQ_INT(decap(&s, &s.o.key, &t, &op), OK);
    EQ_INT(decap(&s, &s.o.key, &u, &op), OK);
    CHECK(!tokens_is_sent(op));
    CHECK(!t.is_done && !u.is_done);
    fake_turn(&s.f, &u.is_done, 3000);
    EQ_INT(t.code, OK);
    EQ_INT(t.n_z, 32);
    EQ_INT(u.code, OK);
    EQ_INT(s.f.tokens[0].n_decaps, 2);
    EQ_INT(s.f.n_told[NOTICE_TOUCH], 0);
    scene_free(&s);
}

static void test_waits_for_a_touch(void)
{
    struct scene s;
    struct told t, u;
    struct tokens_op *op;
    scene_new(&s, 1);
    CHECK(fake_unlock(&s.f, 0));
    s.f.tokens[0].way = FAKE_WAITS;
    EQ_INT(decap(&s, &s.o.key, &t, &op), OK);
    EQ_INT(decap(&s, &s.o.key, &u, &op), OK);
    fake_settle(&s.f);
    EQ_INT(s.f.n_told[NOTICE_TOUCH], 1);
    EQ_STR(s.f.told[NOTICE_TOUCH],
           "bot 'b': BUY 1 X on main waits for a touch of token 'test token'");
    EQ_INT(s.f.n_told[NOTICE_TOUCHED], 0);
    fake_touch(&s.f, 0);
    CHECK(t.is_done && !u.is_done);
    EQ_INT(s.f.n_told[NOTICE_TOUCHED], 1);
    EQ_INT(s.f.n_told[NOTICE_TOUCH], 2);
    fake_touch(&s.f, 0);
    CHECK(u.is_done);
    EQ_INT(s.f.n_told[NOTICE_TOUCHED], 2);
    scene_free(&s);
}

static void test_cancel(void)
{
    struct scene s;
    struct told t, u, w;
    struct tokens_op *a, *b, *c;
    scene_new(&s, 1);
    CHECK(fake_unlock(&s.f, 0));
    s.f.tokens[0].way = FAKE_WAITS;
    EQ_INT(decap(&s, &s.o.key, &t, &a), OK);
    EQ_INT(decap(&s, &s.o.key, &u, &b), OK);
    EQ_INT(decap(&s, &s.o.key, &w, &c), OK);
    fake_settle(&s.f);
    CHECK(tokens_is_sent(a) && !tokens_is_sent(b));
    tokens_cancel(b);
    tokens_cancel(a);
    fake_touch(&s.f, 0);
    EQ_INT(s.f.tokens[0].n_decaps, 2);
    fake_touch(&s.f, 0);
    EQ_INT(t.n + u.n, 0);
    EQ_INT(w.n, 1);
    EQ_INT(w.code, OK);
    scene_free(&s);
}

static void test_lock(void)
{
    struct scene s;
    struct token_view v;
    struct told t, u;
    struct tokens_op *op;
    scene_new(&s, 1);
    CHECK(fake_unlock(&s.f, 0));
    s.f.tokens[0].way = FAKE_WAITS;
    EQ_INT(decap(&s, &s.o.key, &t, &op), OK);
    fake_settle(&s.f);
    EQ_INT(decap(&s, &s.o.key, &u, &op), OK);
    tokens_lock(&s.f.a);
    CHECK(!t.is_done && !u.is_done);
    tokens_view(&s.f.a, 0, &v);
    CHECK(!v.is_unlocked && !v.is_running);
    fake_settle(&s.f);
    EQ_INT(t.code, ERR_PERSON);
    EQ_INT(u.code, ERR_PERSON);
    EQ_INT(s.f.tokens[0].n_kills, 1);
    EQ_INT(s.f.tokens[0].n_starts, 1);
    EQ_INT(s.f.tokens[0].n_unattended, 0);
    EQ_INT(s.f.n_told[NOTICE_TOUCHED], 1);
    EQ_INT(s.f.n_told[NOTICE_TOKEN], 0);
    s.f.tokens[0].way = FAKE_ANSWERS;
    CHECK(fake_unlock(&s.f, 0));
    scene_free(&s);
}

/* Unlocked again while the old process is still ending. */
static void test_unlock_right_after_lock(void)
{
    struct scene s;
    scene_new(&s, 1);
    CHECK(fake_unlock(&s.f, 0));
    tokens_lock(&s.f.a);
    CHECK(fake_unlock(&s.f, 0));
    EQ_INT(s.f.tokens[0].n_starts, 2);
    scene_free(&s);
}

/* Its channel comes when it has been killed already. */
static void test_lock_while_it_starts(void)
{
    struct scene s;
    struct told t = {.n = 0};
    struct token_view v;
    scene_new(&s, 1);
    tokens_look(&s.f.a, 0, on_done, &t);
    EQ_INT(s.f.tokens[0].n_starts, 1);
    tokens_lock(&s.f.a);
    fake_settle(&s.f);
    EQ_INT(t.code, ERR_PERSON);
    EQ_INT(s.f.n_told[NOTICE_TOKEN], 0);
    tokens_view(&s.f.a, 0, &v);
    CHECK(!v.is_running && v.restarts == 0);
    CHECK(fake_unlock(&s.f, 0));
    scene_free(&s);
}

static void test_may_touch(void)
{
    static const struct {
        enum touch_policy touch;
        bool is_software, may;
    } cases[] = {{TOUCH_ALWAYS, false, true},  {TOUCH_CACHED, false, true},
                 {TOUCH_NEVER, false, false},  {TOUCH_UNKNOWN, false, true},
                 {TOUCH_UNKNOWN, true, false}, {TOUCH_NEVER, true, false}};
    struct scene s;
    scene_new(&s, 1);
    const uint8_t *rid = s.o.key.recipient.rid;
    CHECK(tokens_may_touch(&s.f.a, rid)); /* unknown */
    CHECK(fake_unlock(&s.f, 0));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        s.f.tokens[0].state.touch = (uint8_t)cases[i].touch;
        s.f.tokens[0].state.is_software = cases[i].is_software;
        fake_tell_state(&s.f, 0);
        EQ_INT(tokens_may_touch(&s.f.a, rid), cases[i].may);
    }
    CHECK(tokens_may_touch(&s.f.a, s.spare.recipient.rid));
    scene_free(&s);
}

static void chooses(struct scene *s, const struct softkey *want)
{
    const struct recipient among[] = {s->o.key.recipient, s->spare.recipient};
    struct err e;
    uint8_t rid[RID_LEN];
    enum scheme scheme = SCHEME_NONE;
    OK_CALL(tokens_choose(&s->f.a, among, 2, rid, &scheme, &e), &e);
    EQ_MEM(BYTES_ARR(rid), bytes_of(want->recipient.rid, RID_LEN));
    EQ_INT(scheme, SCHEME_ECDH_P256);
}

static void test_choose(void)
{
    struct scene s;
    struct told t;
    struct tokens_op *op;
    struct err e;
    uint8_t rid[RID_LEN];
    enum scheme scheme;
    scene_new(&s, 2);
    EQ_INT(tokens_choose(&s.f.a, &s.o.key.recipient, 1, rid, &scheme, &e), ERR_PERSON);
    CHECK(fake_unlock(&s.f, 1));
    chooses(&s, &s.spare);
    EQ_INT(tokens_choose(&s.f.a, &s.o.key.recipient, 1, rid, &scheme, &e), ERR_PERSON);
    CHECK(fake_unlock(&s.f, 0));
    chooses(&s, &s.o.key);
    s.f.tokens[0].state.touch = TOUCH_ALWAYS;
    fake_tell_state(&s.f, 0);
    chooses(&s, &s.spare);
    s.f.tokens[1].state.is_present = false;
    fake_tell_state(&s.f, 1);
    EQ_STR(s.f.told[NOTICE_TOKEN], "token 'spare' is gone: put it back");
    chooses(&s, &s.o.key);
    s.f.tokens[0].way = FAKE_IS_GONE;
    EQ_INT(decap(&s, &s.o.key, &t, &op), OK);
    fake_settle(&s.f);
    EQ_INT(t.code, ERR_TOKEN);
    chooses(&s, &s.spare);
    scene_free(&s);
}

static void test_release_and_look(void)
{
    struct scene s;
    struct token_view v;
    struct told u;
    struct tokens_op *op;
    struct told t = {.n = 0};
    scene_new(&s, 1);
    tokens_release(&s.f.a); /* nothing runs */
    tokens_look(&s.f.a, 0, on_done, &t);
    CHECK(!t.is_done);
    fake_turn(&s.f, &t.is_done, 3000);
    EQ_INT(t.code, OK);
    EQ_INT(s.f.tokens[0].n_starts, 1);
    t = (struct told){.n = 0};
    s.f.tokens[0].state.pin = PIN_LOW;
    tokens_look(&s.f.a, 0, on_done, &t);
    CHECK(!t.is_done);
    fake_turn(&s.f, &t.is_done, 3000);
    EQ_INT(s.f.tokens[0].n_starts, 1);
    tokens_view(&s.f.a, 0, &v);
    EQ_INT(v.state.pin, PIN_LOW);
    /* while it waits for a touch nobody waits to learn how it is */
    CHECK(fake_unlock(&s.f, 0));
    s.f.tokens[0].way = FAKE_WAITS;
    EQ_INT(decap(&s, &s.o.key, &u, &op), OK);
    fake_settle(&s.f);
    t = (struct told){.n = 0};
    tokens_look(&s.f.a, 0, on_done, &t);
    fake_turn(&s.f, &t.is_done, 3000);
    CHECK(t.is_done && !u.is_done);
    fake_touch(&s.f, 0);
    CHECK(u.is_done);
    tokens_release(&s.f.a);
    fake_settle(&s.f);
    EQ_INT(s.f.tokens[0].n_releases, 1);
    scene_free(&s);
}

int main(void)
{
    RUN(test_unlock);
    RUN(test_wrong_pin);
    RUN(test_decap);
    RUN(test_waits_for_a_touch);
    RUN(test_cancel);
    RUN(test_lock);
    RUN(test_unlock_right_after_lock);
    RUN(test_lock_while_it_starts);
    RUN(test_may_touch);
    RUN(test_choose);
    RUN(test_release_and_look);
    return harness_end();
}
