/* SPDX-License-Identifier: Apache-2.0 */
/* A PIN on its way to the agent: read here, where a person can be asked, tried there. The rules of
 * how often are those of a login in this process. */
#include "cli/agent_view.h"

#include "base/codec.h"
#include "base/file.h"
#include "cli/new_token.h"
#include "cli/pin_source.h"
#include "cli/session.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define UNLOCK_MS 120000u /* a keypad on the device takes a person's time */

/* The door of pin_login_by. */
struct trying {
    struct agent_view *a;
    struct view_token token; /* a copy: what is read again moves */
    enum pin_try tried;
};

/* A pipe's memory is the kernel's, is not swapped, and is gone once it was read. */
static int pin_pipe(const struct secret *pin, int *fd, struct err *e)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC))
        return err_sys(e, errno, "make the way of the PIN to the agent");
    bool is_written = write(ends[1], pin->p, pin->n) == (ssize_t)pin->n;
    close(ends[1]);
    if (is_written) {
        *fd = ends[0];
        return OK;
    }
    close(ends[0]);
    return err_set(e, ERR_FAILED, "the PIN could not be handed to the agent");
}

/* Told by nobody, a try counts as spent. */
static enum pin_try tried_of(struct json answer)
{
    struct json v;

    if (!json_get(answer, "pin_try", &v))
        return PIN_TRIED;
    if (json_str_eq(v, "proven"))
        return PIN_PROVEN;
    return json_str_eq(v, "not_tried") ? PIN_NOT_TRIED : PIN_TRIED;
}

/* The same token as it is now; its flags tell of the tries that are left. */
static void look_again(struct trying *t)
{
    struct err quiet;

    if (agent_view_read(t->a, true, &quiet))
        return;
    for (size_t i = 0; i < t->a->n_tokens; i++)
        if (memcmp(t->a->tokens[i].rid, t->token.rid, RID_LEN) == 0 && t->a->tokens[i].is_known)
            t->token = t->a->tokens[i];
}

static int try_pin(void *ctx, const struct secret *pin, bool use_last_try, struct err *e)
{
    struct trying *t = ctx;
    AUTO(fd_closep) int fd = -1;
    struct json answer = {0};
    AUTO_BUF line = BUF_INIT(256);

    t->tried = PIN_NOT_TRIED;
    if (pin && pin_pipe(pin, &fd, e))
        return e->code;
    /* not by its number: the list may have changed while the PIN was typed */
    buf_adds(&line, "{\"op\":\"unlock\",\"token\":\"");
    hex_encode(&line, BYTES_ARR(t->token.rid));
    buf_addf(&line, "\",\"use_last_try\":%s}", use_last_try ? "true" : "false");
    if (buf_check(&line, "the message", e))
        return e->code;
    int rc = agent_call(t->a->client, buf_bytes(&line), fd, UNLOCK_MS, &answer, e);
    t->tried = tried_of(answer);
    if (rc)
        look_again(t);
    return rc;
}

static enum pin_try what_became(void *ctx)
{
    const struct trying *t = ctx;

    return t->tried;
}

/* -- which token -- */

static int none_there(const struct agent_view *a, const struct vault *v, struct err *e)
{
    if (a->n_tokens == 0) {
        err_set(e, ERR_PERSON, "the agent knows no token for this vault");
        err_hint(e, "tell this machine which one opens it (coffer trust FINGERPRINT --token URI), "
                    "then: coffer agent --reload");
        return e->code;
    }
    err_set(e, ERR_NOT_FOUND, "token '%s'%s is not there", a->tokens[0].info.label,
            a->n_tokens > 1 ? ", or another of the vault's," : "");
    err_hint(e, "plug it in; 'coffer tokens' lists what is there");
    return session_hint_lost(v, a->tokens[0].rid, e);
}

/* is_usable: and no PIN is refused by it beforehand. */
static struct view_token *first_there(struct agent_view *a, bool is_usable)
{
    for (size_t i = 0; i < a->n_tokens; i++) {
        struct view_token *t = &a->tokens[i];
        bool is_refusing = t->info.pin == PIN_LOCKED || t->info.pin == PIN_UNSET;
        if (t->is_known && t->is_present && !(is_usable && is_refusing))
            return t;
    }
    return NULL;
}

static int find_token(struct agent_view *a, const struct vault *v, struct view_token **out,
                      struct err *e)
{
    if (agent_view_read(a, true, e))
        return e->code;
    *out = first_there(a, true);
    if (*out)
        return OK;
    *out = first_there(a, false); /* it says itself why it cannot be unlocked */
    return *out ? OK : none_there(a, v, e);
}

/* Where this machine remembers a PIN for the token; "" where it does not. */
static int remembered(const struct cli *c, const struct vault *v, const uint8_t rid[RID_LEN],
                      char out[TOKEN_PATH_MAX], struct err *e)
{
    AUTO(local_list_freep) struct local_tokens *l = NULL;
    const struct recipient *r = recipient_find(v, rid);

    out[0] = 0;
    if (local_list(c, &l, e))
        return e->code;
    const struct local_token *t = r ? local_find(l, v, r) : NULL;
    if (t)
        memcpy(out, t->pin_file, TOKEN_PATH_MAX);
    return OK;
}

int agent_unlock(const struct cli *c, const struct vault *v, struct agent_view *a,
                 const struct view_token **used, struct err *e)
{
    struct view_token *found = NULL;
    char pin_file[TOKEN_PATH_MAX];

    *used = NULL;
    if (a->is_unlocked)
        return OK;
    if (find_token(a, v, &found, e) || remembered(c, v, found->rid, pin_file, e))
        return e->code;
    struct trying t = {.a = a, .token = *found, .tried = PIN_NOT_TRIED};
    struct pin_door door = {
        .info = &t.token.info, .login = try_pin, .tried = what_became, .ctx = &t};
    if (pin_login_by(c, &door, pin_file, NULL, e) || agent_view_read(a, false, e))
        return e->code;
    for (size_t i = 0; i < a->n_tokens; i++)
        if (memcmp(a->tokens[i].rid, t.token.rid, RID_LEN) == 0)
            *used = &a->tokens[i];
    return OK;
}
