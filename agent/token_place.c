/* SPDX-License-Identifier: Apache-2.0 */
/* The life of one coffer-token as the core drives it: started when it is first needed, asked one
 * thing after the other, killed when it does not answer or at the lock. */
#include "agent/token_place.h"

#include "agent/keyring.h"
#include "agent/notice.h"
#include "base/file.h"
#include "base/wipe.h"

#include <event2/event.h>

const char *place_label(const struct place *p)
{
    if (p->is_known && p->state.label[0])
        return p->state.label;
    return p->entry.where.label[0] ? p->entry.where.label : "without a name";
}

struct tokens_op *place_in_flight(const struct place *p)
{
    return p->first && p->first->is_sent ? p->first : NULL;
}

size_t place_load(const struct place *p)
{
    size_t n = 0;
    for (const struct tokens_op *op = p->first; op; op = op->next)
        n++;
    return n;
}

/* The time runs while the process owes us something: its channel, its state, an answer, its end. */
void place_limit(struct place *p, bool anew)
{
    bool owes = p->at == PLACE_STARTING || (p->at == PLACE_UP && !p->is_known) ||
                place_in_flight(p) || (p->at == PLACE_ENDING && p->first);
    if (owes && p->is_limited && !anew)
        return;
    if (p->is_limited)
        event_del(p->limit);
    p->is_limited = owes;
    uint32_t ms = p->all->hung_ms;
    struct timeval after = {ms / 1000, (suseconds_t)(ms % 1000) * 1000};
    if (owes)
        event_add(p->limit, &after);
}

void op_touched(struct place *p, struct tokens_op *op)
{
    if (op->is_waiting)
        notice(p->all->agent, NOTICE_TOUCHED, op->subject, "token '%s' waits no longer",
               place_label(p));
    op->is_waiting = false;
}

static void fail_all(struct place *p, const struct err *why)
{
    while (p->first) {
        struct tokens_op *op = p->first;
        p->first = op->next;
        op_touched(p, op);
        op_finish_later(op, why);
    }
}

/* Once: whether it may be tried again is known to the command that is run for it. */
static void unlock_unattended(struct place *p)
{
    struct err quiet;
    uint64_t now = ticks_ms();
    if (p->unattended_ms && now - p->unattended_ms < UNATTENDED_MS)
        return;
    p->unattended_ms = now;
    (void)!spawn_ask_token(p->all->agent->spawner, SPAWN_UNLOCK, p->entry.rid, &quiet);
}

/* Its channel is of no more use: nothing is known of it, and whoever waits for it is told. */
static void forget(struct place *p, enum place_at at, const struct err *why)
{
    token_channel_free(p->channel);
    p->channel = NULL;
    p->at = at;
    p->is_known = p->is_unlocked = p->has_failed = p->is_wanted = false;
    p->recoveries = 0;
    fail_all(p, why);
    place_limit(p, true);
}

/* By no wish of ours. */
static void lost(struct place *p, enum place_at at, const struct err *why)
{
    struct agent *a = p->all->agent;
    bool was_unlocked = p->is_unlocked;
    p->restarts++;
    notice(a, NOTICE_TOKEN, place_label(p), "%s%s", why->msg,
           was_unlocked ? "; it is locked now" : "");
    forget(p, at, why);
    if (was_unlocked)
        unlock_unattended(p);
}

static void kill_it(struct place *p)
{
    struct err quiet;
    if (p->at != PLACE_OFF)
        (void)!spawn_ask_token(p->all->agent->spawner, SPAWN_KILL, p->entry.rid, &quiet);
}

void place_kill(struct place *p, const struct err *why)
{
    bool runs = p->at != PLACE_OFF;
    kill_it(p);
    forget(p, runs ? PLACE_ENDING : PLACE_OFF, why);
}

static bool is_same_token(const struct local_token *x, const struct local_token *y)
{
    return strcmp(x->where.module, y->where.module) == 0 && x->where.serial[0] &&
           strcmp(x->where.serial, y->where.serial) == 0 &&
           strcmp(x->where.label, y->where.label) == 0;
}

/* A PIN that is kept opens it again: of the same token alone, no other one gets it unasked. */
static void unlock_anew(struct place *p)
{
    p->unattended_ms = 0;
    unlock_unattended(p);
}

static void say_key_changed(struct place *p)
{
    notice(p->all->agent, NOTICE_TOKEN, place_label(p),
           "the sealing key is another one; it is locked now: run 'coffer unlock'");
}

void place_change(struct place *p, const struct local_token *entry)
{
    struct err why;
    bool was_unlocked = p->is_unlocked, is_same = is_same_token(&p->entry, entry);
    err_set(&why, ERR_TOKEN, "token '%s' is another one on this machine's list now",
            place_label(p));
    place_kill(p, &why);
    p->entry = *entry;
    if (!was_unlocked)
        return;
    notice(p->all->agent, NOTICE_TOKEN, place_label(p), "%s; it is locked now: run 'coffer unlock'",
           is_same ? "what this machine knows of the token has changed" : why.msg);
    if (is_same)
        unlock_anew(p);
}

bool place_is_same_token(const struct place *p, const struct place *other)
{
    return is_same_token(&p->entry, &other->entry);
}

void place_leave(struct place *p, struct place *next)
{
    struct agent *a = p->all->agent;
    struct err why;
    bool was_unlocked = p->is_unlocked;
    err_set(&why, ERR_TOKEN, "token '%s' is not on this machine's list any more", place_label(p));
    place_kill(p, &why);
    if (!was_unlocked || (next && next->is_unlocked))
        return;
    if (next) {
        say_key_changed(next);
        unlock_anew(next);
        return;
    }
    notice(a, NOTICE_TOKEN, place_label(p), "%s; it is locked now%s", why.msg,
           tokens_is_unlocked(a) ? "" : ": run 'coffer unlock'");
}

static void on_limit(evutil_socket_t fd, short what, void *ctx)
{
    struct place *p = ctx;
    struct err why;
    (void)fd, (void)what;
    p->is_limited = false;
    err_set(&why, ERR_TOKEN, "token '%s' has not answered for %u s", place_label(p),
            (p->all->hung_ms + 999) / 1000);
    err_hint(&why, "its driver was stopped, and is started again: run 'coffer unlock'");
    err_hint(&why, "should it happen again, take the token out and put it in");
    if (p->at == PLACE_ENDING) { /* and even the kernel could not end it */
        fail_all(p, &why);
        return;
    }
    bool again = p->at == PLACE_UP && p->is_known;
    kill_it(p);
    lost(p, PLACE_ENDING, &why);
    p->is_wanted = again;
}

struct place *place_new(struct tokens *all, const struct local_token *entry, struct err *e)
{
    struct place *p = wipe_malloc(sizeof(*p));
    if (p) {
        *p = (struct place){.all = all, .entry = *entry};
        p->limit = event_new(all->agent->loop, -1, 0, on_limit, p);
    }
    if (p && p->limit)
        return p;
    wipe_free(p);
    err_set(e, ERR_MEMORY, "no memory for a token");
    return NULL;
}

void place_free(struct place *p)
{
    if (!p)
        return;
    for (struct tokens_op *op; (op = p->first);) {
        p->first = op->next;
        op_free(op);
    }
    token_channel_free(p->channel);
    event_free(p->limit);
    wipe_free(p);
}

static void ended_by_itself(struct place *p, struct err *why)
{
    err_set(why, ERR_TOKEN, "the driver of token '%s' has ended", place_label(p));
    err_hint(why, "it is started again when it is next needed: run 'coffer unlock'");
}

/* It has died, or what it says is of no use: the kill is for the second. */
static void on_ended(void *ctx)
{
    struct place *p = ctx;
    struct err why;
    ended_by_itself(p, &why);
    kill_it(p);
    lost(p, PLACE_ENDING, &why);
}

/* -- what it is asked -- */

static int put_op(const struct tokens_op *op, struct buf *out, struct err *e)
{
    switch (op->kind) {
    case OP_LOOK:
        return tokenwire_put_look(out, e);
    case OP_UNLOCK:
        return tokenwire_put_unlock(out, op->id, op->flags, e);
    case OP_DECAP:
        return tokenwire_put_decap(out, op->id, bytes_of(op->ct, op->n_ct), e);
    }
    return err_set(e, ERR_FAILED, "nothing is asked");
}

static int send_op(struct place *p, struct tokens_op *op, struct err *e)
{
    AUTO_BUF frame = BUF_INIT(TOKENWIRE_MAX);
    op->id = ++p->last_id;
    int rc = put_op(op, &frame, e);
    if (!rc)
        rc = token_channel_send(p->channel, buf_bytes(&frame), op->pin_fd, e);
    fd_closep(&op->pin_fd);
    op->pin_fd = -1;
    op->is_sent = !rc;
    return rc;
}

static void start(struct place *p)
{
    struct err why;
    if (spawn_ask_token(p->all->agent->spawner, SPAWN_START, p->entry.rid, &why)) {
        fail_all(p, &why);
        return;
    }
    p->at = PLACE_STARTING;
}

static bool take_first(struct place *p, const struct err *e)
{
    struct tokens_op *op = p->first;
    p->first = op->next;
    op_finish_later(op, e);
    return true;
}

/* The first in the queue is asked, or is told that it cannot be. False: nothing more to do now. */
static bool ask_first(struct place *p)
{
    struct err why = {.code = OK};
    struct tokens_op *op = p->first;
    if (op->kind == OP_DECAP && !p->is_unlocked) {
        err_set(&why, ERR_PERSON, "token '%s' is locked", place_label(p));
        err_hint(&why, "run 'coffer unlock'");
        return take_first(p, &why);
    }
    if (send_op(p, op, &why))
        return take_first(p, &why);
    return false;
}

void place_run(struct place *p)
{
    if (p->at == PLACE_OFF && (p->first || p->is_wanted)) {
        p->is_wanted = false;
        start(p);
    }
    while (p->at == PLACE_UP && p->is_known && p->first && !p->first->is_sent && ask_first(p))
        ;
    place_limit(p, false);
}

void place_ask(struct place *p, struct tokens_op *op)
{
    static const struct err none = {.code = OK};
    struct tokens_op **at = &p->first;
    if (op->kind == OP_LOOK && p->is_known && place_in_flight(p)) { /* a touch may take long */
        op_finish_later(op, &none);
        return;
    }
    op->place = p;
    op->next = NULL;
    while (*at)
        at = &(*at)->next;
    *at = op;
    place_run(p);
}

void place_release(struct place *p)
{
    AUTO_BUF frame = BUF_INIT(TOKENWIRE_MAX);
    struct err quiet;
    if (p->at == PLACE_UP && tokenwire_put_release(&frame, &quiet) == OK)
        (void)!token_channel_send(p->channel, buf_bytes(&frame), -1, &quiet);
}

/* -- what the spawner tells -- */

void place_channel(struct place *p, int fd)
{
    static const struct channel_calls calls = {place_told, on_ended};
    struct err e;
    if (p->at == PLACE_ENDING) { /* of the one that ends */
        fd_closep(&fd);
        return;
    }
    token_channel_free(p->channel);
    p->channel = NULL;
    if (place_in_flight(p)) { /* asked on the old channel */
        struct err why;
        ended_by_itself(p, &why);
        fail_all(p, &why);
    }
    p->at = PLACE_UP;
    p->is_known = p->is_unlocked = false;
    (void)keyring_make_room(p->all->agent, CHANNEL_IN_MAX);
    if (token_channel_new(p->all->agent->loop, fd, &calls, p, &p->channel, &e)) {
        kill_it(p);
        lost(p, PLACE_ENDING, &e);
        return;
    }
    place_limit(p, true);
}

void place_gone(struct place *p, int status)
{
    struct err why;
    if (p->at == PLACE_ENDING) {
        p->at = PLACE_OFF;
        place_run(p);
        return;
    }
    if (p->at == PLACE_OFF)
        return;
    if (p->at == PLACE_STARTING) {
        if (status != -1) /* one from before this place was: ours is on its way */
            return;
        err_set(&why, ERR_TOKEN, "the driver of token '%s' could not be started", place_label(p));
        err_hint(&why, "'coffer doctor' says more");
        forget(p, PLACE_OFF, &why);
        return;
    }
    ended_by_itself(p, &why);
    lost(p, PLACE_OFF, &why);
}
