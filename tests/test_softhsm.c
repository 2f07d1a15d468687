/* SPDX-License-Identifier: Apache-2.0 */
/* Tests pkcs11/softhsm.c: what it makes, with which modes, and that it leaves nothing on failure.
 */
#include "pkcs11/softhsm.h"

#include "tests/harness.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static struct secret pin;

static const char *at(const char *name)
{
    static char path[400];
    snprintf(path, sizeof(path), "%s/%s", harness_dir(), name);
    return path;
}

static unsigned mode_of(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0 ? st.st_mode & 07777 : 0;
}

static bool is_there(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

static void makes_a_private_token(void)
{
    struct token_where w, again;
    struct err e;
    umask(0); /* modes must not hang on it */
    OK_CALL(softhsm_create(at("a/b c/tok"), "My token", &pin, &env_real, &w, &e), &e);
    umask(022);
    EQ_INT(mode_of(at("a/b c/tok")), 0700);
    EQ_INT(mode_of(at("a/b c/tok/tokens")), 0700);
    EQ_INT(mode_of(at("a/b c/tok/softhsm2.conf")), 0600);
    EQ_STR(w.label, "My token");
    EQ_INT(strlen(w.serial), 16);
    CHECK(w.softhsm_conf[0] == '/');
    DIR *d = opendir(at("a/b c/tok/tokens"));
    CHECK(d != NULL);
    unsigned n = 0;
    for (struct dirent *de; d && (de = readdir(d)) != NULL;) {
        char sub[700];
        if (de->d_name[0] == '.')
            continue;
        n++;
        snprintf(sub, sizeof(sub), "%s/%s", at("a/b c/tok/tokens"), de->d_name);
        EQ_INT(mode_of(sub) & 077, 0);
    }
    closedir(d);
    EQ_INT(n, 1);

    struct token *t = NULL;
    OK_CALL(token_open(&w, &t, &e), &e);
    EQ_STR(token_info(t)->label, "My token");
    EQ_STR(token_info(t)->serial, w.serial);
    OK_CALL(token_login(t, &pin, false, &e), &e);
    token_close(t);

    OK_CALL(softhsm_where(at("a/b c/tok"), &again, &e), &e);
    EQ_STR(again.softhsm_conf, w.softhsm_conf);
    EQ_STR(again.module, w.module);
    OK_CALL(token_open(&again, &t, &e), &e);
    EQ_STR(token_info(t)->serial, w.serial);
    token_close(t);
}

static void relative_path(void)
{
    struct token_where w;
    struct err e;
    char before[500];
    CHECK(getcwd(before, sizeof(before)) && chdir(harness_dir()) == 0);
    OK_CALL(softhsm_create("rel/", "rel", &pin, &env_real, &w, &e), &e);
    CHECK(chdir(before) == 0);
    CHECK(w.softhsm_conf[0] == '/');
    struct token *t = NULL;
    OK_CALL(token_open(&w, &t, &e), &e);
    token_close(t);
}

static int random_fails(const struct env *env, void *p, size_t n, struct err *e)
{
    (void)env, (void)p, (void)n;
    return err_set(e, ERR_FAILED, "no random bytes");
}

static void failure_leaves_nothing(void)
{
    struct env env = env_real;
    struct token_where w = {.label = "untouched"};
    struct err e;
    env.random = random_fails;
    EQ_INT(softhsm_create(at("fails"), "x", &pin, &env, &w, &e), ERR_FAILED);
    CHECK(!is_there(at("fails")));
    EQ_STR(w.label, "untouched");
    CHECK(getenv("SOFTHSM2_CONF") == NULL);
    OK_CALL(softhsm_create(at("fails"), "x", &pin, &env_real, &w, &e), &e);
}

static void existing_is_kept(void)
{
    struct token_where w = {0};
    struct err e;
    CHECK(mkdir(at("mine"), 0755) == 0 && mkdir(at("mine/inner"), 0755) == 0);
    EQ_INT(softhsm_create(at("mine"), "x", &pin, &env_real, &w, &e), ERR_EXISTS);
    CHECK(is_there(at("mine/inner")));
    CHECK(symlink("mine", at("link")) == 0);
    EQ_INT(softhsm_create(at("link"), "x", &pin, &env_real, &w, &e), ERR_EXISTS);
    EQ_INT(softhsm_where(at("mine"), &w, &e), ERR_NOT_FOUND);
    EQ_INT(softhsm_where(at("missing"), &w, &e), ERR_NOT_FOUND);
}

static void bad_input(void)
{
    static const char *const labels[] = {"", " x", "x ", "123456789012345678901234567890123",
                                         "\xff"};
    static const char *const dirs[] = {"x#y", "x\ny", "..", "."};
    static const char *const pins[] = {"123", ""};
    struct token_where w = {0};
    struct err e;
    for (size_t i = 0; i < ARRAY_LEN(labels); i++) {
        EQ_INT(softhsm_create(at("bad"), labels[i], &pin, &env_real, &w, &e), ERR_USAGE);
        CHECK(!is_there(at("bad")));
    }
    for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
        EQ_INT(softhsm_create(at(dirs[i]), "x", &pin, &env_real, &w, &e), ERR_USAGE);
    }
    EQ_INT(softhsm_create("", "x", &pin, &env_real, &w, &e), ERR_USAGE);
    for (size_t i = 0; i < ARRAY_LEN(pins); i++) {
        AUTO_SECRET s = {0};
        OK_CALL(secret_new(&s, 8, &e), &e);
        OK_CALL(secret_append(&s, bytes_str(pins[i]), &e), &e);
        EQ_INT(softhsm_create(at("bad"), "x", &s, &env_real, &w, &e), ERR_USAGE);
        CHECK(!is_there(at("bad")));
    }
}

static void no_softhsm(void)
{
    harness_skip("SoftHSM is not installed");
}

int main(void)
{
    struct err e;
    char module[TOKEN_PATH_MAX];
    unsetenv("SOFTHSM2_CONF");
    if (softhsm_module(module, &e) != OK) {
        RUN(no_softhsm);
        return harness_end();
    }
    OK_CALL(secret_copy(&pin, bytes_str("123456"), &e), &e);
    RUN(makes_a_private_token);
    RUN(relative_path);
    RUN(failure_leaves_nothing);
    RUN(existing_is_kept);
    RUN(bad_input);
    secret_free(&pin);
    return harness_end();
}
