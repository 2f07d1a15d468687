/* SPDX-License-Identifier: Apache-2.0 */
/* vault.json: its two lines, recipients and index. Record files are in format_record.c. */
#include "vault/format.h"

#include "base/codec.h"
#include "base/json.h"
#include "base/text.h"
#include "base/wipe.h"
#include "vault/members.h"

#include <assert.h>

#define ENTRY_MIN 64u   /* bytes of JSON */

static const struct json_limits vault_limits = {VAULT_JSON_MAX, 5, 32};

int lines_split(struct bytes text, struct bytes *lines, size_t n, struct err *e)
{
    for (size_t i = 0; i < n; i++) {
        struct bytes rest;
        if (!text_cut(text, '\n', &lines[i], &rest) || lines[i].n == 0)
            return err_set(e, ERR_FORMAT, "line %zu is missing or not ended", i + 1);
        text = rest;
    }
    if (text.n)
        return err_set(e, ERR_FORMAT, "there is something after line %zu", n);
    return OK;
}

bool member_b64(struct json v, uint8_t *out, size_t cap, size_t *n)
{
    return v.type == JSON_STRING && b64url_decode(out, cap, n, json_raw(v));
}

bool member_b64_exact(struct json v, uint8_t *out, size_t len)
{
    size_t n = 0;
    return member_b64(v, out, len, &n) && n == len;
}

int member_unknown(struct json key, const char *where, struct err *e)
{
    char name[40];
    if (!json_cstr(key, name, sizeof(name)))
        memcpy(name, "a long name", sizeof("a long name"));
    err_set(e, ERR_FORMAT, "%s has a member '%s' that this version does not know", where, name);
    return err_hint(e, "it may have been written by a newer coffer: update this one");
}

static bool kind_by_name(struct json v, enum recipient_kind *out)
{
    if (json_str_eq(v, "token"))
        *out = RECIPIENT_TOKEN;
    else if (json_str_eq(v, "paper"))
        *out = RECIPIENT_PAPER;
    else
        return false;
    return true;
}

static bool recipient_member(const struct json *key, struct json v, struct recipient *r,
                             struct wrapped *w, unsigned *seen)
{
    bool ok = false;
    unsigned bit = 0;
    if (json_str_eq(*key, "rid"))
        bit = 1, ok = member_b64_exact(v, r->rid, RID_LEN);
    else if (json_str_eq(*key, "spki"))
        bit = 2, ok = member_b64(v, r->spki.der, SPKI_MAX, &r->spki.n) && r->spki.n;
    else if (json_str_eq(*key, "scheme"))
        bit = 4, ok = v.type == JSON_STRING && scheme_by_name(json_raw(v), &r->scheme);
    else if (json_str_eq(*key, "kind"))
        bit = 8, ok = kind_by_name(v, &r->kind);
    else if (json_str_eq(*key, "label"))
        bit = 16, ok = json_cstr(v, r->label, sizeof(r->label));
    else if (json_str_eq(*key, "key_id"))
        bit = 32, ok = member_b64(v, r->key_id, TOKEN_ID_MAX, &r->key_id_len);
    else if (json_str_eq(*key, "serial"))
        bit = 64, ok = json_cstr(v, r->serial, sizeof(r->serial));
    else if (json_str_eq(*key, "tested"))
        bit = 128, ok = json_bool(v, &r->tested);
    else if (json_str_eq(*key, "wrap"))
        bit = 256, ok = member_b64(v, w->v, WRAP_MAX, &w->n) && w->n;
    *seen |= bit;
    return ok;
}

static int recipient_parse(struct json v, struct recipient *r, struct wrapped *w, struct err *e)
{
    struct json_iter it;
    struct json key, val;
    unsigned seen = 0;
    *r = (struct recipient){.tested = false};
    json_iter(&it, v);
    while (json_next(&it, &key, &val)) {
        unsigned before = seen;
        if (recipient_member(&key, val, r, w, &seen))
            continue;
        return before == seen ? member_unknown(key, "a recipient", e)
                              : err_set(e, ERR_FORMAT, "a recipient's member is not as documented");
    }
    uint8_t rid[RID_LEN];
    if (v.type != JSON_OBJECT || seen != 511)
        return err_set(e, ERR_FORMAT, "a recipient lacks a member");
    int rc = spki_rid(&r->spki, rid, e);
    if (rc)
        return rc;
    /* whether the key itself is sound is checked where something is sealed to it */
    if (!mem_eq(rid, r->rid, RID_LEN))
        return err_set(e, ERR_FORMAT, "a recipient's public key is not what it says");
    return OK;
}

static int recipients_parse(struct json v, struct body *b, struct err *e)
{
    struct json_iter it;
    struct json key, val;
    json_iter(&it, v);
    while (json_next(&it, &key, &val)) {
        if (b->n_recipients == RECIPIENTS_MAX)
            return err_set(e, ERR_LIMIT, "there are more than %u recipients", RECIPIENTS_MAX);
        size_t i = b->n_recipients;
        int rc = recipient_parse(val, &b->recipients[i], &b->wraps[i], e);
        if (rc)
            return rc;
        for (size_t j = 0; j < i; j++)
            if (mem_eq(b->recipients[j].rid, b->recipients[i].rid, RID_LEN))
                return err_set(e, ERR_FORMAT, "a recipient is there twice");
        b->n_recipients++;
    }
    if (v.type != JSON_ARRAY || b->n_recipients == 0)
        return err_set(e, ERR_FORMAT, "there is no recipient");
    return OK;
}

static bool ref_ok(const struct file_ref *f, struct bytes want_name)
{
    struct bytes name;
    uint64_t version;
    return record_file_name_ok(f->file, &name, &version) && bytes_eq(name, want_name) &&
           f->sha64.n == SHA64_LEN;
}

static int entry_parse(struct json v, struct index_entry *out, struct err *e)
{
    struct json_iter it;
    struct json key, val;
    unsigned seen = 0;
    bool ok = v.type == JSON_OBJECT;
    struct index_entry n = {0};
    json_iter(&it, v);
    while (ok && json_next(&it, &key, &val)) {
        struct bytes raw = json_raw(val);
        ok = val.type == JSON_STRING;
        if (json_str_eq(key, "name"))
            n.name = raw, seen |= 1;
        else if (json_str_eq(key, "file"))
            n.current.file = raw, seen |= 2;
        else if (json_str_eq(key, "sha256"))
            n.current.sha64 = raw, seen |= 4;
        else if (json_str_eq(key, "retiring"))
            n.retiring.file = raw, seen |= 8;
        else if (json_str_eq(key, "retiring_sha256"))
            n.retiring.sha64 = raw, seen |= 16;
        else
            return member_unknown(key, "an index entry", e);
    }
    if (!ok || (seen != 7 && seen != 31) || !ref_ok(&n.current, n.name) ||
        (seen == 31 && !ref_ok(&n.retiring, n.name)))
        return err_set(e, ERR_FORMAT, "an index entry is not as documented");
    *out = n;
    return OK;
}

static int bytes_cmp(struct bytes a, struct bytes b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int c = memcmp(a.p, b.p, n);
    return c ? c : (a.n > b.n) - (a.n < b.n);
}

static int index_parse(struct json v, struct body *b, struct err *e)
{
    struct json_iter it;
    struct json key, val;
    size_t n = v.n / ENTRY_MIN;   /* no entry is as short as this */
    if (v.type != JSON_ARRAY)
        return err_set(e, ERR_FORMAT, "the index is no array");
    b->entries = wipe_malloc((n + 1) * sizeof(*b->entries));
    if (!b->entries)
        return err_set(e, ERR_MEMORY, "no memory for an index of %zu", n);
    json_iter(&it, v);
    while (json_next(&it, &key, &val)) {
        struct index_entry *this = &b->entries[b->n_entries];
        if (b->n_entries == n + 1)
            return err_set(e, ERR_FORMAT, "an index entry is not as documented");
        int rc = entry_parse(val, this, e);
        if (rc)
            return rc;
        if (b->n_entries && bytes_cmp(this[-1].name, this->name) >= 0)
            return err_set(e, ERR_FORMAT, "the index is not sorted");
        b->n_entries++;
    }
    return OK;
}

static int body_member(struct json key, struct json v, struct body *b, unsigned *seen,
                       struct err *e)
{
    uint64_t format = 0;
    bool ok;
    if (json_str_eq(key, "format")) {
        *seen |= 1;
        ok = json_u64(v, JSON_INT_MAX, &format);
        if (ok && format != 1) {
            err_set(e, ERR_FORMAT, "the vault has format %llu; this version knows format 1",
                    (unsigned long long)format);
            return err_hint(e, "update coffer");
        }
    } else if (json_str_eq(key, "vault_id")) {
        *seen |= 2, ok = member_b64_exact(v, b->id, VAULT_ID_LEN);
    } else if (json_str_eq(key, "generation")) {
        *seen |= 4, ok = json_u64(v, JSON_INT_MAX - 1, &b->generation) && b->generation;
    } else if (json_str_eq(key, "recipients")) {
        *seen |= 8;
        return recipients_parse(v, b, e);
    } else if (json_str_eq(key, "audit_key")) {
        *seen |= 16, ok = member_b64_exact(v, b->audit_key, AUDIT_KEY_LEN);
    } else if (json_str_eq(key, "index")) {
        *seen |= 32;
        return index_parse(v, b, e);
    } else {
        return member_unknown(key, "vault.json", e);
    }
    return ok ? OK : err_set(e, ERR_FORMAT, "a member of vault.json is not as documented");
}

static int body_members(struct json root, struct body *b, struct err *e)
{
    struct json_iter it;
    struct json key, val;
    unsigned seen = 0;
    if (root.type != JSON_OBJECT)
        return err_set(e, ERR_FORMAT, "vault.json's body is no object");
    json_iter(&it, root);
    while (json_next(&it, &key, &val)) {
        int rc = body_member(key, val, b, &seen, e);
        if (rc)
            return rc;
    }
    return seen == 63 ? OK : err_set(e, ERR_FORMAT, "vault.json lacks a member");
}

int line_check(struct bytes line, const struct json_limits *lim, struct json *root, struct err *e)
{
    int rc = json_check(line, lim, root, e);
    if (!rc && root->n != line.n)
        rc = err_set(e, ERR_FORMAT, "there are blanks around the value");
    return rc;
}

int body_parse(struct bytes text, struct body *out, struct err *e)
{
    struct json root;
    int rc = line_check(text, &vault_limits, &root, e);
    if (rc)
        return rc;
    struct body *b = wipe_malloc(sizeof(*b));
    if (!b)
        return err_set(e, ERR_MEMORY, "no memory to read the vault");
    memset(b, 0, sizeof(*b));
    rc = body_members(root, b, e);
    if (rc)
        body_free(b);
    else
        *out = *b;
    wipe_free(b);
    return rc;
}

void body_free(struct body *b)
{
    wipe_free(b->entries);
    b->entries = NULL;
    b->n_entries = 0;
}

void member_print_b64(struct buf *out, const char *name, struct bytes v)
{
    buf_addf(out, "\"%s\":\"", name);
    b64url_encode(out, v);
    buf_adds(out, "\"");
}

void member_print_str(struct buf *out, const char *name, const char *v)
{
    buf_addf(out, "\"%s\":", name);
    buf_add_json(out, bytes_str(v));
}

static void recipient_print(const struct recipient *r, const struct wrapped *w, struct buf *out)
{
    buf_adds(out, "{");
    member_print_b64(out, "rid", bytes_of(r->rid, RID_LEN));
    buf_adds(out, ",");
    member_print_b64(out, "spki", bytes_of(r->spki.der, r->spki.n));
    buf_addf(out, ",\"scheme\":\"%s\",\"kind\":\"%s\",", scheme_name(r->scheme),
             r->kind == RECIPIENT_PAPER ? "paper" : "token");
    member_print_str(out, "label", r->label);
    buf_adds(out, ",");
    member_print_b64(out, "key_id", bytes_of(r->key_id, r->key_id_len));
    buf_adds(out, ",");
    member_print_str(out, "serial", r->serial);
    buf_addf(out, ",\"tested\":%s,", r->tested ? "true" : "false");
    member_print_b64(out, "wrap", bytes_of(w->v, w->n));
    buf_adds(out, "}");
}

/* What stands before each value of an index entry. */
#define AT_NAME "{\"name\":\""
#define AT_FILE "\",\"file\":\""
#define AT_SHA "\",\"sha256\":\""
#define AT_RETIRING "\",\"retiring\":\""
#define AT_RETIRING_SHA "\",\"retiring_sha256\":\""
#define AT_END "\"}"

static void entry_print(const struct index_entry *n, struct buf *out)
{
    buf_adds(out, AT_NAME);
    buf_add(out, n->name);
    buf_adds(out, AT_FILE);
    buf_add(out, n->current.file);
    buf_adds(out, AT_SHA);
    buf_add(out, n->current.sha64);
    if (n->retiring.file.n) {
        buf_adds(out, AT_RETIRING);
        buf_add(out, n->retiring.file);
        buf_adds(out, AT_RETIRING_SHA);
        buf_add(out, n->retiring.sha64);
    }
    buf_adds(out, AT_END);
}

static void move_to(struct bytes *v, const uint8_t **at, size_t skip)
{
    v->p = *at + skip;
    *at = v->p + v->n;
}

void body_moved(struct body *b, struct bytes text)
{
    static const char head[] = ",\"index\":[";
    const uint8_t *at = memmem(text.p, text.n, head, sizeof(head) - 1);
    assert(at);
    at += sizeof(head) - 1;
    for (struct index_entry *n = b->entries; n < b->entries + b->n_entries; n++) {
        move_to(&n->name, &at, sizeof(AT_NAME) - 1);
        move_to(&n->current.file, &at, sizeof(AT_FILE) - 1);
        move_to(&n->current.sha64, &at, sizeof(AT_SHA) - 1);
        if (n->retiring.file.n) {
            move_to(&n->retiring.file, &at, sizeof(AT_RETIRING) - 1);
            move_to(&n->retiring.sha64, &at, sizeof(AT_RETIRING_SHA) - 1);
        }
        at += sizeof(AT_END ",") - 1;
    }
}

void body_print(const struct body *b, struct buf *out)
{
    buf_adds(out, "{\"format\":1,");
    member_print_b64(out, "vault_id", bytes_of(b->id, VAULT_ID_LEN));
    buf_addf(out, ",\"generation\":%llu,\"recipients\":[", (unsigned long long)b->generation);
    for (size_t i = 0; i < b->n_recipients; i++) {
        buf_adds(out, i ? "," : "");
        recipient_print(&b->recipients[i], &b->wraps[i], out);
    }
    buf_adds(out, "],");
    member_print_b64(out, "audit_key", bytes_of(b->audit_key, AUDIT_KEY_LEN));
    buf_adds(out, ",\"index\":[");
    for (size_t i = 0; i < b->n_entries; i++) {
        buf_adds(out, i ? "," : "");
        entry_print(&b->entries[i], out);
    }
    buf_adds(out, "]}");
}
