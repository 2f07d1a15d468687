/* SPDX-License-Identifier: Apache-2.0 */
/* A new vault key and, for one recipient, a new sealing key: every record opened and sealed again,
 * one at a time, then all of it in one commit. */
#include "vault/commit.h"

#include "base/codec.h"
#include "base/file.h"
#include "base/text.h"
#include "base/wipe.h"

/* A record's files. */
struct pair {
    struct new_file current, retiring; /* name "": not written */
    struct old_files old;
};

struct resealing {
    struct vault *v;
    const struct reseal *r;
    struct body *next; /* its entries are set at the end */
    struct secret vk;
    struct pair *pairs;
    struct index_entry *entries;
    size_t n_done, n;
};

static int check_parties(const struct vault *v, const struct reseal *r, struct err *e)
{
    size_t i = body_recipient(&v->body, r->from->rid);
    if (i == v->body.n_recipients)
        return err_set(e, ERR_USAGE, "the present sealing key is no recipient of the vault");
    size_t other = body_recipient(&v->body, r->to->rid);
    if (other != v->body.n_recipients && other != i)
        return err_set(e, ERR_EXISTS, "the new sealing key is a recipient of the vault already");
    if (!mem_eq(r->to->rid, r->opener_to->rid, RID_LEN) || r->to->scheme != r->opener_to->scheme)
        return err_set(e, ERR_USAGE, "what proves the new sealing key is another key");
    return OK;
}

static int carry_audit_key(const struct resealing *s, struct err *e)
{
    const struct vault *v = s->v;
    uint8_t nonce[GCM_NONCE_LEN];
    AUTO_SECRET key = {0};
    int rc = audit_key_open(v->body.id, secret_bytes(&v->vk), v->body.audit_key, &key, e);
    if (rc)
        return err_wrap(e, "the vault's audit key");
    rc = v->env->random(v->env, nonce, sizeof(nonce), e);
    return rc ? rc
              : audit_key_seal(v->body.id, secret_bytes(&s->vk), nonce, key.p, s->next->audit_key,
                               e);
}

/* The new wrap must open on the new key before anything else is done. */
static int prove(const struct resealing *s, size_t at, struct err *e)
{
    const struct wrap_for f = {"vault-key", s->next->id, s->next->id, 0};
    AUTO_SECRET vk = {0};
    int rc = wrap_open(&f, s->r->opener_to, &s->next->wraps[at], VK_LEN, &vk, e);
    if (!rc && !secret_eq(&vk, &s->vk))
        rc = err_set(e, ERR_TOKEN, "it opens the vault's key as another one");
    return rc ? err_wrap(e, "try the new sealing key") : OK;
}

static int begin(struct resealing *s, struct err *e)
{
    const struct vault *v = s->v;
    struct body *b = s->next;
    const struct wrap_for f = {"vault-key", b->id, b->id, 0};
    size_t at = body_recipient(&v->body, s->r->from->rid);
    *b = v->body;
    b->entries = NULL;
    b->generation++;
    b->recipients[at] = *s->r->to;
    int rc = secret_new(&s->vk, VK_LEN, e);
    if (!rc)
        rc = v->env->random(v->env, s->vk.p, VK_LEN, e);
    if (rc)
        return rc;
    s->vk.n = VK_LEN;
    for (size_t i = 0; i < b->n_recipients && !rc; i++)
        rc = wrap_make(&f, &b->recipients[i], secret_bytes(&s->vk), &b->wraps[i], e);
    if (!rc)
        rc = carry_audit_key(s, e);
    return rc ? rc : prove(s, at, e);
}

static int reseal_file(struct resealing *s, const struct file_ref *ref, uint64_t version,
                       struct new_file *out, struct err *e)
{
    const struct sealing under = {s->next->recipients, s->next->n_recipients, secret_bytes(&s->vk)};
    AUTO_BUF text = BUF_INIT(RECORD_FILE_MAX);
    AUTO(record_freep) struct record *r = NULL;
    struct record_file file;
    int rc = record_read(s->v, ref, &text, &file, e);
    if (!rc)
        rc = record_open_file(s->v, s->r->from, ref, &file, &r, e);
    if (rc)
        return rc;
    r->info.version = version;
    rc = record_create(s->v, &under, &r->info, &r->payload, out, e);
    if (!rc && s->r->progress)
        s->r->progress(s->r->ctx, ++s->n_done, s->n);
    return rc;
}

static int reseal_entry(struct resealing *s, const struct index_entry *n, struct pair *p,
                        struct index_entry *put, struct err *e)
{
    uint64_t version = commit_next_version(n);
    int rc = old_files(n, &p->old, e);
    if (!rc && n->retiring.file.n)
        rc = reseal_file(s, &n->retiring, version++, &p->retiring, e);
    if (!rc)
        rc = reseal_file(s, &n->current, version, &p->current, e);
    if (rc)
        return err_wrap(e, "seal '%.*s' anew", (int)n->name.n, (const char *)n->name.p);
    put->name = n->name;
    put->current = (struct file_ref){bytes_str(p->current.name), bytes_str(p->current.sha64)};
    if (p->retiring.name[0])
        put->retiring =
            (struct file_ref){bytes_str(p->retiring.name), bytes_str(p->retiring.sha64)};
    return OK;
}

static int reseal_all(struct resealing *s, bool *in_doubt, struct err *e)
{
    struct vault *v = s->v;
    size_t n = v->body.n_entries;
    int rc = begin(s, e);
    for (size_t i = 0; i < n && !rc; i++)
        rc = reseal_entry(s, &v->body.entries[i], &s->pairs[i], &s->entries[i], e);
    if (!rc)
        rc = dir_sync(v->records, v->where.vault, e);
    s->next->entries = s->entries;
    s->next->n_entries = n;
    return rc ? rc : commit_body(v, s->next, &s->vk, in_doubt, e);
}

static int say_in_doubt(struct err *e)
{
    err_wrap(e, "the vault is sealed anew, but the disk may not have it yet");
    return err_hint(e, "check the disk, then run 'coffer doctor'; nothing was removed, and this "
                       "machine trusts the vault as it was and as it will be");
}

/* What is superseded goes after the commit; what was written for nothing goes without it. Which of
 * the two counts nobody knows when the disk did not answer: then both stay. */
static void sweep(const struct resealing *s, size_t n, bool committed)
{
    for (size_t i = 0; i < n; i++) {
        const struct pair *p = &s->pairs[i];
        record_remove(s->v, committed ? p->old.current : p->current.name);
        record_remove(s->v, committed ? p->old.retiring : p->retiring.name);
    }
}

static int reseal(struct resealing *s, struct err *e)
{
    bool in_doubt = false;
    size_t n = s->v->body.n_entries;
    s->next = wipe_malloc(sizeof(*s->next));
    s->pairs = wipe_malloc((n + 1) * sizeof(*s->pairs));
    s->entries = wipe_malloc((n + 1) * sizeof(*s->entries));
    if (!s->next || !s->pairs || !s->entries)
        return err_set(e, ERR_MEMORY, "no memory to seal %zu keys anew", n);
    memset(s->next, 0, sizeof(*s->next));
    memset(s->pairs, 0, (n + 1) * sizeof(*s->pairs));
    memset(s->entries, 0, (n + 1) * sizeof(*s->entries));
    int rc = reseal_all(s, &in_doubt, e);
    if (rc && in_doubt)
        return say_in_doubt(e);
    sweep(s, n, rc == OK);
    return rc;
}

int vault_reseal(struct vault *v, const struct reseal *r, struct err *e)
{
    struct resealing s = {.v = v, .r = r, .n = vault_files(v)};
    int rc = commit_allowed(v, e);
    if (!rc)
        rc = check_parties(v, r, e);
    if (!rc)
        rc = reseal(&s, e);
    secret_free(&s.vk);
    wipe_free(s.next);
    wipe_free(s.pairs);
    wipe_free(s.entries);
    return rc;
}
