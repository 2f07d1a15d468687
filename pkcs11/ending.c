/* SPDX-License-Identifier: Apache-2.0 */
/* Ending a driver's work within a time: C_Logout, C_CloseSession and C_Finalize of a card that was
 * pulled, or of a server that is gone, may never come back. Whether to load or leave a driver is
 * not decided here. */
#include "pkcs11/internal.h"

#include "base/env.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

/* Freed by whoever is the last to need it. */
struct job {
    struct ending what;
    pthread_mutex_t lock;
    pthread_cond_t done;
    bool is_done, is_left;
};

static void job_free(struct job *j)
{
    pthread_cond_destroy(&j->done);
    pthread_mutex_destroy(&j->lock);
    free(j);
}

static void end(const struct ending *w)
{
    if (w->session != CK_INVALID_HANDLE) {
        if (w->with_logout)
            w->fn->C_Logout(w->session);
        w->fn->C_CloseSession(w->session);
    }
    if (w->with_finalize)
        w->fn->C_Finalize(NULL);
}

static void *run(void *p)
{
    struct job *j = p;
    end(&j->what);
    pthread_mutex_lock(&j->lock);
    j->is_done = true;
    bool is_left = j->is_left;
    pthread_cond_signal(&j->done);
    pthread_mutex_unlock(&j->lock);
    if (is_left)
        job_free(j);
    return NULL;
}

static struct timespec deadline(void)
{
    uint64_t at = ticks_ms() + ENDING_MS;
    return (struct timespec){(time_t)(at / 1000), (long)(at % 1000) * 1000000};
}

static struct job *job_new(const struct ending *what)
{
    pthread_condattr_t attr;
    struct job *j = calloc(1, sizeof(*j));
    if (!j)
        return NULL;
    j->what = *what;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&j->done, &attr);
    pthread_condattr_destroy(&attr);
    pthread_mutex_init(&j->lock, NULL);
    return j;
}

static bool job_start(struct job *j, pthread_t *thread)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(thread, NULL, run, j);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return !failed;
}

bool ending_run(const struct ending *what)
{
    pthread_t thread;
    if (what->session == CK_INVALID_HANDLE && !what->with_finalize)
        return true;
    struct job *j = what->is_local ? NULL : job_new(what);
    if (!j || !job_start(j, &thread)) { /* without a thread there is no limit */
        end(what);
        if (j)
            job_free(j);
        return true;
    }
    struct timespec at = deadline();
    pthread_mutex_lock(&j->lock);
    while (!j->is_done && pthread_cond_timedwait(&j->done, &j->lock, &at) != ETIMEDOUT)
        continue;
    bool is_done = j->is_done;
    j->is_left = !is_done;
    pthread_mutex_unlock(&j->lock);
    if (!is_done) {
        pthread_detach(thread);
        return false;
    }
    pthread_join(thread, NULL);
    job_free(j);
    return true;
}
