/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of uri.h. Attributes are checked here one by one; p11-kit only decodes what passed. */
#include "pkcs11/uri.h"

#include "base/text.h"

#include <p11-kit/p11-kit.h>
#include <p11-kit/uri.h>

#define URI_MAX 1024u

struct attribute {
    const char *name;
    bool is_query;   /* stands after the question mark */
    size_t max;      /* bytes after decoding; 0: refused */
    const char *why; /* refused, and why */
};

static const struct attribute attributes[] = {
    {"token", false, TOKEN_LABEL_MAX - 1, NULL},
    {"manufacturer", false, TOKEN_LABEL_MAX - 1, NULL},
    {"model", false, TOKEN_SERIAL_MAX - 1, NULL},
    {"serial", false, TOKEN_SERIAL_MAX - 1, NULL},
    {"object", false, sizeof(((struct token_uri *)0)->object) - 1, NULL},
    {"id", false, TOKEN_ID_MAX, NULL},
    {"type", false, 16, NULL},
    {"module-path", true, TOKEN_PATH_MAX - 1, NULL},
    {"pin-value", true, 0, "a PIN in a URI ends up in shell history and process lists"},
    {"pin-source", true, 0, "the PIN comes from a prompt, a descriptor or a file of its own"},
    {"module-name", true, 0, "give module-path, the file of the driver"},
    {"slot-id", false, 0, "slot numbers change: use token or serial"},
    {"slot-description", false, 0, "slots change: use token or serial"},
    {"slot-manufacturer", false, 0, "slots change: use token or serial"},
    {"library-manufacturer", false, 0, "give module-path, the file of the driver"},
    {"library-description", false, 0, "give module-path, the file of the driver"},
    {"library-version", false, 0, "give module-path, the file of the driver"},
};

static const char shape_hint[] =
    "a token URI looks like 'pkcs11:token=NAME;serial=NUMBER;id=%01?module-path=/usr/lib/...'";

static const struct attribute *attribute_find(struct bytes name)
{
    for (size_t i = 0; i < ARRAY_LEN(attributes); i++) {
        if (bytes_eq_str(name, attributes[i].name))
            return &attributes[i];
    }
    return NULL;
}

static int hex_digit(uint8_t c)
{
    return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 87 : -1;
}

/* Length after decoding; false on a bad escape, or on %00 where text is wanted. */
static bool decoded_len(struct bytes v, bool is_text, size_t *n)
{
    *n = 0;
    for (size_t i = 0; i < v.n; i++, ++*n) {
        if (v.p[i] != '%')
            continue;
        if (v.n - i < 3)
            return false;
        int hi = hex_digit(v.p[i + 1]), lo = hex_digit(v.p[i + 2]);
        if (hi < 0 || lo < 0 || (is_text && hi == 0 && lo == 0))
            return false;
        i += 2;
    }
    return true;
}

static int value_check(const struct attribute *a, struct bytes value, struct err *e)
{
    size_t n;
    if (value.n == 0)
        return err_set(e, ERR_USAGE, "token URI: attribute '%s' is empty", a->name);
    if (!decoded_len(value, strcmp(a->name, "id") != 0, &n))
        return err_set(e, ERR_USAGE, "token URI: attribute '%s' has a malformed %%-escape",
                       a->name);
    if (n > a->max)
        return err_set(e, ERR_USAGE, "token URI: attribute '%s' is longer than %zu bytes", a->name,
                       a->max);
    if (strcmp(a->name, "type") == 0 && !bytes_eq_str(value, "private")) {
        err_set(e, ERR_USAGE, "token URI: attribute 'type' must be private");
        return err_hint(e, "the sealing key is a private key; leave 'type' out");
    }
    return OK;
}

/* One name=value. seen: bit by index in attributes. */
static int part_check(struct bytes part, bool is_query, unsigned *seen, struct err *e)
{
    struct bytes name, value;
    if (!text_cut(part, '=', &name, &value))
        return err_set(e, ERR_USAGE, "token URI: a part has no '='");
    const struct attribute *a = attribute_find(name);
    if (!a) {
        int shown = name.n > 32 ? 32 : (int)name.n;
        err_set(e, ERR_USAGE, "token URI: unknown attribute '%.*s'", shown, (const char *)name.p);
        return err_hint(e, "known are token, serial, manufacturer, model, object, id and, after a "
                           "question mark, module-path");
    }
    if (a->why)
        return err_set(e, ERR_USAGE, "token URI: attribute '%s' is not taken: %s", a->name, a->why);
    if (a->is_query != is_query) {
        return err_set(e, ERR_USAGE, "token URI: attribute '%s' belongs %s the question mark",
                       a->name, a->is_query ? "after" : "before");
    }
    unsigned bit = 1u << (a - attributes);
    if (*seen & bit)
        return err_set(e, ERR_USAGE, "token URI: attribute '%s' is given twice", a->name);
    *seen |= bit;
    return value_check(a, value, e);
}

static int parts_check(struct bytes parts, bool is_query, unsigned *seen, struct err *e)
{
    char sep = is_query ? '&' : ';';
    bool more = true;
    while (more) {
        struct bytes part, rest;
        more = text_cut(parts, sep, &part, &rest);
        int r = part_check(part, is_query, seen, e);
        if (r)
            return r;
        parts = rest;
    }
    return OK;
}

static int chars_check(struct bytes text, struct err *e)
{
    for (size_t i = 0; i < text.n; i++) {
        uint8_t c = text.p[i];
        if (c <= ' ' || c >= 0x7f) {
            err_set(e, ERR_USAGE, "token URI: blank or unprintable character at byte %zu", i + 1);
            return err_hint(e, "write a blank as %%20, and quote the URI in the shell");
        }
        if (c == '#' || c == '"' || c == '<' || c == '>')
            return err_set(e, ERR_USAGE, "token URI: character '%c' must be written as %%%02X", c,
                           c);
    }
    return OK;
}

static int check(const char *text, struct err *e)
{
    struct bytes all = bytes_of(text, strnlen(text, URI_MAX + 1)), path, query;
    unsigned seen = 0;
    if (all.n > URI_MAX)
        return err_set(e, ERR_USAGE, "token URI: longer than %u bytes", URI_MAX);
    if (all.n == 0)
        return err_set(e, ERR_USAGE, "token URI: empty");
    int r = chars_check(all, e);
    if (r)
        return r;
    if (!text_starts(all, "pkcs11:"))
        return err_set(e, ERR_USAGE, "token URI: does not begin with 'pkcs11:'");
    all = bytes_of(all.p + 7, all.n - 7);
    bool has_query = text_cut(all, '?', &path, &query);
    if (path.n == 0 && !has_query)
        return err_set(e, ERR_USAGE, "token URI: names no token");
    if (path.n > 0 && (r = parts_check(path, false, &seen, e)) != OK)
        return r;
    return has_query ? parts_check(query, true, &seen, e) : OK;
}

static void uri_freep(P11KitUri **u)
{
    p11_kit_uri_free(*u);
}

/* Token fields are blank-padded; p11-kit marks an absent one by a NUL first. */
static void take_padded(char *out, size_t cap, const unsigned char *field, size_t n)
{
    n = strnlen((const char *)field, n);
    while (n > 0 && field[n - 1] == ' ')
        n--;
    if (n >= cap)
        n = cap - 1;
    memcpy(out, field, n);
    out[n] = 0;
}

static int decode(P11KitUri *u, struct token_uri *out, struct err *e)
{
    const CK_TOKEN_INFO *info = p11_kit_uri_get_token_info(u);
    const CK_ATTRIBUTE *id = p11_kit_uri_get_attribute(u, CKA_ID);
    const CK_ATTRIBUTE *object = p11_kit_uri_get_attribute(u, CKA_LABEL);
    const char *module = p11_kit_uri_get_module_path(u);
    take_padded(out->label, sizeof(out->label), info->label, sizeof(info->label));
    take_padded(out->serial, sizeof(out->serial), info->serialNumber, sizeof(info->serialNumber));
    take_padded(out->manufacturer, sizeof(out->manufacturer), info->manufacturerID,
                sizeof(info->manufacturerID));
    take_padded(out->model, sizeof(out->model), info->model, sizeof(info->model));
    if (id) {
        if (id->ulValueLen > sizeof(out->id))
            return err_set(e, ERR_USAGE, "token URI: attribute 'id' is too long");
        memcpy(out->id, id->pValue, id->ulValueLen);
        out->id_len = id->ulValueLen;
    }
    if (object &&
        !text_copy(out->object, sizeof(out->object), bytes_of(object->pValue, object->ulValueLen)))
        return err_set(e, ERR_USAGE, "token URI: attribute 'object' is too long");
    if (module && !text_copy(out->module, sizeof(out->module), bytes_str(module)))
        return err_set(e, ERR_USAGE, "token URI: attribute 'module-path' is too long");
    if (module && module[0] != '/') {
        err_set(e, ERR_USAGE, "token URI: attribute 'module-path' is not absolute");
        return err_hint(e, "give the whole path of the driver, beginning with '/'");
    }
    return OK;
}

int uri_parse(const char *text, struct token_uri *out, struct err *e)
{
    int r = check(text, e);
    if (r)
        return e->n_hints ? r : err_hint(e, "%s", shape_hint);
    AUTO(uri_freep) P11KitUri *u = p11_kit_uri_new();
    if (!u)
        return err_set(e, ERR_MEMORY, "token URI: out of memory");
    /* What p11-kit would skip must not widen the match. */
    if (p11_kit_uri_parse(text, P11_KIT_URI_FOR_ANY, u) != P11_KIT_URI_OK ||
        p11_kit_uri_any_unrecognized(u)) {
        err_set(e, ERR_USAGE, "token URI: malformed");
        return err_hint(e, "%s", shape_hint);
    }
    struct token_uri tmp = {0};
    r = decode(u, &tmp, e);
    if (r == OK)
        *out = tmp;
    return r;
}
