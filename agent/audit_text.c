/* SPDX-License-Identifier: Apache-2.0 */
/* The words of a line of the audit log, and of who asks. Where lines go is audit.c's. */
#include "agent/audit_text.h"

#include "base/json_text.h"
#include "base/text.h"

#include <stdio.h>
#include <time.h>

void asker_text(const struct asker *a, char out[ASKER_TEXT])
{
    if (a->client[0])
        snprintf(out, ASKER_TEXT, "bot '%s'", a->client);
    else if (a->uid == UINT32_MAX)
        snprintf(out, ASKER_TEXT, "a client over TCP");
    else if (a->pid == UINT32_MAX)
        snprintf(out, ASKER_TEXT, "uid %u", a->uid);
    else
        snprintf(out, ASKER_TEXT, "uid %u (pid %u)", a->uid, a->pid);
}

const char *audit_time(struct audit_clock *c, uint64_t unix_us)
{
    unsigned ms = (unsigned)(unix_us / 1000 % 1000);
    time_t s = (time_t)(unix_us / 1000000);
    struct tm t;

    if (c->second != unix_us / 1000000 || !c->text[0]) {
        if (!gmtime_r(&s, &t) ||
            strftime(c->text, sizeof(c->text), "%Y-%m-%dT%H:%M:%S.000Z", &t) == 0)
            snprintf(c->text, sizeof(c->text), "0000-00-00T00:00:00.000Z");
        c->second = unix_us / 1000000;
    }
    for (unsigned i = 0; i < 3; i++, ms /= 10)
        c->text[22 - i] = (char)('0' + ms % 10);
    return c->text;
}

static void add_clean(struct buf *out, struct bytes v)
{
    char clean[AUDIT_PATH_MAX * 4 + 1];

    text_clean(clean, sizeof(clean), v);
    buf_add_json(out, bytes_str(clean));
}

/* Words that came from a client: whatever they are, the line stays one line of JSON. */
static void add_shown(struct buf *out, const char *before, struct bytes v)
{
    if (v.n == 0)
        return;
    if (v.n > AUDIT_PATH_MAX)
        v.n = AUDIT_PATH_MAX;
    buf_adds(out, before);
    if (json_plain_run(v.p, v.p + v.n) < v.n || memchr(v.p, 0x7f, v.n)) {
        add_clean(out, v);
        return;
    }
    buf_addc(out, '"');
    buf_add(out, v);
    buf_addc(out, '"');
}

static void add_word(struct buf *out, const char *before, const char *v)
{
    if (!v || !v[0])
        return;
    buf_adds(out, before);
    buf_addc(out, '"');
    buf_adds(out, v);
    buf_addc(out, '"');
}

static void add_number(struct buf *out, const char *before, uint32_t v)
{
    char text[U64_TEXT];
    size_t n = text_of_u64(text, v);

    buf_adds(out, before);
    buf_add(out, bytes_of(text, n));
}

static void add_asker(struct buf *out, const struct asker *a)
{
    static const char *const ways[] = {"socket", "proxy", "tcp"};

    add_word(out, ",\"way\":", ways[a->way]);
    if (a->uid != UINT32_MAX)
        add_number(out, ",\"uid\":", a->uid);
    if (a->pid != UINT32_MAX)
        add_number(out, ",\"pid\":", a->pid);
    add_word(out, ",\"client\":", a->client);
}

static void add_gist(struct buf *out, const struct gist *g)
{
    if (!g || g->n == 0)
        return;
    add_word(out, ",\"side\":", g->side);
    add_word(out, ",\"market\":", g->market);
    add_word(out, g->is_quote ? ",\"quote_size\":" : ",\"size\":", g->size);
    if (g->n > 1)
        add_number(out, ",\"orders\":", g->n);
}

void audit_text(const struct audit_line *l, const char *time, struct buf *out)
{
    add_word(out, "{\"time\":", time);
    if (l->who)
        add_asker(out, l->who);
    add_word(out, ",\"op\":", l->op);
    if (l->record)
        add_shown(out, ",\"record\":", bytes_str(l->record));
    add_word(out, ",\"class\":", l->cls);
    add_shown(out, ",\"method\":", l->method);
    add_shown(out, ",\"path\":", l->path);
    add_gist(out, l->gist);
    add_word(out, ",\"outcome\":", l->outcome);
    buf_adds(out, "}\n");
}
