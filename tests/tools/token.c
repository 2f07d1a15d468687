/* SPDX-License-Identifier: Apache-2.0 */
/* One token, driven line by line from stdin, for tests/tokens/: what a person with the program
 * would not see (several threads, a token pulled between two calls of one process). Each line is
 * answered by one line on stdout: 'ok ...' or 'err NAME: message; hints'. The PIN comes as a word:
 * these are test tokens. No vault and no files.
 *
 *   open URI | login PIN | login-last PIN | use | keys | generate KIND ID | probe | info
 *   encap SCHEME | decap | repeat N | tamper | threads N M | recoveries | waits | close
 */
#include "base/codec.h"
#include "base/text.h"
#include "pkcs11/token.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define WORDS_MAX 4
#define LINE_LEN 2048
#define THREADS_MAX 16u

struct sealed {
    enum scheme scheme;
    uint8_t ct[KEM_CT_MAX];
    size_t n;
    struct secret z;
};

struct session {
    struct token *token;
    struct token_uri uri;
    struct token_key key;
    struct sealed sealed;
    atomic_uint waits; /* told by the token's other thread */
};

static const struct {
    const char *name;
    enum seal_key_kind kind;
} kinds[] = {{"p256", SEAL_KEY_P256},
             {"rsa2048", SEAL_KEY_RSA2048},
             {"rsa3072", SEAL_KEY_RSA3072},
             {"rsa4096", SEAL_KEY_RSA4096},
             {"other", SEAL_KEY_OTHER}};

static const char *kind_name(enum seal_key_kind k)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (kinds[i].kind == k)
            return kinds[i].name;
    return "other";
}

static int number(const char *s, unsigned max, unsigned *out, struct err *e)
{
    char *end;
    unsigned long v = strtoul(s, &end, 10);
    if (s[0] == 0 || *end || v == 0 || v > max)
        return err_set(e, ERR_USAGE, "a number from 1 to %u is wanted", max);
    *out = (unsigned)v;
    return OK;
}

static void told(void *ctx)
{
    atomic_fetch_add((atomic_uint *)ctx, 1);
}

static int do_open(struct session *s, char **w, struct err *e)
{
    struct token_where where = {0};
    if (uri_parse(w[1], &s->uri, e))
        return e->code;
    memcpy(where.module, s->uri.module, sizeof(where.module));
    memcpy(where.label, s->uri.label, sizeof(where.label));
    memcpy(where.serial, s->uri.serial, sizeof(where.serial));
    memcpy(where.manufacturer, s->uri.manufacturer, sizeof(where.manufacturer));
    memcpy(where.model, s->uri.model, sizeof(where.model));
    token_closep(&s->token);
    if (token_open(&where, &s->token, e))
        return e->code;
    token_on_wait(s->token, told, &s->waits);
    printf("ok %s\n", token_info(s->token)->label);
    return OK;
}

static int do_login(struct session *s, char **w, struct err *e)
{
    AUTO_SECRET pin = {0};
    if (secret_copy(&pin, bytes_str(w[1]), e) ||
        token_login(s->token, &pin, strcmp(w[0], "login-last") == 0, e))
        return e->code;
    puts("ok");
    return OK;
}

static int do_use(struct session *s, char **w, struct err *e)
{
    struct token_key_want want = {.id = bytes_of(s->uri.id, s->uri.id_len), .label = s->uri.object};
    (void)w;
    if (token_use_key(s->token, &want, &s->key, e))
        return e->code;
    printf("ok %s\n", kind_name(s->key.kind));
    return OK;
}

static int do_keys(struct session *s, char **w, struct err *e)
{
    static const struct token_key_want any = {0};
    struct token_key keys[24];
    size_t n;
    (void)w;
    if (token_keys(s->token, &any, keys, ARRAY_LEN(keys), &n, e))
        return e->code;
    printf("ok");
    for (size_t i = 0; i < n && i < ARRAY_LEN(keys); i++) {
        printf(" %s:", kind_name(keys[i].kind));
        for (size_t j = 0; j < keys[i].id_len; j++)
            printf("%02x", keys[i].id[j]);
    }
    puts("");
    return OK;
}

static int do_generate(struct session *s, char **w, struct err *e)
{
    uint8_t id[TOKEN_ID_MAX];
    size_t n;
    if (!hex_decode(id, sizeof(id), &n, bytes_str(w[2])))
        return err_set(e, ERR_USAGE, "an id is written in hex");
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (strcmp(kinds[i].name, w[1]) == 0) {
            if (token_generate(s->token, kinds[i].kind, "seal", bytes_of(id, n), &s->key, e))
                return e->code;
            puts("ok");
            return OK;
        }
    return err_set(e, ERR_USAGE, "no such kind of key");
}

static int do_probe(struct session *s, char **w, struct err *e)
{
    enum scheme found;
    (void)w;
    if (token_probe(s->token, &s->key, &found, e))
        return e->code;
    printf("ok %s\n", scheme_name(found));
    return OK;
}

static int do_info(struct session *s, char **w, struct err *e)
{
    static const char *const states[] = {"ok", "low", "final-try", "locked", "unset"};
    const struct token_info *i = token_info(s->token);
    (void)w;
    (void)e;
    printf("ok pin=%s driver=%s manufacturer=%s model=%s serial=%s firmware=%s label=%s\n",
           states[i->pin], i->driver, i->manufacturer, i->model, i->serial, i->firmware, i->label);
    return OK;
}

static void sealed_free(struct sealed *x)
{
    secret_free(&x->z);
    x->n = 0;
}

static int seal(enum scheme scheme, const struct spki *k, struct sealed *out, struct err *e)
{
    sealed_free(out);
    out->scheme = scheme;
    return kem_encap(scheme, k, out->ct, &out->n, &out->z, e);
}

/* ERR_FAILED: another value came out than went in. */
static int unseal(struct token *t, const struct sealed *x, struct err *e)
{
    AUTO_SECRET z = {0};
    if (token_decap(t, x->scheme, bytes_of(x->ct, x->n), &z, e))
        return e->code;
    if (!secret_eq(&z, &x->z))
        return err_set(e, ERR_FAILED, "another value came out than went in");
    return OK;
}

static int do_encap(struct session *s, char **w, struct err *e)
{
    enum scheme scheme;
    if (!scheme_by_name(bytes_str(w[1]), &scheme))
        return err_set(e, ERR_USAGE, "no such scheme");
    if (seal(scheme, &s->key.spki, &s->sealed, e))
        return e->code;
    printf("ok %zu\n", s->sealed.n);
    return OK;
}

static unsigned ms_since(const struct timespec *from)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (unsigned)((now.tv_sec - from->tv_sec) * 1000 + (now.tv_nsec - from->tv_nsec) / 1000000);
}

static int do_decap(struct session *s, char **w, struct err *e)
{
    struct timespec from;
    (void)w;
    clock_gettime(CLOCK_MONOTONIC, &from);
    if (unseal(s->token, &s->sealed, e))
        return e->code;
    printf("ok %u ms\n", ms_since(&from));
    return OK;
}

/* Each time a fresh value. */
static int do_repeat(struct session *s, char **w, struct err *e)
{
    unsigned n;
    if (number(w[1], 100000, &n, e))
        return e->code;
    for (unsigned i = 0; i < n; i++)
        if (seal(s->sealed.scheme, &s->key.spki, &s->sealed, e) || unseal(s->token, &s->sealed, e))
            return err_wrap(e, "after %u of %u", i, n);
    printf("ok %u\n", n);
    return OK;
}

/* One bit changed in the middle, then the whole one again. The answer tells what became of the
 * first: an error's name, or 'differs' where a value came out that is not the one sealed. */
static int do_tamper(struct session *s, char **w, struct err *e)
{
    struct sealed *x = &s->sealed;
    const char *what = "no-error";
    (void)w;
    x->ct[x->n / 2] ^= 1;
    int r = unseal(s->token, x, e);
    x->ct[x->n / 2] ^= 1;
    if (r)
        what = r == ERR_FAILED ? "differs" : err_name((enum err_code)r);
    if (unseal(s->token, x, e))
        return err_wrap(e, "%s, and then the whole one", what);
    printf("ok %s\n", what);
    return OK;
}

struct work {
    struct session *s;
    unsigned n, right, wrong, failed;
    struct err why;
};

static void *thread_run(void *arg)
{
    struct work *w = arg;
    struct sealed own = {.n = 0};
    for (unsigned i = 0; i < w->n; i++) {
        struct err e;
        int r = seal(w->s->sealed.scheme, &w->s->key.spki, &own, &e);
        if (!r)
            r = unseal(w->s->token, &own, &e);
        w->right += r == OK;
        w->wrong += r == ERR_FAILED;
        w->failed += r != OK && r != ERR_FAILED;
        if (r)
            w->why = e;
    }
    sealed_free(&own);
    return NULL;
}

static int do_threads(struct session *s, char **w, struct err *e)
{
    static struct work work[THREADS_MAX];
    pthread_t thread[THREADS_MAX];
    unsigned n, each, right = 0, wrong = 0, failed = 0;
    const struct err *why = NULL;
    if (number(w[1], THREADS_MAX, &n, e) || number(w[2], 100000, &each, e))
        return e->code;
    memset(work, 0, sizeof(work));
    for (unsigned i = 0; i < n; i++) {
        work[i].s = s;
        work[i].n = each;
        if (pthread_create(&thread[i], NULL, thread_run, &work[i]) != 0)
            abort();
    }
    for (unsigned i = 0; i < n; i++) {
        pthread_join(thread[i], NULL);
        right += work[i].right;
        wrong += work[i].wrong;
        failed += work[i].failed;
        if (work[i].wrong + work[i].failed)
            why = &work[i].why;
    }
    printf("ok right=%u wrong=%u failed=%u %s\n", right, wrong, failed, why ? why->msg : "");
    return OK;
}

static int do_recoveries(struct session *s, char **w, struct err *e)
{
    (void)w;
    (void)e;
    printf("ok %u\n", token_recoveries(s->token));
    return OK;
}

static int do_waits(struct session *s, char **w, struct err *e)
{
    (void)w;
    (void)e;
    printf("ok %u\n", atomic_exchange(&s->waits, 0));
    return OK;
}

static int do_close(struct session *s, char **w, struct err *e)
{
    (void)w;
    (void)e;
    token_closep(&s->token);
    puts("ok");
    return OK;
}

static const struct {
    const char *name;
    int n_words;
    int (*run)(struct session *s, char **w, struct err *e);
} verbs[] = {
    {"open", 2, do_open},       {"login", 2, do_login},   {"login-last", 2, do_login},
    {"use", 1, do_use},         {"keys", 1, do_keys},     {"generate", 3, do_generate},
    {"probe", 1, do_probe},     {"info", 1, do_info},     {"encap", 2, do_encap},
    {"decap", 1, do_decap},     {"repeat", 2, do_repeat}, {"tamper", 1, do_tamper},
    {"threads", 3, do_threads}, {"waits", 1, do_waits},   {"recoveries", 1, do_recoveries},
    {"close", 1, do_close},
};

static int line_run(struct session *s, char *line, struct err *e)
{
    char *w[WORDS_MAX], *rest = line;
    int n = 0;
    if (strncmp(line, "login", 5) == 0) { /* blanks belong to the PIN */
        w[n++] = strsep(&rest, " ");
        if (rest)
            w[n++] = rest;
        rest = NULL;
    }
    for (char *at; n < WORDS_MAX && (at = strsep(&rest, " ")) != NULL;)
        w[n++] = at;
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
        if (n == verbs[i].n_words && strcmp(w[0], verbs[i].name) == 0) {
            if (!s->token && verbs[i].run != do_open)
                return err_set(e, ERR_USAGE, "no token is open");
            return verbs[i].run(s, w, e);
        }
    return err_set(e, ERR_USAGE, "no such line: '%s'", line);
}

int main(void)
{
    static struct session s;
    static char line[LINE_LEN];
    struct err e;
    if (secret_arena_open(&e)) {
        printf("err %s: %s\n", err_name(e.code), e.msg);
        return 1;
    }
    while (fgets(line, sizeof(line), stdin)) {
        line[strcspn(line, "\n")] = 0;
        if (line_run(&s, line, &e)) {
            printf("err %s: %s", err_name(e.code), e.msg);
            for (unsigned i = 0; i < e.n_hints; i++)
                printf("; %s", e.hints[i]);
            puts("");
        }
        fflush(stdout);
    }
    sealed_free(&s.sealed);
    token_close(s.token);
    secret_arena_close();
    return 0;
}
