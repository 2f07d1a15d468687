/* SPDX-License-Identifier: Apache-2.0 */
/* coffer connectors: the exchanges, from their own tables. */
#include "cli/cli.h"
#include "cli/page.h"
#include "connectors/checks.h"

#include <stdio.h>

static const char *proof_of(const struct connector *k)
{
    return k->checks ? k->checks->proves : "nothing: this version cannot ask this exchange";
}

static void add_word(char *out, size_t cap, const char *word)
{
    size_t n = strlen(out);

    if (n < cap && !strstr(out, word))
        snprintf(out + n, cap - n, "%s%s", n ? ", " : "", word);
}

static void aliases_text(const struct connector *k, char *out, size_t cap)
{
    out[0] = 0;
    for (const char *const *a = k->aliases; *a; a++) {
        size_t n = strlen(out);
        snprintf(out + n, cap - n, "%s%s", n ? ", " : "", *a);
    }
}

static void environments_text(const struct connector *k, char *out, size_t cap)
{
    out[0] = 0;
    for (const struct host *h = k->hosts; h->name; h++)
        add_word(out, cap, environment_name(h->env));
}

static void keys_text(const struct connector *k, char *out, size_t cap)
{
    out[0] = 0;
    for (unsigned i = KEY_NONE + 1; i < KEY_TYPE_COUNT; i++)
        if (k->key_types & (1u << i))
            add_word(out, cap, key_type_name((enum key_type)i));
}

static void fields_text(const struct connector *k, char *out, size_t cap)
{
    out[0] = 0;
    for (const struct field_spec *f = k->fields; f->label; f++) {
        size_t n = strlen(out);
        snprintf(out + n, cap - n, "%s%s%s", n ? ", " : "", field_name(f->id),
                 f->is_optional ? " (one of two ways)" : "");
    }
}

static void show_text(struct out *o, const struct connector *k)
{
    char text[1024];

    out_line(o, "%s: %s", k->name, k->title);
    aliases_text(k, text, sizeof(text));
    out_line(o, "  also        %s", text[0] ? text : "-");
    environments_text(k, text, sizeof(text));
    out_line(o, "  environment %s", text);
    if (k->regions) {
        text[0] = 0;
        for (const char *const *r = k->regions; *r; r++)
            add_word(text, sizeof(text), *r);
        out_line(o, "  regions     %s (the first is the default)", text);
    }
    keys_text(k, text, sizeof(text));
    out_line(o, "  keys        %s", text);
    fields_text(k, text, sizeof(text));
    out_line(o, "  fields      %s", text);
    out_line(o, "  WebSocket   %s", k->sign_ws ? "signed login" : "no signed login");
    out_line(o, "  signature   %s", k->covers);
    page_text(o, "  verify      ", proof_of(k));
    out_line(o, "  documented  %s", k->docs);
}

static void json_words(cJSON *to, const char *name, const char *const *words)
{
    cJSON *list = json_array(to, name);

    for (; words && *words; words++)
        json_list_text(list, *words);
}

static void show_json(cJSON *list, const struct connector *k)
{
    cJSON *j = json_object(list, NULL);

    json_text(j, "name", k->name);
    json_text(j, "title", k->title);
    json_words(j, "aliases", k->aliases);
    json_words(j, "regions", k->regions);
    cJSON *hosts = json_array(j, "hosts");
    for (const struct host *h = k->hosts; h->name; h++) {
        cJSON *one = json_object(hosts, NULL);
        json_text(one, "host", h->name);
        json_text(one, "environment", environment_name(h->env));
        if (h->region)
            json_text(one, "region", h->region);
        json_bool_member(one, "websocket", h->is_ws);
    }
    cJSON *keys = json_array(j, "key_types");
    for (unsigned i = KEY_NONE + 1; i < KEY_TYPE_COUNT; i++)
        if (k->key_types & (1u << i))
            json_list_text(keys, key_type_name((enum key_type)i));
    cJSON *fields = json_array(j, "fields");
    for (const struct field_spec *f = k->fields; f->label; f++)
        json_list_text(fields, field_name(f->id));
    json_bool_member(j, "websocket_login", k->sign_ws != NULL);
    json_text(j, "covers", k->covers);
    json_text(j, "verify_proves", proof_of(k));
    json_bool_member(j, "has_guide", k->checks && k->checks->guide);
    json_text(j, "docs", k->docs);
}

int run_connectors(struct cli *c, struct err *e)
{
    cJSON *list = c->out.is_json ? json_array(out_json(&c->out), "connectors") : NULL;

    (void)e;
    for (const struct connector *const *k = connectors; *k; k++) {
        if (list)
            show_json(list, *k);
        else
            show_text(&c->out, *k);
    }
    return OK;
}
