/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/stream.c: how a stream ends, from either side, and freed within its own calls. */
#include "tests/harness.h"
#include "tests/stream_side.h"

#include <sys/socket.h>
#include <unistd.h>

static void test_finish(void)
{
    static uint8_t much[OUT_MAX];
    struct side t;
    struct err e;
    char got[64];
    size_t n = 0;

    side_begin(&t, 0);
    t.takes_all = t.answers = t.finishes = true;
    side_say(&t, "ask");
    side_say(&t, "not read");
    EQ_INT(t.n_input, 1);
    EQ_INT(side_hear(&t, got, sizeof(got)), 6);
    EQ_STR(got, "answer");
    EQ_INT(t.n_ended, 1);
    side_finish(&t);

    side_begin(&t, 0);
    t.frees_on_end = true;
    OK_CALL(stream_put(t.s, BYTES_ARR(much), &e), &e);
    stream_finish(t.s);
    side_turn(&t);
    EQ_INT(t.n_ended, 0);
    for (int i = 0; i < 99 && t.s; i++) {
        n += side_hear(&t, got, 0);
        side_turn(&t);
    }
    n += side_hear(&t, got, 0);
    EQ_INT(n, OUT_MAX);
    EQ_INT(t.n_ended, 1);
    EQ_INT(recv(t.far, got, 1, MSG_DONTWAIT), 0);
    side_finish(&t);
}

static void test_hang_up(void)
{
    struct side t;
    struct err e;

    side_begin(&t, 0);
    side_say(&t, "last words");
    close(t.far);
    t.far = -1;
    side_turn(&t);
    side_turn(&t);
    EQ_INT(t.n_ended, 1);
    EQ_MEM(stream_in(t.s), BYTES_LIT("last words"));
    EQ_INT(stream_put(t.s, BYTES_LIT("x"), &e), ERR_FAILED);
    side_finish(&t);

    /* found out while sending: the owner hears it later, once, and not while it is paused */
    side_begin(&t, 0);
    stream_pause(t.s, true);
    close(t.far);
    t.far = -1;
    EQ_INT(stream_put(t.s, BYTES_LIT("x"), &e), ERR_FAILED);
    side_turn(&t);
    EQ_INT(t.n_ended, 0);
    stream_pause(t.s, false);
    side_turn(&t);
    side_turn(&t);
    EQ_INT(t.n_ended, 1);
    side_finish(&t);

    /* with much still waiting */
    static uint8_t much[OUT_MAX];
    side_begin(&t, 0);
    OK_CALL(stream_put(t.s, BYTES_ARR(much), &e), &e);
    close(t.far);
    t.far = -1;
    for (int i = 0; i < 4; i++)
        side_turn(&t);
    EQ_INT(t.n_ended, 1);
    side_finish(&t);
}

static void test_free_within(void)
{
    struct side t;
    char c;

    side_begin(&t, 1);
    t.frees_on_input = t.answers = true;
    side_say(&t, "x");
    CHECK(!t.s);
    EQ_INT(recv(t.far, &c, 1, 0), 1);
    EQ_INT(t.n_ended, 0);
    side_finish(&t);

    side_begin(&t, 0);
    t.frees_on_input = t.finishes = true;
    t.pauses_at = 1;
    side_say(&t, "x");
    side_turn(&t);
    CHECK(!t.s);
    EQ_INT(recv(t.far, &c, 1, MSG_DONTWAIT), 0);
    EQ_INT(t.n_ended, 0);
    side_finish(&t);

    side_begin(&t, 0);
    t.frees_on_end = true;
    close(t.far);
    t.far = -1;
    side_turn(&t);
    CHECK(!t.s);
    EQ_INT(t.n_ended, 1);
    side_finish(&t);
    stream_free(NULL);
}

int main(void)
{
    RUN(test_finish);
    RUN(test_hang_up);
    RUN(test_free_within);
    return harness_end();
}
