/* SPDX-License-Identifier: Apache-2.0 */
/* coffer status: the vault, its tokens and its keys on one screen. It asks nobody: no PIN, no
 * token, no exchange; so all of it is what stands in files here. */
#include "cli/status.h"

#include "base/text.h"
#include "cli/agent_rows.h"
#include "cli/pin_source.h"
#include "cli/recipients.h"
#include "cli/session.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

struct overview {
    struct cli *c;
    struct vault *vault;
    struct local_tokens *tokens;
    struct attention attention;
    struct status_rows rows;
    uint64_t now_ms;
    size_t n_bad;
    /* the pin's word */
    enum trust_state trust;
    char fingerprint[FINGERPRINT_TEXT];
    struct err past; /* code OK, or why the vault on disk is not what was seen */
};

static void look_at_trust(struct overview *s)
{
    if (vault_pin_look(s->vault, s->fingerprint, &s->trust, &s->past)) {
        attention_add(&s->attention, URGENT_TRUST, "", "coffer doctor", "%.200s", s->past.msg);
        return;
    }
    s->past.code = OK;
    if (s->trust != TRUST_PINNED && s->trust != TRUST_NEWER)
        attention_add(&s->attention, URGENT_TRUST, "", "coffer trust FINGERPRINT",
                      "not trusted on this machine: compare its fingerprint first");
}

/* Guards of unattended logins are named by what a token says of itself, and only the token can say
 * it; but without any guard that is set none is blocked. */
static bool has_guard(const struct cli *c)
{
    static const uint8_t place[VAULT_ID_LEN] = {0}; /* guards belong to no vault */
    char hex[VAULT_ID_HEX], path[WHERE_MAX + VAULT_ID_HEX + 1];
    bool is_set = false;
    struct stat st;

    where_id_hex(place, hex);
    snprintf(path, sizeof(path), "%s/%s", c->where.state, hex);
    DIR *d = opendir(path);
    if (!d)
        return false;
    for (struct dirent *f; !is_set && (f = readdir(d)) != NULL;)
        is_set = text_ends(bytes_str(f->d_name), ".pin-guard") &&
                 fstatat(dirfd(d), f->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_size > 0;
    closedir(d);
    return is_set;
}

/* An embedded token's words are known: SoftHSM's are the same everywhere. */
static enum fact is_login_blocked(const struct cli *c, const struct local_token *t)
{
    struct token_info i = {.manufacturer = "SoftHSM project", .model = "SoftHSM v2"};

    if (!t->where.softhsm_conf[0])
        return has_guard(c) ? FACT_UNKNOWN : FACT_NO;
    snprintf(i.label, sizeof(i.label), "%s", t->where.label);
    snprintf(i.serial, sizeof(i.serial), "%s", t->where.serial);
    return pin_is_blocked(c, &i) ? FACT_YES : FACT_NO;
}

static void judge_recipient(struct overview *s, const struct recipient *r,
                            const struct local_token *local)
{
    enum fact blocked = local ? is_login_blocked(s->c, local) : FACT_NO;

    if (blocked != FACT_NO)
        attention_add(&s->attention, URGENT_TOKEN, "", "coffer doctor",
                      "token '%s': a PIN that nobody typed failed%s; none is tried again until "
                      "one was typed",
                      r->label, blocked == FACT_YES ? "" : ", here or at another token");
    if (!r->tested)
        attention_add(&s->attention, URGENT_UNTESTED, "",
                      r->kind == RECIPIENT_PAPER ? "coffer recipients test --paper"
                                                 : "coffer recipients test URI",
                      "%s '%s' is UNTESTED: it has never opened this vault",
                      r->kind == RECIPIENT_PAPER ? "paper" : "token", r->label);
}

static void judge_tokens(struct overview *s)
{
    size_t n, n_here = 0, n_paper = 0;
    const struct recipient *r = vault_recipients(s->vault, &n);

    for (size_t i = 0; i < n; i++) {
        const struct local_token *local = local_find(s->tokens, s->vault, &r[i]);
        n_here += local != NULL;
        n_paper += r[i].kind == RECIPIENT_PAPER;
        judge_recipient(s, &r[i], local);
    }
    if (n_here == 0 && n_paper < n)
        attention_add(&s->attention, URGENT_TOKEN, "", "coffer trust FINGERPRINT --token URI",
                      "this machine knows no token that opens the vault");
    if (n_paper == n)
        attention_add(&s->attention, URGENT_SPARE, "", "coffer recipients add URI",
                      "only paper opens this vault, no token");
    else if (recipients_on_one(s->vault))
        attention_add(&s->attention, URGENT_SPARE, "",
                      "coffer recipients add --paper, or coffer recipients add URI",
                      "one token opens this vault: if it is lost, so is the vault");
}

static void token_json(cJSON *list, const struct recipient *r, const struct local_token *local,
                       enum fact blocked)
{
    recipient_put_json(list, NULL, r, local);
    json_fact(cJSON_GetArrayItem(list, cJSON_GetArraySize(list) - 1), "unattended_login_blocked",
              blocked);
}

static void show_token(struct overview *s, const struct recipient *r, cJSON *list)
{
    const struct local_token *local = local_find(s->tokens, s->vault, r);
    enum fact blocked = local ? is_login_blocked(s->c, local) : FACT_NO;
    bool is_paper = r->kind == RECIPIENT_PAPER;
    static const char *const blocked_text[] = {
        [FACT_UNKNOWN] = ", unattended login may be blocked",
        [FACT_NO] = "",
        [FACT_YES] = ", unattended login blocked",
    };
    char line[RECIPIENT_LINE];

    recipient_line(r, local, line);
    out_line(&s->c->out, "%s        %s%s%s", is_paper ? "paper" : "token", line,
             is_paper ? ""
             : local  ? ", known here"
                      : ", not known on this machine",
             blocked_text[blocked]);
    if (list)
        token_json(list, r, local, blocked);
}

static void show_trust(struct overview *s)
{
    struct out *o = &s->c->out;

    if (s->past.code)
        out_line(o, "trust        %s", s->past.msg);
    else if (s->trust == TRUST_PINNED)
        out_line(o, "trust        this machine trusts fingerprint %s", s->fingerprint);
    else if (s->trust == TRUST_NEWER)
        out_line(o,
                 "trust        newer than this machine has seen: whether it still has the trusted "
                 "fingerprint %s shows with a PIN (coffer doctor)",
                 s->fingerprint);
    else
        out_line(o, "trust        not trusted here");
}

static void show_vault(struct overview *s)
{
    struct out *o = &s->c->out;
    size_t n;
    const struct recipient *r = vault_recipients(s->vault, &n);
    char id[VAULT_ID_HEX];

    where_id_hex(vault_id(s->vault), id);
    out_line(o, "vault        %s, generation %" PRIu64 ", %zu key%s", s->c->where.vault,
             vault_generation(s->vault), vault_count(s->vault),
             vault_count(s->vault) == 1 ? "" : "s");
    show_trust(s);
    cJSON *v = o->is_json ? json_object(out_json(o), "vault") : NULL;
    json_text(v, "path", s->c->where.vault);
    json_text(v, "id", id);
    json_number(v, "generation", vault_generation(s->vault));
    json_bool_member(v, "trusted", !s->past.code && s->trust == TRUST_PINNED);
    json_text(v, "fingerprint", !s->past.code && s->trust == TRUST_PINNED ? s->fingerprint : "");
    json_text(v, "warning", s->past.code ? s->past.msg : "");
    cJSON *list = v ? json_array(out_json(o), "tokens") : NULL;
    for (size_t i = 0; i < n; i++)
        show_token(s, &r[i], list);
}

static void read_key(struct overview *s, const char *name)
{
    struct key_facts f;
    struct err e;

    if (key_facts_read(s->c, s->vault, name, s->now_ms, &f, &e)) {
        s->n_bad++;
        status_bad_row(&s->rows, name, &e);
        attention_add(&s->attention, URGENT_UNREADABLE, name, "coffer doctor",
                      "its record cannot be read");
        return;
    }
    status_row(&s->rows, &f);
    attention_key(&s->attention, &f);
    key_facts_free(&f);
}

static void show_keys(struct overview *s)
{
    struct out *o = &s->c->out;

    out_line(o, "%s", "");
    if (vault_count(s->vault) == 0) {
        out_line(o, "no keys yet");
        out_note(o, "Add one: coffer guide, then coffer add NAME EXCHANGE");
        return;
    }
    table_print(o, &s->rows.table);
    if (s->rows.risks.n_rows == 0)
        return;
    out_line(o, "%s", "");
    out_line(o, "Accepted risks:");
    table_print(o, &s->rows.risks);
}

/* Keys are read first, since what they give cause for is shown before them. */
static void show_all(struct overview *s)
{
    struct out *o = &s->c->out;
    char name[NAME_MAX_LEN + 1];

    if (o->is_json) {
        json_bool_member(out_json(o), "authenticated", false);
        s->rows.keys = cJSON_CreateArray();
    }
    status_head(&s->rows);
    look_at_trust(s);
    judge_tokens(s);
    for (size_t i = 0; vault_name(s->vault, i, name); i++)
        read_key(s, name);
    attention_show(o, &s->attention);
    out_line(o, "%s", "");
    show_vault(s);
    agent_status(s->c, s->vault, s->now_ms);
    show_keys(s);
    if (o->is_json)
        cJSON_AddItemToObject(out_json(o), "keys", s->rows.keys);
    out_note(o, "%s", "");
    out_note(o, "Read without a PIN: not authenticated. When keys were verified and reviewed is "
                "this machine's own note.");
}

static int status(struct overview *s, struct err *e)
{
    uint64_t now_us;

    if (vault_load(&s->c->where, s->c->env, &s->vault, e) || local_list(s->c, &s->tokens, e) ||
        s->c->env->now_us(s->c->env, &now_us, e))
        return e->code;
    s->now_ms = now_us / 1000;
    s->rows.out = &s->c->out;
    s->rows.has_software = opens_by_software(s->vault, s->tokens);
    show_all(s);
    if (s->n_bad > 0) {
        s->c->status = 1;
        out_warn("%zu record%s cannot be read", s->n_bad, s->n_bad == 1 ? "" : "s");
        out_hint("'coffer doctor' says more; restore the vault from a backup");
    }
    return OK;
}

int run_status(struct cli *c, struct err *e)
{
    struct overview s = {.c = c};
    int rc = status(&s, e);

    table_free(&s.rows.table);
    table_free(&s.rows.risks);
    attention_free(&s.attention);
    local_list_freep(&s.tokens);
    vault_freep(&s.vault);
    return rc;
}
