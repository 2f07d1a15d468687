/* SPDX-License-Identifier: Apache-2.0 */
/* coffer guide: what an API key is, and how to make a safe one at one exchange. Needs no vault. */
#include "cli/cli.h"
#include "cli/guide_text.h"
#include "cli/page.h"
#include "connectors/checks.h"
#include "connectors/guide.h"

#include <stdio.h>

/* -- one exchange -- */

struct section {
    const char *title, *name; /* title NULL: goes on with the one before; name: in --json */
    const char *text;         /* one of the two */
    const char *const *list;
    bool is_numbered;
};

#define SECTIONS 13u

static void sections_of(const struct guide *g, struct section out[SECTIONS])
{
    const struct section all[SECTIONS] = {
        {"Where", "where", g->where, NULL, false},
        {"Before you start", "before", NULL, g->before, false},
        {"Steps", "steps", NULL, g->steps, true},
        {"Tick", "tick", NULL, g->tick, false},
        {"Leave off, always", "never", NULL, g->never, false},
        {"IP list", "ip", g->ip, NULL, false},
        {"What you get, and what coffer calls it", "you_get", NULL, g->you_get, false},
        {"A key pair of your own", "own_key", g->own_key, NULL, false},
        {NULL, "own_steps", NULL, g->own_steps, true},
        {"How long it lives", "life", g->life, NULL, false},
        {"What is limited", "limits", g->limits, NULL, false},
        {"Hummingbot", "hummingbot", g->hummingbot, NULL, false},
        {"Traps", "traps", NULL, g->traps, false},
    };

    memcpy(out, all, sizeof(all));
}

static void show_section(struct out *o, const struct section *s)
{
    bool has_list = s->list && s->list[0];

    if (!s->text && !has_list)
        return;
    if (s->title)
        page_head(o, s->title);
    if (s->text)
        page_text(o, "  ", s->text);
    else
        page_list(o, s->list, s->is_numbered ? 1 : 0);
}

static void section_json(cJSON *to, const struct section *s)
{
    if (s->text) {
        json_text(to, s->name, s->text);
        return;
    }
    cJSON *list = json_array(to, s->name);
    for (const char *const *v = s->list; v && *v; v++)
        json_list_text(list, *v);
}

static void show_end(struct out *o, const struct connector *k, const struct guide *g)
{
    page_head(o, "Then");
    out_line(o, "  coffer add NAME %s", k->name);
    out_line(o, "  It asks for the parts, tries the key at the exchange, and refuses one that can");
    out_line(o, "  move money away.");
    if (g->then)
        page_text(o, "  ", g->then);
    if (g->checked)
        out_note(o, "%s", "");
    if (g->checked)
        out_note(o, "As of %s. Exchanges change their pages; what they show there counts.",
                 g->checked);
}

static int guide_exchange(struct cli *c, const struct connector *k, struct err *e)
{
    const struct guide *g = k->checks ? k->checks->guide : NULL;
    struct section list[SECTIONS];
    struct out *o = &c->out;

    if (!g) {
        err_set(e, ERR_NOT_FOUND, "this version has no guide for %s", k->title);
        err_hint(e, "'coffer guide' says what holds at every exchange");
        return err_hint(e, "what its signatures cover: %s", k->docs);
    }
    sections_of(g, list);
    cJSON *j = o->is_json ? out_json(o) : NULL;
    json_text(j, "exchange", k->name);
    json_text(j, "title", k->title);
    out_line(o, "%s: an API key with the least rights", k->title);
    for (size_t i = 0; i < SECTIONS; i++) {
        show_section(o, &list[i]);
        if (j)
            section_json(j, &list[i]);
    }
    json_text(j, "then", g->then ? g->then : "");
    json_text(j, "checked", g->checked ? g->checked : "");
    show_end(o, k, g);
    return OK;
}

/* -- all exchanges -- */

static void show_limits(struct out *o)
{
    struct table t = {.n_columns = 0};
    char name[48];

    table_row(&t, (const char *const[]){"    EXCHANGE", "PUBLIC CALLS", "SIGNED CALLS"}, 3);
    for (const struct limit_row *r = guide_limits; r->exchange; r++) {
        snprintf(name, sizeof(name), "    %s", r->exchange);
        table_row(&t, (const char *const[]){name, r->public_calls, r->private_calls}, 3);
    }
    out_line(o, "%s", "");
    table_print(o, &t);
    table_free(&t);
    out_line(o, "%s", "");
    page_text(o, "  ", guide_limits_others);
}

static void show_topic(struct out *o, const struct topic *t, bool has_limits)
{
    page_head(o, t->question);
    for (const char *const *p = t->answer; *p; p++) {
        if (strncmp(*p, "* ", 2) == 0)
            page_text(o, "  * ", *p + 2);
        else
            page_text(o, "  ", *p);
    }
    if (has_limits)
        show_limits(o);
}

static bool is_about_limits(const struct topic *t)
{
    return strstr(t->question, "limited") != NULL;
}

static void topics_json(cJSON *j)
{
    cJSON *topics = json_array(j, "topics");
    cJSON *limits = json_array(j, "limits");

    for (const struct topic *t = guide_topics; t->question; t++) {
        cJSON *one = json_object(topics, NULL);
        json_text(one, "question", t->question);
        cJSON *answer = json_array(one, "answer");
        for (const char *const *p = t->answer; *p; p++)
            json_list_text(answer, *p);
    }
    json_text(j, "limits_of_others", guide_limits_others);
    for (const struct limit_row *r = guide_limits; r->exchange; r++) {
        cJSON *one = json_object(limits, NULL);
        json_text(one, "exchange", r->exchange);
        json_text(one, "public", r->public_calls);
        json_text(one, "signed", r->private_calls);
    }
}

static void show_exchanges(struct out *o)
{
    cJSON *list = o->is_json ? json_array(out_json(o), "exchanges") : NULL;

    page_head(o, "Step by step, for each exchange");
    for (const struct connector *const *k = connectors; *k; k++) {
        if (!(*k)->checks || !(*k)->checks->guide)
            continue;
        out_line(o, "  coffer guide %s", (*k)->name);
        json_list_text(list, (*k)->name);
    }
}

static void guide_all(struct cli *c)
{
    struct out *o = &c->out;

    out_line(o, "API keys for trading programs");
    if (o->is_json)
        topics_json(out_json(o));
    for (const struct topic *t = guide_topics; t->question && !o->is_json; t++)
        show_topic(o, t, is_about_limits(t));
    show_exchanges(o);
}

int run_guide(struct cli *c, struct err *e)
{
    if (c->args->n_words == 0) {
        guide_all(c);
        return OK;
    }
    const struct connector *k = connector_find(c->args->words[0]);
    if (!k)
        return connector_unknown(c->args->words[0], e);
    return guide_exchange(c, k, e);
}
