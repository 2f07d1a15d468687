/* SPDX-License-Identifier: Apache-2.0 */
/* coffer tokens: what each known module shows. No login, no PIN; one bad driver is one bad row. */
#include "cli/cli.h"
#include "cli/session.h"
#include "pkcs11/softhsm.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MODULES_MAX 48u
#define TOKENS_SHOWN 16u
#define URI_TEXT (3 * TOKEN_PATH_MAX + 256u)

/* Where distributions put the drivers of common tokens. */
static const char *const known_modules[] = {
    "/usr/lib/x86_64-linux-gnu/libykcs11.so",
    "/usr/lib/x86_64-linux-gnu/libykcs11.so.2",
    "/usr/lib/aarch64-linux-gnu/libykcs11.so",
    "/usr/lib/aarch64-linux-gnu/libykcs11.so.2",
    "/usr/lib64/libykcs11.so.2",
    "/usr/lib/x86_64-linux-gnu/opensc-pkcs11.so",
    "/usr/lib/aarch64-linux-gnu/opensc-pkcs11.so",
    "/usr/lib64/opensc-pkcs11.so",
    "/usr/lib/x86_64-linux-gnu/libtpm2_pkcs11.so.1",
    "/usr/lib/aarch64-linux-gnu/libtpm2_pkcs11.so.1",
    "/usr/lib64/libtpm2_pkcs11.so.0",
};

struct place {
    char module[TOKEN_PATH_MAX], conf[TOKEN_PATH_MAX];
    bool is_asked; /* by --module */
};

struct places {
    struct place v[MODULES_MAX];
    size_t n;
};

/* The same driver under two names is asked once. */
static void add_place(struct places *p, const char *module, const char *conf, bool is_asked)
{
    char *path = realpath(module, NULL);
    const char *real = path ? path : module;
    bool is_new = p->n < MODULES_MAX && strlen(real) < TOKEN_PATH_MAX;

    for (size_t i = 0; i < p->n && is_new; i++) {
        is_new = strcmp(p->v[i].module, real) != 0 || strcmp(p->v[i].conf, conf) != 0;
        p->v[i].is_asked |= !is_new && is_asked;
    }
    if (is_new) {
        memcpy(p->v[p->n].module, real, strlen(real) + 1);
        memcpy(p->v[p->n].conf, conf, strlen(conf) + 1);
        p->v[p->n].is_asked = is_asked;
        p->n++;
    }
    free(path);
}

static void add_embedded(struct cli *c, struct places *p)
{
    DIR *d = opendir(c->where.softhsm);
    char path[WHERE_MAX * 2];
    struct err ignored;

    for (struct dirent *f; d && (f = readdir(d)) != NULL;) {
        struct token_where w;
        int n = snprintf(path, sizeof(path), "%s/%s", c->where.softhsm, f->d_name);
        if (f->d_name[0] == '.' || n < 0 || (size_t)n >= WHERE_MAX)
            continue;
        if (softhsm_where(path, &w, &ignored) == OK)
            add_place(p, w.module, w.softhsm_conf, false);
    }
    if (d)
        closedir(d);
}

static void collect(struct cli *c, const struct local_tokens *l, struct places *p)
{
    char module[TOKEN_PATH_MAX];
    struct err ignored;

    for (size_t i = 0; i < l->n; i++)
        add_place(p, l->v[i].where.module, l->v[i].where.softhsm_conf, false);
    add_embedded(c, p);
    if (c->args->given[OPT_MODULE])
        add_place(p, c->args->value[OPT_MODULE], "", true);
    for (size_t i = 0; i < ARRAY_LEN(known_modules); i++)
        if (access(known_modules[i], R_OK) == 0)
            add_place(p, known_modules[i], "", false);
    if (getenv("SOFTHSM2_CONF") && softhsm_module(module, &ignored) == OK)
        add_place(p, module, "", false);
}

static const char *pin_text(enum pin_state s)
{
    switch (s) {
    case PIN_OK:
        return "ok";
    case PIN_LOW:
        return "a wrong PIN was entered";
    case PIN_FINAL_TRY:
        return "ONE TRY LEFT";
    case PIN_LOCKED:
        return "locked";
    case PIN_UNSET:
        return "not set";
    }
    return "unknown";
}

/* The vault of this run by the fingerprint that this machine trusts; any other by its id. */
static void name_vault(const struct cli *c, const uint8_t id[VAULT_ID_LEN],
                       char out[FINGERPRINT_TEXT])
{
    AUTO(vault_freep) struct vault *v = NULL;
    enum trust_state state = TRUST_NOT_CHECKED;
    char hex[VAULT_ID_HEX];
    struct err quiet;

    if (vault_load(&c->where, c->env, &v, &quiet) == OK &&
        memcmp(vault_id(v), id, VAULT_ID_LEN) == 0 &&
        vault_pin_look(v, out, &state, &quiet) == OK && state == TRUST_PINNED)
        return;
    where_id_hex(id, hex);
    snprintf(out, FINGERPRINT_TEXT, "%s", hex);
}

/* Which vaults of this machine the token opens. */
static void vaults_text(const struct cli *c, const struct local_tokens *l,
                        const struct token_info *i, char *out, size_t cap)
{
    size_t n = 0;

    out[0] = 0;
    for (size_t k = 0; k < l->n && n < cap; k++) {
        const struct local_token *t = &l->v[k];
        char name[FINGERPRINT_TEXT];
        if (strcmp(t->where.label, i->label) != 0 || strcmp(t->where.serial, i->serial) != 0)
            continue;
        name_vault(c, t->vault_id, name);
        n += (size_t)snprintf(out + n, cap - n, "%s%s", n ? ", " : "", name);
    }
}

static size_t uri_part(char *out, size_t cap, const char *name, const char *v, const char *safe)
{
    size_t n = (size_t)snprintf(out, cap, "%s=", name);

    for (; *v && n + 4 < cap; v++) {
        bool is_plain = (*v >= 'a' && *v <= 'z') || (*v >= 'A' && *v <= 'Z') ||
                        (*v >= '0' && *v <= '9') || strchr(safe, *v);
        if (is_plain)
            out[n++] = *v;
        else
            n += (size_t)snprintf(out + n, cap - n, "%%%02X", (unsigned char)*v);
    }
    out[n] = 0;
    return n;
}

/* What init and trust take with --token. An embedded token has none: its module sees it only with
 * a configuration that no URI can name. */
static void uri_text(const struct token_info *i, const struct place *p, char *out, size_t cap)
{
    size_t n = (size_t)snprintf(out, cap, "pkcs11:");

    if (i->label[0])
        n += uri_part(out + n, cap - n, "token", i->label, "-._~");
    if (i->label[0] && i->serial[0])
        n += (size_t)snprintf(out + n, cap - n, ";");
    if (i->serial[0])
        n += uri_part(out + n, cap - n, "serial", i->serial, "-._~");
    n += (size_t)snprintf(out + n, cap - n, "?");
    uri_part(out + n, cap - n, "module-path", p->module, "-._~/");
}

static void show_token(struct cli *c, const struct token_info *i, const struct place *p,
                       const struct local_tokens *l, cJSON *list)
{
    struct out *o = &c->out;
    char vaults[256], uri[URI_TEXT] = "";

    if (!p->conf[0])
        uri_text(i, p, uri, sizeof(uri));
    vaults_text(c, l, i, vaults, sizeof(vaults));
    out_line(o, "token '%s'", i->label);
    out_line(o, "  kind      %s",
             i->is_software ? "software (no hardware protects its keys)"
                            : "hardware, as far as its driver tells");
    out_line(o, "  serial    %s", i->serial[0] ? i->serial : "-");
    out_line(o, "  model     %s %s", i->manufacturer, i->model);
    out_line(o, "  driver    %s, firmware %s", i->driver, i->firmware);
    out_line(o, "  module    %s", p->module);
    out_line(o, "  URI       %s", uri[0] ? uri : "none: an embedded token is reached by --softhsm");
    out_line(o, "  PIN       %s%s%s", pin_text(i->pin),
             i->is_protected_path ? ", entered on the device" : "",
             i->is_read_only ? "; the token is read-only" : "");
    out_line(o, "  opens     %s%s", vaults[0] ? "vault " : "no vault of this machine", vaults);
    cJSON *j = list ? json_object(list, NULL) : NULL;
    json_text(j, "label", i->label);
    json_text(j, "serial", i->serial);
    json_text(j, "manufacturer", i->manufacturer);
    json_text(j, "model", i->model);
    json_text(j, "driver", i->driver);
    json_text(j, "firmware", i->firmware);
    json_bool_member(j, "software", i->is_software);
    json_bool_member(j, "read_only", i->is_read_only);
    json_bool_member(j, "pin_on_device", i->is_protected_path);
    json_text(j, "pin", pin_text(i->pin));
    json_text(j, "module", p->module);
    if (uri[0])
        json_text(j, "uri", uri);
    json_text(j, "vaults", vaults);
}

static void show_broken(struct cli *c, const struct place *p, const struct err *e, cJSON *list)
{
    out_line(&c->out, "module %s", p->module);
    out_line(&c->out, "  does not work: %s", e->msg);
    cJSON *j = list ? json_object(list, NULL) : NULL;
    json_text(j, "module", p->module);
    json_text(j, "error", e->msg);
}

static size_t show_place(struct cli *c, const struct place *p, const struct local_tokens *l,
                         cJSON *list)
{
    struct token_info infos[TOKENS_SHOWN];
    struct err e = {.code = OK};
    size_t n = 0;

    if (token_list(p->module, p->conf, infos, TOKENS_SHOWN, &n, &e)) {
        show_broken(c, p, &e, list);
        if (p->is_asked)
            c->status = 1;
        return 0;
    }
    if (n > TOKENS_SHOWN)
        out_warn("'%s' shows %zu tokens; the first %u are listed", p->module, n, TOKENS_SHOWN);
    for (size_t i = 0; i < n && i < TOKENS_SHOWN; i++)
        show_token(c, &infos[i], p, l, list);
    return n;
}

int run_tokens(struct cli *c, struct err *e)
{
    AUTO(local_list_freep) struct local_tokens *l = NULL;
    cJSON *list = c->out.is_json ? json_array(out_json(&c->out), "tokens") : NULL;
    size_t n = 0;

    if (local_list(c, &l, e))
        return e->code;
    struct places *p = calloc(1, sizeof(*p));
    if (!p)
        return err_set(e, ERR_MEMORY, "no memory for the list of modules");
    collect(c, l, p);
    for (size_t i = 0; i < p->n; i++)
        n += show_place(c, &p->v[i], l, list);
    free(p);
    if (n == 0) {
        out_line(&c->out, "no tokens found");
        out_note(&c->out, "Plug a token in, or name its driver: coffer tokens --module PATH");
        out_note(&c->out, "Without hardware: coffer init --softhsm");
    }
    return OK;
}
