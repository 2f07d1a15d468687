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
static struct place *add_place(struct places *p, const char *module, const char *conf)
{
    struct place *at = NULL;
    char *path = realpath(module, NULL);
    const char *real = path ? path : module;

    for (size_t i = 0; i < p->n && !at; i++)
        if (strcmp(p->v[i].module, real) == 0 && strcmp(p->v[i].conf, conf) == 0)
            at = &p->v[i];
    if (!at && p->n < MODULES_MAX && strlen(real) < TOKEN_PATH_MAX) {
        at = &p->v[p->n++];
        memcpy(at->module, real, strlen(real) + 1);
        memcpy(at->conf, conf, strlen(conf) + 1);
    }
    free(path);
    return at;
}

static void add_used(struct places *p, const char *module, const char *conf)
{
    struct place *at = add_place(p, module, conf);

    if (at)
        at->is_used = true;
}

/* It alone: with the environment's configuration, and with those of embedded tokens. */
static void keep_asked(struct places *p, const char *module)
{
    struct place *asked = add_place(p, module, "");
    char real[TOKEN_PATH_MAX];
    size_t n = 0;

    if (!asked) {
        p->n = 0;
        return;
    }
    asked->is_asked = true;
    memcpy(real, asked->module, sizeof(real));
    for (size_t i = 0; i < p->n; i++)
        if (strcmp(p->v[i].module, real) == 0)
            p->v[n++] = p->v[i];
    p->n = n;
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
            add_used(p, w.module, w.softhsm_conf);
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
                add_place(p, path, "");
        }
    for (size_t i = 0; i < ARRAY_LEN(elsewhere); i++)
        if (access(elsewhere[i], R_OK) == 0)
            add_place(p, elsewhere[i], "");
}

void token_places_find(struct cli *c, const struct local_tokens *l, bool has_softhsm_conf,
                 struct places *p)
{
    char module[TOKEN_PATH_MAX];
    struct err ignored;

    for (size_t i = 0; i < l->n; i++)
        add_used(p, l->v[i].where.module, l->v[i].where.softhsm_conf);
    add_embedded(c, p);
    if (c->args->given[OPT_MODULE]) {
        keep_asked(p, c->args->value[OPT_MODULE]);
        return;
    }
    add_known(p);
    if (has_softhsm_conf && softhsm_module(module, &ignored) == OK)
        add_place(p, module, "");
}
