/* SPDX-License-Identifier: Apache-2.0 */
/* Where a driver's own files are: told by its configuration and environment, which are read before
 * it is loaded. */
#include "helper/places.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONF_MAX 65536u

static void add(struct places *p, bool is_written, const char *dir, const char *rest)
{
    struct place *to = &p->v[p->n];

    if (!dir || dir[0] != '/' || p->n == PLACES_MAX)
        return;
    int n = snprintf(to->path, sizeof(to->path), "%s%s", dir, rest);
    if (n < 0 || (size_t)n >= sizeof(to->path))
        return;
    to->is_written = is_written;
    p->n++;
}

/* -- SoftHSM -- */

static void add_tokendir(struct places *p, struct bytes text)
{
    struct bytes line, key, value;
    char dir[PATH_MAX];

    while (text.n > 0) {
        (void)text_cut(text, '\n', &line, &text);
        (void)text_cut(line, '#', &line, &value);
        if (text_cut(line, '=', &key, &value) &&
            bytes_eq_str(text_trim(key), "directories.tokendir") &&
            text_copy(dir, sizeof(dir), text_trim(value)))
            add(p, true, dir, "");
    }
}

static void add_softhsm(struct places *p, const char *conf)
{
    AUTO_BUF text = BUF_INIT(CONF_MAX);
    struct err ignored;

    if (!conf || conf[0] != '/')
        return;
    add(p, false, conf, "");
    if (file_read_user(conf, CONF_MAX, &text, &ignored) == OK)
        add_tokendir(p, buf_bytes(&text));
}

/* Without a name for it, where SoftHSM looks. */
static void find_softhsm(const struct options *o, struct places *p)
{
    const char *conf = o->where.softhsm_conf, *home = getenv("HOME");
    char own[PATH_MAX];

    conf = conf[0] ? conf : getenv("SOFTHSM2_CONF");
    if (conf) {
        add_softhsm(p, conf);
        return;
    }
    if (home &&
        (size_t)snprintf(own, sizeof(own), "%s/.config/softhsm2/softhsm2.conf", home) < sizeof(own))
        add_softhsm(p, own);
    add_softhsm(p, "/etc/softhsm/softhsm2.conf");
    add_softhsm(p, "/etc/softhsm2.conf");
}

/* The copies that guard an embedded token (pkcs11/spare.h), and the folder above them. */
static void add_spare(struct places *p, const char *conf)
{
    char dir[TOKEN_PATH_MAX];
    const char *slash = strrchr(conf, '/');
    char spare[TOKEN_PATH_MAX + 8];

    if (!slash || !text_copy(dir, sizeof(dir), bytes_of(conf, (size_t)(slash - conf))))
        return;
    snprintf(spare, sizeof(spare), "%s/spare", dir);
    if (access(spare, F_OK))
        return;
    add(p, false, dir, "");
    add(p, true, spare, "");
}

/* -- others -- */

static void find_tpm(struct places *p)
{
    const char *store = getenv("TPM2_PKCS11_STORE"), *home = getenv("HOME"), *tcti = driver_tcti(),
               *device = tcti ? strstr(tcti, ":/dev/") : NULL;

    if (store)
        add(p, true, store, "");
    else
        add(p, true, home, "/.tpm2_pkcs11");
    add(p, true, "/etc/tpm2_pkcs11", "");
    add(p, true, home, "/.local/share/tpm2-tss");
    if (device)
        add(p, true, device + 1, "");
}

/* One that its owner keeps in a folder of his own may have all its files there: what it needs is
 * not known, and the folder holds nothing else of worth than the driver itself. */
static bool is_own_folder(const char *dir)
{
    static const char *const system[] = {"/usr/", "/lib", "/opt/", "/etc/", "/nix/", "/gnu/"};
    const char *home = getenv("HOME");
    struct stat st, st_home;

    for (size_t i = 0; i < ARRAY_LEN(system); i++)
        if (text_starts(bytes_str(dir), system[i]))
            return false;
    if (stat(dir, &st) || st.st_uid != geteuid() || strcmp(dir, "/") == 0)
        return false;
    return !home || stat(home, &st_home) || st.st_dev != st_home.st_dev ||
           st.st_ino != st_home.st_ino;
}

static void find_module(const struct options *o, struct places *p)
{
    char real[PATH_MAX];

    add(p, false, o->where.module, "");
    if (!realpath(o->where.module, real))
        return;
    add(p, false, real, "");
    char *slash = strrchr(real, '/');
    *slash = 0;
    bool may_write = o->needs.kind == DRIVER_UNKNOWN || o->needs.kind == DRIVER_FILES;
    if (may_write && slash > real && is_own_folder(real))
        add(p, true, real, "");
}

void places_find(const struct options *o, struct places *out)
{
    out->n = 0;
    find_module(o, out);
    if (o->needs.kind == DRIVER_FILES || o->where.softhsm_conf[0])
        find_softhsm(o, out);
    add_spare(out, o->where.softhsm_conf);
    if (o->needs.kind == DRIVER_TPM)
        find_tpm(out);
    if (o->needs.kind == DRIVER_NETWORK)
        add(out, false, getenv("HOME"), "/.config/pkcs11");
}
