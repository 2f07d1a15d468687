/* SPDX-License-Identifier: Apache-2.0 */
/* How recipients are named and described, to a person and in JSON. */
#include "cli/recipients.h"

#include "base/text.h"
#include "cli/session.h"

#include <stdio.h>
#include <unistd.h>

#define ID_DIGITS_MIN 4u

void recipient_short_id(const struct recipient *r, char out[SHORT_ID_TEXT])
{
    snprintf(out, SHORT_ID_TEXT, "%02x%02x%02x%02x", r->rid[0], r->rid[1], r->rid[2], r->rid[3]);
}

const char *recipient_state_text(const struct recipient *r)
{
    return r->tested ? "tested" : "UNTESTED";
}

const char *recipient_kind_text(const struct recipient *r, const struct local_token *local)
{
    if (r->kind == RECIPIENT_PAPER)
        return "paper, not a token";
    if (!local)
        return "token, not seen here";
    return local_is_software(local) ? "software token" : "token";
}

size_t recipients_untested(const struct vault *v)
{
    size_t n;

    (void)vault_recipients(v, &n);
    return n - vault_count_tested(v);
}

/* Some drivers give all their tokens the serial 0000000000000000. */
static bool is_serial(const char *s)
{
    return s[strspn(s, "0")] != 0;
}

bool recipients_on_one_but(const struct vault *v, const uint8_t *but)
{
    size_t n;
    const struct recipient *r = vault_recipients(v, &n), *first = NULL;

    for (size_t i = 0; i < n; i++) {
        if (but && memcmp(r[i].rid, but, RID_LEN) == 0)
            continue;
        if (first && (r[i].kind == RECIPIENT_PAPER || first->kind == RECIPIENT_PAPER ||
                      !is_serial(r[i].serial) || strcmp(r[i].serial, first->serial) != 0))
            return false;
        first = first ? first : &r[i];
    }
    return true;
}

bool recipients_on_one(const struct vault *v)
{
    return recipients_on_one_but(v, NULL);
}

void recipients_say_left(struct out *o, const struct vault *v)
{
    size_t n, n_untested = recipients_untested(v);

    (void)vault_recipients(v, &n);
    if (recipients_on_one(v) || n_untested)
        out_note(o, "%s", "");
    if (recipients_on_one(v))
        out_note(
            o,
            "There is no spare now. Add one: coffer recipients add URI, or coffer recipients add "
            "--paper");
    else if (n_untested)
        out_note(o,
                 "UNTESTED: %zu of %zu; 'coffer recipients' lists them, 'coffer recipients "
                 "test' tries them.",
                 n_untested, n);
}

void recipients_say_embedded(struct out *o, const struct local_token *gone)
{
    const char *conf = gone->where.softhsm_conf, *end = strrchr(conf, '/');

    if (!end || access(conf, F_OK))
        return;
    out_note(o,
             "The token's directory stays: '%.*s'. It opens older copies and backups; once none is "
             "needed, remove it.",
             (int)(end - conf), conf);
}

void recipient_line(const struct recipient *r, const struct local_token *local,
                    char out[RECIPIENT_LINE])
{
    char id[SHORT_ID_TEXT];

    recipient_short_id(r, id);
    snprintf(out, RECIPIENT_LINE, "'%s' (%s%s%s%s, %s, id %s), %s", r->label,
             r->serial[0] ? "serial " : "", r->serial, r->serial[0] ? ", " : "",
             recipient_kind_text(r, local), spki_kind(&r->spki), id, recipient_state_text(r));
}

static bool is_id(const struct recipient *r, const char *name)
{
    char hex[2 * RID_LEN + 1];
    size_t n = strlen(name);

    for (size_t i = 0; i < RID_LEN; i++)
        snprintf(hex + 2 * i, 3, "%02x", r->rid[i]);
    return n >= ID_DIGITS_MIN && n <= 2 * RID_LEN &&
           text_eq_nocase(bytes_of(hex, n), bytes_of(name, n));
}

static bool is_named(const struct recipient *r, const char *name)
{
    return strcmp(r->label, name) == 0 || (r->serial[0] && strcmp(r->serial, name) == 0) ||
           is_id(r, name);
}

static int several(const struct recipient *r, size_t n, const char *name, struct err *e)
{
    char id[SHORT_ID_TEXT];

    err_set(e, ERR_USAGE, "'%.120s' could be more than one recipient; take the id", name);
    for (size_t i = 0; i < n; i++) {
        if (!is_named(&r[i], name))
            continue;
        recipient_short_id(&r[i], id);
        err_hint(e, "'%s'%s%s: id %s", r[i].label, r[i].serial[0] ? ", serial " : "", r[i].serial,
                 id);
    }
    return e->code;
}

int recipient_named(const struct vault *v, const char *name, const struct recipient **out,
                    struct err *e)
{
    const struct recipient *found = NULL;
    size_t n, n_found = 0;
    const struct recipient *r = vault_recipients(v, &n);

    for (size_t i = 0; i < n; i++)
        if (is_named(&r[i], name)) {
            found = &r[i];
            n_found++;
        }
    if (n_found > 1)
        return several(r, n, name, e);
    if (!found) {
        err_set(e, ERR_NOT_FOUND, "the vault has no recipient '%.120s'", name);
        return err_hint(e, "'coffer recipients' lists them: take the label, the serial or the id");
    }
    *out = found;
    return OK;
}

static void row(struct table *t, const struct recipient *r, const struct local_token *local)
{
    char id[SHORT_ID_TEXT];
    bool is_paper = r->kind == RECIPIENT_PAPER;

    recipient_short_id(r, id);
    const char *cells[] = {r->label,
                           recipient_kind_text(r, local),
                           r->serial[0] ? r->serial : "-",
                           spki_kind(&r->spki),
                           scheme_name(r->scheme),
                           recipient_state_text(r),
                           is_paper ? "-"
                           : local  ? "yes"
                                    : "no",
                           id};
    table_row(t, cells, ARRAY_LEN(cells));
}

void recipients_table(struct cli *c, const struct vault *v, const struct local_tokens *l)
{
    static const char *const head[] = {"LABEL",  "KIND",  "SERIAL", "KEY",
                                       "SCHEME", "STATE", "HERE",   "ID"};
    struct table t = {.n_columns = 0};
    size_t n;
    const struct recipient *r = vault_recipients(v, &n);

    table_row(&t, head, ARRAY_LEN(head));
    for (size_t i = 0; i < n; i++)
        row(&t, &r[i], local_find(l, v, &r[i]));
    table_print(&c->out, &t);
    table_free(&t);
}

void recipient_put_json(cJSON *to, const char *name, const struct recipient *r,
                        const struct local_token *local)
{
    cJSON *o = json_object(to, name);
    char id[SHORT_ID_TEXT];

    recipient_short_id(r, id);
    json_text(o, "label", r->label);
    json_text(o, "serial", r->serial);
    json_text(o, "kind", r->kind == RECIPIENT_PAPER ? "paper" : "token");
    if (local)
        json_bool_member(o, "software", local_is_software(local));
    else
        cJSON_AddNullToObject(o, "software");
    json_text(o, "key", spki_kind(&r->spki));
    json_text(o, "scheme", scheme_name(r->scheme));
    json_bool_member(o, "tested", r->tested);
    json_bool_member(o, "on_this_machine", local != NULL);
    json_text(o, "id", id);
}

void keys_say(struct out *o, const struct vault *v, const char *json_name)
{
    char name[NAME_MAX_LEN + 1], line[160] = "";
    cJSON *list = o->is_json ? json_array(out_json(o), json_name) : NULL;
    size_t n = 0;

    for (size_t i = 0; vault_name(v, i, name); i++) {
        json_list_text(list, name);
        if (n && n + strlen(name) > 90) {
            out_note(o, "  %s", line);
            n = 0;
        }
        n += (size_t)snprintf(line + n, sizeof(line) - n, "%s%s", n ? " " : "", name);
    }
    if (n)
        out_note(o, "  %s", line);
}

void cost_say(struct out *o, const struct way_in *w, size_t n)
{
    if (w->is_paper)
        out_note(o, "  token operations  none: the words on paper open the vault");
    else
        out_note(o, "  token operations  %zu of token '%s'; where it asks for a touch, %zu touch%s",
                 n, w->seat.info.label, n, n == 1 ? "" : "es");
}
