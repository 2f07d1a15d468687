/* SPDX-License-Identifier: Apache-2.0 */
/* The agent and the client of gate_world.h. */
#include "tests/gate_world.h"

#include "net/memory.h"

#include <stdio.h>
#include <sys/socket.h>

struct world w;

/* -- the agent -- */

static void permit(struct buf *out, const struct wire_ask *a)
{
    char to[64];
    struct err e;
    struct wire_permit p = {.request = {.id = a->id,
                                        .timeout_ms = w.timeout_ms,
                                        .method = a->method,
                                        .url = a->url,
                                        .body = a->body,
                                        .hosts = {BYTES_LIT("api.test")},
                                        .n_hosts = 1,
                                        .ca = bytes_str(tls_server_ca(w.server))},
                            .is_order = !bytes_eq_str(a->method, "GET"),
                            .session_token = bytes_str(w.session_token)};

    snprintf(to, sizeof(to), "::127.0.0.1:%u", tls_server_port(w.server));
    p.request.connect_to = bytes_str(to);
    memcpy(p.request.headers, a->headers, sizeof(a->headers));
    p.request.n_headers = a->n_headers;
    OK_CALL(wire_put_permit(out, &p, &e), &e);
}

static void refuse(struct buf *out, const struct wire_ask *a)
{
    struct wire_refusal r = {.id = a->id, .status = 422};
    struct err e;

    err_set(&r.err, ERR_POLICY, "class 'withdraw' is not allowed");
    err_hint(&r.err, "ask the owner");
    OK_CALL(wire_put_refusal(out, &r, &e), &e);
}

static void answer(struct stream *s, struct bytes frame)
{
    AUTO_BUF out = BUF_INIT(WIRE_FRAME_MAX);
    struct wire_ask a;
    struct err e;

    if (wire_kind(frame) == WIRE_DONE) {
        OK_CALL(wire_get_done(frame, &w.done, &e), &e);
        w.n_dones++;
        return;
    }
    OK_CALL(wire_get_ask(frame, &a, &e), &e);
    w.n_asks++;
    w.ask_id = a.id;
    w.uid = a.uid;
    w.pid = a.pid;
    w.is_tcp = a.is_tcp;
    snprintf(w.url, sizeof(w.url), "%.*s", (int)a.url.n, (const char *)a.url.p);
    snprintf(w.body, sizeof(w.body), "%.*s", (int)a.body.n, (const char *)a.body.p);
    if (w.mood == PERMITS)
        permit(&out, &a);
    else if (w.mood == REFUSES)
        refuse(&out, &a);
    else if (w.mood == TALKS_NONSENSE)
        buf_adds(&out, "nonsense");
    if (out.n > 0)
        OK_CALL(stream_put(s, buf_bytes(&out), &e), &e);
}

static void on_input(void *ctx, struct stream *s)
{
    size_t n;
    struct err e;

    (void)ctx;
    while (wire_frame(stream_in(s), &n, &e) == OK && n > 0) {
        answer(s, bytes_of(stream_in(s).p, n));
        stream_took(s, n);
    }
    if (w.mood == HANGS_UP)
        stream_freep(&w.agent);
}

static void on_agent_ended(void *ctx, struct stream *s)
{
    (void)ctx, (void)s;
    stream_freep(&w.agent);
}

void hire(enum mood mood)
{
    static const struct stream_calls calls = {.input = on_input, .ended = on_agent_ended};
    static const struct stream_limits limits = {.in = 1u << 24, .out = 1u << 24};
    int fd[2];
    struct err e;

    stream_freep(&w.agent);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd) == 0);
    OK_CALL(stream_new(w.loop, fd[0], &limits, &calls, NULL, &w.agent, &e), &e);
    gate_agent(w.gate, fd[1]);
    w.mood = mood;
    w.timeout_ms = 5000;
    w.session_token = "";
    w.n_asks = w.n_dones = 0;
    w.done = (struct wire_done){0};
}

/* -- a client -- */

static void on_head(void *ctx, unsigned status, const struct wire_header *h, size_t n,
                    uint64_t length)
{
    struct client *c = ctx;

    c->status = status;
    c->length = length;
    c->n_heads++;
    for (size_t i = 0; i < n; i++) {
        size_t at = strlen(c->headers);
        snprintf(c->headers + at, sizeof(c->headers) - at, "%.*s: %.*s\n", (int)h[i].name.n,
                 (const char *)h[i].name.p, (int)h[i].value.n, (const char *)h[i].value.p);
    }
    if (c->pauses)
        job_pause(c->job, true);
    if (c->leaves_at_head) {
        job_abandon(c->job);
        c->is_over = true;
    }
}

static void on_body(void *ctx, struct bytes v)
{
    struct client *c = ctx;

    CHECK(!c->leaves_at_head);
    c->n_body += v.n;
    if (c->body.n + v.n < c->body.max)
        buf_add(&c->body, v);
}

static void on_ended(void *ctx, bool is_whole)
{
    struct client *c = ctx;

    c->is_over = true;
    c->is_whole = is_whole;
}

static void on_failed(void *ctx, unsigned status, const struct err *e, enum wire_result result,
                      enum wire_fault fault)
{
    struct client *c = ctx;

    c->is_over = c->has_failed = true;
    c->status = status;
    c->result = result;
    c->fault = fault;
    snprintf(c->text, sizeof(c->text), "%s", e->msg);
}

const struct job_calls client_calls = {on_head, on_body, on_ended, on_failed};

bool begin_as(struct client *c, const struct wire_ask *who, const char *method, const char *path,
              const char *body)
{
    struct wire_ask ask = *who;
    char url[512];
    struct err e;

    snprintf(url, sizeof(url), "https://api.test%s", path);
    ask.method = bytes_str(method);
    ask.url = bytes_str(url);
    ask.body = bytes_str(body);
    *c = (struct client){
        .body = BUF_INIT(65536), .pauses = c->pauses, .leaves_at_head = c->leaves_at_head};
    c->job = job_begin(w.gate, &ask, &client_calls, c, &e);
    CHECK(c->job ? !c->is_over : e.code == ERR_LIMIT);
    return c->job != NULL;
}

void begin(struct client *c, const char *method, const char *path, const char *body)
{
    const struct wire_ask who = {.uid = 1000,
                                 .pid = 1,
                                 .record = BYTES_LIT("main"),
                                 .headers = {{BYTES_LIT("X-Key"), BYTES_LIT("k1")},
                                             {BYTES_LIT("Accept-Encoding"), BYTES_LIT("gzip")}},
                                 .n_headers = 2};

    CHECK(begin_as(c, &who, method, path, body));
}

/* Until *what, or for ms when it is NULL. */
void run(const bool *what, unsigned ms)
{
    uint64_t end = ticks_ms() + ms;

    while (!(what && *what) && ticks_ms() < end) {
        struct timeval t = {0, 5000};
        event_base_loopexit(w.loop, &t);
        event_base_loop(w.loop, EVLOOP_ONCE);
    }
}

void finish(struct client *c)
{
    run(&c->is_over, WAIT_MS);
    CHECK(c->is_over);
    run(NULL, 40); /* what the agent is told */
}

void ask(struct client *c, const char *method, const char *path)
{
    begin(c, method, path, strcmp(method, "GET") == 0 ? "" : "side=BUY");
    finish(c);
    buf_addc(&c->body, 0);
}

void done_with(struct client *c)
{
    buf_free(&c->body);
}

void age(struct client *c, unsigned ms)
{
    c->job->begun_ms -= ms;
    event_active(w.gate->clock, EV_TIMEOUT, 0);
}

bool world_start(void)
{
    struct err e;

    if (memory_install(&e)) {
        printf("Bail out! %s\n", e.msg);
        return false;
    }
    w.loop = event_base_new();
    w.server = tls_server_new();
    proxy_set(&w.proxy, NULL, NULL);
    if (!w.loop || gate_new(w.loop, &w.proxy, &env_real, &w.gate, &e)) {
        printf("Bail out! no gate\n");
        return false;
    }
    return true;
}

void world_end(void)
{
    stream_free(w.agent);
    gate_free(w.gate);
    event_base_free(w.loop);
    tls_server_free(w.server);
}
