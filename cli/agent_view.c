/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the agent's status. Members that are missing or of another type are taken as not told. */
#include "cli/agent_view.h"

#include "base/text.h"

#include <stdio.h>
#include <unistd.h>

#define STATUS_MS 10000u
#define LOOK_MS 60000u /* a driver that starts slowly, for each token */

void agent_view_close(struct agent_view *a)
{
    agent_client_freep(&a->client);
}

static bool get_text(struct json o, const char *name, char *out, size_t cap)
{
    struct json v;

    out[0] = 0;
    return json_get(o, name, &v) && json_cstr(v, out, cap);
}

static uint64_t get_number(struct json o, const char *name)
{
    struct json v;
    uint64_t n = 0;

    return json_get(o, name, &v) && json_u64(v, JSON_INT_MAX, &n) ? n : 0;
}

static bool get_bool(struct json o, const char *name, bool *out)
{
    struct json v;

    *out = false;
    return json_get(o, name, &v) && json_bool(v, out);
}

static bool get_rid(struct json o, uint8_t out[RID_LEN])
{
    static const char digits[] = "0123456789abcdef";
    char hex[2 * RID_LEN + 1];

    if (!get_text(o, "rid", hex, sizeof(hex)) || strlen(hex) != 2 * RID_LEN)
        return false;
    for (size_t i = 0; i < RID_LEN; i++) {
        const char *hi = strchr(digits, hex[2 * i]), *lo = strchr(digits, hex[2 * i + 1]);
        if (!hi || !lo)
            return false;
        out[i] = (uint8_t)((hi - digits) << 4 | (lo - digits));
    }
    return true;
}

/* What is not told is taken as the state in which no try is made. */
static enum pin_state pin_by_name(const char *name)
{
    static const char *const names[] = {[PIN_OK] = "ok",
                                        [PIN_LOW] = "low",
                                        [PIN_FINAL_TRY] = "final_try",
                                        [PIN_LOCKED] = "locked",
                                        [PIN_UNSET] = "unset"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(name, names[i]) == 0)
            return (enum pin_state)i;
    return PIN_FINAL_TRY;
}

static bool read_token(struct json o, struct view_token *t)
{
    struct token_info *i = &t->info;
    char pin[16], touch[16];

    *t = (struct view_token){.is_known = false};
    if (!get_rid(o, t->rid))
        return false;
    get_text(o, "label", i->label, sizeof(i->label));
    get_text(o, "serial", i->serial, sizeof(i->serial));
    get_text(o, "manufacturer", i->manufacturer, sizeof(i->manufacturer));
    get_text(o, "model", i->model, sizeof(i->model));
    get_text(o, "firmware", i->firmware, sizeof(i->firmware));
    get_text(o, "driver", i->driver, sizeof(i->driver));
    get_bool(o, "software", &i->is_software);
    get_bool(o, "keypad", &i->is_protected_path);
    get_bool(o, "unlocked", &t->is_unlocked);
    get_text(o, "pin", pin, sizeof(pin));
    get_text(o, "touch", touch, sizeof(touch));
    t->is_touched = strcmp(touch, "always") == 0 || strcmp(touch, "cached") == 0;
    i->pin = pin_by_name(pin);
    t->is_known = get_bool(o, "present", &t->is_present) && pin[0];
    return true;
}

static void read_tokens(struct json root, struct agent_view *a)
{
    struct json list, key, v;
    struct json_iter it;

    a->n_tokens = 0;
    a->is_unlocked = false;
    if (!json_get(root, "tokens", &list) || list.type != JSON_ARRAY)
        return;
    json_iter(&it, list);
    while (a->n_tokens < VIEW_TOKENS_MAX && json_next(&it, &key, &v)) {
        struct view_token *t = &a->tokens[a->n_tokens];
        if (!read_token(v, t))
            continue;
        a->is_unlocked = a->is_unlocked || t->is_unlocked;
        a->n_tokens++;
    }
}

static void read_rest(struct json root, struct agent_view *a)
{
    struct json proxy, audit;
    bool is_ok;

    get_text(root, "version", a->version, sizeof(a->version));
    a->pid = get_number(root, "pid");
    a->started_ms = get_number(root, "started_ms");
    a->held = get_number(root, "held");
    get_bool(root, "unattended", &a->is_unattended);
    a->proxy_socket[0] = a->proxy_tcp[0] = a->audit_fault[0] = 0;
    a->is_proxy_running = false;
    if (json_get(root, "proxy", &proxy)) {
        get_text(proxy, "socket", a->proxy_socket, sizeof(a->proxy_socket));
        get_text(proxy, "tcp", a->proxy_tcp, sizeof(a->proxy_tcp));
        get_bool(proxy, "running", &a->is_proxy_running);
    }
    if (json_get(root, "audit", &audit) && get_bool(audit, "ok", &is_ok) && !is_ok &&
        !get_text(audit, "message", a->audit_fault, sizeof(a->audit_fault)))
        snprintf(a->audit_fault, sizeof(a->audit_fault), "the log cannot be written");
}

int agent_view_read(struct agent_view *a, bool look, struct err *e)
{
    struct json r = {0};
    struct bytes line =
        look ? BYTES_LIT("{\"op\":\"status\",\"look\":true}") : BYTES_LIT("{\"op\":\"status\"}");

    if (agent_call(a->client, line, -1, look ? LOOK_MS : STATUS_MS, &r, e))
        return e->code;
    read_rest(r, a);
    read_tokens(r, a);
    return OK;
}

int agent_find(const struct cli *c, const uint8_t *vault_id, struct agent_client **out,
               struct err *e)
{
    int rc = agent_connect(&c->where, vault_id, out, e);

    /* Not even a directory: an agent makes it. */
    if (rc != ERR_NOT_FOUND || access(c->where.run, F_OK) == 0)
        return rc;
    err_set(e, ERR_NOT_FOUND, "no agent runs");
    return err_hint(e, "'coffer agent' starts one");
}

int agent_view_open(const struct cli *c, const uint8_t *vault_id, struct agent_view *a,
                    struct err *e)
{
    if (agent_find(c, vault_id, &a->client, e))
        return e->code;
    if (agent_view_read(a, false, e) == OK)
        return OK;
    agent_view_close(a);
    /* It went between two questions. */
    return e->code == ERR_NOT_FOUND ? (e->code = ERR_FAILED) : e->code;
}

int agent_tell(struct agent_client *c, const char *op, struct err *e)
{
    char line[64];
    struct json r = {0};

    snprintf(line, sizeof(line), "{\"op\":\"%s\"}", op);
    return agent_call(c, bytes_str(line), -1, STATUS_MS, &r, e);
}
