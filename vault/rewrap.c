/* SPDX-License-Identifier: Apache-2.0 */
/* Other recipients, and with some gone or on demand a new vault key: every record opened and sealed
 * again, one at a time, then all of it in one commit. */
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

#define BUSY_MAX 128u /* files at a time that the disk is still busy with */

/* Written, and not yet on the disk. Waiting for many takes hardly longer than for one. */
struct busy {
    struct {
        int fd;
        const char *name;
    } v[BUSY_MAX];
    size_t n;
};

struct rewrapping {
    struct vault *v;
    const struct rewrap *r;
    struct body *next; /* its entries are set at the end */
    size_t at;         /* of r->add in next */
    struct secret vk;  /* a new one; empty: the vault keeps its own */
    struct pair *pairs;
    struct index_entry *entries;
    struct busy busy;
    size_t n_done, n;
};

/* The order here is that in which a caller can do something about it. */
static int check_parties(const struct vault *v, const struct rewrap *r, struct err *e)
{
    if (!r->add && !r->n_drop && !r->has_new_key)
        return err_set(e, ERR_USAGE, "there is nothing to change of the recipients");
    if (body_recipient(&v->body, r->from->rid) == v->body.n_recipients)
        return err_set(e, ERR_USAGE, "the present sealing key is no recipient of the vault");
    if (r->prove && !r->add)
        return err_set(e, ERR_USAGE, "there is a proof of a new sealing key, but no new key");
    if (!r->add)
        return OK;
    if (!r->prove)
        return r->add->tested ? err_set(e, ERR_USAGE, "the new sealing key was not tested") : OK;
    if (!mem_eq(r->add->rid, r->prove->rid, RID_LEN) || r->add->scheme != r->prove->scheme)
        return err_set(e, ERR_USAGE, "what proves the new sealing key is another key");
    return OK;
}

/* Takes the recipient at i, and its wrap, out of the list. */
static void take_out(struct body *b, size_t i)
{
    size_t n_after = b->n_recipients - i - 1;
    memmove(&b->recipients[i], &b->recipients[i + 1], n_after * sizeof(b->recipients[0]));
    memmove(&b->wraps[i], &b->wraps[i + 1], n_after * sizeof(b->wraps[0]));
    b->n_recipients--;
}

static int drop_all(struct body *b, const struct rewrap *r, size_t *gap, struct err *e)
{
    for (size_t i = 0; i < r->n_drop; i++) {
        *gap = body_recipient(b, r->drop + i * RID_LEN);
        if (*gap == b->n_recipients)
            return err_set(e, ERR_NOT_FOUND,
                           "the sealing key that goes is no recipient of the "
                           "vault");
        take_out(b, *gap);
    }
    if (r->n_drop != 1)
        *gap = b->n_recipients;
    return OK;
}

static int put_in(struct body *b, const struct recipient *add, size_t at, struct err *e)
{
    if (body_recipient(b, add->rid) != b->n_recipients)
        return err_set(e, ERR_EXISTS, "the new sealing key is a recipient of the vault already");
    if (b->n_recipients == RECIPIENTS_MAX)
        return err_set(e, ERR_LIMIT, "a vault has at most %u recipients", RECIPIENTS_MAX);
    size_t n_after = b->n_recipients - at;
    memmove(&b->recipients[at + 1], &b->recipients[at], n_after * sizeof(b->recipients[0]));
    memmove(&b->wraps[at + 1], &b->wraps[at], n_after * sizeof(b->wraps[0]));
    b->recipients[at] = *add;
    b->n_recipients++;
    return OK;
}

static size_t count_tested(const struct body *b)
{
    size_t n = 0;
    for (size_t i = 0; i < b->n_recipients; i++)
        n += b->recipients[i].tested;
    return n;
}

/* Who are the recipients afterwards. */
static int regroup(struct rewrapping *s, struct err *e)
{
    struct body *b = s->next;
    int rc = drop_all(b, s->r, &s->at, e);
    if (!rc && s->r->add)
        rc = put_in(b, s->r->add, s->at, e);
    if (rc)
        return rc;
    /* who opens all of it here has opened the vault */
    size_t from = body_recipient(b, s->r->from->rid);
    if (from < b->n_recipients && !(s->r->add && from == s->at))
        b->recipients[from].tested = true;
    if (count_tested(b))
        return OK;
    err_set(e, ERR_USAGE, "no recipient would be left that has ever opened the vault");
    return err_hint(e, "add another one first, and test it: coffer recipients test");
}

static int new_vk(struct rewrapping *s, struct err *e)
{
    const struct env *env = s->v->env;
    int rc = secret_new(&s->vk, VK_LEN, e);
    if (!rc)
        rc = env->random(env, s->vk.p, VK_LEN, e);
    if (!rc)
        s->vk.n = VK_LEN;
    return rc;
}

static bool has_new_vk(const struct rewrapping *s)
{
    return s->r->n_drop || s->r->has_new_key;
}

/* The vault key that everything is sealed under. */
static struct bytes vk_of(const struct rewrapping *s)
{
    return secret_bytes(has_new_vk(s) ? &s->vk : &s->v->vk);
}

static int carry_audit_key(const struct rewrapping *s, struct err *e)
{
    const struct vault *v = s->v;
    uint8_t nonce[GCM_NONCE_LEN];
    AUTO_SECRET key = {0};
    int rc = audit_key_open(v->body.id, secret_bytes(&v->vk), v->body.audit_key, &key, e);
    if (rc)
        return err_wrap(e, "the vault's audit key");
    rc = v->env->random(v->env, nonce, sizeof(nonce), e);
    return rc ? rc : audit_key_seal(v->body.id, vk_of(s), nonce, key.p, s->next->audit_key, e);
}

/* The new wrap must open on the new key before anything else is done. */
static int prove(const struct rewrapping *s, struct err *e)
{
    const struct wrap_for f = {"vault-key", s->next->id, s->next->id, 0};
    AUTO_SECRET vk = {0};
    int rc = wrap_open(&f, s->r->prove, &s->next->wraps[s->at], VK_LEN, &vk, e);
    if (!rc && !(vk.n == VK_LEN && mem_eq(vk.p, vk_of(s).p, VK_LEN)))
        rc = err_set(e, ERR_TOKEN, "it opens the vault's key as another one");
    return rc ? err_wrap(e, "try the new sealing key") : OK;
}

/* With the vault's own key the others' wraps of it stay. */
static int wrap_vk(struct rewrapping *s, struct err *e)
{
    struct body *b = s->next;
    const struct wrap_for f = {"vault-key", b->id, b->id, 0};
    int rc = OK;
    for (size_t i = 0; i < b->n_recipients && !rc; i++)
        if (has_new_vk(s) || (s->r->add && i == s->at))
            rc = wrap_make(&f, &b->recipients[i], vk_of(s), &b->wraps[i], e);
    return rc;
}

static int begin(struct rewrapping *s, struct err *e)
{
    struct body *b = s->next;
    *b = s->v->body;
    b->entries = NULL;
    b->generation++;
    int rc = regroup(s, e);
    if (!rc && has_new_vk(s))
        rc = new_vk(s, e);
    if (!rc)
        rc = wrap_vk(s, e);
    if (!rc && has_new_vk(s))
        rc = carry_audit_key(s, e);
    return rc || !s->r->prove ? rc : prove(s, e);
}

/* Closes all; the first failure counts. */
static int wait_for_disk(struct busy *b, struct err *e)
{
    struct err quiet;
    int rc = OK;
    for (size_t i = 0; i < b->n; i++) {
        int one = file_finish(&b->v[i].fd, b->v[i].name, rc ? &quiet : e);
        rc = rc ? rc : one;
    }
    b->n = 0;
    return rc;
}

static void close_all(struct busy *b)
{
    for (size_t i = 0; i < b->n; i++)
        fd_closep(&b->v[i].fd);
}

static int rewrap_file(struct rewrapping *s, const struct file_ref *ref, uint64_t version,
                       struct new_file *out, struct err *e)
{
    const struct sealing under = {s->next->recipients, s->next->n_recipients, vk_of(s)};
    AUTO_BUF text = BUF_INIT(RECORD_FILE_MAX);
    AUTO(record_freep) struct record *r = NULL;
    struct record_file file;
    int rc = record_read(s->v, ref, &text, &file, e);
    if (!rc)
        rc = record_open_file(s->v, s->r->from, ref, &file, &r, e);
    if (rc)
        return rc;
    r->info.version = version;
    rc = record_begin(s->v, &under, &r->info, &r->payload, out, &s->busy.v[s->busy.n].fd, e);
    if (rc)
        return rc;
    s->busy.v[s->busy.n++].name = out->name;
    if (s->busy.n == BUSY_MAX)
        rc = wait_for_disk(&s->busy, e);
    if (!rc && s->r->progress)
        s->r->progress(s->r->ctx, ++s->n_done, s->n);
    return rc;
}

static int rewrap_entry(struct rewrapping *s, const struct index_entry *n, struct pair *p,
                        struct index_entry *put, struct err *e)
{
    uint64_t version = commit_next_version(n);
    int rc = old_files(n, &p->old, e);
    if (!rc && n->retiring.file.n)
        rc = rewrap_file(s, &n->retiring, version++, &p->retiring, e);
    if (!rc)
        rc = rewrap_file(s, &n->current, version, &p->current, e);
    if (rc)
        return err_wrap(e, "seal '%.*s' anew", (int)n->name.n, (const char *)n->name.p);
    put->name = n->name;
    put->current = (struct file_ref){bytes_str(p->current.name), bytes_str(p->current.sha64)};
    if (p->retiring.name[0])
        put->retiring =
            (struct file_ref){bytes_str(p->retiring.name), bytes_str(p->retiring.sha64)};
    return OK;
}

static int rewrap_all(struct rewrapping *s, bool *in_doubt, struct err *e)
{
    struct vault *v = s->v;
    size_t n = v->body.n_entries;
    int rc = begin(s, e);
    for (size_t i = 0; i < n && !rc; i++)
        rc = rewrap_entry(s, &v->body.entries[i], &s->pairs[i], &s->entries[i], e);
    if (!rc)
        rc = wait_for_disk(&s->busy, e);
    if (!rc)
        rc = dir_sync(v->records, v->where.vault, e);
    s->next->entries = s->entries;
    s->next->n_entries = n;
    return rc ? rc : commit_body(v, s->next, has_new_vk(s) ? &s->vk : NULL, in_doubt, e);
}

static int say_in_doubt(struct err *e)
{
    err_wrap(e, "the vault is sealed anew, but the disk may not have it yet");
    return err_hint(e, "check the disk, then run 'coffer doctor'; nothing was removed, and this "
                       "machine trusts the vault as it was and as it will be");
}

/* What is superseded goes after the commit; what was written for nothing goes without it. Which of
 * the two counts nobody knows when the disk did not answer: then both stay. */
static void sweep(const struct rewrapping *s, size_t n, bool committed)
{
    for (size_t i = 0; i < n; i++) {
        const struct pair *p = &s->pairs[i];
        record_remove(s->v, committed ? p->old.current : p->current.name);
        record_remove(s->v, committed ? p->old.retiring : p->retiring.name);
    }
}

static int rewrap(struct rewrapping *s, struct err *e)
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
    int rc = rewrap_all(s, &in_doubt, e);
    if (rc && in_doubt)
        return say_in_doubt(e);
    sweep(s, n, rc == OK);
    return rc;
}

int vault_rewrap(struct vault *v, const struct rewrap *r, struct err *e)
{
    struct rewrapping s = {.v = v, .r = r, .n = vault_files(v)};
    int rc = commit_allowed(v, e);
    if (!rc)
        rc = check_parties(v, r, e);
    if (!rc)
        rc = rewrap(&s, e);
    close_all(&s.busy);
    secret_free(&s.vk);
    wipe_free(s.next);
    wipe_free(s.pairs);
    wipe_free(s.entries);
    return rc;
}

size_t vault_count_tested(const struct vault *v)
{
    return count_tested(&v->body);
}

static bool is_noted(const struct vault *v, const struct opener *o)
{
    size_t i = body_recipient(&v->body, o->rid);
    return i < v->body.n_recipients && v->body.recipients[i].tested;
}

/* Of one that was added by its public key alone. */
static void fill_in(struct recipient *r, const struct recipient *seen)
{
    if (!r->serial[0])
        memcpy(r->serial, seen->serial, sizeof(r->serial));
    if (r->key_id_len)
        return;
    memcpy(r->key_id, seen->key_id, sizeof(r->key_id));
    r->key_id_len = seen->key_id_len;
}

/* Under the lock. Another process may have noted it, or have taken the recipient out. */
static int note_tested(struct vault *v, const struct opener *o, const struct recipient *seen,
                       struct err *e)
{
    bool in_doubt;
    size_t i = body_recipient(&v->body, o->rid);
    if (i == v->body.n_recipients)
        return err_set(e, ERR_NOT_FOUND, "this token is no recipient of the vault any more");
    if (v->body.recipients[i].tested)
        return OK;
    struct body *next = wipe_malloc(sizeof(*next));
    if (!next)
        return err_set(e, ERR_MEMORY, "no memory to change the vault");
    *next = v->body;
    next->generation++;
    next->recipients[i].tested = true;
    if (seen)
        fill_in(&next->recipients[i], seen);
    int rc = commit_body(v, next, NULL, &in_doubt, e);
    wipe_free(next);
    return rc;
}

int vault_mark_tested(struct vault *v, const struct opener *o, const struct recipient *seen,
                      struct err *e)
{
    int rc = vault_open(v, o, e);
    if (rc || is_noted(v, o))
        return rc;
    rc = vault_lock(v, e);
    if (!rc)
        rc = note_tested(v, o, seen, e);
    vault_unlock(v);
    return rc;
}
