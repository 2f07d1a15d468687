/* SPDX-License-Identifier: Apache-2.0 */
/* The real clock and random bytes, and what main does first. The only file that asks for them. */
#include "base/env.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int real_now_us(const struct env *env, uint64_t *unix_us, struct err *e)
{
    struct timespec t;

    (void)env;
    if (clock_gettime(CLOCK_REALTIME, &t))
        return err_sys(e, errno, "read the clock");
    if (t.tv_sec < 0)
        return err_set(e, ERR_FAILED, "the clock stands before 1970");
    *unix_us = (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
    return OK;
}

static int real_random(const struct env *env, void *p, size_t n, struct err *e)
{
    uint8_t *q = p;

    (void)env;
    while (n > 0) {
        ssize_t got = getrandom(q, n, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return err_sys(e, errno, "get random bytes");
        q += got;
        n -= (size_t)got;
    }
    return OK;
}

const struct env env_real = {.now_us = real_now_us, .random = real_random};

uint64_t ticks_ms(void)
{
    struct timespec t = {0};

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

uint64_t ticks_suspended_ms(void)
{
    struct timespec awake = {0}, all = {0};

    clock_gettime(CLOCK_MONOTONIC, &awake);
    clock_gettime(CLOCK_BOOTTIME, &all);
    uint64_t a = (uint64_t)awake.tv_sec * 1000 + (uint64_t)awake.tv_nsec / 1000000;
    uint64_t b = (uint64_t)all.tv_sec * 1000 + (uint64_t)all.tv_nsec / 1000000;
    return b > a ? b - a : 0;
}

/* A star at the end stands for any rest. */
static const char *const kept[] = {
    "HOME",
    "USER",
    "LOGNAME",
    "PATH",
    "TERM",
    "LANG",
    "LC_*",
    "TZ",
    "NO_COLOR",
    "XDG_*",
    "COFFER_HOME",
    "CREDENTIALS_DIRECTORY",
    "LISTEN_FDS",
    "LISTEN_FDNAMES",
    "LISTEN_PID",
    "NOTIFY_SOCKET",
    "GPG_TTY",
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "DBUS_SESSION_BUS_ADDRESS",
    "XAUTHORITY", /* a window of pinentry on X11 */
    /* for the token's module */
    "SOFTHSM2_CONF",
    "TPM2_PKCS11_*",
    "TSS2_*",
    "PCSCLITE_CSOCK_NAME",
    "P11_KIT_SERVER_ADDRESS", /* a token behind a socket: which one */
};

/* Of no use to coffer itself, which hands them on. */
static const char *const for_net[] = {
    "https_proxy",
    "HTTPS_PROXY",
    "no_proxy",
    "NO_PROXY",
#if IS_SANITIZED
    "ASAN_OPTIONS",
    "UBSAN_OPTIONS",
    "LSAN_OPTIONS",
    "ASAN_SYMBOLIZER_PATH",
#endif
};
_Static_assert(ARRAY_LEN(for_net) <= ENV_NET_MAX, "environment_net has room");

static bool is_listed(const char *const *list, size_t n_list, const char *name, size_t n)
{
    for (size_t i = 0; i < n_list; i++) {
        size_t k = strlen(list[i]);
        bool prefix = list[i][k - 1] == '*';
        if (prefix ? n >= k - 1 && memcmp(name, list[i], k - 1) == 0
                   : n == k && memcmp(name, list[i], k) == 0)
            return true;
    }
    return false;
}

static bool is_for_net(const char *name, size_t n)
{
    return is_listed(for_net, ARRAY_LEN(for_net), name, n);
}

static bool is_kept(const char *name, size_t n)
{
    return is_listed(kept, ARRAY_LEN(kept), name, n) || is_for_net(name, n);
}

void environment_net(char *out[ENV_NET_MAX + 1])
{
    size_t n = 0;

    for (char **v = environ; v && *v && n < ENV_NET_MAX; v++) {
        const char *value = strchr(*v, '=');
        if (value && is_for_net(*v, (size_t)(value - *v)))
            out[n++] = *v;
    }
    out[n] = NULL;
}

/* In place. The values of the others are wiped too, since whoever may read this process's
 * start-up strings could otherwise still find there what a careless shell exported. */
static void reduce_environment(void)
{
    char **to = environ;

    if (!environ)
        return;
    for (char **from = environ; *from; from++) {
        char *value = strchr(*from, '=');
        if (value && is_kept(*from, (size_t)(value - *from)))
            *to++ = *from;
        else if (value)
            explicit_bzero(value + 1, strlen(value + 1));
    }
    *to = NULL;
}

/* Otherwise a vault file could be opened as descriptor 2 and take our error messages. */
static int open_standard(struct err *e)
{
    for (int fd = 0; fd <= 2; fd++) {
        if (fcntl(fd, F_GETFD) >= 0)
            continue;
        /* to a closed stdout nothing was written, so writing fails there too */
        int got = open("/dev/null", (fd == STDOUT_FILENO ? O_RDONLY : O_RDWR) | O_NOCTTY);
        if (got != fd)
            return err_sys(e, got < 0 ? errno : EBADF, "open /dev/null as descriptor %d", fd);
    }
    return OK;
}

int process_harden(struct err *e)
{
    const struct rlimit no_core = {0, 0};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    int r = open_standard(e);

    if (r)
        return r;
    umask(077);
    reduce_environment();
    if (setrlimit(RLIMIT_CORE, &no_core))
        return err_sys(e, errno, "switch off core files");
    if (!IS_SANITIZED && prctl(PR_SET_DUMPABLE, 0L, 0L, 0L, 0L))
        return err_sys(e, errno, "make the process not dumpable");
    if (prctl(PR_SET_NO_NEW_PRIVS, 1L, 0L, 0L, 0L))
        return err_sys(e, errno, "give up new privileges");
    if (sigaction(SIGPIPE, &ignore, NULL))
        return err_sys(e, errno, "ignore SIGPIPE");
    return OK;
}
