/* SPDX-License-Identifier: Apache-2.0 */
/* One client of the agent's socket: its lines, its answers, and how far it may go ahead of them.
 * What a line asks for is ops.c's. */
#include "agent/server_client.h"

#include "base/wipe.h"

#include <unistd.h>

/* -- answers -- */

static void put(struct client *c, struct bytes v)
{
    UNSET struct err ignored;

    if (c->is_dead)
        return;
    if (stream_put(c->stream, v, &ignored)) {
        client_kill(c);
        return;
    }
    c->n_put += v.n;
    size_t waiting = stream_waiting(c->stream);
    c->is_full = waiting > SERVER_OUT_HIGH;
    if (waiting > 0)
        server_look_for_stuck(c->server);
}

static void put_member(struct client *c, struct bytes id, const char *member, struct bytes v)
{
    AUTO_BUF line = BUF_INIT(SERVER_OUT_MAX);
    UNSET struct err e;

    if (c->is_dead || c->is_finishing)
        return;
    buf_reserve(&line, id.n + v.n + 32);
    buf_addc(&line, '{');
    if (id.n > 0) {
        buf_adds(&line, "\"id\":");
        buf_add(&line, id);
        buf_addc(&line, ',');
    }
    buf_addc(&line, '"');
    buf_adds(&line, member);
    buf_adds(&line, "\":");
    buf_add(&line, v);
    buf_adds(&line, "}\n");
    if (buf_check(&line, "the answer", &e))
        client_kill(c);
    else
        put(c, buf_bytes(&line));
}

void client_result(struct client *c, struct bytes id, struct bytes result)
{
    put_member(c, id, "result", result);
}

void client_error(struct client *c, struct bytes id, struct bytes error)
{
    put_member(c, id, "error", error);
}

void client_event(struct client *c, struct bytes line)
{
    if (!c->is_finishing)
        put(c, line);
}

static void forget_all(struct client *c)
{
    while (c->ops)
        op_forget(c->ops);
    while (c->lent) {
        struct lent *l = c->lent;
        c->lent = l->next;
        bearers_return(c->server->a, l->text);
        wipe_free(l);
    }
}

void client_broken(struct client *c, const struct err *e)
{
    AUTO_BUF text = BUF_INIT(8192);
    struct err ignored;

    if (c->is_dead || c->is_finishing)
        return;
    ops_error(e, NULL, &text);
    if (buf_check(&text, "the error", &ignored) == OK)
        put_member(c, bytes_of(NULL, 0), "error", buf_bytes(&text));
    if (c->is_dead)
        return;
    c->is_finishing = true;
    forget_all(c);
    stream_finish(c->stream);
}

/* -- requests that wait -- */

struct op *op_begin(struct client *c, const struct op_words *w, size_t cost)
{
    struct op *o = wipe_malloc(sizeof(*o));

    if (!o)
        return NULL;
    *o = (struct op){.c = c,
                     .a = c->server->a,
                     .kind = w->kind,
                     .cost = cost,
                     .who = c->who,
                     .next = c->ops,
                     .n_id = w->id.n};
    if (w->id.n > 0)
        memcpy(o->id, w->id.p, w->id.n);
    else
        c->barrier = o;
    if (c->ops)
        c->ops->prev = o;
    c->ops = o;
    c->n_ops++;
    c->open_bytes += cost;
    return o;
}

static void unlink_op(struct op *o, struct op **list)
{
    if (o->prev)
        o->prev->next = o->next;
    else
        *list = o->next;
    if (o->next)
        o->next->prev = o->prev;
}

static void leave_client(struct op *o)
{
    struct client *c = o->c;

    unlink_op(o, &c->ops);
    c->n_ops--;
    c->open_bytes -= o->cost;
    if (c->barrier == o)
        c->barrier = NULL;
    o->c = NULL;
}

void op_orphan(struct op *o)
{
    struct server *s = o->c->server;

    leave_client(o);
    o->prev = NULL;
    o->next = s->orphans;
    if (o->next)
        o->next->prev = o;
    s->orphans = o;
}

void op_end(struct op *o)
{
    struct client *c = o->c;

    if (c) {
        leave_client(o);
        if (stream_in(c->stream).n > 0)
            server_due(c);
    } else if (o->a) {
        unlink_op(o, &o->a->server->orphans);
    }
    wipe_free(o);
}

/* -- lines -- */

static bool may_take(const struct client *c)
{
    return !c->is_dead && !c->is_finishing && !c->is_full && !c->barrier &&
           c->n_ops < SERVER_OPEN_MAX && c->open_bytes < SERVER_OPEN_BYTES;
}

static void take_line(struct client *c, struct bytes line)
{
    struct op_words w;
    UNSET struct err e;
    bool is_broken;

    if (op_parse(line, &w, &is_broken, &e) == OK) {
        op_run(c, &w, line.n);
        return;
    }
    if (is_broken) {
        client_broken(c, &e);
        return;
    }
    AUTO_BUF text = BUF_INIT(8192);
    ops_error(&e, NULL, &text);
    client_error(c, w.id, buf_bytes(&text));
}

static bool take_one(struct client *c)
{
    struct bytes in = stream_in(c->stream);
    const uint8_t *end = in.n > c->looked ? memchr(in.p + c->looked, '\n', in.n - c->looked) : NULL;
    size_t n = end ? (size_t)(end - in.p) : in.n;
    UNSET struct err e;

    c->looked = in.n;
    if (n > AGENT_LINE_MAX) {
        err_set(&e, ERR_LIMIT, "message: longer than %u bytes", AGENT_LINE_MAX);
        client_broken(c, &e);
        return false;
    }
    if (!end)
        return false;
    take_line(c, bytes_of(in.p, n));
    if (c->is_dead || c->is_finishing)
        return false;
    stream_took(c->stream, n + 1);
    c->looked = 0;
    return true;
}

/* A descriptor is unlock's; one that no unlock has taken by the end of the lines is nobody's. */
static void refuse_fds(struct client *c)
{
    int fd = stream_take_fd(c->stream);
    UNSET struct err e;

    if (fd < 0)
        return;
    while (fd >= 0) {
        close(fd);
        fd = stream_take_fd(c->stream);
    }
    err_set(&e, ERR_USAGE, "message: a descriptor goes only with 'unlock'");
    client_broken(c, &e);
}

static void count_in(struct client *c, size_t n)
{
    struct server *s = c->server;
    UNSET struct err e;

    s->in_all = s->in_all - c->in_seen + n;
    c->in_seen = n;
    if (s->in_all <= SERVER_IN_ALL || n == 0)
        return;
    err_set(&e, ERR_LIMIT, "the agent holds too many unfinished messages");
    client_broken(c, &e);
}

void client_take(struct client *c)
{
    while (may_take(c) && take_one(c))
        ;
    if (c->is_dead || c->is_finishing)
        return;
    size_t n = stream_in(c->stream).n;
    bool is_held = !may_take(c);
    if (n == 0)
        refuse_fds(c);
    /* While it may not go on it is still listened to for its end, as long as it sends little. */
    if (c->is_paused != (is_held && n > SERVER_OUT_HIGH)) {
        c->is_paused = !c->is_paused;
        stream_pause(c->stream, c->is_paused);
    }
    count_in(c, n);
}

/* Not at once: when all clients' lines of this turn are here, one look at the vault is for all of
 * them, and later than each. */
static void on_input(void *ctx, struct stream *st)
{
    (void)st;
    server_due(ctx);
}

static void on_ended(void *ctx, struct stream *st)
{
    (void)st;
    client_kill(ctx);
}

static void on_drained(void *ctx, struct stream *st)
{
    struct client *c = ctx;

    (void)st;
    c->is_full = false;
    server_due(c);
}

/* -- life -- */

int client_new(struct server *s, int fd, const struct asker *who, struct err *e)
{
    static const struct stream_limits limits = {SERVER_IN_MAX, SERVER_OUT_MAX, 2};
    static const struct stream_calls calls = {on_input, on_ended, on_drained};
    struct client *c = wipe_malloc(sizeof(*c));

    if (!c) {
        close(fd);
        return err_set(e, ERR_MEMORY, "no memory for a client");
    }
    *c = (struct client){.server = s, .who = *who, .next = s->clients};
    if (stream_new(s->a->loop, fd, &limits, &calls, c, &c->stream, e)) {
        wipe_free(c);
        return e->code;
    }
    if (s->clients)
        s->clients->prev = c;
    s->clients = c;
    s->n_clients++;
    return OK;
}

/* May be called from deep within what is done for it or for others, so that nothing that they use
 * ends here: what it waited for does in client_free. */
void client_kill(struct client *c)
{
    struct server *s = c->server;

    if (c->is_dead)
        return;
    c->is_dead = true;
    s->in_all -= c->in_seen;
    if (c->prev)
        c->prev->next = c->next;
    else
        s->clients = c->next;
    if (c->next)
        c->next->prev = c->prev;
    s->n_clients--;
    c->next_dead = s->dead;
    s->dead = c;
    server_again(s);
}

void client_free(struct client *c)
{
    forget_all(c);
    stream_freep(&c->stream);
    wipe_free(c);
}
