/* SPDX-License-Identifier: Apache-2.0 */
/* One token in the listing of coffer tokens: what it is, its public keys, its PIN, what is known
 * against it, and which vaults it opens. No login: private keys are not seen. */
#include "cli/tokens.h"

#include "cli/page.h"
#include "cli/session.h"
#include "pkcs11/advice.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VAULTS_TEXT 256u

/* Some drivers speak of the last try only, or of none. */
static const char *pin_ok_text(const struct token_info *i)
{
    switch (token_family(i)) {
    case FAMILY_PIV:
        return "not locked, and not at its last try; the driver tells no more";
    case FAMILY_TPM:
        return "whether it is locked is not told";
    case FAMILY_OTHER:
        return "ok, as far as its driver tells";
    default:
        return "ok";
    }
}

static const char *pin_text(const struct token_info *i)
{
    switch (i->pin) {
    case PIN_OK:
        return pin_ok_text(i);
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

/* Comes with a PIN that its owner has to change: 123456 on a YubiKey. */
static bool has_makers_pin(const struct token_info *i)
{
    return !i->is_software && token_family(i) != FAMILY_TPM;
}

static void show_pin(struct token_view *v)
{
    struct out *o = &v->all->c->out;
    const struct token_info *i = v->i;
    const char *fix = i->pin == PIN_LOCKED                           ? token_unlock_advice(i)
                      : i->pin == PIN_LOW || i->pin == PIN_FINAL_TRY ? token_prove_advice(i)
                                                                     : NULL;

    out_line(o, "  PIN       %s%s%s%s", pin_text(i),
             i->is_protected_path ? ", entered on the device" : "",
             i->is_read_only ? "; the token is read-only" : "",
             i->is_pin_default   ? "; still the maker's"
             : has_makers_pin(i) ? "; whether it is still the maker's is not told"
                                 : "");
    if (fix)
        page_line(o, false, "            fix: ", fix);
    json_text(v->json, "pin", pin_text(i));
    json_text(v->json, "pin_fix", fix ? fix : "");
    if (i->is_pin_default)
        json_bool_member(v->json, "pin_is_makers", true);
    else
        cJSON_AddNullToObject(v->json, "pin_is_makers");
}

static void show_advisories(struct token_view *v)
{
    static const char *const levels[] = {"note", "warning", "BAD"};
    struct out *o = &v->all->c->out;
    struct advisory list[ADVISORIES_MAX];
    size_t n = token_advisories(v->i, v->keys, token_keys_shown(v), list);
    cJSON *array = v->json ? json_array(v->json, "advisories") : NULL;

    for (size_t k = 0; k < n; k++) {
        const struct advisory *a = &list[k];
        char head[64];
        snprintf(head, sizeof(head), "  %-8s  %s: ", levels[a->level], a->id);
        page_line(o, a->level == ADVISORY_BAD, head, a->text);
        page_line(o, false, "            fix: ", a->fix);
        cJSON *j = array ? json_object(array, NULL) : NULL;
        json_text(j, "id", a->id);
        json_text(j, "level", levels[a->level]);
        json_text(j, "message", a->text);
        json_text(j, "fix", a->fix);
    }
    if (n == 0)
        out_line(o, "  known     %s",
                 token_family(v->i) == FAMILY_OTHER
                     ? "tokens of this kind are not known here: see its maker's advisories"
                     : "nothing against it, by what its driver tells");
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
        vault_pin_look(v, out, &state, &quiet) == OK && state != TRUST_NO_PIN)
        return;
    where_id_hex(id, hex);
    snprintf(out, FINGERPRINT_TEXT, "%s", hex);
}

/* What a token is to a vault: its opener by one of its keys, which another driver shows too under
 * another name, or by that name; or its opener once, whose key's id another key has now. */
enum part { PART_NONE, PART_OPENS, PART_OPENED };

static enum part part_of(const struct token_view *v, const struct local_token *t)
{
    struct err quiet;
    uint8_t rid[RID_LEN];
    bool is_taken = false;

    for (size_t k = 0; k < token_keys_shown(v); k++) {
        const struct token_key *key = &v->keys[k];
        if (key->spki.n == 0 || spki_rid(&key->spki, rid, &quiet))
            continue;
        if (memcmp(rid, t->rid, RID_LEN) == 0)
            return PART_OPENS;
        is_taken |= key->id_len > 0 && key->id_len == t->key_id_len &&
                    memcmp(key->id, t->key_id, key->id_len) == 0;
    }
    if (strcmp(t->where.label, v->i->label) || strcmp(t->where.serial, v->i->serial))
        return PART_NONE;
    return is_taken ? PART_OPENED : PART_OPENS;
}

/* id_mark: before what is no fingerprint but an id, as the vault's file tells it. */
static void list_vaults(const struct token_view *v, enum part part, const char *id_mark,
                        char text[VAULTS_TEXT])
{
    const struct local_tokens *l = v->all->l;
    size_t n = 0;

    text[0] = 0;
    for (size_t k = 0; k < l->n && n < VAULTS_TEXT; k++) {
        char name[FINGERPRINT_TEXT];
        if (part_of(v, &l->v[k]) != part)
            continue;
        name_vault(v->all->c, l->v[k].vault_id, name);
        if (!strstr(text, name)) /* by two keys */
            n += (size_t)snprintf(text + n, VAULTS_TEXT - n, "%s%s%s", n ? ", " : "",
                                  strchr(name, '-') ? "" : id_mark, name);
    }
}

static void show_vaults(struct token_view *v)
{
    struct out *o = &v->all->c->out;
    char text[VAULTS_TEXT], lost[VAULTS_TEXT];

    list_vaults(v, PART_OPENS, "with id ", text);
    list_vaults(v, PART_OPENED, "with id ", lost);
    if (lost[0])
        out_bad(o,
                "  BAD       had the key of vault %s; the key under that id is now another one, "
                "which does not open it",
                lost);
    out_line(o, "  opens     %s%s", text[0] ? "vault " : "no vault of this machine", text);
    list_vaults(v, PART_OPENS, "", text);
    list_vaults(v, PART_OPENED, "", lost);
    json_text(v->json, "vaults", text);
    json_text(v->json, "vaults_lost", lost);
}

static void show_head(struct token_view *v)
{
    struct out *o = &v->all->c->out;
    const struct token_info *i = v->i;
    char uri[TOKEN_URI_TEXT], firmware[FIRMWARE_TEXT];

    token_uri_text(v, NULL, uri);
    token_firmware_text(i, firmware);
    out_line(o, "token '%s'", i->label);
    out_line(o, "  kind      %s",
             i->is_software ? "software (no hardware protects its keys)"
                            : "hardware, as far as its driver tells");
    out_line(o, "  serial    %s", i->serial[0] ? i->serial : "-");
    out_line(o, "  model     %s %s", i->manufacturer, i->model);
    out_line(o, "  firmware  %s", firmware[0] ? firmware : "not told");
    out_line(o, "  driver    %s", i->driver);
    out_line(o, "  module    %s", v->place->module);
    out_line(o, "  URI       %s", uri[0] ? uri : "none: an embedded token is reached by --softhsm");
    json_text(v->json, "label", i->label);
    json_text(v->json, "serial", i->serial);
    json_text(v->json, "manufacturer", i->manufacturer);
    json_text(v->json, "model", i->model);
    json_text(v->json, "driver", i->driver);
    json_text(v->json, "firmware", firmware);
    json_bool_member(v->json, "software", i->is_software);
    json_bool_member(v->json, "read_only", i->is_read_only);
    json_bool_member(v->json, "pin_on_device", i->is_protected_path);
    json_text(v->json, "module", v->place->module);
    if (uri[0])
        json_text(v->json, "uri", uri);
}

void tokens_show(struct tokens_view *all, const struct token_info *i, const struct place *p)
{
    struct token_view v = {.all = all, .i = i, .place = p};

    v.keys = calloc(KEYS_SHOWN, sizeof(*v.keys));
    if (v.keys)
        token_keys_read(&v);
    else
        err_set(&v.keys_err, ERR_MEMORY, "no memory for the keys");
    v.json = all->list ? json_object(all->list, NULL) : NULL;
    all->has_yubikey |= token_family(i) == FAMILY_YUBIKEY;
    all->has_piv |= token_family(i) == FAMILY_PIV;
    show_head(&v);
    token_keys_show(&v);
    show_pin(&v);
    show_advisories(&v);
    show_vaults(&v);
    free(v.keys);
}
