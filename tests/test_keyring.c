/* SPDX-License-Identifier: Apache-2.0 */
/* agent/keyring*.c: records held, and for how long. What becomes of them when others change the
 * vault is in test_keyring_vault.c, what happens while a token is asked in test_keyring_wait.c. */
#include "tests/fake_spawner.h"
#include "tests/harness.h"
#include "tests/keyring_scene.h"

static void test_held_for_a_time(void)
{
    struct scene s;
    struct keyring_view v;
    scene_new(&s, 1);
    scene_add(&s, "main", "a1", "1s");
    scene_opens(&s, "main", "a1");
    EQ_INT(s.f.tokens[0].n_decaps, 1);
    scene_opens_at_once(&s, "main", "a1");
    EQ_INT(s.f.tokens[0].n_decaps, 1);
    keyring_view(&s.f.a, "main", &v);
    CHECK(v.is_held && v.left_ms > 0 && v.left_ms <= 1000);
    EQ_INT(v.unseal.kind, UNSEAL_FOR);
    EQ_INT(keyring_held(&s.f.a), 1);
    fake_turn(&s.f, NULL, 1100);
    EQ_INT(keyring_held(&s.f.a), 0); /* by the timer, without a request */
    keyring_view(&s.f.a, "main", &v);
    CHECK(!v.is_held);
    EQ_INT(v.unseal.kind, UNSEAL_FOR);
    scene_opens(&s, "main", "a1");
    EQ_INT(s.f.tokens[0].n_decaps, 2);
    scene_free(&s);
}

static void test_default_times(void)
{
    struct scene s;
    struct keyring_view v;
    scene_new(&s, 1);
    scene_add(&s, "main", "a1", "");
    scene_opens(&s, "main", "a1");
    keyring_view(&s.f.a, "main", &v);
    CHECK(v.is_held && v.left_ms > (UNSEAL_DEFAULT_S - 5) * 1000 &&
          v.left_ms <= UNSEAL_DEFAULT_S * 1000);
    keyring_lock(&s.f.a);
    s.f.tokens[0].state.touch = TOUCH_CACHED;
    fake_tell_state(&s.f, 0);
    scene_opens(&s, "main", "a1");
    scene_opens(&s, "main", "a1");
    EQ_INT(keyring_held(&s.f.a), 0);
    EQ_INT(s.f.tokens[0].n_decaps, 3);
    scene_free(&s);
}

static void test_session(void)
{
    struct scene s;
    struct keyring_view v;
    scene_new(&s, 1);
    s.f.tokens[0].state.touch = TOUCH_ALWAYS;
    fake_tell_state(&s.f, 0);
    scene_add(&s, "main", "a1", "session");
    scene_opens(&s, "main", "a1");
    keyring_view(&s.f.a, "main", &v);
    CHECK(v.is_held && v.left_ms == UINT64_MAX);
    keyring_lock(&s.f.a);
    EQ_INT(keyring_held(&s.f.a), 0);
    CHECK(!vault_is_open(keyring_vault(&s.f.a)));
    scene_opens(&s, "main", "a1");
    EQ_INT(s.f.tokens[0].n_decaps, 2);
    scene_free(&s);
}

static void test_each_use(void)
{
    struct scene s;
    scene_new(&s, 1);
    scene_add(&s, "main", "a1", "each-use");
    for (unsigned i = 1; i <= 3; i++) {
        scene_opens(&s, "main", "a1");
        EQ_INT(s.f.tokens[0].n_decaps, i);
        EQ_INT(keyring_held(&s.f.a), 0);
    }
    scene_free(&s);
}

/* Of a time that cannot be read the least is believed. */
static void test_unclear_time(void)
{
    struct scene s;
    scene_new(&s, 1);
    scene_add(&s, "main", "a1", "for ever");
    scene_opens(&s, "main", "a1");
    scene_opens(&s, "main", "a1");
    EQ_INT(s.f.tokens[0].n_decaps, 2);
    scene_free(&s);
}

static void test_locked_while_in_use(void)
{
    struct scene s;
    struct err e;
    struct sig sig;
    scene_new(&s, 1);
    scene_add(&s, "main", "a1", "session");
    scene_add(&s, "once", "b1", "each-use");
    struct asked x, y;
    scene_ask(&s, "main", "w", &x);
    scene_ask(&s, "once", "w", &y);
    fake_turn(&s.f, &y.is_done, 3000);
    struct held *h[] = {x.held, y.held};
    keyring_lock(&s.f.a);
    for (int i = 0; i < 2; i++) {
        struct signer *signer = held_signer(h[i]);
        AUTO_BUF out = BUF_INIT(100);
        EQ_INT(signer->sign(signer, SIG_HMAC_SHA256, FIELD_API_SECRET, BYTES_LIT("x"), &sig, &e),
               ERR_PERSON);
        EQ_INT(signer->place(signer, FIELD_API_KEY, &out, &e), ERR_PERSON);
        EQ_STR(held_info(h[i])->name, i ? "once" : "main");
        held_release(h[i]);
    }
    scene_free(&s);
}

static void test_peek(void)
{
    struct scene s;
    struct err e;
    struct record_info info;
    scene_new(&s, 1);
    scene_add(&s, "main", "a1", "session");
    for (int i = 0; i < 2; i++) { /* from its file, then as it is held */
        record_info_init(&info);
        OK_CALL(keyring_peek(&s.f.a, "main", &info, &e), &e);
        EQ_STR(info.name, "main");
        EQ_STR(info.unseal, "session");
        record_info_free(&info);
        scene_opens(&s, "main", "a1");
    }
    record_info_init(&info);
    EQ_INT(keyring_peek(&s.f.a, "other", &info, &e), ERR_NOT_FOUND);
    scene_refused(&s, "other", ERR_NOT_FOUND);
    EQ_INT(s.f.tokens[0].n_decaps, 1);
    scene_free(&s);
}

static void test_nothing_unlocked(void)
{
    struct scene s;
    scene_new(&s, 1);
    scene_add(&s, "main", "a1", "");
    tokens_lock(&s.f.a);
    keyring_lock(&s.f.a);
    fake_settle(&s.f);
    scene_refused(&s, "main", ERR_PERSON);
    CHECK(fake_unlock(&s.f, 0));
    scene_opens(&s, "main", "a1");
    scene_free(&s);
}

int main(void)
{
    RUN(test_held_for_a_time);
    RUN(test_default_times);
    RUN(test_session);
    RUN(test_each_use);
    RUN(test_unclear_time);
    RUN(test_locked_while_in_use);
    RUN(test_peek);
    RUN(test_nothing_unlocked);
    return harness_end();
}
