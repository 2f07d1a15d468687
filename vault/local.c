/* SPDX-License-Identifier: Apache-2.0 */
/* Reading and writing tokens.json. Form: vault/FORMAT.md, section "On this machine". */
#include "vault/local.h"

#include "base/buf.h"
#include "base/codec.h"
#include "base/crypto.h"
#include "base/file.h"
#include "base/json.h"
#include "base/wipe.h"
#include "vault/local_parse.h"
#include "vault/members.h"

#include <fcntl.h>
#include <sys/stat.h>

#define TOKENS_FILE "tokens.json"
#define TOKENS_LOCK "tokens.lock"
#define TOKENS_FILE_MAX 131072u
#define LOCK_MS 10000u

static bool absolute(struct json v, char *out, size_t cap)
{
    return json_cstr(v, out, cap) && out[0] == '/';
}

static bool token_member(struct json key, struct json v, struct local_token *t, unsigned *seen)
{
    if (json_str_eq(key, "vault_id"))
        return *seen |= 1, member_b64_exact(v, t->vault_id, VAULT_ID_LEN);
    if (json_str_eq(key, "rid"))
        return *seen |= 2, member_b64_exact(v, t->rid, RID_LEN);
    if (json_str_eq(key, "scheme"))
        return *seen |= 4, v.type == JSON_STRING && scheme_by_name(json_raw(v), &t->scheme);
    if (json_str_eq(key, "module"))
        return *seen |= 8, absolute(v, t->where.module, sizeof(t->where.module));
    if (json_str_eq(key, "key_id"))
        return *seen |= 16, member_b64(v, t->key_id, TOKEN_ID_MAX, &t->key_id_len);
    if (json_str_eq(key, "softhsm_conf"))
        return absolute(v, t->where.softhsm_conf, sizeof(t->where.softhsm_conf));
    if (json_str_eq(key, "label"))
        return json_cstr(v, t->where.label, sizeof(t->where.label));
    if (json_str_eq(key, "serial"))
        return json_cstr(v, t->where.serial, sizeof(t->where.serial));
    if (json_str_eq(key, "pin_file"))
        return absolute(v, t->pin_file, sizeof(t->pin_file));
    return false;
}

static bool token_parse(struct json v, struct local_token *t)
{
    struct json_iter it;
    struct json key, val;
    unsigned seen = 0;
    *t = (struct local_token){.key_id_len = 0};
    json_iter(&it, v);
    while (json_next(&it, &key, &val))
        if (!token_member(key, val, t, &seen))
            return false;
    return v.type == JSON_OBJECT && seen == 31;
}

static bool tokens_parse(struct json root, struct local_tokens *out)
{
    struct json list, key, val;
    struct json_iter it;
    uint64_t format = 0;
    if (json_count(root) != 2 || !json_get(root, "format", &val) || !json_u64(val, 1, &format) ||
        format != 1 || !json_get(root, "tokens", &list) || list.type != JSON_ARRAY)
        return false;
    json_iter(&it, list);
    while (json_next(&it, &key, &val)) {
        if (out->n == LOCAL_TOKENS_MAX || !token_parse(val, &out->v[out->n]))
            return false;
        out->n++;
    }
    return true;
}

int local_parse(struct bytes text, struct local_tokens *out, struct err *e)
{
    static const struct json_limits lim = {TOKENS_FILE_MAX, 4, 16};
    struct json root;
    out->n = 0;
    int rc = json_check(text, &lim, &root, e);
    if (!rc && !tokens_parse(root, out))
        rc = err_set(e, ERR_FORMAT, "a member is missing, unknown or not as documented");
    return rc;
}

static int read_in(int dir, struct local_tokens *out, struct err *e)
{
    AUTO_BUF text = BUF_INIT(TOKENS_FILE_MAX);
    out->n = 0;
    int rc = file_read_at(dir, TOKENS_FILE, TOKENS_FILE_MAX, FILE_PRIVATE, &text, e);
    if (rc)
        return rc == ERR_NOT_FOUND ? OK : rc;
    rc = local_parse(buf_bytes(&text), out, e);
    return rc ? err_wrap(e, "'" TOKENS_FILE "'") : OK;
}

int local_read(const struct where *w, struct local_tokens *out, struct err *e)
{
    AUTO(fd_closep) int dir = -1;
    out->n = 0;
    int rc = dir_open(w->config, FILE_PRIVATE, &dir, e);
    if (rc)
        return rc == ERR_NOT_FOUND ? OK : rc;
    return read_in(dir, out, e);
}

void local_mark(const struct where *w, struct local_mark *out)
{
    AUTO(fd_closep) int dir = -1;
    struct stat st;
    struct err quiet;
    *out = (struct local_mark){.dev = 0};
    if (dir_open(w->config, FILE_PRIVATE, &dir, &quiet) ||
        fstatat(dir, TOKENS_FILE, &st, AT_SYMLINK_NOFOLLOW))
        return;
    *out = (struct local_mark){.dev = st.st_dev,
                               .ino = st.st_ino,
                               .size = (uint64_t)st.st_size,
                               .changed_s = st.st_ctim.tv_sec,
                               .changed_ns = st.st_ctim.tv_nsec};
}

const struct local_token *local_of(const struct local_tokens *all, const uint8_t rid[RID_LEN])
{
    for (size_t i = 0; i < all->n; i++)
        if (memcmp(all->v[i].rid, rid, RID_LEN) == 0)
            return &all->v[i];
    return NULL;
}

void local_keep(struct local_tokens *all, const uint8_t vault_id[VAULT_ID_LEN], size_t max)
{
    size_t n = all->n;
    all->n = 0;
    for (size_t i = 0; i < n && all->n < max; i++)
        if (memcmp(all->v[i].vault_id, vault_id, VAULT_ID_LEN) == 0 &&
            !local_of(all, all->v[i].rid))
            all->v[all->n++] = all->v[i];
}

bool local_same(const struct local_token *x, const struct local_token *y)
{
    return memcmp(x->vault_id, y->vault_id, VAULT_ID_LEN) == 0 &&
           memcmp(x->rid, y->rid, RID_LEN) == 0 && x->scheme == y->scheme &&
           strcmp(x->where.module, y->where.module) == 0 &&
           strcmp(x->where.softhsm_conf, y->where.softhsm_conf) == 0 &&
           strcmp(x->where.label, y->where.label) == 0 &&
           strcmp(x->where.serial, y->where.serial) == 0 &&
           bytes_eq(bytes_of(x->key_id, x->key_id_len), bytes_of(y->key_id, y->key_id_len)) &&
           strcmp(x->pin_file, y->pin_file) == 0;
}

static void print_optional(struct buf *b, const char *name, const char *v)
{
    if (!v[0])
        return;
    buf_adds(b, ",");
    member_print_str(b, name, v);
}

static void token_print(const struct local_token *t, struct buf *b)
{
    buf_adds(b, "{");
    member_print_b64(b, "vault_id", bytes_of(t->vault_id, VAULT_ID_LEN));
    buf_adds(b, ",");
    member_print_b64(b, "rid", bytes_of(t->rid, RID_LEN));
    buf_addf(b, ",\"scheme\":\"%s\",", scheme_name(t->scheme));
    member_print_str(b, "module", t->where.module);
    buf_adds(b, ",");
    member_print_b64(b, "key_id", bytes_of(t->key_id, t->key_id_len));
    print_optional(b, "softhsm_conf", t->where.softhsm_conf);
    print_optional(b, "label", t->where.label);
    print_optional(b, "serial", t->where.serial);
    print_optional(b, "pin_file", t->pin_file);
    buf_adds(b, "}");
}

static size_t find(const struct local_tokens *all, const uint8_t vault_id[VAULT_ID_LEN],
                   const uint8_t rid[RID_LEN])
{
    size_t i = 0;
    while (i < all->n && !(mem_eq(all->v[i].vault_id, vault_id, VAULT_ID_LEN) &&
                           mem_eq(all->v[i].rid, rid, RID_LEN)))
        i++;
    return i;
}

static int write_in(int dir, const struct local_tokens *all, struct err *e)
{
    AUTO_BUF b = BUF_INIT(TOKENS_FILE_MAX);
    buf_adds(&b, "{\"format\":1,\"tokens\":[\n");
    for (size_t i = 0; i < all->n; i++) {
        buf_adds(&b, i ? ",\n" : "");
        token_print(&all->v[i], &b);
    }
    buf_adds(&b, "\n]}\n");
    int rc = buf_check(&b, "'" TOKENS_FILE "'", e);
    return rc ? rc : file_replace_at(dir, TOKENS_FILE, buf_bytes(&b), e);
}

static int put_in(int dir, struct local_tokens *all, const struct local_token *t, struct err *e)
{
    size_t i = find(all, t->vault_id, t->rid);
    if (i == LOCAL_TOKENS_MAX)
        return err_set(e, ERR_LIMIT, "'" TOKENS_FILE "' has %u tokens already", LOCAL_TOKENS_MAX);
    all->v[i] = *t;
    all->n += i == all->n;
    return write_in(dir, all, e);
}

static int drop_in(int dir, struct local_tokens *all, const struct local_token *t, struct err *e)
{
    size_t i = find(all, t->vault_id, t->rid);
    if (i == all->n)
        return OK;
    all->n--;
    memmove(all->v + i, all->v + i + 1, (all->n - i) * sizeof(all->v[0]));
    return write_in(dir, all, e);
}

/* One change at a time. */
static int change(const struct where *w, const struct local_token *t,
                  int (*how)(int dir, struct local_tokens *all, const struct local_token *t,
                             struct err *e),
                  struct err *e)
{
    AUTO(fd_closep) int dir = -1;
    AUTO(fd_closep) int lock = -1;
    int rc = dir_open(w->config, FILE_PRIVATE | DIR_CREATE, &dir, e);
    if (!rc)
        rc = file_lock_at(dir, TOKENS_LOCK, LOCK_MS, &lock, e);
    if (rc)
        return rc;
    struct local_tokens *all = wipe_malloc(sizeof(*all));
    if (!all)
        return err_set(e, ERR_MEMORY, "no memory for '" TOKENS_FILE "'");
    rc = read_in(dir, all, e);
    if (!rc)
        rc = how(dir, all, t, e);
    wipe_free(all);
    return rc;
}

int local_put(const struct where *w, const struct local_token *t, struct err *e)
{
    return change(w, t, put_in, e);
}

int local_drop(const struct where *w, const uint8_t vault_id[VAULT_ID_LEN],
               const uint8_t rid[RID_LEN], struct err *e)
{
    struct local_token t = {.key_id_len = 0};
    memcpy(t.vault_id, vault_id, VAULT_ID_LEN);
    memcpy(t.rid, rid, RID_LEN);
    return change(w, &t, drop_in, e);
}
