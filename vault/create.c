/* SPDX-License-Identifier: Apache-2.0 */
/* A new vault: one recipient, no records, generation 1, and this machine's pin. */
#include "vault/commit.h"

#include "base/codec.h"
#include "base/file.h"
#include "base/text.h"
#include "base/wipe.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* What an earlier init that was killed left: an empty directory and files written aside. */
static bool is_leftover(int dir, const char *name)
{
    if (strcmp(name, RECORDS_DIR) == 0)
        return unlinkat(dir, name, AT_REMOVEDIR) == 0;
    return text_starts(bytes_str(name), "." VAULT_FILE ".tmp.") && unlinkat(dir, name, 0) == 0;
}

static int must_be_empty(const struct where *w, int dir, struct err *e)
{
    int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    struct dirent *f;
    bool has_vault, has_other = false;
    if (!d) {
        int err_no = errno;
        fd_closep(&fd);
        return err_sys(e, err_no, "look into '%s'", w->vault);
    }
    has_vault = faccessat(dir, VAULT_FILE, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
    while (!has_vault && (f = readdir(d)))
        has_other |= strcmp(f->d_name, ".") != 0 && strcmp(f->d_name, "..") != 0 &&
                     strcmp(f->d_name, LOCK_FILE) != 0 && !is_leftover(dir, f->d_name);
    closedir(d);
    if (has_vault) {
        err_set(e, ERR_EXISTS, "there is a vault at '%s' already", w->vault);
        return err_hint(e, "give --vault to make another one elsewhere");
    }
    if (has_other) {
        err_set(e, ERR_EXISTS, "'%s' is not empty", w->vault);
        return err_hint(e, "give --vault to make the vault elsewhere");
    }
    return OK;
}

static int audit_key_new(const struct env *env, struct body *b, struct bytes vk, struct err *e)
{
    uint8_t nonce[GCM_NONCE_LEN], key[32];
    int rc = env->random(env, nonce, sizeof(nonce), e);
    if (!rc)
        rc = env->random(env, key, sizeof(key), e);
    if (!rc)
        rc = audit_key_seal(b->id, vk, nonce, key, b->audit_key, e);
    mem_wipe(key, sizeof(key));
    return rc;
}

static int first_body(const struct env *env, struct body *b, struct bytes vk, struct buf *text,
                      struct err *e)
{
    const struct wrap_for f = {"vault-key", b->id, b->id, 0};
    uint8_t mac[SHA256_LEN];
    int rc = wrap_make(&f, &b->recipients[0], vk, &b->wraps[0], e);
    if (!rc)
        rc = audit_key_new(env, b, vk, e);
    if (rc)
        return rc;
    body_print(b, text);
    rc = vault_mac(b->id, vk, buf_bytes(text), mac, e);
    buf_addc(text, '\n');
    b64url_encode(text, BYTES_ARR(mac));
    buf_addc(text, '\n');
    return rc ? rc : buf_check(text, "vault.json", e);
}

static int first_text(const uint8_t *id, const struct recipient *first, const struct env *env,
                      struct buf *text, struct err *e)
{
    AUTO_SECRET vk = {0};
    int rc = secret_new(&vk, VK_LEN, e);
    if (!rc)
        rc = env->random(env, vk.p, VK_LEN, e);
    if (rc)
        return rc;
    vk.n = VK_LEN;
    struct body *b = wipe_malloc(sizeof(*b));
    if (!b)
        return err_set(e, ERR_MEMORY, "no memory for the vault");
    memset(b, 0, sizeof(*b));
    memcpy(b->id, id, VAULT_ID_LEN);
    b->generation = 1;
    b->recipients[0] = *first;
    b->n_recipients = 1;
    rc = first_body(env, b, secret_bytes(&vk), text, e);
    wipe_free(b);
    return rc;
}

static int write_files(int dir, struct bytes text, struct err *e)
{
    if (mkdirat(dir, RECORDS_DIR, 0700))
        return err_sys(e, errno, "make '" RECORDS_DIR "'");
    return file_replace_at(dir, VAULT_FILE, text, e);
}

/* The vault must open through the token before it is called made. */
static int prove(const struct where *w, const struct env *env, const struct opener *o,
                 struct vault **out, struct err *e)
{
    AUTO(vault_freep) struct vault *v = NULL;
    int rc = vault_load(w, env, &v, e);
    if (!rc)
        rc = vault_open(v, o, e);
    if (rc)
        return rc;
    struct sighting s = vault_sighting(v);
    rc = trust_set(&s, e);
    if (rc)
        return rc;
    v->trust = TRUST_PINNED;
    *out = v;
    v = NULL;
    return OK;
}

static void undo(const struct where *w, int dir, bool with_dir)
{
    unlinkat(dir, VAULT_FILE, 0);
    unlinkat(dir, RECORDS_DIR, AT_REMOVEDIR);
    unlinkat(dir, LOCK_FILE, 0);
    if (with_dir)
        rmdir(w->vault);
}

int vault_create(const struct where *w, const uint8_t id[VAULT_ID_LEN],
                 const struct recipient *first, const struct opener *o, const struct env *env,
                 struct vault **out, struct err *e)
{
    AUTO(fd_closep) int dir = -1;
    AUTO(fd_closep) int lock = -1;
    AUTO_BUF text = BUF_INIT(VAULT_JSON_MAX);
    bool is_new = access(w->vault, F_OK) != 0;
    int rc = dir_open(w->vault, FILE_PRIVATE | DIR_CREATE, &dir, e);
    if (!rc)
        rc = file_lock_at(dir, LOCK_FILE, 1000, &lock, e);
    if (!rc)
        rc = must_be_empty(w, dir, e);
    if (rc)
        return rc;
    rc = first_text(id, first, env, &text, e);
    if (!rc)
        rc = write_files(dir, buf_bytes(&text), e);
    if (!rc)
        rc = prove(w, env, o, out, e);
    if (rc)
        undo(w, dir, is_new);
    return rc;
}
