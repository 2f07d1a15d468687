/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/tokenwire.c: the exact bytes, both ways, pieces, and what is no frame. */
#include "tests/harness.h"

#include "base/tokenwire.h"

static struct buf out = BUF_INIT(65536);

/* The one frame in out, which must be of that kind. */
static struct bytes frame(enum tokenwire_kind want)
{
    enum tokenwire_kind kind = 0;
    struct err e;
    size_t n = 0;

    OK_CALL(tokenwire_frame(buf_bytes(&out), &n, &kind, &e), &e);
    EQ_INT(n, out.n);
    EQ_INT(kind, want);
    return buf_bytes(&out);
}

static void test_unlock(void)
{
    static const uint8_t want[] = "\0\0\0\x09\1\1\2\3\4\0\0\0\1";
    uint32_t id = 0, flags = 0;
    struct err e;

    buf_reset(&out);
    OK_CALL(tokenwire_put_unlock(&out, 0x01020304, TOKENWIRE_USE_LAST_TRY, &e), &e);
    EQ_MEM(buf_bytes(&out), bytes_of(want, sizeof(want) - 1));
    OK_CALL(tokenwire_get_unlock(frame(TOKENWIRE_UNLOCK), &id, &flags, &e), &e);
    EQ_INT(id, 0x01020304);
    EQ_INT(flags, 1);
    EQ_INT(tokenwire_put_unlock(&out, 1, 2, &e), ERR_LIMIT);
    out.p[out.n - 1] = 2;
    EQ_INT(tokenwire_get_unlock(buf_bytes(&out), &id, &flags, &e), ERR_FORMAT);
}

static void test_decap(void)
{
    static const uint8_t want[] = "\0\0\0\x0b\2\0\0\0\7\0\0\0\2ab";
    static const uint8_t big[TOKENWIRE_CT_MAX + 1];
    struct bytes ct = {NULL, 0};
    uint32_t id = 0;
    struct err e;

    buf_reset(&out);
    OK_CALL(tokenwire_put_decap(&out, 7, BYTES_LIT("ab"), &e), &e);
    EQ_MEM(buf_bytes(&out), bytes_of(want, sizeof(want) - 1));
    OK_CALL(tokenwire_get_decap(frame(TOKENWIRE_DECAP), &id, &ct, &e), &e);
    EQ_INT(id, 7);
    EQ_MEM(ct, BYTES_LIT("ab"));
    CHECK(ct.p == out.p + 13);
    EQ_INT(tokenwire_put_decap(&out, 7, BYTES_ARR(big), &e), ERR_LIMIT);
    EQ_INT(out.n, sizeof(want) - 1);
}

static void test_small(void)
{
    uint32_t id = 0;
    struct err e;

    buf_reset(&out);
    OK_CALL(tokenwire_put_release(&out, &e), &e);
    EQ_MEM(frame(TOKENWIRE_RELEASE), BYTES_LIT("\0\0\0\1\3"));
    buf_reset(&out);
    OK_CALL(tokenwire_put_look(&out, &e), &e);
    EQ_MEM(frame(TOKENWIRE_LOOK), BYTES_LIT("\0\0\0\1\7"));
    buf_reset(&out);
    OK_CALL(tokenwire_put_waiting(&out, 9, &e), &e);
    EQ_MEM(frame(TOKENWIRE_WAITING), BYTES_LIT("\0\0\0\5\5\0\0\0\x09"));
    OK_CALL(tokenwire_get_waiting(buf_bytes(&out), &id, &e), &e);
    EQ_INT(id, 9);
}

static void test_state(void)
{
    struct tokenwire_state s = {.label = "lab",
                                .serial = "01",
                                .model = "Grün",
                                .pin = 4,
                                .touch = 3,
                                .is_present = true,
                                .is_logged_in = true},
                           got;
    struct err e;

    buf_reset(&out);
    OK_CALL(tokenwire_put_state(&out, &s, &e), &e);
    OK_CALL(tokenwire_get_state(frame(TOKENWIRE_STATE), &got, &e), &e);
    EQ_STR(got.label, "lab");
    EQ_STR(got.serial, "01");
    EQ_STR(got.manufacturer, "");
    EQ_STR(got.model, "Grün");
    EQ_INT(got.pin, 4);
    EQ_INT(got.touch, 3);
    CHECK(got.is_present && got.is_logged_in);
    CHECK(!got.is_software && !got.is_protected_path && !got.is_pin_each_time);
    for (size_t i = 1; i <= 7; i++) { /* each number one too large */
        uint8_t *at = out.p + out.n - i, before = *at;
        *at = i == 7 ? 5 : i == 6 ? 4 : 2;
        EQ_INT(tokenwire_get_state(buf_bytes(&out), &got, &e), ERR_FORMAT);
        *at = before;
    }
    out.p[9] = '\n'; /* of the label */
    EQ_INT(tokenwire_get_state(buf_bytes(&out), &got, &e), ERR_FORMAT);
    s.pin = 5;
    EQ_INT(tokenwire_put_state(&out, &s, &e), ERR_LIMIT);
}

static void take(struct secret *s)
{
    buf_reset(&out);
    buf_add(&out, secret_bytes(s));
}

static void test_done(void)
{
    AUTO_SECRET s = {0};
    struct tokenwire_done d = {.id = 3, .pin_try = 2, .recoveries = 1}, got;
    struct err e;

    OK_CALL(secret_new(&s, TOKENWIRE_MAX, &e), &e);
    OK_CALL(secret_new(&d.z, TOKENWIRE_Z, &e), &e);
    memset(d.z.p, 0x5a, d.z.n = TOKENWIRE_Z);
    OK_CALL(tokenwire_put_done(&s, &d, &e), &e);
    take(&s);
    OK_CALL(tokenwire_get_done(frame(TOKENWIRE_DONE), &got, &e), &e);
    EQ_INT(got.id, 3);
    EQ_INT(got.pin_try, 2);
    EQ_INT(got.recoveries, 1);
    EQ_INT(got.err.code, OK);
    CHECK(secret_eq(&got.z, &d.z));
    secret_free(&got.z);
    out.p[18] = 31; /* of 32 bytes */
    EQ_INT(tokenwire_get_done(buf_bytes(&out), &got, &e), ERR_FORMAT);
    err_set(&d.err, ERR_PIN, "wrong");
    EQ_INT(tokenwire_put_done(&s, &d, &e), ERR_FORMAT); /* z beside an error */
    secret_free(&d.z);
}

static void test_done_error(void)
{
    AUTO_SECRET s = {0};
    struct tokenwire_done d = {.id = 3}, got;
    struct err e;

    err_set(&d.err, ERR_PIN, "log in to token '%s'", "gr\nün");
    for (int i = 0; i < ERR_HINTS; i++)
        err_hint(&d.err, "%0*d", ERR_HINT_MAX - 1, i);
    OK_CALL(secret_new(&s, TOKENWIRE_MAX, &e), &e);
    OK_CALL(tokenwire_put_done(&s, &d, &e), &e);
    take(&s);
    OK_CALL(tokenwire_get_done(frame(TOKENWIRE_DONE), &got, &e), &e);
    EQ_INT(got.err.code, ERR_PIN);
    EQ_STR(got.err.msg, d.err.msg);
    EQ_INT(got.err.n_hints, ERR_HINTS);
    EQ_STR(got.err.hints[3], d.err.hints[3]);
    EQ_INT(got.z.n, 0);
    out.p[14] = 99; /* the code */
    EQ_INT(tokenwire_get_done(buf_bytes(&out), &got, &e), ERR_FORMAT);
    size_t n = s.n;
    s.cap = n + 4; /* no room for a second one: none of it is put */
    EQ_INT(tokenwire_put_done(&s, &d, &e), ERR_LIMIT);
    EQ_INT(s.n, n);
    s.cap = TOKENWIRE_MAX;
}

/* Each beginning of a stream of two frames, and every wrong kind or rest. */
static void test_pieces(void)
{
    enum tokenwire_kind kind;
    uint32_t id, flags;
    struct bytes ct;
    struct tokenwire_state s;
    struct tokenwire_done d;
    struct err e;
    size_t n = 1;

    buf_reset(&out);
    OK_CALL(tokenwire_put_decap(&out, 1, BYTES_LIT("abc"), &e), &e);
    size_t one = out.n;
    OK_CALL(tokenwire_put_release(&out, &e), &e);
    for (size_t i = 0; i <= out.n; i++) {
        OK_CALL(tokenwire_frame(bytes_of(out.p, i), &n, &kind, &e), &e);
        EQ_INT(n, i < one ? 0 : one);
        if (i != one)
            EQ_INT(tokenwire_get_decap(bytes_of(out.p, i), &id, &ct, &e), ERR_FORMAT);
    }
    struct bytes f = bytes_of(out.p, one);
    EQ_INT(tokenwire_get_unlock(f, &id, &flags, &e), ERR_FORMAT);
    EQ_INT(tokenwire_get_waiting(f, &id, &e), ERR_FORMAT);
    EQ_INT(tokenwire_get_state(f, &s, &e), ERR_FORMAT);
    EQ_INT(tokenwire_get_done(f, &d, &e), ERR_FORMAT);
}

static void test_bad_streams(void)
{
    static const struct {
        struct bytes in;
        int want;
        size_t n;
    } rows[] = {
        {{(const uint8_t *)"\0\0\0\0\3", 5}, ERR_FORMAT, 0},
        {{(const uint8_t *)"\0\0\x1f\xfd\3", 5}, ERR_FORMAT, 0},
        {{(const uint8_t *)"\0\0\x1f\xfc\3", 5}, OK, 0},
        {{(const uint8_t *)"\xff\xff\xff\xff\3", 5}, ERR_FORMAT, 0},
        {{(const uint8_t *)"\0\0\0\1\0", 5}, ERR_FORMAT, 0},
        {{(const uint8_t *)"\0\0\0\1\x08", 5}, ERR_FORMAT, 0},
        {{(const uint8_t *)"\0\0\0\1\6", 5}, OK, 5},
    };
    enum tokenwire_kind kind;
    struct err e;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        size_t n = 77;
        EQ_INT(tokenwire_frame(rows[i].in, &n, &kind, &e), rows[i].want);
        EQ_INT(n, rows[i].n);
    }
}

int main(void)
{
    struct err e;

    if (secret_arena_open(&e))
        return 1;
    RUN(test_unlock);
    RUN(test_decap);
    RUN(test_small);
    RUN(test_state);
    RUN(test_done);
    RUN(test_done_error);
    RUN(test_pieces);
    RUN(test_bad_streams);
    buf_free(&out);
    secret_arena_close();
    return harness_end();
}
