/* SPDX-License-Identifier: Apache-2.0 */
/* The way to an exchange through the agent's coffer-net: what goes there is unsigned, and the agent
 * decides. The talk itself is courier.c's. */
#include "agent/client.h"
#include "agent/courier_start.h"
#include "agent/courier_talk.h"
#include "agent/dial.h"

#include <assert.h>
#include <unistd.h>

#define STATUS_MS 10000u
#define NOT_KNOWN_IF_SENT 504u

/* -- where it listens -- */

static int no_proxy(struct err *e)
{
    err_set(e, ERR_FAILED, "the agent runs without its proxy's socket");
    return err_hint(e, "start 'coffer agent' without --no-proxy, or stop it");
}

static int ask_path(struct agent_client *c, char out[WHERE_MAX], struct err *e)
{
    struct json r, proxy, path;

    if (agent_call(c, BYTES_LIT("{\"op\":\"status\"}"), -1, STATUS_MS, &r, e))
        return e->code;
    if (!json_get(r, "proxy", &proxy) || !json_get(proxy, "socket", &path) ||
        !json_cstr(path, out, WHERE_MAX) || out[0] != '/')
        return no_proxy(e);
    return OK;
}

static int dial_proxy(char path[WHERE_MAX], int *fd, struct err *e)
{
    char *slash = strrchr(path, '/');

    *slash = 0;
    /* others may be let in there too; who listens decides */
    if (dial(slash == path ? "/" : path, slash + 1, 0, fd, e) == OK)
        return OK;
    if (e->code == ERR_NOT_FOUND) {
        err_set(e, ERR_FAILED, "the agent's proxy does not listen at '%s/%s'", path, slash + 1);
        err_hint(e, "'coffer agent' may be starting it again: run the command again");
    }
    return e->code;
}

int courier_by_agent(const struct where *w, struct agent_client *c, struct courier **out,
                     struct err *e)
{
    char path[WHERE_MAX];
    int fd;

    (void)w; /* the agent tells where */
    if (ask_path(c, path, e) || dial_proxy(path, &fd, e))
        return e->code;
    return courier_new(fd, -1, out, e);
}

/* -- asking, and being refused -- */

int courier_ask(struct courier *c, uint32_t id, const char *record, const struct wire_ask *ask,
                struct err *e)
{
    struct wire_ask mine = *ask;
    AUTO_BUF out = BUF_INIT(WIRE_FRAME_MAX);

    if (c->is_gone) {
        *e = c->why;
        return e->code;
    }
    assert(c->pid < 0);
    mine.id = id;
    mine.uid = (uint32_t)geteuid();
    mine.pid = (uint32_t)getpid();
    mine.is_tcp = 0;
    mine.record = bytes_str(record);
    if (wire_put_ask(&out, &mine, e))
        return e->code;
    return courier_put(c, buf_bytes(&out), 0, e);
}

int answer_read_refusal(struct answer *a, struct bytes frame, struct err *e)
{
    struct wire_refusal f;

    if (wire_get_refusal(frame, &f, e))
        return e->code;
    a->id = f.id;
    a->result = f.status == NOT_KNOWN_IF_SENT ? WIRE_UNKNOWN : WIRE_NOT_SENT;
    a->fault = FAULT_REFUSED_HERE;
    a->refused = f.err;
    return OK;
}
