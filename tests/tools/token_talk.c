/* SPDX-License-Identifier: Apache-2.0 */
/* Drives coffer-token line by line from stdin, as the agent does, for tests/tokens/ and the tests
 * of the helper. Each line is answered by one on stdout: 'ok ...' or 'err NAME: message; hints'.
 * What is sealed is sealed here, with the token opened in this process and closed again.
 *
 *   seal URI SCHEME PIN   a shared value and its ciphertext for the key of the URI
 *   start PROGRAM [OPTION]...  coffer-token for that key; the options are added to its arguments
 *   run PROGRAM [OPTION]...    coffer-token with these options alone
 *   channel               a new channel, as after a restart of the agent's core
 *   unlock PIN | unlock-last PIN | unlock-typed
 *   decap | tamper | repeat N | release | look
 *   send-decap            without waiting for the answer; 'answer' waits for it
 *   pid | rss | kill | stop
 */
#include "base/codec.h"
#include "base/env.h"
#include "base/text.h"
#include "base/tokenwire.h"
#include "pkcs11/token.h"
#include "tests/token_link.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define LINE_LEN 4096
#define WORDS_MAX 16
#define ARGS_MAX 32
#define RSS_LINE 256

static struct {
    struct token_uri uri;
    enum scheme scheme;
    uint8_t ct[KEM_CT_MAX], rid[RID_LEN];
    size_t n_ct;
    struct secret z;
    struct token_info info;
    struct token_key key;
} sealed;

static struct token_link l = TOKEN_LINK_INIT;

/* -- the key -- */

static int seal_with(struct token *t, const char *pin_text, struct err *e)
{
    AUTO_SECRET pin = {0};
    struct token_key_want want = {.id = bytes_of(sealed.uri.id, sealed.uri.id_len),
                                  .label = sealed.uri.object};

    secret_free(&sealed.z);
    if (secret_copy(&pin, bytes_str(pin_text), e) || token_login(t, &pin, false, e) ||
        token_use_key(t, &want, &sealed.key, e) || spki_rid(&sealed.key.spki, sealed.rid, e))
        return e->code;
    sealed.info = *token_info(t);
    return kem_encap(sealed.scheme, &sealed.key.spki, sealed.ct, &sealed.n_ct, &sealed.z, e);
}

static int do_seal(char **w, struct err *e)
{
    AUTO(token_closep) struct token *t = NULL;
    struct token_where where = {0};

    if (uri_parse(w[1], &sealed.uri, e))
        return e->code;
    if (!scheme_by_name(bytes_str(w[2]), &sealed.scheme))
        return err_set(e, ERR_USAGE, "no such scheme");
    memcpy(where.module, sealed.uri.module, sizeof(where.module));
    memcpy(where.label, sealed.uri.label, sizeof(where.label));
    memcpy(where.serial, sealed.uri.serial, sizeof(where.serial));
    if (token_open(&where, &t, e) || seal_with(t, w[3], e))
        return e->code;
    printf("ok %s\n", sealed.info.label);
    return OK;
}

/* -- the process -- */

static void put_arg(char **argv, size_t *n, const char *name, const char *value)
{
    size_t len = strlen(name) + strlen(value) + 2;

    if (!value[0] || *n >= ARGS_MAX)
        return;
    argv[*n] = malloc(len);
    if (!argv[*n])
        abort();
    snprintf(argv[(*n)++], len, "%s=%s", name, value);
}

static void hex(struct bytes v, char *text, size_t cap)
{
    struct buf b = BUF_INIT(256);

    hex_encode(&b, v);
    snprintf(text, cap, "%s", buf_str(&b));
    buf_free(&b);
}

/* The arguments of a line, or those of the key that was sealed to and these. */
static void arguments(char **w, char *argv[ARGS_MAX + 1])
{
    static char version[] = VERSION;
    char text[160];
    size_t n = 2;

    memset(argv, 0, (ARGS_MAX + 1) * sizeof(*argv));
    argv[0] = w[1];
    argv[1] = version;
    if (strcmp(w[0], "start") == 0) {
        put_arg(argv, &n, "module", sealed.uri.module);
        put_arg(argv, &n, "label", sealed.uri.label);
        put_arg(argv, &n, "serial", sealed.uri.serial);
        hex(BYTES_ARR(sealed.rid), text, sizeof(text));
        put_arg(argv, &n, "rid", text);
        put_arg(argv, &n, "scheme", scheme_name(sealed.scheme));
        hex(bytes_of(sealed.key.id, sealed.key.id_len), text, sizeof(text));
        put_arg(argv, &n, "id", text);
    }
    for (int i = 2; w[i] && n < ARGS_MAX; i++)
        argv[n++] = strdup(w[i]);
}

static int print_state(void)
{
    static const char *const pins[] = {"ok", "low", "final-try", "locked", "unset"};

    return printf("ok present=%d logged-in=%d pin=%s touch=%d each-time=%d software=%d label=%s\n",
                  l.state.is_present, l.state.is_logged_in, pins[l.state.pin], l.state.touch,
                  l.state.is_pin_each_time, l.state.is_software, l.state.label) < 0;
}

static int do_channel(char **w, struct err *e)
{
    (void)w;
    if (link_channel(&l, e))
        return e->code;
    return print_state() ? ERR_FAILED : OK;
}

static int do_start(char **w, struct err *e)
{
    char *argv[ARGS_MAX + 1];
    int status;
    struct err ignored;

    if (l.pid > 0)
        (void)!link_end(&l, true, &status, &ignored);
    arguments(w, argv);
    int rc = link_start(&l, argv, e);
    for (size_t i = 2; argv[i]; i++)
        free(argv[i]);
    return rc || print_state() ? ERR_FAILED : OK;
}

/* -- wishes -- */

static int print_done(const struct tokenwire_done *d, struct err *e)
{
    static const char *const tries[] = {"not-tried", "tried", "proven"};

    if (d->err.code != OK) {
        *e = d->err;
        return e->code;
    }
    printf("ok try=%s recoveries=%u waits=%u logged-in=%d\n", tries[d->pin_try], d->recoveries,
           l.n_waits, l.state.is_logged_in);
    return OK;
}

static int unlock(const char *pin, uint32_t flags, struct err *e)
{
    struct tokenwire_done d = {.id = 0};
    int pair[2] = {-1, -1};

    buf_reset(&l.out);
    if (pin && pipe2(pair, O_CLOEXEC))
        return err_sys(e, errno, "pipe");
    int rc = tokenwire_put_unlock(&l.out, ++l.id, flags, e);
    if (!rc)
        rc = link_send(&l, pair[0], e);
    if (!rc && pin && strcmp(pin, "-") != 0 &&
        (dprintf(pair[1], "%s\nrest", pin) < 0 || close(pair[1])))
        rc = err_set(e, ERR_FAILED, "the PIN cannot be written");
    else if (!rc && pin && strcmp(pin, "-") != 0)
        pair[1] = -1;
    if (!rc)
        rc = link_await(&l, TOKENWIRE_DONE, &d, e);
    for (int i = 0; i < 2; i++)
        if (pair[i] >= 0)
            close(pair[i]);
    return rc ? rc : print_done(&d, e);
}

static int do_unlock(char **w, struct err *e)
{
    bool is_last = strcmp(w[0], "unlock-last") == 0;

    return unlock(w[1], is_last ? TOKENWIRE_USE_LAST_TRY : 0, e);
}

static int do_unlock_typed(char **w, struct err *e)
{
    (void)w;
    return unlock(NULL, 0, e);
}

static int send_decap(struct bytes ct, struct err *e)
{
    buf_reset(&l.out);
    return tokenwire_put_decap(&l.out, ++l.id, ct, e) ? e->code : link_send(&l, -1, e);
}

static int take_decap(struct err *e)
{
    struct tokenwire_done d = {.id = 0};

    if (link_await(&l, TOKENWIRE_DONE, &d, e))
        return e->code;
    bool is_right = d.err.code != OK || secret_eq(&d.z, &sealed.z);
    secret_free(&d.z);
    return is_right ? print_done(&d, e)
                    : err_set(e, ERR_FAILED, "another value came out than went in");
}

static int do_decap(char **w, struct err *e)
{
    uint8_t ct[KEM_CT_MAX];

    memcpy(ct, sealed.ct, sealed.n_ct);
    if (strcmp(w[0], "tamper") == 0)
        ct[sealed.n_ct - 1] ^= 1;
    return send_decap(bytes_of(ct, sealed.n_ct), e) ? e->code : take_decap(e);
}

static int do_send(char **w, struct err *e)
{
    (void)w;
    if (send_decap(bytes_of(sealed.ct, sealed.n_ct), e))
        return e->code;
    puts("ok");
    return OK;
}

static int do_answer(char **w, struct err *e)
{
    (void)w;
    return take_decap(e);
}

static int do_repeat(char **w, struct err *e)
{
    struct tokenwire_done d = {.id = 0};
    uint64_t n, began = ticks_ms();

    if (!text_u64(bytes_str(w[1]), 10000000, &n))
        return err_set(e, ERR_USAGE, "how often?");
    for (uint64_t i = 0; i < n; i++) {
        if (send_decap(bytes_of(sealed.ct, sealed.n_ct), e) ||
            link_await(&l, TOKENWIRE_DONE, &d, e))
            return e->code;
        bool is_right = d.err.code == OK && secret_eq(&d.z, &sealed.z);
        secret_free(&d.z);
        if (!is_right)
            return err_set(e, ERR_FAILED, "the %uth failed: %s", (unsigned)i, d.err.msg);
    }
    printf("ok %u ms\n", (unsigned)(ticks_ms() - began));
    return OK;
}

static int do_simple(char **w, struct err *e)
{
    bool is_look = strcmp(w[0], "look") == 0;

    buf_reset(&l.out);
    if ((is_look ? tokenwire_put_look(&l.out, e) : tokenwire_put_release(&l.out, e)) ||
        link_send(&l, -1, e))
        return e->code;
    if (is_look)
        return link_await(&l, TOKENWIRE_STATE, NULL, e) || print_state() ? ERR_FAILED : OK;
    puts("ok");
    return OK;
}

/* -- the process's end -- */

static int do_pid(char **w, struct err *e)
{
    (void)w;
    (void)e;
    printf("ok %d\n", (int)l.pid);
    return OK;
}

static int do_rss(char **w, struct err *e)
{
    char path[64], line[RSS_LINE];

    (void)w;
    snprintf(path, sizeof(path), "/proc/%d/status", (int)l.pid);
    FILE *f = fopen(path, "re");
    if (!f)
        return err_sys(e, errno, "read '%s'", path);
    while (fgets(line, sizeof(line), f))
        if (strncmp(line, "VmRSS:", 6) == 0)
            printf("ok %s", line + 6 + strspn(line + 6, " \t"));
    fclose(f);
    return OK;
}

static int do_end(char **w, struct err *e)
{
    int status = 0;

    if (link_end(&l, strcmp(w[0], "kill") == 0, &status, e))
        return e->code;
    printf("ok %s %d\n", WIFSIGNALED(status) ? "signal" : "exit",
           WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    return OK;
}

static const struct {
    const char *name;
    int min_words;
    int (*run)(char **w, struct err *e);
} verbs[] = {
    {"seal", 4, do_seal},
    {"start", 2, do_start},
    {"run", 2, do_start},
    {"channel", 1, do_channel},
    {"unlock", 2, do_unlock},
    {"unlock-last", 2, do_unlock},
    {"unlock-typed", 1, do_unlock_typed},
    {"decap", 1, do_decap},
    {"tamper", 1, do_decap},
    {"repeat", 2, do_repeat},
    {"release", 1, do_simple},
    {"look", 1, do_simple},
    {"send-decap", 1, do_send},
    {"answer", 1, do_answer},
    {"pid", 1, do_pid},
    {"rss", 1, do_rss},
    {"kill", 1, do_end},
    {"stop", 1, do_end},
};

static int line_run(char *line, struct err *e)
{
    char *w[WORDS_MAX + 1] = {NULL}, *rest = line;
    int n = 0;
    int n_split = strncmp(line, "unlock", 6) == 0 ? 1 : strncmp(line, "seal ", 5) == 0 ? 3 : 100;

    l.n_waits = 0;
    while (n < WORDS_MAX && n < n_split && rest)
        w[n++] = strsep(&rest, " ");
    if (rest) /* blanks belong to the PIN */
        w[n++] = rest;
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
        if (strcmp(w[0], verbs[i].name) == 0 && n >= verbs[i].min_words)
            return verbs[i].run(w, e);
    return err_set(e, ERR_USAGE, "no such line: '%s'", line);
}

int main(void)
{
    static char line[LINE_LEN];
    struct err e;

    signal(SIGPIPE, SIG_IGN);
    if (secret_arena_open(&e))
        return 1;
    while (fgets(line, sizeof(line), stdin)) {
        line[strcspn(line, "\n")] = 0;
        if (line_run(line, &e)) {
            printf("err %s: %s", err_name(e.code), e.msg);
            for (unsigned i = 0; i < e.n_hints; i++)
                printf("; %s", e.hints[i]);
            puts("");
        }
        fflush(stdout);
    }
    if (l.pid > 0)
        kill(l.pid, SIGKILL);
    secret_free(&sealed.z);
    secret_arena_close();
    return 0;
}
