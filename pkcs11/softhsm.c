/* SPDX-License-Identifier: Apache-2.0 */
/* Makes the embedded token: its directory, its configuration, and the token itself through the
 * module, so that neither SoftHSM's own tools nor root are needed. */
#include "pkcs11/softhsm.h"

#include "base/file.h"
#include "base/text.h"
#include "pkcs11/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define SO_PIN_LEN 32u
#define CK_LABEL_LEN 32u
#define PIN_LEN_MIN 4u
#define PIN_LEN_MAX 255u
#define CONF_MAX (PATH_MAX + 4096u)

static const char conf_file[] = "softhsm2.conf";

static const char *const modules[] = {
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib64/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/usr/lib/pkcs11/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
};

int softhsm_module(char out[TOKEN_PATH_MAX], struct err *e)
{
    for (size_t i = 0; i < ARRAY_LEN(modules); i++) {
        if (access(modules[i], R_OK) == 0) {
            snprintf(out, TOKEN_PATH_MAX, "%s", modules[i]);
            return OK;
        }
    }
    err_set(e, ERR_NOT_FOUND, "SoftHSM is not installed");
    return err_hint(e, "install the package softhsm2 (Debian, Ubuntu) or softhsm (Fedora, Arch)");
}

static int conf_path(char *out, const char *dir, struct err *e)
{
    int n = snprintf(out, TOKEN_PATH_MAX, "%s/%s", dir, conf_file);
    if (n < 0 || n >= (int)TOKEN_PATH_MAX)
        return err_set(e, ERR_LIMIT, "directory '%s' has too long a name", dir);
    return OK;
}

/* SoftHSM's configuration has no way to quote: what it would misread is refused. */
static int path_check(const char *path, struct err *e)
{
    for (const char *p = path; *p; p++) {
        if ((unsigned char)*p < ' ' || *p == '#' || *p == 0x7f)
            return err_set(e, ERR_USAGE,
                           "directory '%s': SoftHSM takes no '#' or control character in a path",
                           path);
    }
    return OK;
}

/* A token directory that was copied or moved still names its old place, which may be gone, or may
 * hold a token yet. Only the line that says so is changed. */
static int conf_mend(const char *dir, struct err *e)
{
    static const char key[] = "directories.tokendir";
    AUTO_BUF old = BUF_INIT(CONF_MAX);
    AUTO_BUF now = BUF_INIT(CONF_MAX);
    AUTO_BUF want = BUF_INIT(PATH_MAX + 64);
    AUTO(fd_closep) int fd = -1;
    buf_addf(&want, "%s = %s/tokens", key, dir);
    int r = buf_check(&want, conf_file, e);
    if (r == OK)
        r = dir_open(dir, FILE_PRIVATE, &fd, e);
    if (r == OK)
        r = file_read_at(fd, conf_file, CONF_MAX, FILE_PRIVATE, &old, e);
    if (r)
        return r;
    if (faccessat(fd, "tokens", F_OK, 0) != 0) {
        err_set(e, ERR_NOT_FOUND, "the SoftHSM token in '%s' has lost its directory 'tokens'", dir);
        return err_hint(e, "copy it whole, or restore it from its backup");
    }
    struct bytes rest = buf_bytes(&old), line;
    for (bool more = rest.n > 0; more;) {
        struct bytes left;
        more = text_cut(rest, '\n', &line, &left);
        buf_add(&now, text_starts(text_trim(line), key) ? buf_bytes(&want) : line);
        if (more)
            buf_addc(&now, '\n');
        rest = left;
    }
    r = buf_check(&now, conf_file, e);
    if (r || bytes_eq(buf_bytes(&now), buf_bytes(&old)) || (r = path_check(dir, e)) != OK)
        return r;
    return file_replace_at(fd, conf_file, buf_bytes(&now), e);
}

int softhsm_where(const char *dir, struct token_where *where, struct err *e)
{
    struct token_where w = {0};
    char real[PATH_MAX];
    if (!realpath(dir, real)) {
        err_set(e, ERR_NOT_FOUND, "there is no SoftHSM token in '%s'", dir);
        return err_hint(e, "if it was moved, move it back; without it its keys are gone");
    }
    int r = softhsm_module(w.module, e);
    if (r || (r = conf_path(w.softhsm_conf, real, e)) != OK)
        return r;
    if (access(w.softhsm_conf, R_OK) != 0)
        return err_set(e, ERR_NOT_FOUND, "there is no SoftHSM token in '%s': no readable %s", dir,
                       conf_file);
    if ((r = conf_mend(real, e)) != OK)
        return r;
    *where = w;
    return OK;
}

/* Makes the parents; out gets the directory's own absolute path, no link in front of its name. */
static int place(const char *dir, char out[PATH_MAX], int *parent, const char **name, struct err *e)
{
    char copy[PATH_MAX], real[PATH_MAX];
    size_t n = strnlen(dir, sizeof(copy));
    while (n > 1 && dir[n - 1] == '/')
        n--;
    if (!text_copy(copy, sizeof(copy), bytes_of(dir, n)) || n == 0)
        return err_set(e, ERR_USAGE, "no usable directory for the token is given");
    char *slash = strrchr(copy, '/');
    const char *own = slash ? slash + 1 : copy, *above = slash == copy ? "/" : slash ? copy : ".";
    if (slash)
        *slash = 0;
    if (own[0] == 0 || strcmp(own, ".") == 0 || strcmp(own, "..") == 0)
        return err_set(e, ERR_USAGE, "directory '%s' has no name of its own", dir);
    AUTO(fd_closep) int fd = -1;
    int r = dir_open(above[0] ? above : "/", DIR_CREATE, &fd, e);
    if (r)
        return r;
    if (!realpath(above[0] ? above : "/", real))
        return err_sys(e, errno, "directory '%s'", above);
    int len = snprintf(out, PATH_MAX, "%s/%s", strcmp(real, "/") ? real : "", own);
    if (len < 0 || len >= PATH_MAX)
        return err_set(e, ERR_LIMIT, "directory '%s' has too long a name", dir);
    *name = strrchr(out, '/') + 1;
    *parent = fd;
    fd = -1;
    return path_check(out, e);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static void tree_remove(const char *path)
{
    nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

static int dirs_make(int parent, const char *name, const char *path, struct err *e)
{
    AUTO(fd_closep) int own = -1;
    if (mkdirat(parent, name, 0700) != 0) {
        if (errno == EEXIST)
            return err_set(e, ERR_EXISTS, "'%s' exists already", path);
        return err_sys(e, errno, "make directory '%s'", path);
    }
    AUTO_BUF conf = BUF_INIT(PATH_MAX + 256);
    buf_addf(&conf,
             "directories.tokendir = %s/tokens\nobjectstore.backend = file\nlog.level = ERROR\n"
             "slots.removable = false\n",
             path);
    int r = buf_check(&conf, conf_file, e);
    if (r == OK)
        r = dir_open_at(parent, name, FILE_PRIVATE, &own, e);
    if (r == OK && mkdirat(own, "tokens", 0700) != 0)
        r = err_sys(e, errno, "make directory '%s/tokens'", path);
    if (r == OK)
        r = file_create_at(own, conf_file, buf_bytes(&conf), e);
    if (r == OK)
        r = dir_sync(own, path, e);
    if (r == OK)
        r = dir_sync(parent, path, e);
    if (r)
        tree_remove(path);
    return r;
}

/* The slot whose token is initialised, or not, as asked; in a fresh directory there is one of each
 * kind at most. */
static int slot_find(const struct module *m, bool is_initialized, CK_SLOT_ID *out,
                     CK_TOKEN_INFO *info, struct err *e)
{
    CK_SLOT_ID slots[SLOTS_MAX];
    size_t n;
    int r = module_slots(m, slots, &n, e);
    if (r)
        return r;
    for (size_t i = 0; i < n; i++) {
        CK_TOKEN_INFO ck = {0};
        if (m->fn->C_GetTokenInfo(slots[i], &ck) != CKR_OK ||
            ((ck.flags & CKF_TOKEN_INITIALIZED) != 0) != is_initialized)
            continue;
        *out = slots[i];
        *info = ck;
        return OK;
    }
    err_set(e, ERR_TOKEN, "SoftHSM shows no %s token", is_initialized ? "new" : "empty");
    return err_hint(e, "check that the directory can be written");
}

static int so_pin_make(const struct env *env, struct secret *out, struct err *e)
{
    static const char letters[65] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    int r = secret_new(out, SO_PIN_LEN, e);
    if (r == OK)
        r = env->random(env, out->p, SO_PIN_LEN, e);
    if (r)
        return r;
    for (size_t i = 0; i < SO_PIN_LEN; i++)
        out->p[i] = (uint8_t)letters[out->p[i] & 63];
    out->n = SO_PIN_LEN;
    return OK;
}

static CK_RV user_pin_set(const struct module *m, CK_SLOT_ID slot, const struct secret *so_pin,
                          const struct secret *pin)
{
    CK_SESSION_HANDLE h;
    CK_RV rv = m->fn->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &h);
    if (rv != CKR_OK)
        return rv;
    rv = m->fn->C_Login(h, CKU_SO, so_pin->p, so_pin->n);
    if (rv == CKR_OK) {
        rv = m->fn->C_InitPIN(h, pin->p, pin->n);
        m->fn->C_Logout(h);
    }
    m->fn->C_CloseSession(h);
    return rv;
}

static int token_make(struct token_where *w, const struct secret *pin, const struct env *env,
                      struct err *e)
{
    AUTO(module_closep) struct module *m = NULL;
    AUTO_SECRET so_pin = {0};
    CK_SLOT_ID slot;
    CK_TOKEN_INFO info;
    unsigned char padded[CK_LABEL_LEN];
    int r = module_open(w->module, w->softhsm_conf, &m, e);
    if (r || (r = slot_find(m, false, &slot, &info, e)) != OK ||
        (r = so_pin_make(env, &so_pin, e)) != OK)
        return r;
    memset(padded, ' ', sizeof(padded));
    memcpy(padded, w->label, strlen(w->label));
    CK_RV rv = m->fn->C_InitToken(slot, so_pin.p, so_pin.n, padded);
    if (rv != CKR_OK)
        return rv_err(e, rv, "make the token '%s'", w->label);
    if ((r = slot_find(m, true, &slot, &info, e)) != OK)
        return r;
    rv = user_pin_set(m, slot, &so_pin, pin);
    if (rv != CKR_OK)
        return rv_err(e, rv, "set the PIN of the token '%s'", w->label);
    padded_copy(w->serial, sizeof(w->serial), info.serialNumber, sizeof(info.serialNumber));
    return OK;
}

static int input_check(const char *label, const struct secret *pin, struct err *e)
{
    size_t n = strlen(label);
    bool is_padded = n > 0 && (label[0] == ' ' || label[n - 1] == ' ');
    if (n == 0 || n > CK_LABEL_LEN || is_padded || !text_is_utf8(bytes_str(label)))
        return err_set(e, ERR_USAGE,
                       "a token label has 1 to %u bytes of UTF-8, no blank at its ends",
                       CK_LABEL_LEN);
    if (pin->n < PIN_LEN_MIN || pin->n > PIN_LEN_MAX)
        return err_set(e, ERR_USAGE, "the PIN must have %u to %u characters", PIN_LEN_MIN,
                       PIN_LEN_MAX);
    return OK;
}

int softhsm_create(const char *dir, const char *label, const struct secret *pin,
                   const struct env *env, struct token_where *where, struct err *e)
{
    struct token_where w = {0};
    char path[PATH_MAX];
    const char *name = "";
    AUTO(fd_closep) int parent = -1;
    int r = input_check(label, pin, e);
    if (r || (r = softhsm_module(w.module, e)) != OK ||
        (r = place(dir, path, &parent, &name, e)) != OK ||
        (r = conf_path(w.softhsm_conf, path, e)) != OK ||
        (r = dirs_make(parent, name, path, e)) != OK)
        return r;
    snprintf(w.label, sizeof(w.label), "%s", label);
    r = token_make(&w, pin, env, e);
    if (!r)
        r = spare_keep(w.softhsm_conf, e);
    if (r) {
        tree_remove(path);
        return r;
    }
    *where = w;
    return OK;
}
