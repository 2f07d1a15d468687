/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/env.c: clock, random bytes, and what process_harden leaves of a process. */
#include "tests/harness.h"

#include "base/env.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void test_clock(void)
{
    struct err e;
    uint64_t us = 0;
    time_t before = time(NULL);

    OK_CALL(env_real.now_us(&env_real, &us, &e), &e);
    CHECK(us / 1000000 >= (uint64_t)before);
    CHECK(us / 1000000 <= (uint64_t)time(NULL) + 1);
}

static void test_random(void)
{
    struct err e;
    uint8_t a[300] = {0}, b[300] = {0};
    unsigned set = 0;

    OK_CALL(env_real.random(&env_real, a, sizeof(a) - 1, &e), &e);
    OK_CALL(env_real.random(&env_real, b, sizeof(b) - 1, &e), &e);
    CHECK(memcmp(a, b, sizeof(a)) != 0);
    EQ_INT(a[299], 0);
    for (size_t i = 0; i < sizeof(a); i++)
        set += (unsigned)__builtin_popcount(a[i]);
    CHECK(set > 900 && set < 1500);
    OK_CALL(env_real.random(&env_real, NULL, 0, &e), &e);
}

/* Runs fn in a child that was hardened; its value is the exit status. */
static int hardened(int (*fn)(void))
{
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        struct err e;
        _exit(process_harden(&e) ? 99 : fn());
    }
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 98;
}

static int is_hardened(void)
{
    struct rlimit core;
    struct sigaction pipe_action;
    mode_t mask = umask(0);

    if (mask != 077)
        return 1;
    if (getrlimit(RLIMIT_CORE, &core) || core.rlim_cur || core.rlim_max)
        return 2;
    if (sigaction(SIGPIPE, NULL, &pipe_action) || pipe_action.sa_handler != SIG_IGN)
        return 3;
    if (!IS_SANITIZED && prctl(PR_GET_DUMPABLE, 0L, 0L, 0L, 0L) != 0)
        return 4;
    return prctl(PR_GET_NO_NEW_PRIVS, 0L, 0L, 0L, 0L) == 1 ? 0 : 5;
}

static void test_process(void)
{
    int status = hardened(is_hardened);
    EQ_INT(status, 0);
}

static const char *const kept[] = {
    "HOME=/h",
    "USER=u",
    "LOGNAME=u",
    "PATH=/bin",
    "TERM=t",
    "LANG=C",
    "LC_ALL=C",
    "LC_TIME=C",
    "TZ=UTC",
    "NO_COLOR=1",
    "XDG_DATA_HOME=/x",
    "XDG_RUNTIME_DIR=/r",
    "COFFER_HOME=/c",
    "CREDENTIALS_DIRECTORY=/d",
    "LISTEN_FDS=1",
    "LISTEN_PID=2",
    "NOTIFY_SOCKET=/n",
    "GPG_TTY=/t",
    "DISPLAY=:0",
    "WAYLAND_DISPLAY=w",
    "DBUS_SESSION_BUS_ADDRESS=b",
    "XAUTHORITY=/x",
    "SOFTHSM2_CONF=/s",
    "TPM2_PKCS11_STORE=/t",
    "TSS2_LOG=all+none",
    "PCSCLITE_CSOCK_NAME=/p",
    "P11_KIT_SERVER_ADDRESS=unix:path=/p",
    "https_proxy=p",
    "HTTPS_PROXY=p",
    "no_proxy=n",
    "NO_PROXY=n",
    "EMPTY_IS_NOT_KEPT_BUT_THIS_IS_LAST=",
};
static const char *const dropped[] = {
    "LD_PRELOAD=/x.so",
    "LD_LIBRARY_PATH=/x",
    "HOMES=/h",
    "HOM=/h",
    "XDG=1",
    "LC=1",
    "lc_all=C",
    "OPENSSL_CONF=/o",
    "OPENSC_CONF=/o",
    "SSL_CERT_FILE=/c",
    "http_proxy=p",
    "HTTP_PROXY=p",
    "ALL_PROXY=p",
    "all_proxy=p",
    "https_proxys=p",
    "COFFER_PIN=1",
    "BINANCE_SECRET=planted-value",
    "P11_KIT_DEBUG=all",
    "MALLOC_TRACE=/m",
    "GCONV_PATH=/g",
    "=odd",
    "PKCS11_MODULE=/m",
};

static char *made[ARRAY_LEN(kept) + ARRAY_LEN(dropped) + 2];

static int environment_is_reduced(void)
{
    size_t n = 0;

    while (environ[n])
        n++;
    if (n != ARRAY_LEN(kept) - 1)
        return 1;
    for (size_t i = 0; i + 1 < ARRAY_LEN(kept); i++)
        if (strcmp(environ[i], kept[i]) != 0)
            return 2;
    /* The planted value is not only out of the list but out of memory. */
    for (char **p = made; *p; p++)
        if (strstr(*p, "planted-value"))
            return 3;
    return getenv("BINANCE_SECRET") ? 4 : 0;
}

static void test_environment(void)
{
    char **before = environ;
    char *list[ARRAY_LEN(made)];
    size_t n = 0, i = 0, k = 0;

    while (i < ARRAY_LEN(kept) || k < ARRAY_LEN(dropped)) {
        if (k < ARRAY_LEN(dropped))
            made[n++] = strdup(dropped[k++]);
        if (i < ARRAY_LEN(kept))
            made[n++] = strdup(kept[i++]);
    }
    made[n++] = strdup("NO_EQUALS_SIGN");
    memcpy(list, made, sizeof(list));
    environ = list;
    int status = hardened(environment_is_reduced);
    environ = before;
    EQ_INT(status, 0);
    for (char **p = made; *p; p++)
        free(*p);
}

static int none(void)
{
    return 0;
}

static void test_no_environment(void)
{
    char **before = environ;

    environ = NULL;
    int status = hardened(none);
    environ = before;
    EQ_INT(status, 0);
}

/* The exit status is the only way out of a child without descriptors. */
static void test_closed_descriptors(void)
{
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        struct err e;
        struct stat st, null;
        for (int fd = 0; fd < 3; fd++)
            close(fd);
        if (process_harden(&e))
            _exit(1);
        for (int fd = 0; fd < 3; fd++)
            if (fstat(fd, &st) || stat("/dev/null", &null) || st.st_rdev != null.st_rdev)
                _exit(2);
        _exit(open("/dev/zero", O_RDONLY | O_CLOEXEC) > 2 ? 0 : 3);
    }
    waitpid(pid, &status, 0);
    EQ_INT(status, 0);
}

int main(void)
{
    RUN(test_clock);
    RUN(test_random);
    RUN(test_process);
    RUN(test_environment);
    RUN(test_no_environment);
    RUN(test_closed_descriptors);
    return harness_end();
}
