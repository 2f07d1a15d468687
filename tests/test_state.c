/* SPDX-License-Identifier: Apache-2.0 */
/* Nonce marks, the guard of unattended logins, tokens.json and the directories. */
#include "tests/harness.h"

#include "base/file.h"
#include "vault/local.h"
#include "vault/local_parse.h"
#include "vault/state.h"
#include "vault/trust.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static uint64_t fixed_now;

static int fixed_clock(const struct env *env, uint64_t *us, struct err *e)
{
    (void)env, (void)e;
    *us = fixed_now;
    return OK;
}

static const struct env env_fixed = {.now_us = fixed_clock};
static const uint8_t id[16] = {1, 2, 3}, rec[16] = {9}, other[16] = {8}, rid[32] = {7};

static struct where fresh(void)
{
    static unsigned n;
    struct where w;
    memset(&w, 0, sizeof(w));
    snprintf(w.state, sizeof(w.state), "%s/s%u/state", harness_dir(), ++n);
    snprintf(w.config, sizeof(w.config), "%s/s%u/config", harness_dir(), n);
    return w;
}

static void test_nonce(void)
{
    struct err e;
    struct where w = fresh();
    uint64_t n = 0;
    fixed_now = 1700000000000000u;
    OK_CALL(state_nonce(&w, id, rec, &env_fixed, &n, &e), &e);
    EQ_INT(n, fixed_now);
    OK_CALL(state_nonce(&w, id, rec, &env_fixed, &n, &e), &e);
    EQ_INT(n, fixed_now + 1);
    OK_CALL(state_nonce(&w, id, other, &env_fixed, &n, &e), &e);
    EQ_INT(n, fixed_now);
    fixed_now -= 3600ull * 1000000;            /* a clock set back an hour: nonces go on rising */
    OK_CALL(state_nonce(&w, id, rec, &env_fixed, &n, &e), &e);
    EQ_INT(n, 1700000000000002u);
    fixed_now -= 24ull * 3600 * 1000000;       /* more than a day: refused, the mark stays */
    EQ_INT(state_nonce(&w, id, rec, &env_fixed, &n, &e), ERR_FAILED);
    EQ_INT(n, 1700000000000002u);
}

static void test_nonce_damaged(void)
{
    struct err e;
    struct where w = fresh();
    char path[WHERE_MAX + 128];
    uint64_t n = 0;
    fixed_now = 1700000000000000u;
    OK_CALL(state_nonce(&w, id, rec, &env_fixed, &n, &e), &e);
    snprintf(path, sizeof(path), "%s/01020300000000000000000000000000/"
             "09000000000000000000000000000000.nonce", w.state);
    int fd = open(path, O_WRONLY | O_TRUNC);
    CHECK(fd >= 0 && write(fd, "x1", 2) == 2);
    close(fd);
    EQ_INT(state_nonce(&w, id, rec, &env_fixed, &n, &e), ERR_FORMAT);
}

/* Processes at once: no nonce twice. */
static void test_nonce_parallel(void)
{
    struct where w = fresh();
    int fds[2];
    enum { KIDS = 4, EACH = 20 };
    CHECK(pipe(fds) == 0);
    fixed_now = 1700000000000000u;
    for (int k = 0; k < KIDS; k++)
        if (fork() == 0) {
            struct err e;
            uint64_t n = 0;
            for (int i = 0; i < EACH; i++)
                if (state_nonce(&w, id, rec, &env_fixed, &n, &e) ||
                    write(fds[1], &n, sizeof(n)) != sizeof(n))
                    _exit(1);
            _exit(0);
        }
    for (int k = 0; k < KIDS; k++) {
        int status = 1;
        wait(&status);
        EQ_INT(status, 0);
    }
    close(fds[1]);
    bool seen[KIDS * EACH] = {false};
    uint64_t n;
    size_t total = 0;
    while (read(fds[0], &n, sizeof(n)) == sizeof(n)) {
        uint64_t i = n - fixed_now;
        if (CHECK(i < KIDS * EACH && !seen[i]))
            seen[i] = true;
        total++;
    }
    close(fds[0]);
    EQ_INT(total, KIDS * EACH);
}

static void test_pin_guard(void)
{
    struct err e;
    struct where w = fresh();
    struct pin_guard g = {-1};
    OK_CALL(pin_guard_begin(&w, id, rid, &g, &e), &e);
    pin_guard_end(&g, true);
    OK_CALL(pin_guard_begin(&w, id, rid, &g, &e), &e);
    pin_guard_end(&g, false);                  /* wrong PIN */
    EQ_INT(pin_guard_begin(&w, id, rid, &g, &e), ERR_PERSON);
    EQ_INT(pin_guard_begin(&w, id, rid, &g, &e), ERR_PERSON);
    EQ_INT(err_exit(e.code), 3);
    pin_guard_clear(&w, id, rid);              /* a person typed it right */
    OK_CALL(pin_guard_begin(&w, id, rid, &g, &e), &e);
    pin_guard_end(&g, true);
}

/* Killed between the try and its result: counts as a failure. */
static void test_pin_guard_killed(void)
{
    struct err e;
    struct where w = fresh();
    struct pin_guard g = {-1};
    if (fork() == 0) {
        _exit(pin_guard_begin(&w, id, rid, &g, &e) ? 1 : 0);
    }
    int status = 1;
    wait(&status);
    EQ_INT(status, 0);
    EQ_INT(pin_guard_begin(&w, id, rid, &g, &e), ERR_PERSON);
}

/* The state directory comes and goes; a failure in either place counts in both. */
static void test_pin_guard_places(void)
{
    struct err e;
    struct where w = fresh(), gone = fresh();
    struct pin_guard g = {-1};
    char run[WHERE_MAX];
    snprintf(run, sizeof(run), "%s/run", harness_dir());
    EQ_INT(mkdir(run, 0700), 0);
    setenv("XDG_RUNTIME_DIR", run, 1);
    snprintf(gone.state, sizeof(gone.state), "/proc/none");
    CHECK(!pin_guard_is_set(&w, id, rid));
    OK_CALL(pin_guard_begin(&gone, id, rid, &g, &e), &e);
    pin_guard_end(&g, false);
    EQ_INT(pin_guard_begin(&w, id, rid, &g, &e), ERR_PERSON);
    CHECK(pin_guard_is_set(&w, id, rid));
    pin_guard_clear(&w, id, rid);
    CHECK(!pin_guard_is_set(&w, id, rid));
    OK_CALL(pin_guard_begin(&w, id, rid, &g, &e), &e);
    pin_guard_end(&g, true);
    OK_CALL(pin_guard_begin(&gone, id, rid, &g, &e), &e);
    pin_guard_end(&g, true);
    unsetenv("XDG_RUNTIME_DIR");
}

/* rid's count as if seconds had gone by. */
static void age_count(const struct where *w, time_t seconds)
{
    struct err e;
    char name[96];
    int dir = -1;
    static const uint8_t none[VAULT_ID_LEN];
    struct pin_count k = pin_count_read(w, rid, &env_real);
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = (time_t)k.at - seconds}};
    OK_CALL(state_dir(w, none, false, &dir, &e), &e);
    state_name(rid, 32, ".pin-count", name, sizeof(name));
    EQ_INT(utimensat(dir, name, times, 0), 0);
    close(dir);
}

static unsigned counted(const struct where *w)
{
    return pin_count_read(w, rid, &env_real).n;
}

static void one_try(const struct where *w, enum pin_end end)
{
    struct err e;
    struct pin_count k;
    unsigned before = counted(w);
    OK_CALL(pin_count_begin(w, rid, &env_real, &k, &e), &e);
    EQ_INT(k.n, before);
    CHECK(counted(w) > before); /* one that never ends counts */
    pin_count_end(&k, end);
}

static void test_pin_count(void)
{
    struct where w = fresh();
    EQ_INT(counted(&w), 0);
    one_try(&w, PIN_END_RIGHT);
    one_try(&w, PIN_END_UNTRIED);
    one_try(&w, PIN_END_LOCKED);
    EQ_INT(counted(&w), 0);
    one_try(&w, PIN_END_WRONG);
    one_try(&w, PIN_END_RIGHT); /* a right one lowers nothing */
    one_try(&w, PIN_END_WRONG);
    EQ_INT(counted(&w), 2);
    one_try(&w, PIN_END_UNTRIED);
    EQ_INT(counted(&w), 2);
    if (ticks_ms() / 1000 < 3 * PIN_FORGIVEN_S)
        return; /* no time forgives more than the machine has run */
    age_count(&w, PIN_FORGIVEN_S - 10);
    one_try(&w, PIN_END_RIGHT);
    EQ_INT(counted(&w), 2);
    age_count(&w, 20);
    EQ_INT(counted(&w), 1);
    one_try(&w, PIN_END_WRONG); /* a wrong one begins the time anew */
    EQ_INT(counted(&w), 2);
    age_count(&w, PIN_FORGIVEN_S + 10);
    EQ_INT(counted(&w), 1);
    age_count(&w, PIN_FORGIVEN_S);
    EQ_INT(counted(&w), 0);
    age_count(&w, -6 * (time_t)PIN_FORGIVEN_S); /* the clock was set back */
    EQ_INT(counted(&w), 2);
}

/* Locked, soon after a wrong PIN: the token is locked still, or cleared; a compared PIN proves the
 * second. Later it may have forgiven one, and the next wrong PIN locks it again. */
static void test_pin_count_locked(void)
{
    struct where w = fresh();
    for (int i = 0; i < 3; i++)
        one_try(&w, PIN_END_WRONG);
    EQ_INT(counted(&w), 3);
    one_try(&w, PIN_END_LOCKED);
    EQ_INT(counted(&w), 0);
    one_try(&w, PIN_END_UNTRIED);
    one_try(&w, PIN_END_LOCKED);
    EQ_INT(counted(&w), 0);
    EQ_INT(pin_count_read(&w, rid, &env_real).kept, 3);
    age_count(&w, PIN_LOCKED_S + 10);
    EQ_INT(counted(&w), 3);
    one_try(&w, PIN_END_RIGHT);
    EQ_INT(counted(&w), 3);
    age_count(&w, -(time_t)PIN_LOCKED_S);
    EQ_INT(counted(&w), 0);
    one_try(&w, PIN_END_WRONG);
    EQ_INT(counted(&w), 1);
    one_try(&w, PIN_END_LOCKED);
    one_try(&w, PIN_END_RIGHT);
    EQ_INT(pin_count_read(&w, rid, &env_real).kept, 0);
}

/* Killed between the try and its result; damaged; in the other place. */
static void test_pin_count_odd(void)
{
    struct err e;
    struct where w = fresh(), gone = fresh();
    struct pin_count k;
    char run[WHERE_MAX], name[96];
    static const uint8_t none[VAULT_ID_LEN];
    int status = 1, dir = -1;
    if (fork() == 0)
        _exit(pin_count_begin(&w, rid, &env_real, &k, &e) ? 1 : 0);
    wait(&status);
    EQ_INT(status, 0);
    EQ_INT(counted(&w), 1);
    OK_CALL(state_dir(&w, none, false, &dir, &e), &e);
    state_name(rid, 32, ".pin-count", name, sizeof(name));
    OK_CALL(file_replace_at(dir, name, bytes_str("x"), &e), &e);
    CHECK(counted(&w) >= 2);
    EQ_INT(unlinkat(dir, name, 0), 0);
    close(dir);
    snprintf(gone.state, sizeof(gone.state), "/proc/none");
    EQ_INT(pin_count_begin(&gone, rid, &env_real, &k, &e), ERR_PERSON);
    snprintf(run, sizeof(run), "%s/run", harness_dir());
    mkdir(run, 0700);
    setenv("XDG_RUNTIME_DIR", run, 1);
    one_try(&gone, PIN_END_WRONG);
    one_try(&w, PIN_END_WRONG);
    EQ_INT(counted(&w), 2);
    unsetenv("XDG_RUNTIME_DIR");
}

static void test_tokens(void)
{
    struct err e;
    struct where w = fresh();
    static struct local_tokens all;
    struct local_token t = {.scheme = SCHEME_RSA_OAEP_1, .key_id = {1, 0xff}, .key_id_len = 2};
    memcpy(t.vault_id, id, sizeof(id));
    memcpy(t.rid, rid, sizeof(rid));
    snprintf(t.where.module, sizeof(t.where.module), "/usr/lib/a \"b\".so");
    snprintf(t.where.label, sizeof(t.where.label), "lab");
    OK_CALL(local_read(&w, &all, &e), &e);
    EQ_INT(all.n, 0);
    OK_CALL(local_put(&w, &t, &e), &e);
    snprintf(t.pin_file, sizeof(t.pin_file), "/etc/pin");
    OK_CALL(local_put(&w, &t, &e), &e);        /* replaces */
    t.rid[0]++;
    OK_CALL(local_put(&w, &t, &e), &e);        /* adds */
    OK_CALL(local_read(&w, &all, &e), &e);
    EQ_INT(all.n, 2);
    EQ_STR(all.v[0].pin_file, "/etc/pin");
    EQ_STR(all.v[0].where.module, "/usr/lib/a \"b\".so");
    EQ_INT(all.v[1].key_id_len, 2);
    EQ_INT(all.v[1].scheme, SCHEME_RSA_OAEP_1);
    char path[WHERE_MAX + 16];
    snprintf(path, sizeof(path), "%s/tokens.json", w.config);
    EQ_INT(chmod(path, 0644), 0);
    CHECK(local_read(&w, &all, &e) != OK);
}

static void test_tokens_bad(void)
{
    static const char *const bad[] = {
        "", "{}", "[]", "{\"format\":2,\"tokens\":[]}", "{\"format\":1,\"tokens\":{}}",
        "{\"format\":1,\"tokens\":[{}]}", "{\"format\":1,\"tokens\":[],\"x\":1}",
        "{\"format\":1,\"tokens\":[{\"vault_id\":\"AQIDAAAAAAAAAAAAAAAAAA\",\"rid\":"
        "\"BwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"scheme\":\"ecdh-p256\","
        "\"module\":\"relative.so\",\"key_id\":\"AQ\"}]}"};
    static struct local_tokens all;
    struct err e;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        CHECK(local_parse(bytes_str(bad[i]), &all, &e) != OK);
}

static void test_where(void)
{
    struct err e;
    struct where w;
    setenv("HOME", "/home/x", 1);
    unsetenv("XDG_DATA_HOME"), unsetenv("XDG_CONFIG_HOME"), unsetenv("XDG_STATE_HOME");
    unsetenv("COFFER_HOME");
    OK_CALL(where_find(NULL, &w, &e), &e);
    EQ_STR(w.vault, "/home/x/.local/share/coffer");
    EQ_STR(w.config, "/home/x/.config/coffer");
    EQ_STR(w.state, "/home/x/.local/state/coffer");
    EQ_STR(w.softhsm, "/home/x/.local/share/coffer-softhsm");
    setenv("COFFER_HOME", "/v", 1);
    OK_CALL(where_find(NULL, &w, &e), &e);
    EQ_STR(w.vault, "/v");
    OK_CALL(where_find("here", &w, &e), &e);
    EQ_STR(w.vault, "here");
    EQ_INT(where_find("", &w, &e), ERR_USAGE);
    setenv("XDG_STATE_HOME", "relative", 1);
    EQ_INT(where_find(NULL, &w, &e), ERR_USAGE);
    unsetenv("XDG_STATE_HOME"), unsetenv("HOME");
    EQ_INT(where_find(NULL, &w, &e), ERR_USAGE);
}

int main(void)
{
    RUN(test_nonce);
    RUN(test_nonce_damaged);
    RUN(test_nonce_parallel);
    RUN(test_pin_guard);
    RUN(test_pin_guard_killed);
    RUN(test_pin_guard_places);
    RUN(test_pin_count);
    RUN(test_pin_count_locked);
    RUN(test_pin_count_odd);
    RUN(test_tokens);
    RUN(test_tokens_bad);
    RUN(test_where);
    return harness_end();
}
