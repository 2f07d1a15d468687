/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of net/job.c, finish.c and upstream.c where something fails at each stage: what the client
 * is told, what the agent, and how often it was sent. */
#include "tests/gate_world.h"

#include <stdio.h>

static void test_no_agent(void)
{
    static const enum mood moods[] = {HANGS_UP, TALKS_NONSENSE};
    struct client c = {0};

    for (size_t i = 0; i < ARRAY_LEN(moods); i++) {
        hire(moods[i]);
        ask(&c, "POST", "/ok");
        EQ_INT(c.status, 503);
        EQ_STR(c.text, "the agent is not there: nothing was sent");
        done_with(&c);
    }
    ask(&c, "POST", "/ok"); /* and still none */
    EQ_INT(c.status, 503);
    done_with(&c);
    hire(PERMITS);
    ask(&c, "POST", "/ok");
    EQ_INT(c.status, 200);
    done_with(&c);
}

/* What was permitted goes on, though the agent is gone; what was asked is not sent. */
static void test_agent_gone(void)
{
    struct client sent = {0}, asked = {0};

    hire(PERMITS);
    w.timeout_ms = 600;
    begin(&sent, "POST", "/silent", "x");
    run(NULL, 100);
    w.mood = IS_SILENT;
    begin(&asked, "POST", "/ok", "x");
    run(NULL, 50);
    CHECK(!sent.is_over && !asked.is_over);
    gate_agent(w.gate, -1);
    CHECK(asked.is_over && asked.status == 503);
    CHECK(!sent.is_over);
    hire(PERMITS);
    finish(&sent);
    EQ_INT(sent.status, 504);
    EQ_INT(w.n_dones, 0); /* the new one knows nothing of it */
    done_with(&sent);
    done_with(&asked);
}

static void test_time(void)
{
    struct client c = {0};

    hire(PERMITS);
    w.timeout_ms = 200;
    ask(&c, "POST", "/silent");
    EQ_INT(c.status, 504);
    EQ_INT(c.result, WIRE_UNKNOWN);
    EQ_INT(c.fault, FAULT_TIMEOUT);
    CHECK(strstr(c.text, "order state unknown") == c.text);
    EQ_INT(w.done.result, WIRE_UNKNOWN);
    done_with(&c);
    w.timeout_ms = 200;
    ask(&c, "GET", "/silent");
    EQ_INT(c.status, 504);
    CHECK(strstr(c.text, "no answer from 'api.test'") == c.text);
    done_with(&c);
}

static void test_agent_slow(void)
{
    struct client c = {0};

    hire(IS_SILENT);
    begin(&c, "POST", "/ok", "x");
    age(&c, JOB_TOTAL_MS - 50);
    finish(&c);
    EQ_INT(c.status, 503);
    CHECK(strstr(c.text, "nothing was sent") != NULL);
    done_with(&c);
    hire(PERMITS); /* too late to be of use */
    begin(&c, "POST", "/ok", "x");
    age(&c, JOB_TOTAL_MS - 100);
    unsigned n = tls_server_requests(w.server);
    finish(&c);
    EQ_INT(c.status, 503);
    EQ_INT(tls_server_requests(w.server), n);
    EQ_INT(w.done.result, WIRE_NOT_SENT);
    done_with(&c);
}

static void test_total_time(void)
{
    struct client c = {0};

    hire(PERMITS);
    begin(&c, "POST", "/silent", "x");
    age(&c, JOB_TOTAL_MS - 800);
    finish(&c);
    EQ_INT(c.status, 504);
    EQ_INT(c.fault, FAULT_TIMEOUT);
    done_with(&c);
}

static void test_lost(void)
{
    static const char *const paths[] = {"/close", "/garbage"};
    struct client c = {0};

    hire(PERMITS);
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        unsigned n = tls_server_requests(w.server);
        ask(&c, "POST", paths[i]);
        EQ_INT(c.status, 504);
        EQ_INT(c.result, WIRE_UNKNOWN);
        EQ_INT(tls_server_requests(w.server), n + 1);
        done_with(&c);
    }
}

/* A kept connection that ends under a request: an order goes once, a GET may go again. */
static void test_kept_connection_ends(void)
{
    struct client c = {0};

    hire(PERMITS);
    ask(&c, "GET", "/close"); /* so that the next connection is new */
    done_with(&c);
    ask(&c, "GET", "/keep-then-close");
    done_with(&c);
    unsigned n = tls_server_requests(w.server);
    ask(&c, "POST", "/keep-then-close");
    if (c.status == 200) { /* it was given a connection of an earlier test */
        done_with(&c);
        n = tls_server_requests(w.server);
        ask(&c, "POST", "/keep-then-close");
    }
    EQ_INT(c.status, 504);
    EQ_INT(tls_server_requests(w.server), n + 1);
    done_with(&c);
}

static void test_not_sent(void)
{
    static const struct {
        const char *path;
        enum wire_fault fault;
    } rows[] = {{".evil.test/ok", FAULT_REFUSED_HERE}, {"/a b", FAULT_REFUSED_HERE}};
    struct client c = {0};

    hire(PERMITS);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        ask(&c, "POST", rows[i].path);
        EQ_INT(c.status, 502);
        EQ_INT(c.result, WIRE_NOT_SENT);
        EQ_INT(c.fault, rows[i].fault);
        EQ_INT(w.done.result, WIRE_NOT_SENT);
        CHECK(strstr(c.text, "nothing was sent") == c.text);
        done_with(&c);
    }
}

static void test_cut(void)
{
    struct client c = {0};

    hire(PERMITS);
    ask(&c, "POST", "/cut");
    EQ_INT(c.status, 200);
    EQ_INT(c.length, 100);
    EQ_STR(buf_str(&c.body), "only this");
    CHECK(c.is_over && !c.is_whole && !c.has_failed);
    EQ_INT(w.done.result, WIRE_UNKNOWN);
    EQ_INT(w.done.status, 200);
    done_with(&c);
}

/* A client that leaves: an order goes on to its end, a GET does not; what is not sent never is. */
static void test_abandoned(void)
{
    struct client c = {0}, head = {.leaves_at_head = true};

    hire(PERMITS);
    w.timeout_ms = 400;
    begin(&c, "POST", "/silent", "x");
    run(NULL, 100);
    job_abandon(c.job);
    run(NULL, 100);
    EQ_INT(w.n_dones, 0);
    run(NULL, 400);
    EQ_INT(w.n_dones, 1);
    EQ_INT(w.done.fault, FAULT_TIMEOUT);
    w.timeout_ms = 5000;
    begin(&c, "GET", "/silent", "");
    run(NULL, 100);
    job_abandon(c.job);
    run(NULL, 50);
    EQ_INT(w.n_dones, 2);
    begin(&head, "POST", "/big", "x");
    run(NULL, 500);
    EQ_INT(head.n_heads, 1);
    EQ_INT(w.done.result, WIRE_REPLIED);
    EQ_INT(w.gate->n_jobs, 0);
    EQ_INT(w.gate->size, 0);
}

/* The agent hears at once that nobody waits any more. */
static void test_abandoned_unanswered(void)
{
    struct client c = {0};

    hire(IS_SILENT);
    begin(&c, "POST", "/ok", "x");
    run(NULL, 50);
    EQ_INT(w.n_asks, 1);
    job_abandon(c.job);
    EQ_INT(w.gate->n_jobs, 0);
    EQ_INT(w.gate->n_asked, 0);
    EQ_INT(w.gate->size, 0);
    run(NULL, 10);
    EQ_INT(w.n_dones, 1);
    EQ_INT(w.done.id, w.ask_id);
    EQ_INT(w.done.result, WIRE_NOT_SENT);
    done_with(&c);
}

/* Its permit, if it is under way already, is given back. */
static void test_abandoned_permitted(void)
{
    struct client c = {0}, next = {0};
    unsigned n = tls_server_requests(w.server);

    hire(PERMITS);
    begin(&c, "POST", "/ok", "x");
    job_abandon(c.job);
    begin(&next, "POST", "/ok", "x"); /* and not used for another */
    job_abandon(next.job);
    run(NULL, 100);
    EQ_INT(w.n_asks, 2);
    EQ_INT(w.n_dones, 4); /* one for each ask, one for each permit */
    EQ_INT(w.done.result, WIRE_NOT_SENT);
    EQ_INT(tls_server_requests(w.server), n);
    EQ_INT(w.gate->n_jobs, 0);
    done_with(&c);
    done_with(&next);
}

int main(void)
{
    if (!world_start())
        return 1;
    RUN(test_no_agent);
    RUN(test_agent_gone);
    RUN(test_time);
    RUN(test_agent_slow);
    RUN(test_total_time);
    RUN(test_lost);
    RUN(test_kept_connection_ends);
    RUN(test_not_sent);
    RUN(test_cut);
    RUN(test_abandoned);
    RUN(test_abandoned_unanswered);
    RUN(test_abandoned_permitted);
    world_end();
    return harness_end();
}
