/* SPDX-License-Identifier: Apache-2.0 */
/* The command lines of coffer-net, coffer-token and `coffer unlock`, and their start. */
#include "agent/spawner.h"
#include "base/codec.h"
#include "base/file.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define WORDS_LIMIT 160u
#define TEXT_MAX (64u * 1024u)
#define LOOK_AGAIN_MS 1000u
#define PAIR_FD 3 /* where a child finds its end of the control pair; listeners follow */

/* Words one after the other, each with its NUL: they move while it grows. */
struct words {
    struct buf text;
    size_t at[WORDS_LIMIT];
    size_t n;
};

static void words_free(struct words *w)
{
    buf_free(&w->text);
}

PRINTF(2, 3) static void word(struct words *w, const char *fmt, ...)
{
    char text[TOKEN_PATH_MAX + 32];
    va_list ap;

    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (n < 0 || (size_t)n >= sizeof(text) || w->n == WORDS_LIMIT) {
        w->text.failed = ERR_LIMIT;
        return;
    }
    w->at[w->n++] = w->text.n;
    buf_add(&w->text, bytes_of(text, (size_t)n + 1));
}

static int exec_words(struct words *w, char *const *envp, const int *fds, size_t n, pid_t *pid,
                      struct err *e)
{
    char *argv[WORDS_LIMIT + 1];

    if (buf_check(&w->text, "command line", e))
        return e->code;
    for (size_t i = 0; i < w->n; i++)
        argv[i] = (char *)w->text.p + w->at[i];
    argv[w->n] = NULL;
    return spawner_exec(argv, envp, fds, n, pid, e);
}

/* -- coffer-net -- */

static int launch_net(struct spawner *s, int theirs, pid_t *pid, struct err *e)
{
    AUTO(words_free) struct words w = {.text = BUF_INIT(TEXT_MAX)};
    char *envp[ENV_NET_MAX + 1];
    int fds[3] = {theirs};
    size_t n = 1;
    struct ports ports;

    /* a vault that cannot be read now: its records' requests say so, and the public ones pass */
    if (spawner_ports(s->where, s->env, &ports, e)) {
        if (courier_ports(NULL, 0, &ports, e))
            return e->code;
        s->renew_ms = ticks_ms() + LOOK_AGAIN_MS;
    }
    word(&w, "coffer-net");
    word(&w, "%s", VERSION);
    word(&w, "proxy");
    if (s->proxy_socket >= 0) {
        word(&w, "unix=%d", PAIR_FD + (int)n);
        fds[n++] = s->proxy_socket;
    }
    if (s->tcp_socket >= 0) {
        word(&w, "tcp=%d:%u", PAIR_FD + (int)n, s->tcp_port);
        fds[n++] = s->tcp_socket;
    }
    for (size_t i = 0; i < s->options.n_proxy_uids; i++)
        word(&w, "uid=%lu", (unsigned long)s->options.proxy_uids[i]);
    for (size_t i = 0; i < ports.n; i++)
        word(&w, "%u", ports.v[i]);
    environment_net(envp);
    if (exec_words(&w, envp, fds, n, pid, e))
        return e->code;
    s->net_ports = ports;
    return OK;
}

/* -- coffer-token -- */

static void word_hex(struct words *w, const char *name, struct bytes v)
{
    AUTO_BUF hex = BUF_INIT(TOKEN_PATH_MAX);

    hex_encode(&hex, v);
    if (hex.failed)
        w->text.failed = hex.failed;
    else
        word(w, "%s=%s", name, buf_str(&hex));
}

static void word_text(struct words *w, const char *name, const char *value)
{
    if (value[0])
        word(w, "%s=%s", name, value);
}

static int launch_token(struct spawner *s, const struct local_token *t, int theirs, pid_t *pid,
                        struct err *e)
{
    AUTO(words_free) struct words w = {.text = BUF_INIT(TEXT_MAX)};
    char *envp[SERVICE_ENV_MAX + 1];

    word(&w, "coffer-token");
    word(&w, "%s", VERSION);
    word(&w, "module=%s", t->where.module);
    word_text(&w, "conf", t->where.softhsm_conf);
    word_text(&w, "label", t->where.label);
    word_text(&w, "serial", t->where.serial);
    word_text(&w, "manufacturer", t->where.manufacturer);
    word_text(&w, "model", t->where.model);
    word_hex(&w, "rid", BYTES_ARR(t->rid));
    word(&w, "scheme=%s", scheme_name(t->scheme));
    if (t->key_id_len > 0)
        word_hex(&w, "id", bytes_of(t->key_id, t->key_id_len));
    for (size_t i = 0; i < s->options.n_token_ports; i++)
        word(&w, "port=%u", s->options.token_ports[i]);
    service_environment(false, envp);
    return exec_words(&w, envp, &theirs, 1, pid, e);
}

int spawner_launch(struct spawner *s, bool is_net, struct place *p, struct err *e)
{
    int pair[2];
    pid_t pid = 0;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
        return err_sys(e, errno, "make the way to another process");
    int rc = is_net ? launch_net(s, pair[1], &pid, e)
                    : launch_token(s, &p->entry, pair[1], &pid, e);
    close(pair[1]);
    if (rc) {
        close(pair[0]);
        return rc;
    }
    p->pid = pid;
    p->control = pair[0];
    p->is_dying = p->is_wanted = false;
    p->end_ms = 0;
    return OK;
}

/* -- coffer unlock -- */

static bool has_pin(const struct spawner *s)
{
    bool has = s->options.pin_file[0] || service_has_pin();

    for (size_t i = 0; i < SPAWNER_PLACES; i++)
        has = has || (s->tokens[i].is_listed && s->tokens[i].entry.pin_file[0]);
    return has;
}

/* It has no terminal and no screen to ask on, and its own guard against a second wrong try. */
void spawner_unlock(struct spawner *s)
{
    AUTO(words_free) struct words w = {.text = BUF_INIT(TEXT_MAX)};
    char *envp[SERVICE_ENV_MAX + 1];
    struct err e = {.code = OK};

    s->is_unlock_wanted = s->unlock != 0 && has_pin(s);
    if (s->unlock != 0 || !has_pin(s))
        return;
    word(&w, "coffer");
    word(&w, "unlock");
    word(&w, "--quiet");
    word(&w, "--vault");
    word(&w, "%s", s->where->vault);
    if (s->options.pin_file[0]) {
        word(&w, "--pin-file");
        word(&w, "%s", s->options.pin_file);
    }
    service_environment(true, envp);
    if (exec_words(&w, envp, NULL, 0, &s->unlock, &e)) {
        s->unlock = 0;
        spawner_say("unlock: %s", e.msg);
    }
}
