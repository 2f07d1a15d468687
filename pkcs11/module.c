/* SPDX-License-Identifier: Apache-2.0 */
/* One PKCS#11 module by its path, through p11-kit: it counts initialisations, so that the same
 * module may be open twice, and asks the module for its own locking (CKF_OS_LOCKING_OK). The
 * modules that the system registers are never loaded. */
#include "pkcs11/internal.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static const char conf_name[] = "SOFTHSM2_CONF";

/* Mirrors the process's environment, which is one as well: SoftHSM takes its configuration's path
 * from nowhere else. */
static struct {
    pthread_mutex_t lock;
    unsigned n_open;
    char conf[TOKEN_PATH_MAX]; /* what the open modules were given; empty: as it was before */
    char *before;              /* the value to put back */
} env_state = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void unlockp(pthread_mutex_t **m)
{
    pthread_mutex_unlock(*m);
}

static int env_enter(const char *conf, struct err *e)
{
    if (env_state.n_open > 0) {
        if (strcmp(conf, env_state.conf) != 0)
            return err_set(e, ERR_USAGE,
                           "a token with another SoftHSM configuration is open in this process");
        env_state.n_open++;
        return OK;
    }
    if (conf[0]) {
        const char *now = getenv(conf_name);
        env_state.before = now ? strdup(now) : NULL;
        if ((now && !env_state.before) || setenv(conf_name, conf, 1) != 0) {
            free(env_state.before);
            env_state.before = NULL;
            return err_set(e, ERR_MEMORY, "out of memory");
        }
    }
    snprintf(env_state.conf, sizeof(env_state.conf), "%s", conf);
    env_state.n_open = 1;
    return OK;
}

static void env_leave(void)
{
    if (--env_state.n_open > 0 || !env_state.conf[0])
        return;
    if (env_state.before)
        setenv(conf_name, env_state.before, 1);
    else
        unsetenv(conf_name);
    free(env_state.before);
    env_state.before = NULL;
    env_state.conf[0] = 0;
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

static int path_check(const char *path, struct err *e)
{
    struct stat st;
    if (path[0] == 0)
        return err_set(e, ERR_USAGE, "no token driver is given");
    if (path[0] != '/')
        return err_set(e, ERR_USAGE, "token driver '%s' is not given by an absolute path", path);
    if (stat(path, &st) != 0 || !S_ISREG(st.st_mode)) {
        err_set(e, ERR_TOKEN, "token driver '%s' cannot be loaded: no such file", path);
        return err_hint(e, "install the driver (PKCS#11 module) of the token, or correct its path");
    }
    return OK;
}

static int load(const char *path, struct module *m, struct err *e)
{
    p11_kit_be_quiet(); /* it would print to stderr */
    m->fn = p11_kit_module_load(path, 0);
    if (!m->fn) {
        err_set(e, ERR_TOKEN, "token driver '%s' cannot be loaded: %s", path, load_reason(path));
        return err_hint(e, "the file must be a PKCS#11 module for this machine");
    }
    CK_RV rv = p11_kit_module_initialize(m->fn);
    if (rv == CKR_OK)
        return OK;
    p11_kit_module_release(m->fn);
    m->fn = NULL;
    rv_err(e, rv, "token driver '%s' does not start", path);
    return err_hint(e, "check the driver's own configuration (for SoftHSM: SOFTHSM2_CONF)");
}

int module_open(const char *path, const char *softhsm_conf, struct module *m, struct err *e)
{
    int r = path_check(path, e);
    if (r)
        return r;
    sigpipe_ignore();
    pthread_mutex_lock(&env_state.lock);
    AUTO(unlockp) pthread_mutex_t *held = &env_state.lock;
    (void)held;
    r = env_enter(softhsm_conf ? softhsm_conf : "", e);
    if (r)
        return r;
    struct module tmp = {0};
    r = load(path, &tmp, e);
    if (r) {
        env_leave();
        return r;
    }
    CK_INFO info = {0};
    if (tmp.fn->C_GetInfo(&info) == CKR_OK) {
        char name[33];
        padded_copy(name, sizeof(name), info.libraryDescription, sizeof(info.libraryDescription));
        snprintf(tmp.driver, sizeof(tmp.driver), "%s%s%u.%u", name, name[0] ? " " : "",
                 info.libraryVersion.major, info.libraryVersion.minor);
    }
    *m = tmp;
    return OK;
}

void module_close(struct module *m)
{
    if (!m->fn)
        return;
    pthread_mutex_lock(&env_state.lock);
    p11_kit_module_finalize(m->fn);
    p11_kit_module_release(m->fn);
    m->fn = NULL;
    env_leave();
    pthread_mutex_unlock(&env_state.lock);
}

void module_closep(struct module *m)
{
    module_close(m);
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
        if (count > 0)
            rv = m->fn->C_GetSlotList(CK_TRUE, slots, &count);
        if (rv == CKR_BUFFER_TOO_SMALL)
            continue; /* one was plugged in meanwhile */
        if (rv != CKR_OK)
            return rv_err(e, rv, "looking for tokens");
        *n = count < SLOTS_MAX ? count : SLOTS_MAX;
        return OK;
    }
    return err_set(e, ERR_TOKEN, "looking for tokens: their number keeps changing");
}
