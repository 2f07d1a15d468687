/* SPDX-License-Identifier: Apache-2.0 */
/* PKCS#11 modules by their path, through p11-kit, which asks each for its own locking when it is
 * initialised (CKF_OS_LOCKING_OK). One file is loaded and initialised once, however often it is
 * open. The modules that the system registers are never loaded. */
#include "pkcs11/internal.h"

#include "base/env.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static const char conf_name[] = "SOFTHSM2_CONF";

/* The drivers that are loaded, which are the process's; and a mirror of its environment, which is
 * one as well: SoftHSM takes its configuration's path from nowhere else. */
static struct {
    pthread_mutex_t lock;
    struct module *modules;
    bool is_stuck;             /* some driver did not end */
    unsigned n_open;
    char conf[TOKEN_PATH_MAX]; /* what the open modules were given; empty: as it was before */
    char *before;              /* the value to put back */
} registry = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void unlockp(pthread_mutex_t **m)
{
    pthread_mutex_unlock(*m);
}

static int env_enter(const char *conf, struct err *e)
{
    if (registry.n_open > 0) {
        if (strcmp(conf, registry.conf) != 0)
            return err_set(e, ERR_USAGE,
                           "a token with another SoftHSM configuration is open in this process");
        registry.n_open++;
        return OK;
    }
    if (conf[0]) {
        const char *now = getenv(conf_name);
        registry.before = now ? strdup(now) : NULL;
        if ((now && !registry.before) || setenv(conf_name, conf, 1) != 0) {
            free(registry.before);
            registry.before = NULL;
            return err_set(e, ERR_MEMORY, "out of memory");
        }
    }
    snprintf(registry.conf, sizeof(registry.conf), "%s", conf);
    registry.n_open = 1;
    return OK;
}

static void env_leave(void)
{
    if (--registry.n_open > 0 || !registry.conf[0])
        return;
    if (registry.before)
        setenv(conf_name, registry.before, 1);
    else
        unsetenv(conf_name);
    free(registry.before);
    registry.before = NULL;
    registry.conf[0] = 0;
}

/* A module over a socket (p11-kit's own) raises SIGPIPE when its server dies. */
static void sigpipe_ignore(void)
{
    struct sigaction now;
    if (sigaction(SIGPIPE, NULL, &now) == 0 && now.sa_handler == SIG_DFL)
        signal(SIGPIPE, SIG_IGN);
}

/* p11-kit says "couldn't load module: PATH: PATH: reason": the reason is enough. */
static const char *load_reason(const char *path)
{
    const char *msg = p11_kit_message();
    if (!msg)
        return "unknown reason";
    for (const char *at; (at = strstr(msg, path)) != NULL;) {
        msg = at + strlen(path);
        msg += strspn(msg, ": ");
    }
    return msg[0] ? msg : "unknown reason";
}

static int path_check(const char *path, struct stat *st, struct err *e)
{
    if (path[0] == 0)
        return err_set(e, ERR_USAGE, "no token driver is given");
    if (path[0] != '/')
        return err_set(e, ERR_USAGE, "token driver '%s' is not given by an absolute path", path);
    if (stat(path, st) != 0 || !S_ISREG(st->st_mode)) {
        err_set(e, ERR_TOKEN, "token driver '%s' cannot be loaded: no such file", path);
        return err_hint(e, "install the driver (PKCS#11 module) of the token, or correct its path");
    }
    return OK;
}

static int start(struct module *m, const char *path, struct err *e)
{
    int saved = hush_begin(m->is_noisy); /* of a TPM that is not there */
    CK_RV rv = m->fn->C_Initialize(NULL);
    hush_end(saved);
    m->started_ms = ticks_ms();
    if (rv == CKR_OK)
        return OK;
    if (path)
        rv_err(e, rv, "token driver '%s' does not start", path);
    else
        rv_err(e, rv, "the token driver does not start again");
    return err_hint(e, "check the driver's own configuration (for SoftHSM: SOFTHSM2_CONF)");
}

static int load(const char *path, struct module *m, struct err *e)
{
    p11_kit_be_quiet(); /* it would print to stderr */
    m->is_noisy = hush_prepare(path);
    m->is_local = strstr(path, "/libsofthsm2.so") != NULL;
    m->fn = p11_kit_module_load(path, 0);
    if (!m->fn) {
        err_set(e, ERR_TOKEN, "token driver '%s' cannot be loaded: %s", path, load_reason(path));
        return err_hint(e, "the file must be a PKCS#11 module for this machine");
    }
    int r = start(m, path, e);
    if (r) {
        p11_kit_module_release(m->fn);
        return r;
    }
    CK_INFO info = {0};
    if (m->fn->C_GetInfo(&info) == CKR_OK) {
        char name[33];
        padded_copy(name, sizeof(name), info.libraryDescription, sizeof(info.libraryDescription));
        snprintf(m->driver, sizeof(m->driver), "%s%s%u.%u", name, name[0] ? " " : "",
                 info.libraryVersion.major, info.libraryVersion.minor);
    }
    return OK;
}

static struct module *loaded(const struct stat *st)
{
    struct module *m = registry.modules;
    while (m && (m->dev != st->st_dev || m->ino != st->st_ino))
        m = m->next;
    return m;
}

int module_is_fit(const struct module *m, struct err *e)
{
    if (!m->is_stuck)
        return OK;
    err_set(e, ERR_TOKEN, "the token driver hangs");
    return err_hint(e, "plug the token in again, and start again");
}

static int join(struct module *m, struct err *e)
{
    int r = module_is_fit(m, e);
    if (r == OK)
        m->n_open++;
    return r;
}

static int add(const char *path, const struct stat *st, struct module **out, struct err *e)
{
    struct module *m = calloc(1, sizeof(*m));
    if (!m)
        return err_set(e, ERR_MEMORY, "out of memory");
    int r = load(path, m, e);
    if (r) {
        free(m);
        return r;
    }
    pthread_mutex_init(&m->lock, NULL);
    m->dev = st->st_dev;
    m->ino = st->st_ino;
    m->n_open = 1;
    m->next = registry.modules;
    registry.modules = m;
    *out = m;
    return OK;
}

int module_open(const char *path, const char *softhsm_conf, struct module **out, struct err *e)
{
    struct stat st;
    int r = path_check(path, &st, e);
    if (r)
        return r;
    sigpipe_ignore();
    pthread_mutex_lock(&registry.lock);
    AUTO(unlockp) pthread_mutex_t *held = &registry.lock;
    (void)held;
    r = env_enter(softhsm_conf ? softhsm_conf : "", e);
    if (r)
        return r;
    struct module *m = loaded(&st);
    r = m ? join(m, e) : add(path, &st, &m, e);
    if (r) {
        env_leave();
        return r;
    }
    *out = m;
    return OK;
}

static void unlink_module(struct module *m)
{
    struct module **at = &registry.modules;
    while (*at != m)
        at = &(*at)->next;
    *at = m->next;
}

static void mark_stuck(struct module *m)
{
    m->is_stuck = true;
    registry.is_stuck = true;
}

/* The module's lock is held: nobody is in a call of the driver. */
void module_leave(struct module *m, CK_SESSION_HANDLE session, bool with_logout)
{
    pthread_mutex_lock(&registry.lock);
    bool is_last = --m->n_open == 0;
    struct ending what = {m->fn, session, with_logout, is_last, m->is_local};
    if (!m->is_stuck && !ending_run(&what))
        mark_stuck(m);
    env_leave();
    is_last = is_last && !m->is_stuck;
    if (is_last) {
        p11_kit_module_release(m->fn);
        unlink_module(m);
    }
    pthread_mutex_unlock(&registry.lock);
    pthread_mutex_unlock(&m->lock);
    if (is_last) {
        pthread_mutex_destroy(&m->lock);
        free(m);
    }
}

void module_close(struct module *m)
{
    pthread_mutex_lock(&m->lock);
    module_leave(m, CK_INVALID_HANDLE, false);
}

void module_closep(struct module **m)
{
    if (*m)
        module_close(*m);
}

int module_restart(struct module *m, struct err *e)
{
    m->generation++;
    const struct ending what = {.fn = m->fn, .with_finalize = true, .is_local = m->is_local};
    if (!ending_run(&what)) {
        pthread_mutex_lock(&registry.lock);
        mark_stuck(m);
        pthread_mutex_unlock(&registry.lock);
        return module_is_fit(m, e);
    }
    return start(m, NULL, e);
}

bool token_driver_is_stuck(void)
{
    pthread_mutex_lock(&registry.lock);
    bool is_stuck = registry.is_stuck;
    pthread_mutex_unlock(&registry.lock);
    return is_stuck;
}

struct module *module_lock(struct module *m)
{
    pthread_mutex_lock(&m->lock);
    return m;
}

void module_unlockp(struct module **m)
{
    pthread_mutex_unlock(&(*m)->lock);
}

int module_slots(const struct module *m, CK_SLOT_ID slots[SLOTS_MAX], size_t *n, struct err *e)
{
    /* The call without a buffer comes first: some drivers look for new readers only then. */
    for (int tries = 0; tries < 5; tries++) {
        CK_ULONG count = 0;
        CK_RV rv = m->fn->C_GetSlotList(CK_TRUE, NULL, &count);
        if (rv != CKR_OK)
            return rv_err(e, rv, "looking for tokens");
        if (count > SLOTS_MAX)
            return err_set(e, ERR_LIMIT, "the driver shows more than %u tokens", SLOTS_MAX);
        CK_ULONG room = count;
        if (count > 0)
            rv = m->fn->C_GetSlotList(CK_TRUE, slots, &count);
        if (rv == CKR_BUFFER_TOO_SMALL || (rv == CKR_OK && count > room))
            continue; /* one was plugged in meanwhile */
        if (rv != CKR_OK)
            return rv_err(e, rv, "looking for tokens");
        *n = count;
        return OK;
    }
    return err_set(e, ERR_TOKEN, "looking for tokens: their number keeps changing");
}
