/* SPDX-License-Identifier: Apache-2.0 */
/* agent/keyring_open.c: tokens that fail while a record is opened, and locked memory that is full.
 */
#include "tests/fake_spawner.h"
#include "tests/harness.h"
#include "tests/keyring_scene.h"

#include <stdio.h>
#include <string.h>

static void test_wrong_z(void)
{
    struct scene s;
    scene_new(&s, 1);
    scene_add(&s, "main", "a1", "session");
    s.f.tokens[0].way = FAKE_LIES;
    scene_refused(&s, "main", ERR_TAMPERED);
    EQ_INT(keyring_held(&s.f.a), 0);
    s.f.tokens[0].way = FAKE_ANSWERS;
    scene_opens(&s, "main", "a1");
    scene_free(&s);
}

static void test_hung_and_ended(void)
{
    struct scene s;
    struct asked x;
    scene_new(&s, 1);
    s.f.a.tokens->hung_ms = 100;
    scene_add(&s, "main", "a1", "session");
    scene_add(&s, "other", "b1", "session");
    scene_opens(&s, "other", "b1");
    s.f.tokens[0].way = FAKE_IS_MUTE;
    scene_ask(&s, "main", "w", &x);
    fake_turn(&s.f, &x.is_done, 3000);
    EQ_INT(x.code, ERR_TOKEN);
    scene_opens_at_once(&s, "other", "b1"); /* what is open stays open */
    s.f.tokens[0].way = FAKE_ENDS;
    CHECK(fake_unlock(&s.f, 0));
    scene_refused(&s, "main", ERR_TOKEN);
    scene_refused_at_once(&s, "main", ERR_PERSON);
    s.f.tokens[0].way = FAKE_ANSWERS;
    CHECK(fake_unlock(&s.f, 0));
    scene_opens(&s, "main", "a1");
    scene_free(&s);
}

/* One token is pulled, the other one is there and unlocked. */
static void test_another_token(void)
{
    struct scene s;
    scene_new(&s, 2);
    scene_add(&s, "main", "a1", "session");
    s.f.tokens[0].way = FAKE_IS_GONE;
    scene_opens(&s, "main", "a1");
    EQ_INT(s.f.tokens[0].n_decaps, 1);
    EQ_INT(s.f.tokens[1].n_decaps, 1);
    keyring_lock(&s.f.a);
    scene_opens(&s, "main", "a1");
    EQ_INT(s.f.tokens[0].n_decaps, 1);
    keyring_lock(&s.f.a);
    s.f.tokens[1].way = FAKE_IS_GONE;
    scene_refused(&s, "main", ERR_TOKEN);
    EQ_INT(s.f.tokens[0].n_decaps + s.f.tokens[1].n_decaps, 5);
    scene_free(&s);
}

#define BIG 24

static const char *big_secret(int i)
{
    static char text[12001];
    memset(text, 'a' + i, sizeof(text) - 1);
    return text;
}

/* More than locked memory takes: those that were not used for longest make room. */
static void test_full(void)
{
    struct scene s;
    struct keyring_view v;
    char name[8];
    scene_new(&s, 1);
    for (int i = 0; i < BIG; i++) {
        snprintf(name, sizeof(name), "r%d", i);
        scene_add(&s, name, big_secret(i), "session");
    }
    for (int i = 0; i < BIG; i++) {
        snprintf(name, sizeof(name), "r%d", i);
        scene_opens(&s, name, big_secret(i));
        scene_opens_at_once(&s, "r0", big_secret(0));
    }
    size_t n = keyring_held(&s.f.a);
    CHECK(n > 2 && n < BIG);
    EQ_INT(s.f.tokens[0].n_decaps, BIG);
    for (int i = 0; i < BIG; i++) {
        snprintf(name, sizeof(name), "r%d", i);
        keyring_view(&s.f.a, name, &v);
        EQ_INT(v.is_held, i == 0 || (size_t)i > BIG - n);
    }
    CHECK(keyring_make_room(&s.f.a, SECRET_MAX));
    CHECK(secret_room(SECRET_MAX));
    scene_opens_at_once(&s, "r0", big_secret(0));
    scene_free(&s);
}

int main(void)
{
    RUN(test_wrong_z);
    RUN(test_hung_and_ended);
    RUN(test_another_token);
    RUN(test_full);
    return harness_end();
}
