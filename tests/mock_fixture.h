/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the tests on the mock driver (tests/mock/): a copy of the module of this run's own, its
 * script, and what it counted. Each test program includes it once. */
#ifndef TESTS_MOCK_FIXTURE_H
#define TESTS_MOCK_FIXTURE_H

#include "pkcs11/token.h"
#include "tests/harness.h"

#include <dlfcn.h>
#include <p11-kit/pkcs11.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MODULE_MAX (1u << 20)
#define MOCK_PIN "correct horse 9 battery"

static struct token_where mock; /* the token 'mock' */
static struct secret pin, wrong_pin, new_pin;
static struct {
    bool (*script)(const char *text);
    unsigned long (*count)(const char *name);
    void (*reset)(void);
    CK_RV (*list)(CK_FUNCTION_LIST **out);
    CK_FUNCTION_LIST *fn; /* past p11-kit: what happens behind coffer's back */
} module;

/* ISO C knows no way from an address of data to one of a function. */
static inline void symbol(void *library, const char *name, void *out)
{
    void *p = dlsym(library, name);
    CHECK(p != NULL);
    memcpy(out, &p, sizeof(p));
}

/* $TOOLS of tests/run.py, or beside this program. */
static inline void module_find(char *out, size_t cap)
{
    const char *tools = getenv("TOOLS");
    char self[400];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    self[n > 0 ? n : 0] = 0;
    char *slash = strrchr(self, '/');
    if (slash)
        *slash = 0;
    if (tools)
        snprintf(out, cap, "%s/mock.so", tools);
    else
        snprintf(out, cap, "%s/../tools/mock.so", self);
}

static inline bool copy_file(const char *from, const char *to)
{
    uint8_t *p = malloc(MODULE_MAX);
    FILE *in = fopen(from, "re"), *out = fopen(to, "we");
    size_t n = in && p ? fread(p, 1, MODULE_MAX, in) : 0;
    bool is_done = n > 0 && n < MODULE_MAX && out && fwrite(p, 1, n, out) == n;
    if (in)
        fclose(in);
    if (out)
        is_done = fclose(out) == 0 && is_done;
    free(p);
    return is_done;
}

static inline struct secret secret_str(const char *s)
{
    struct secret v = {0};
    struct err e;
    OK_CALL(secret_copy(&v, bytes_str(s), &e), &e);
    return v;
}

static inline void the_module_is_built(void)
{
    char from[500];
    struct err e;
    module_find(from, sizeof(from));
    OK_CALL(secret_arena_open(&e), &e);
    snprintf(mock.module, sizeof(mock.module), "%s/mock.so", harness_dir());
    snprintf(mock.label, sizeof(mock.label), "mock");
    bool is_there = copy_file(from, mock.module);
    void *library = is_there ? dlopen(mock.module, RTLD_NOW) : NULL;
    if (!harness_ok(library != NULL, __FILE__, __LINE__, "%s is a module", from))
        return;
    symbol(library, "mock_script", &module.script);
    symbol(library, "mock_count", &module.count);
    symbol(library, "mock_reset", &module.reset);
    symbol(library, "C_GetFunctionList", &module.list);
    CHECK(module.list(&module.fn) == CKR_OK);
    pin = secret_str(MOCK_PIN);
    wrong_pin = secret_str("not the right pin");
    new_pin = secret_str("another good pin");
}

/* False, and a failed test, where the module was not built. */
static inline bool mock_begin(void)
{
    RUN(the_module_is_built);
    return module.script != NULL && module.fn != NULL;
}

static inline void mock_end(void)
{
    secret_free(&pin);
    secret_free(&wrong_pin);
    secret_free(&new_pin);
}

/* From here on the token is as new and answers as the script says. */
static inline void script(const char *text)
{
    harness_ok(module.script(text), __FILE__, __LINE__, "script: %s", text);
    module.reset();
}

/* What is so from now on, for a token that is in use. */
static inline void script_now(const char *text)
{
    harness_ok(module.script(text), __FILE__, __LINE__, "script: %s", text);
}

static inline unsigned long calls(const char *name)
{
    return module.count(name);
}

static inline struct token *mock_open(void)
{
    struct token *t = NULL;
    struct err e;
    OK_CALL(token_open(&mock, &t, &e), &e);
    return t;
}

static inline struct token *mock_in(void)
{
    struct token *t = mock_open();
    struct err e;
    if (t)
        OK_CALL(token_login(t, &pin, false, &e), &e);
    return t;
}

static const struct token_key_want ec_key = {.id = {(const uint8_t *)"\x01", 1}};
static const struct token_key_want rsa_key = {.id = {(const uint8_t *)"\x02", 1}};

/* What an error may look like: one lower-case line, no secret. */
static inline bool is_good_line(const struct err *e)
{
    size_t n = strnlen(e->msg, sizeof(e->msg));
    bool is_good = n > 0 && n < sizeof(e->msg) && e->msg[0] >= 'a' && e->msg[0] <= 'z' &&
                   e->msg[n - 1] != '.' && !strstr(e->msg, MOCK_PIN);
    for (size_t i = 0; i < n; i++)
        is_good = is_good && (uint8_t)e->msg[i] >= ' ' && e->msg[i] != 0x7f;
    return is_good && e->n_hints <= ERR_HINTS;
}

/* After token_close: nothing is left of this process in the driver. */
static inline bool is_balanced(void)
{
    return !calls("sessions_left") && !calls("sessions") && !calls("secrets") &&
           !calls("initialised") && !calls("running");
}

#endif
