/* SPDX-License-Identifier: Apache-2.0 */
/* From a token's one private-key operation to a vault, or a record, that is believed. */
#include "vault/internal.h"

#include "base/codec.h"
#include "base/text.h"
#include "vault/signer.h"

#include <stdio.h>

/* How often a vault that others change meanwhile is looked at again. */
#define STALE_TRIES 5u

struct sighting vault_sighting(const struct vault *v)
{
    return (struct sighting){&v->where, v->body.id, v->fingerprint, v->body.generation, v->sha};
}

static int mac_check(const struct vault *v, struct bytes vk, struct err *e)
{
    uint8_t want[SHA256_LEN], got[SHA256_LEN];
    size_t n = 0;
    int rc = vault_mac(v->body.id, vk, v->body_line, want, e);
    if (rc)
        return rc;
    if (b64url_decode(got, sizeof(got), &n, v->mac_line) && n == sizeof(got) &&
        mem_eq(want, got, sizeof(got)))
        return OK;
    err_set(e, ERR_TAMPERED, "the vault was changed by somebody who does not hold its key");
    return err_hint(e, "restore '%s' from a backup", v->where.vault);
}

int vault_believe(struct vault *v, struct secret *vk, bool no_pin, struct err *e)
{
    enum trust_state trust = TRUST_NOT_CHECKED;
    int rc = mac_check(v, secret_bytes(vk), e);
    if (!rc)
        rc = vault_fp(v->body.id, secret_bytes(vk), v->fingerprint, e);
    if (!rc && !no_pin) {
        struct sighting s = vault_sighting(v);
        rc = trust_not_older(&s, &v->seen, e);
        if (!rc)
            rc = trust_check(&s, &trust, e);
    }
    if (rc)
        return rc;
    if (!no_pin) {
        v->seen.generation = v->body.generation;
        memcpy(v->seen.sha, v->sha, SHA256_LEN);
    }
    secret_free(&v->vk);
    v->vk = *vk;
    *vk = (struct secret){0};
    v->trust = trust;
    return OK;
}

int vault_may_write(const struct vault *v, struct err *e)
{
    if (!v->vk.n)
        return err_set(e, ERR_FAILED, "the vault is not open");
    struct sighting s = vault_sighting(v);
    return trust_may_write(&s, v->trust, e);
}

static int not_ours(struct err *e)
{
    err_set(e, ERR_NOT_FOUND, "this token is no recipient of the vault");
    return err_hint(e, "'coffer doctor' lists the tokens that can open it");
}

size_t body_recipient(const struct body *b, const uint8_t rid[RID_LEN])
{
    size_t i = 0;
    while (i < b->n_recipients && !mem_eq(b->recipients[i].rid, rid, RID_LEN))
        i++;
    return i;
}

static int unwrap_vk(const struct body *b, const struct opener *o, struct secret *vk, struct err *e)
{
    const struct wrap_for f = {"vault-key", b->id, b->id, 0};
    size_t i = body_recipient(b, o->rid);
    if (i == b->n_recipients)
        return not_ours(e);
    int rc = wrap_open(&f, o, &b->wraps[i], VK_LEN, vk, e);
    return rc ? err_wrap(e, "open the vault") : OK;
}

static int open_with(struct vault *v, const struct opener *o, bool no_pin, struct err *e)
{
    AUTO_SECRET vk = {0};
    int rc = unwrap_vk(&v->body, o, &vk, e);
    if (!rc)
        rc = vault_believe(v, &vk, no_pin, e);
    /* a token, or its owner, takes its time: what was read before may be the past by now, and even
     * its key */
    for (unsigned n = 0; (rc == ERR_TRUST || rc == ERR_TAMPERED) && n < STALE_TRIES; n++) {
        if (!vault_moved_on(v))
            break;
        rc = vk.n ? vault_believe(v, &vk, no_pin, e) : ERR_TAMPERED;
        if (rc != ERR_TAMPERED)
            continue;
        secret_free(&vk);
        rc = unwrap_vk(&v->body, o, &vk, e);
        if (!rc)
            rc = vault_believe(v, &vk, no_pin, e);
    }
    return rc;
}

int vault_open(struct vault *v, const struct opener *o, struct err *e)
{
    return open_with(v, o, false, e);
}

int record_unwrap(const struct record_info *hdr, const struct record_file *file,
                  const struct opener *o, struct secret *vk_dek, struct err *e)
{
    const struct wrap_for f = {"record-key", hdr->vault_id, hdr->rec_id, hdr->version};
    struct wrapped w;
    int rc = wraps_find(file->wraps, o->rid, &w, e);
    return rc ? rc : wrap_open(&f, o, &w, VK_LEN + DEK_LEN, vk_dek, e);
}

/* The record's half of the key must be the vault's: a record of another vault key is not ours. */
static int believe_vk(struct vault *v, const struct secret *vk_dek, struct err *e)
{
    AUTO_SECRET vk = {0};
    int rc = secret_copy(&vk, bytes_of(vk_dek->p, VK_LEN), e);
    if (rc)
        return rc;
    if (!v->vk.n)
        return vault_believe(v, &vk, false, e);
    if (secret_eq(&vk, &v->vk))
        return OK;
    return err_set(e, ERR_TAMPERED, "the record was sealed under another vault key");
}

static bool is_that(const struct record_info *hdr, const struct file_ref *ref)
{
    struct bytes name;
    uint64_t version;
    return record_file_name_ok(ref->file, &name, &version) && bytes_eq_str(name, hdr->name) &&
           version == hdr->version;
}

static int opened(struct vault *v, const struct opener *o, const struct file_ref *ref,
                  const struct record_file *file, struct record_info *hdr, struct record **out,
                  struct err *e)
{
    AUTO_SECRET vk_dek = {0};
    int rc = header_parse(file->header, hdr, e);
    if (rc)
        return rc;
    if (!is_that(hdr, ref) || !mem_eq(hdr->vault_id, v->body.id, VAULT_ID_LEN))
        return err_set(e, ERR_TAMPERED, "the record is another one than the index says");
    rc = record_unwrap(hdr, file, o, &vk_dek, e);
    if (!rc)
        rc = believe_vk(v, &vk_dek, e);
    if (!rc)
        rc = record_open(hdr, file->header, file->payload, secret_bytes(&vk_dek), out, e);
    return rc;
}

int record_open_file(struct vault *v, const struct opener *o, const struct file_ref *ref,
                     const struct record_file *file, struct record **out, struct err *e)
{
    struct record_info hdr;
    record_info_init(&hdr);
    struct record *r = NULL;
    int rc = opened(v, o, ref, file, &hdr, &r, e);
    record_info_free(&hdr);
    if (!rc && !text_copy(r->sha64, sizeof(r->sha64), ref->sha64))
        rc = err_set(e, ERR_FORMAT, "the record's hash is not as documented");
    if (rc) {
        record_free(r);
        return rc;
    }
    *out = r;
    return OK;
}

static int open_named(struct vault *v, const struct opener *o, const char *name, bool retiring,
                      struct record **out, struct err *e)
{
    AUTO_BUF text = BUF_INIT(RECORD_FILE_MAX);
    struct record_file file;
    const struct file_ref *ref = NULL;
    int rc = vault_find_file(v, name, retiring, &ref, e);
    if (!rc)
        rc = record_read(v, ref, &text, &file, e);
    if (rc)
        return rc;
    rc = record_open_file(v, o, ref, &file, out, e);
    return rc == OK || rc == ERR_TRUST ? rc : err_wrap(e, "open '%s'", name);
}

static int open_fresh(struct vault *v, const struct opener *o, const char *name, bool retiring,
                      struct record **out, struct err *e)
{
    int rc = open_named(v, o, name, retiring, out, e);
    for (unsigned n = 0; n < STALE_TRIES; n++) {
        bool is_stale = rc == ERR_NOT_FOUND || rc == ERR_TAMPERED || rc == ERR_TRUST;
        if (!is_stale || !vault_moved_on(v))
            break;
        rc = open_named(v, o, name, retiring, out, e);
    }
    return rc;
}

int vault_open_record(struct vault *v, const struct opener *o, const char *name,
                      struct record **out, struct err *e)
{
    return open_fresh(v, o, name, false, out, e);
}

int vault_open_retiring(struct vault *v, const struct opener *o, const char *name,
                        struct record **out, struct err *e)
{
    return open_fresh(v, o, name, true, out, e);
}

int vault_pin_look(const struct vault *v, char fp[FINGERPRINT_TEXT], enum trust_state *state,
                   struct err *e)
{
    struct sighting s = vault_sighting(v);
    uint8_t raw[FINGERPRINT_LEN];
    int rc = trust_not_older(&s, &v->seen, e);
    if (!rc)
        rc = trust_look(&s, raw, state, e);
    if (!rc && (*state == TRUST_PINNED || *state == TRUST_NEWER))
        fingerprint_text(raw, fp);
    return rc;
}

enum trust_state vault_trust_state(const struct vault *v)
{
    return v->trust;
}

int vault_fingerprint(const struct vault *v, char out[FINGERPRINT_TEXT], struct err *e)
{
    if (!v->vk.n)
        return err_set(e, ERR_FAILED, "the vault is not open");
    fingerprint_text(v->fingerprint, out);
    return OK;
}

static bool fingerprint_is(const struct vault *v, const char *want)
{
    uint8_t fp[FINGERPRINT_LEN];
    size_t n = 0, len = 0;
    char hex[2 * FINGERPRINT_LEN + 1];
    for (const char *p = want; *p; p++) {
        if (*p == '-' || *p == ' ' || *p == ':')
            continue;
        if (len == sizeof(hex) - 1)
            return false;
        hex[len++] = *p;
    }
    return hex_decode(fp, sizeof(fp), &n, bytes_of(hex, len)) && n == sizeof(fp) &&
           mem_eq(fp, v->fingerprint, sizeof(fp));
}

int vault_trust(struct vault *v, const struct opener *o, const char *want, struct err *e)
{
    int rc = open_with(v, o, true, e);
    if (rc)
        return rc;
    if (!fingerprint_is(v, want)) {
        /* its own is not shown: it would be copied instead of compared */
        secret_free(&v->vk);
        err_set(e, ERR_TRUST, "the vault does not have the fingerprint '%.60s'", want);
        return err_hint(e, "if it was typed as on paper, this is another vault: do not use it");
    }
    struct sighting s = vault_sighting(v);
    rc = trust_set(&s, e);
    if (!rc)
        v->trust = TRUST_PINNED;
    return rc;
}
