/* SPDX-License-Identifier: Apache-2.0 */
/* Where the drivers of tokens are. None is loaded here. */
#include "cli/tokens.h"
#include "pkcs11/softhsm.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Where distributions put them: Debian and Ubuntu, Fedora, Arch, and what is built by hand. */
static const char *const folders[] = {
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/lib64",
    "/usr/lib",
    "/usr/local/lib",
};

static const char *const drivers[] = {
    "libykcs11.so.2",          "libykcs11.so",
    "opensc-pkcs11.so",        "libtpm2_pkcs11.so.1",
    "libtpm2_pkcs11.so.0",     "pkcs11/libtpm2_pkcs11.so",
    "pkcs11/opensc-pkcs11.so", "pkcs11/yubihsm_pkcs11.so",
    "libsc-hsm-pkcs11.so",     "libeTPkcs11.so",
};

/* Those that have a place of their own. */
static const char *const elsewhere[] = {"/opt/cloudhsm/lib/libcloudhsm_pkcs11.so"};

/* The same driver under two names is asked once. */
static void add_place(struct places *p, const char *module, const char *conf, bool is_asked)
{
    char *path = realpath(module, NULL);
    const char *real = path ? path : module;
    bool is_new = p->n < MODULES_MAX && strlen(real) < TOKEN_PATH_MAX;

    for (size_t i = 0; i < p->n && is_new; i++) {
        is_new = strcmp(p->v[i].module, real) != 0 || strcmp(p->v[i].conf, conf) != 0;
        p->v[i].is_asked |= !is_new && is_asked;
    }
    if (is_new) {
        memcpy(p->v[p->n].module, real, strlen(real) + 1);
        memcpy(p->v[p->n].conf, conf, strlen(conf) + 1);
        p->v[p->n].is_asked = is_asked;
        p->n++;
    }
    free(path);
}

static void add_embedded(struct cli *c, struct places *p)
{
    DIR *d = opendir(c->where.softhsm);
    char path[WHERE_MAX * 2];
    struct err ignored;

    for (struct dirent *f; d && (f = readdir(d)) != NULL;) {
        struct token_where w;
        int n = snprintf(path, sizeof(path), "%s/%s", c->where.softhsm, f->d_name);
        if (f->d_name[0] == '.' || n < 0 || (size_t)n >= WHERE_MAX)
            continue;
        if (softhsm_where(path, &w, &ignored) == OK)
            add_place(p, w.module, w.softhsm_conf, false);
    }
    if (d)
        closedir(d);
}

static void add_known(struct places *p)
{
    char path[TOKEN_PATH_MAX];

    for (size_t i = 0; i < ARRAY_LEN(folders); i++)
        for (size_t k = 0; k < ARRAY_LEN(drivers); k++) {
            snprintf(path, sizeof(path), "%s/%s", folders[i], drivers[k]);
            if (access(path, R_OK) == 0)
                add_place(p, path, "", false);
        }
    for (size_t i = 0; i < ARRAY_LEN(elsewhere); i++)
        if (access(elsewhere[i], R_OK) == 0)
            add_place(p, elsewhere[i], "", false);
}

void places_find(struct cli *c, const struct local_tokens *l, bool has_softhsm_conf,
                 struct places *p)
{
    char module[TOKEN_PATH_MAX];
    struct err ignored;

    for (size_t i = 0; i < l->n; i++)
        add_place(p, l->v[i].where.module, l->v[i].where.softhsm_conf, false);
    add_embedded(c, p);
    if (c->args->given[OPT_MODULE])
        add_place(p, c->args->value[OPT_MODULE], "", true);
    add_known(p);
    if (has_softhsm_conf && softhsm_module(module, &ignored) == OK)
        add_place(p, module, "", false);
}
