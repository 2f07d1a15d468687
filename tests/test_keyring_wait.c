/* SPDX-License-Identifier: Apache-2.0 */
/* agent/keyring_open.c: what happens while a token is asked: several who wait, those who go away,
 * the lock, a vault that changes. */
#include "tests/fake_spawner.h"
#include "tests/harness.h"
#include "tests/keyring_scene.h"

static void check_got(struct asked *x, const char *secret)
{
    EQ_INT(x->n, 1);
    EQ_INT(x->code, OK);
    if (!x->held)
        return;
    scene_signs_with(x->held, secret);
    held_release(x->held);
    x->held = NULL;
}

static void test_many_wait_for_one(void)
{
    struct scene s;
    struct asked x[5];
    scene_new(&s, 1);
    scene_add(&s, "main", "a1", "8h");
    scene_add(&s, "other", "b1", "8h");
    s.f.tokens[0].way = FAKE_WAITS;
    for (int i = 0; i < 5; i++)
        scene_ask(&s, i == 3 ? "other" : "main", "bot 'b': BUY 1 X", &x[i]);
    fake_settle(&s.f);
    EQ_STR(s.f.told[NOTICE_TOUCH],
           "bot 'b': BUY 1 X on main waits for a touch of token 'test token'");
    fake_touch(&s.f, 0);
    CHECK(x[0].is_done && x[1].is_done && x[2].is_done && !x[3].is_done && x[4].is_done);
    fake_touch(&s.f, 0);
    EQ_INT(s.f.tokens[0].n_decaps, 2);
    for (int i = 0; i < 5; i++)
        check_got(&x[i], i == 3 ? "b1" : "a1");
    EQ_INT(keyring_held(&s.f.a), 2);
    scene_free(&s);
}

static void test_each_use_for_itself(void)
{
    struct scene s;
    struct asked x[3];
    scene_new(&s, 1);
    scene_add(&s, "main", "a1", "each-use");
    s.f.tokens[0].way = FAKE_WAITS;
    for (int i = 0; i < 3; i++)
        scene_ask(&s, "main", "bot 'b': BUY 1 X", &x[i]);
    for (int i = 0; i < 3; i++) {
        fake_settle(&s.f);
        fake_touch(&s.f, 0);
        CHECK(x[i].is_done && (i == 2 || !x[i + 1].is_done));
        check_got(&x[i], "a1");
    }
    EQ_INT(s.f.tokens[0].n_decaps, 3);
    EQ_INT(keyring_held(&s.f.a), 0);
    scene_free(&s);
}

/* Another record, that is held, is not held up. */
static void test_others_go_on(void)
{
    struct scene s;
    struct asked x;
    scene_new(&s, 1);
    scene_add(&s, "main", "a1", "each-use");
    scene_add(&s, "held", "b1", "session");
    scene_opens(&s, "held", "b1");
    s.f.tokens[0].way = FAKE_WAITS;
    scene_ask(&s, "main", "w", &x);
    fake_settle(&s.f);
    scene_opens_at_once(&s, "held", "b1");
    CHECK(!x.is_done);
    fake_touch(&s.f, 0);
    check_got(&x, "a1");
    scene_free(&s);
}

static void test_cancel(void)
{
    struct scene s;
    struct asked x, y, z;
    scene_new(&s, 1);
    scene_add(&s, "main", "a1", "session");
    scene_add(&s, "other", "b1", "session");
    s.f.tokens[0].way = FAKE_WAITS;
    scene_ask(&s, "main", "w", &x);
    scene_ask(&s, "main", "w", &y);
    scene_ask(&s, "other", "w", &z);
    fake_settle(&s.f);
    keyring_cancel(x.wait);
    keyring_cancel(z.wait); /* not asked for yet: never */
    fake_touch(&s.f, 0);
    EQ_INT(x.n + z.n, 0);
    check_got(&y, "a1");
    EQ_INT(s.f.tokens[0].n_decaps, 1);
    CHECK(!s.f.tokens[0].has_pending);
    scene_free(&s);
}

/* The touch comes after whoever asked has given up. */
static void test_late_touch(void)
{
    struct scene s;
    struct asked x, y, z;
    scene_new(&s, 1);
    scene_add(&s, "held", "a1", "session");
    scene_add(&s, "once", "b1", "each-use");
    s.f.tokens[0].way = FAKE_WAITS;
    scene_ask(&s, "held", "w", &x);
    fake_settle(&s.f);
    keyring_cancel(x.wait);
    fake_touch(&s.f, 0);
    scene_opens_at_once(&s, "held", "a1"); /* the person has touched for it */
    /* for each use: the same thing asked again takes over, another does not */
    scene_ask(&s, "once", "BUY 1", &x);
    fake_settle(&s.f);
    keyring_cancel(x.wait);
    scene_ask(&s, "once", "SELL 1", &y);
    scene_ask(&s, "once", "BUY 1", &z);
    fake_settle(&s.f);
    fake_touch(&s.f, 0);
    CHECK(!y.is_done && z.is_done);
    check_got(&z, "b1");
    fake_settle(&s.f);
    fake_touch(&s.f, 0);
    check_got(&y, "b1");
    EQ_INT(x.n, 0);
    /* and when nobody comes it is dropped */
    scene_ask(&s, "once", "BUY 2", &x);
    fake_settle(&s.f);
    keyring_cancel(x.wait);
    fake_touch(&s.f, 0);
    EQ_INT(keyring_held(&s.f.a), 1);
    scene_free(&s);
}

static void test_lock_while_waiting(void)
{
    struct scene s;
    struct asked x, y;
    scene_new(&s, 1);
    scene_add(&s, "main", "a1", "session");
    scene_add(&s, "other", "b1", "session");
    s.f.tokens[0].way = FAKE_WAITS;
    scene_ask(&s, "main", "w", &x);
    scene_ask(&s, "other", "w", &y);
    fake_settle(&s.f);
    tokens_lock(&s.f.a);
    keyring_lock(&s.f.a);
    EQ_INT(x.code, ERR_PERSON);
    EQ_INT(y.code, ERR_PERSON);
    fake_settle(&s.f);
    EQ_INT(x.n, 1);
    EQ_INT(y.n, 1);
    EQ_INT(keyring_held(&s.f.a), 0);
    scene_refused_at_once(&s, "main", ERR_PERSON);
    scene_free(&s);
}

/* -- the vault changes while a person reaches for the token -- */

static void test_rotated_meanwhile(void)
{
    struct scene s;
    struct asked x;
    struct err e;
    scene_new(&s, 1);
    scene_add(&s, "main", "a1", "session");
    s.f.tokens[0].way = FAKE_WAITS;
    scene_ask(&s, "main", "w", &x);
    fake_settle(&s.f);
    OK_CALL(step_rotate(&s.o, "main", "a2", &e), &e);
    fake_touch(&s.f, 0);
    CHECK(!x.is_done);
    fake_settle(&s.f);
    fake_touch(&s.f, 0);
    check_got(&x, "a2");
    EQ_INT(s.f.tokens[0].n_decaps, 2);
    scene_free(&s);
}

static void test_changes_too_often(void)
{
    struct scene s;
    struct asked x;
    struct err e;
    scene_new(&s, 1);
    scene_add(&s, "main", "a1", "session");
    s.f.tokens[0].way = FAKE_WAITS;
    scene_ask(&s, "main", "w", &x);
    for (int i = 0; i < 8 && !x.is_done; i++) {
        fake_settle(&s.f);
        OK_CALL(step_rewrite(&s.o, "main", i % 2 ? "transfer" : "", &e), &e);
        fake_touch(&s.f, 0);
    }
    EQ_INT(x.code, ERR_FAILED);
    EQ_INT(s.f.tokens[0].n_decaps, 4);
    scene_free(&s);
}

static void test_removed_meanwhile(void)
{
    struct scene s;
    struct asked x;
    struct err e;
    scene_new(&s, 1);
    scene_add(&s, "main", "a1", "session");
    s.f.tokens[0].way = FAKE_WAITS;
    scene_ask(&s, "main", "w", &x);
    fake_settle(&s.f);
    OK_CALL(step_rename(&s.o, "main", "second", &e), &e);
    fake_touch(&s.f, 0);
    EQ_INT(x.code, ERR_NOT_FOUND);
    scene_free(&s);
}

/* It has become one for each use: who waited with others asks for itself. */
static void test_each_use_from_now_on(void)
{
    struct scene s;
    struct asked x, y;
    scene_new(&s, 1);
    scene_add(&s, "main", "a1", "");
    s.f.tokens[0].way = FAKE_WAITS;
    scene_ask(&s, "main", "w", &x);
    scene_ask(&s, "main", "w", &y);
    fake_settle(&s.f);
    s.f.tokens[0].state.touch = TOUCH_ALWAYS;
    s.f.tokens[0].state.is_logged_in = true;
    fake_tell_state(&s.f, 0);
    fake_touch(&s.f, 0);
    CHECK(x.is_done && !y.is_done);
    fake_settle(&s.f);
    fake_touch(&s.f, 0);
    check_got(&x, "a1");
    check_got(&y, "a1");
    EQ_INT(s.f.tokens[0].n_decaps, 2);
    EQ_INT(keyring_held(&s.f.a), 0);
    scene_free(&s);
}

/* -- who is told does something at once -- */

struct busy {
    struct scene *s;
    struct asked *other;
    bool locks, asks;
    struct asked again;
    unsigned n;
    enum err_code code;
};

static void on_busy(void *ctx, struct held *h, const struct err *e)
{
    struct busy *b = ctx;
    b->n++;
    b->code = h ? OK : e->code;
    if (b->other)
        keyring_cancel(b->other->wait);
    if (b->locks) {
        tokens_lock(&b->s->f.a);
        keyring_lock(&b->s->f.a);
    }
    if (b->asks)
        scene_ask(b->s, "main", "again", &b->again);
    if (h)
        held_release(h);
}

static void test_from_within(void)
{
    for (int i = 0; i < 16; i++) {
        struct scene s;
        struct asked x = {.n = 0}, y;
        struct keyring_wait *w = NULL;
        bool fails = i & 8;
        struct busy b = {.s = &s, .other = i & 1 ? &x : NULL, .locks = i & 2, .asks = i & 4};
        scene_new(&s, 1);
        scene_add(&s, "main", "a1", "session");
        scene_add(&s, "other", "b1", "each-use");
        s.f.tokens[0].way = FAKE_WAITS;
        keyring_open(&s.f.a, "main", "w", on_busy, &b, &w);
        scene_ask(&s, "main", "w", &x);
        scene_ask(&s, "other", "w", &y);
        fake_settle(&s.f);
        if (fails)
            s.f.tokens[0].way = FAKE_LIES;
        fake_touch(&s.f, 0);
        EQ_INT(b.n, 1);
        EQ_INT(b.code, fails ? ERR_TAMPERED : OK);
        EQ_INT(x.n, b.other ? 0 : 1);
        EQ_INT(y.is_done, b.locks || fails);
        EQ_INT(keyring_held(&s.f.a), b.locks || fails ? 0 : 1);
        if (b.asks && b.locks)
            EQ_INT(b.again.code, ERR_PERSON);
        if (b.asks && b.again.held)
            held_release(b.again.held);
        if (x.held)
            held_release(x.held);
        scene_free(&s);
    }
}

int main(void)
{
    RUN(test_many_wait_for_one);
    RUN(test_each_use_for_itself);
    RUN(test_others_go_on);
    RUN(test_cancel);
    RUN(test_late_touch);
    RUN(test_lock_while_waiting);
    RUN(test_rotated_meanwhile);
    RUN(test_changes_too_often);
    RUN(test_removed_meanwhile);
    RUN(test_each_use_from_now_on);
    RUN(test_from_within);
    return harness_end();
}
