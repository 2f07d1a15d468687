/* SPDX-License-Identifier: Apache-2.0 */
/* coffer sign: the owner's own act. Everything that can be refused is refused before the PIN. */
#include "agent/prepare.h"
#include "base/wipe.h"
#include "cli/cli.h"
#include "cli/session.h"
#include "cli/waiting.h"
#include "cli/wish_args.h"

/* Large, so it lives on the heap. */
struct signing {
    struct wish wish;
    struct buf text; /* the request file or the body; the wish borrows from it */
    struct record_info info;
    struct prepared prepared;
    struct request request;
};

static void signing_freep(struct signing **p)
{
    struct signing *s = *p;

    if (!s)
        return;
    request_free(&s->request);
    record_info_free(&s->info);
    wish_free(&s->wish);
    buf_free(&s->text);
    wipe_free(s);
    *p = NULL;
}

static struct signing *signing_new(void)
{
    struct signing *s = wipe_malloc(sizeof(*s));

    if (!s)
        return NULL;
    memset(s, 0, sizeof(*s));
    wish_init(&s->wish);
    s->text = (struct buf)BUF_INIT(REQUEST_FILE_MAX);
    record_info_init(&s->info);
    request_init(&s->request);
    return s;
}

static int wish_from_file(const struct args *a, struct signing *s, struct err *e)
{
    if (a->n_words > 1 || a->given[OPT_DATA] || a->given[OPT_HEADER])
        return err_set(e, ERR_USAGE,
                       "with --request, method, url, body and headers stand in the file");
    if (wish_read(a->value[OPT_REQUEST], REQUEST_FILE_MAX, "the request", &s->text, e))
        return e->code;
    return wish_parse(buf_bytes(&s->text), &s->wish, e);
}

static int wish_from_line(const struct args *a, struct signing *s, struct err *e)
{
    if (a->n_words < 3) {
        err_set(e, ERR_USAGE, "'coffer sign' needs METHOD and URL, or --request FILE");
        return err_hint(e, "for example: coffer sign NAME GET /api/v3/account");
    }
    return wish_from_words(a, &s->wish, &s->text, e);
}

static int sign_opened(const struct cli *c, struct vault *v, struct signing *s, struct err *e)
{
    AUTO_SESSION session = {0};
    AUTO(record_freep) struct record *r = NULL;

    waiting_why("to open '%s'", c->args->words[0]);
    if (session_begin(c, v, &session, e))
        return e->code;
    int rc = vault_open_record(v, &session.opener, c->args->words[0], &r, e);
    if (session_explain(&session, rc, e))
        return e->code;
    session_say_trust(v);
    /* What was believed so far was not authenticated. */
    if (prepare_check(&s->wish, record_info(r), &s->prepared, e))
        return e->code;
    return prepare_sign(&s->prepared, &s->wish, record_info(r), record_signer(r), &c->where, c->env,
                        &s->request, e);
}

static int print(const struct signing *s, struct err *e)
{
    AUTO_BUF line = BUF_INIT(16u * 1024u * 1024u);

    if (request_json(&s->request, s->wish.is_ws, &line, e))
        return e->code;
    out_raw(buf_bytes(&line));
    return OK;
}

int run_sign(struct cli *c, struct err *e)
{
    AUTO(vault_freep) struct vault *v = NULL;
    AUTO(signing_freep) struct signing *s = signing_new();
    const struct args *a = c->args;
    const char *name = a->words[0];

    if (!s)
        return err_set(e, ERR_MEMORY, "no memory for the request");
    int rc = a->given[OPT_REQUEST] ? wish_from_file(a, s, e) : wish_from_line(a, s, e);
    if (rc || record_check_name(name, e) || vault_load(&c->where, c->env, &v, e) ||
        vault_peek(v, name, &s->info, e) || prepare_check(&s->wish, &s->info, &s->prepared, e))
        return e->code;
    if (s->prepared.cls == CLASS_PUBLIC)
        rc = prepare_unsigned(&s->prepared, &s->request, e);
    else
        rc = sign_opened(c, v, s, e);
    if (rc)
        return err_wrap(e, "sign for '%s'", name);
    return print(s, e);
}
