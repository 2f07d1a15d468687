/* SPDX-License-Identifier: Apache-2.0 */
/* Record files: header, payload, wraps, and their names. vault.json is in format.c. */
#include "vault/format.h"

#include "base/codec.h"
#include "base/json.h"
#include "base/text.h"
#include "vault/members.h"

#include <stdio.h>

#define HASH8 8u

static const struct json_limits record_limits = {RECORD_FILE_MAX, 16, 64};

static bool custody_by_name(struct json v, enum custody *out)
{
    for (enum custody c = CUSTODY_SEALED; c <= CUSTODY_BORN; c++)
        if (json_str_eq(v, custody_name(c))) {
            *out = c;
            return true;
        }
    return false;
}

void record_file_name(const char *name, uint64_t version, const uint8_t sha[SHA256_LEN],
                      char out[RECORD_NAME_MAX])
{
    snprintf(out, RECORD_NAME_MAX, "%s.%llu.%02x%02x%02x%02x.json", name,
             (unsigned long long)version, sha[0], sha[1], sha[2], sha[3]);
}

void sha64_text(const uint8_t sha[SHA256_LEN], char out[SHA64_LEN + 1])
{
    AUTO_BUF text = BUF_INIT(SHA64_LEN);
    b64url_encode(&text, bytes_of(sha, SHA256_LEN));
    memcpy(out, buf_str(&text), text.n);
    out[text.n] = 0;
}

bool file_ref_is(const struct file_ref *ref, const uint8_t sha[SHA256_LEN])
{
    struct bytes name;
    uint64_t version;
    char mine[RECORD_NAME_MAX], cname[NAME_MAX_LEN + 1], sha64[SHA64_LEN + 1];
    sha64_text(sha, sha64);
    if (!bytes_eq_str(ref->sha64, sha64) ||
        !record_file_name_ok(ref->file, &name, &version) ||
        !text_copy(cname, sizeof(cname), name))
        return false;
    record_file_name(cname, version, sha, mine);
    return bytes_eq_str(ref->file, mine);
}

bool record_file_name_ok(struct bytes file, struct bytes *name, uint64_t *version)
{
    struct bytes rest, number, hash, end;
    uint8_t four[4];
    size_t n = 0;
    if (file.n >= RECORD_NAME_MAX || !text_cut(file, '.', name, &rest) || !record_name_ok(*name) ||
        !text_cut(rest, '.', &number, &rest) || !text_cut(rest, '.', &hash, &end))
        return false;
    for (size_t i = 0; i < hash.n; i++)
        if (hash.p[i] >= 'A' && hash.p[i] <= 'F')
            return false;
    return text_u64(number, JSON_INT_MAX, version) && *version > 0 && hash.n == HASH8 &&
           hex_decode(four, sizeof(four), &n, hash) && bytes_eq_str(end, "json");
}

int record_file_split(struct bytes text, struct record_file *out, struct err *e)
{
    struct bytes lines[3];
    int rc = lines_split(text, lines, 3, e);
    if (rc)
        return rc;
    *out = (struct record_file){lines[0], lines[1], lines[2]};
    return OK;
}

static bool risk_parse(struct json v, struct risk *r)
{
    struct json_iter it;
    struct json key, val;
    unsigned seen = 0;
    bool ok = v.type == JSON_OBJECT;
    json_iter(&it, v);
    while (ok && json_next(&it, &key, &val)) {
        if (json_str_eq(key, "problem"))
            ok = json_cstr(val, r->problem, sizeof(r->problem)), seen |= 1;
        else if (json_str_eq(key, "reason"))
            ok = json_cstr(val, r->reason, sizeof(r->reason)), seen |= 2;
        else if (json_str_eq(key, "date_ms"))
            ok = json_u64(val, JSON_INT_MAX, &r->date_ms), seen |= 4;
        else
            ok = false;
    }
    return ok && seen == 7;
}

static bool risks_parse(struct json v, struct record_info *r)
{
    struct json_iter it;
    struct json key, val;
    json_iter(&it, v);
    while (json_next(&it, &key, &val))
        if (r->n_risks == RISKS_MAX || !risk_parse(val, &r->risks[r->n_risks++]))
            return false;
    return v.type == JSON_ARRAY && r->n_risks > 0;
}

static bool hosts_parse(struct json v, struct record_info *r)
{
    struct json_iter it;
    struct json key, val;
    json_iter(&it, v);
    while (json_next(&it, &key, &val))
        if (r->n_hosts == RECORD_HOSTS_MAX ||
            !json_cstr(val, r->hosts[r->n_hosts++], sizeof(r->hosts[0])))
            return false;
    return v.type == JSON_ARRAY && r->n_hosts > 0;
}

static bool pem_parse(struct json v, struct record_info *r)
{
    size_t n = 0;
    /* unescaped it is no longer than it is written */
    struct buf text = BUF_INIT(RECORD_FILE_MAX);
    uint8_t *pem = buf_extend(&text, v.n);
    if (pem && json_str(v, pem, v.n, &n) && !memchr(pem, 0, n))
        buf_add(&r->ca, bytes_of(pem, n));
    buf_free(&text);
    return r->ca.n > 0 && !r->ca.failed;
}

static bool policy_parse(struct json v, struct record_info *r)
{
    buf_add(&r->policy, bytes_of(v.p, v.n));
    return v.type == JSON_OBJECT && !r->policy.failed;
}

static bool true_parse(struct json v, bool *out)
{
    return json_bool(v, out) && *out;   /* absent means false, so false is never written */
}

/* What every header has: bits 1 to 1024, all needed. */
#define HEADER_NEEDED 2047u

static int member_fixed(struct json key, struct json v, struct record_info *r, unsigned *seen)
{
    uint64_t format = 0;
    unsigned bit = 0;
    bool ok = false;
    if (json_str_eq(key, "format"))
        bit = 1, ok = json_u64(v, JSON_INT_MAX, &format) && format == 1;
    else if (json_str_eq(key, "name"))
        bit = 2, ok = json_cstr(v, r->name, sizeof(r->name)) && record_name_ok(bytes_str(r->name));
    else if (json_str_eq(key, "rec_id"))
        bit = 4, ok = member_b64_exact(v, r->rec_id, REC_ID_LEN);
    else if (json_str_eq(key, "version"))
        bit = 8, ok = json_u64(v, JSON_INT_MAX, &r->version) && r->version;
    else if (json_str_eq(key, "vault_id"))
        bit = 16, ok = member_b64_exact(v, r->vault_id, VAULT_ID_LEN);
    else if (json_str_eq(key, "connector"))
        bit = 32, ok = json_cstr(v, r->connector, sizeof(r->connector));
    else if (json_str_eq(key, "environment"))
        bit = 64, ok = json_cstr(v, r->environment, sizeof(r->environment));
    else if (json_str_eq(key, "custody"))
        bit = 128, ok = custody_by_name(v, &r->custody);
    else if (json_str_eq(key, "key"))
        bit = 256, ok = v.type == JSON_STRING && key_type_by_name(json_raw(v), &r->key);
    else if (json_str_eq(key, "key_mask"))
        bit = 512, ok = json_cstr(v, r->key_mask, sizeof(r->key_mask));
    else if (json_str_eq(key, "created_ms"))
        bit = 1024, ok = json_u64(v, JSON_INT_MAX, &r->created_ms);
    else
        return ERR_NOT_FOUND;
    *seen |= bit;
    return ok ? OK : ERR_FORMAT;
}

static int member_optional(struct json key, struct json v, struct record_info *r)
{
    bool ok;
    if (json_str_eq(key, "region"))
        ok = json_cstr(v, r->region, sizeof(r->region));
    else if (json_str_eq(key, "classes"))
        ok = json_cstr(v, r->classes, sizeof(r->classes));
    else if (json_str_eq(key, "rotated_ms"))
        ok = json_u64(v, JSON_INT_MAX, &r->rotated_ms);
    else if (json_str_eq(key, "release"))
        ok = true_parse(v, &r->release);
    else if (json_str_eq(key, "unverified"))
        ok = true_parse(v, &r->unverified);
    else if (json_str_eq(key, "risks"))
        ok = risks_parse(v, r);
    else if (json_str_eq(key, "hosts"))
        ok = hosts_parse(v, r);
    else if (json_str_eq(key, "egress"))
        ok = json_cstr(v, r->egress, sizeof(r->egress));
    else if (json_str_eq(key, "connect_to"))
        ok = json_cstr(v, r->connect_to, sizeof(r->connect_to));
    else if (json_str_eq(key, "unseal"))
        ok = json_cstr(v, r->unseal, sizeof(r->unseal));
    else if (json_str_eq(key, "ca"))
        ok = pem_parse(v, r);
    else if (json_str_eq(key, "policy"))
        ok = policy_parse(v, r);
    else
        return ERR_NOT_FOUND;
    return ok ? OK : ERR_FORMAT;
}

static int header_members(struct json root, struct record_info *r, struct err *e)
{
    struct json_iter it;
    struct json key, val;
    unsigned seen = 0;
    json_iter(&it, root);
    while (json_next(&it, &key, &val)) {
        int rc = member_fixed(key, val, r, &seen);
        if (rc == ERR_NOT_FOUND)
            rc = member_optional(key, val, r);
        if (rc == ERR_NOT_FOUND)
            return member_unknown(key, "the header", e);
        if (rc)
            return err_set(e, ERR_FORMAT, "a member of the header is not as documented");
    }
    if (root.type != JSON_OBJECT || seen != HEADER_NEEDED)
        return err_set(e, ERR_FORMAT, "the header lacks a member");
    return OK;
}

int header_parse(struct bytes line, struct record_info *out, struct err *e)
{
    struct json root;
    int rc = line_check(line, &record_limits, &root, e);
    if (rc)
        return rc;
    rc = header_members(root, out, e);
    if (rc) {
        record_info_free(out);
        record_info_init(out);
    }
    return rc;
}

static void optional_str(struct buf *out, const char *name, const char *v)
{
    if (!v[0])
        return;
    buf_adds(out, ",");
    member_print_str(out, name, v);
}

static void risks_print(const struct record_info *r, struct buf *out)
{
    for (size_t i = 0; i < r->n_risks; i++) {
        buf_adds(out, i ? ",{" : ",\"risks\":[{");
        member_print_str(out, "problem", r->risks[i].problem);
        buf_adds(out, ",");
        member_print_str(out, "reason", r->risks[i].reason);
        buf_addf(out, ",\"date_ms\":%llu}", (unsigned long long)r->risks[i].date_ms);
    }
    buf_adds(out, r->n_risks ? "]" : "");
}

static void hosts_print(const struct record_info *r, struct buf *out)
{
    for (size_t i = 0; i < r->n_hosts; i++) {
        buf_adds(out, i ? "," : ",\"hosts\":[");
        buf_add_json(out, bytes_str(r->hosts[i]));
    }
    buf_adds(out, r->n_hosts ? "]" : "");
}

static void blobs_print(const struct record_info *r, struct buf *out)
{
    if (r->ca.n) {
        buf_adds(out, ",\"ca\":");
        buf_add_json(out, buf_bytes(&r->ca));
    }
    if (r->policy.n) {
        buf_adds(out, ",\"policy\":");
        buf_add(out, buf_bytes(&r->policy));
    }
}

void header_print(const struct record_info *r, struct buf *out)
{
    buf_adds(out, "{\"format\":1,");
    member_print_str(out, "name", r->name);
    buf_adds(out, ",");
    member_print_b64(out, "rec_id", bytes_of(r->rec_id, REC_ID_LEN));
    buf_addf(out, ",\"version\":%llu,", (unsigned long long)r->version);
    member_print_b64(out, "vault_id", bytes_of(r->vault_id, VAULT_ID_LEN));
    buf_adds(out, ",");
    member_print_str(out, "connector", r->connector);
    buf_adds(out, ",");
    member_print_str(out, "environment", r->environment);
    optional_str(out, "region", r->region);
    buf_addf(out, ",\"custody\":\"%s\",\"key\":\"%s\",", custody_name(r->custody),
             key_type_name(r->key));
    member_print_str(out, "key_mask", r->key_mask);
    buf_addf(out, ",\"created_ms\":%llu", (unsigned long long)r->created_ms);
    if (r->rotated_ms)
        buf_addf(out, ",\"rotated_ms\":%llu", (unsigned long long)r->rotated_ms);
    optional_str(out, "classes", r->classes);
    buf_adds(out, r->release ? ",\"release\":true" : "");
    buf_adds(out, r->unverified ? ",\"unverified\":true" : "");
    optional_str(out, "unseal", r->unseal);
    optional_str(out, "egress", r->egress);
    optional_str(out, "connect_to", r->connect_to);
    hosts_print(r, out);
    risks_print(r, out);
    blobs_print(r, out);
    buf_adds(out, "}");
}

static bool wrap_parse(struct json v, uint8_t rid[RID_LEN], struct wrapped *w)
{
    struct json_iter it;
    struct json key, val;
    unsigned seen = 0;
    bool ok = v.type == JSON_OBJECT;
    json_iter(&it, v);
    while (ok && json_next(&it, &key, &val)) {
        if (json_str_eq(key, "rid"))
            ok = member_b64_exact(val, rid, RID_LEN), seen |= 1;
        else if (json_str_eq(key, "wrap"))
            ok = member_b64(val, w->v, WRAP_MAX, &w->n), seen |= 2;
        else
            ok = false;
    }
    return ok && seen == 3;
}

int wraps_find(struct bytes line, const uint8_t rid[RID_LEN], struct wrapped *out, struct err *e)
{
    struct json root, key, val;
    struct json_iter it;
    struct wrapped w = {.n = 0};
    uint8_t this[RID_LEN];
    bool found = false;
    int rc = line_check(line, &record_limits, &root, e);
    if (rc)
        return rc;
    json_iter(&it, root);
    while (json_next(&it, &key, &val)) {
        if (!wrap_parse(val, this, &w))
            return err_set(e, ERR_FORMAT, "a wrap is not as documented");
        if (!mem_eq(this, rid, RID_LEN))
            continue;
        if (found)
            return err_set(e, ERR_FORMAT, "a recipient has two wraps");
        found = true;
        *out = w;
    }
    if (root.type != JSON_ARRAY)
        return err_set(e, ERR_FORMAT, "the wraps are no array");
    return found ? OK : err_set(e, ERR_NOT_FOUND, "there is no wrap for this token");
}

void wraps_print(const struct recipient *r, const struct wrapped *w, size_t n, struct buf *out)
{
    buf_adds(out, "[");
    for (size_t i = 0; i < n; i++) {
        buf_adds(out, i ? ",{" : "{");
        member_print_b64(out, "rid", bytes_of(r[i].rid, RID_LEN));
        buf_adds(out, ",");
        member_print_b64(out, "wrap", bytes_of(w[i].v, w[i].n));
        buf_adds(out, "}");
    }
    buf_adds(out, "]");
}
