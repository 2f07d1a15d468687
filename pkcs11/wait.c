/* SPDX-License-Identifier: Apache-2.0 */
/* Telling a person that a call waits: a thread that looks at when the call under way began. A call
 * itself costs a look at the clock and two stores, and wakes the thread only after a rest. */
#include "pkcs11/internal.h"

#include "base/env.h"

#include <signal.h>

#define TOLD 1u

static void sleep_until(struct watch *w, uint64_t ms)
{
    struct timespec at = {(time_t)(ms / 1000), (long)(ms % 1000) * 1000000};
    pthread_cond_timedwait(&w->wake, &w->lock, &at);
}

/* Nothing under way for a while: until the next call says so. Both sides write their own word
 * first and then read the other's, so that one of them sees it. */
static void rest(struct watch *w)
{
    atomic_store(&w->is_asleep, true);
    while (atomic_load(&w->is_asleep) && atomic_load(&w->since) <= TOLD && !w->is_ending)
        pthread_cond_wait(&w->wake, &w->lock);
    atomic_store(&w->is_asleep, false);
}

static void *watch_run(void *p)
{
    struct watch *w = p;
    uint64_t seen = 0;
    pthread_mutex_lock(&w->lock);
    while (!w->is_ending) {
        uint64_t since = atomic_load(&w->since), now = ticks_ms();
        bool is_idle = since <= TOLD && seen <= TOLD;
        seen = since;
        if (is_idle)
            rest(w);
        else if (since <= TOLD)
            sleep_until(w, now + TOKEN_WAIT_MS);
        else if (now < since + TOKEN_WAIT_MS)
            sleep_until(w, since + TOKEN_WAIT_MS);
        else if (atomic_compare_exchange_strong(&w->since, &since, TOLD) && w->told)
            w->told(w->ctx);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

void watch_init(struct watch *w)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->wake, &attr);
    pthread_condattr_destroy(&attr);
}

void watch_end(struct watch *w)
{
    pthread_mutex_lock(&w->lock);
    bool is_running = w->is_running;
    w->is_ending = true;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
    if (is_running)
        pthread_join(w->thread, NULL);
    pthread_cond_destroy(&w->wake);
    pthread_mutex_destroy(&w->lock);
}

/* The first call that may wait. Without a thread nobody is told, and the call goes on. */
static void start(struct watch *w)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    w->is_running = pthread_create(&w->thread, NULL, watch_run, w) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void watch_begin_call(struct watch *w)
{
    if (!atomic_load_explicit(&w->is_wanted, memory_order_relaxed))
        return;
    atomic_store(&w->since, ticks_ms());
    if (w->is_running && !atomic_load(&w->is_asleep))
        return;
    pthread_mutex_lock(&w->lock);
    atomic_store(&w->is_asleep, false);
    if (!w->is_running)
        start(w);
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
}

void watch_end_call(struct watch *w)
{
    if (atomic_load_explicit(&w->since, memory_order_relaxed) == 0 ||
        atomic_exchange(&w->since, 0) != TOLD)
        return;
    pthread_mutex_lock(&w->lock); /* what is being told is told before the call's outcome */
    pthread_mutex_unlock(&w->lock);
}

void token_on_wait(struct token *t, void (*waiting)(void *ctx), void *ctx)
{
    struct watch *w = &t->watch;
    pthread_mutex_lock(&w->lock);
    w->told = waiting;
    w->ctx = ctx;
    /* a software token asks for no touch, and a thread costs more than its whole operation */
    atomic_store(&w->is_wanted, waiting != NULL && !t->info.is_software);
    pthread_mutex_unlock(&w->lock);
}
