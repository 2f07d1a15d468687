/* SPDX-License-Identifier: Apache-2.0 */
/* The vault of vault_world.h: made, filled, opened, and a signature checked against a known one. */
#include "tests/vault_world.h"

#include "base/codec.h"
#include "tests/harness.h"
#include "vault/commit.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char api_secret[] = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j";

void world_new(struct world *o, const char *kind, enum scheme s)
{
    static unsigned n;
    struct err e;
    struct vault *v = NULL;
    memset(o, 0, sizeof(*o));
    snprintf(o->w.vault, sizeof(o->w.vault), "%s/%u/vault", harness_dir(), ++n);
    snprintf(o->w.state, sizeof(o->w.state), "%s/%u/state", harness_dir(), n);
    snprintf(o->w.config, sizeof(o->w.config), "%s/%u/config", harness_dir(), n);
    softkey_new(&o->key, kind, s, "test token");
    OK_CALL(env_real.random(&env_real, o->id, sizeof(o->id), &e), &e);
    OK_CALL(vault_create(&o->w, o->id, &o->key.recipient, &o->key.opener, &env_real, &v, &e), &e);
    vault_free(v);
}

int world_add(struct world *o, const char *name, struct err *e)
{
    AUTO(vault_freep) struct vault *v = NULL;
    struct secret fields[FIELD_COUNT] = {{0}};
    struct record_info info;
    record_info_init(&info);
    snprintf(info.name, sizeof(info.name), "%s", name);
    snprintf(info.connector, sizeof(info.connector), "binance");
    snprintf(info.environment, sizeof(info.environment), "live");
    snprintf(info.key_mask, sizeof(info.key_mask), "vmPU...h8A");
    info.key = KEY_HMAC;
    int rc = vault_load(&o->w, &env_real, &v, e);
    if (!rc)
        rc = vault_lock(v, e);
    if (!rc)
        rc = vault_open(v, &o->key.opener, e);
    if (!rc)
        rc = secret_copy(&fields[FIELD_API_KEY], BYTES_LIT("vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2"), e);
    if (!rc)
        rc = secret_copy(&fields[FIELD_API_SECRET], bytes_str(api_secret), e);
    if (!rc)
        rc = vault_add(v, &info, fields, e);
    for (int i = 0; i < FIELD_COUNT; i++)
        secret_free(&fields[i]);
    record_info_free(&info);
    return rc;
}

int world_open(struct world *o, const char *name, struct record **r, struct err *e)
{
    AUTO(vault_freep) struct vault *v = NULL;
    int rc = vault_load(&o->w, &env_real, &v, e);
    return rc ? rc : vault_open_record(v, &o->key.opener, name, r, e);
}

void world_signs(struct world *o, const char *name)
{
    struct err e;
    struct record *r = NULL;
    struct sig sig;
    AUTO_BUF key = BUF_INIT(256), hex = BUF_INIT(256);
    if (!OK_CALL(world_open(o, name, &r, &e), &e))
        return;
    struct signer *s = record_signer(r);
    OK_CALL(s->sign(s, SIG_HMAC_SHA256, FIELD_API_SECRET,
                    BYTES_LIT("symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&"
                              "price=0.1&recvWindow=5000&timestamp=1499827319559"),
                    &sig, &e),
            &e);
    hex_encode(&hex, bytes_of(sig.v, sig.n));
    EQ_STR(buf_str(&hex), "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71");
    OK_CALL(s->place(s, FIELD_API_KEY, &key, &e), &e);
    EQ_STR(buf_str(&key), "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2");
    EQ_INT(s->place(s, FIELD_API_SECRET, &key, &e), ERR_USAGE);
    EQ_INT(s->sign(s, SIG_ES256, FIELD_API_SECRET, BYTES_LIT("x"), &sig, &e), ERR_USAGE);
    record_free(r);
}

size_t world_count_files(const struct world *o)
{
    char path[WHERE_MAX + 16];
    size_t n = 0;
    snprintf(path, sizeof(path), "%s/records", o->w.vault);
    DIR *d = opendir(path);
    for (struct dirent *f; d && (f = readdir(d));)
        n += f->d_name[0] != '.';
    closedir(d);
    return n;
}

void world_record_path(const struct world *o, const char *name, char *out, size_t cap)
{
    struct err e;
    struct vault *v = NULL;
    OK_CALL(vault_load(&o->w, &env_real, &v, &e), &e);
    struct index_entry *n = vault_find(v, name);
    CHECK(n != NULL);
    if (n)
        snprintf(out, cap, "%s/records/%.*s", o->w.vault, (int)n->current.file.n,
                 (const char *)n->current.file.p);
    vault_free(v);
}

void read_all(const char *path, struct buf *out)
{
    int fd = open(path, O_RDONLY);
    uint8_t p[65536];
    for (ssize_t n; (n = read(fd, p, sizeof(p))) > 0;)
        buf_add(out, bytes_of(p, (size_t)n));
    close(fd);
}

void write_all(const char *path, struct bytes v)
{
    int fd = open(path, O_WRONLY | O_TRUNC | O_CREAT, 0600);
    CHECK(write(fd, v.p, v.n) == (ssize_t)v.n);
    close(fd);
}

void copy_file(const char *from, const char *to)
{
    AUTO_BUF t = BUF_INIT(1 << 20);
    read_all(from, &t);
    write_all(to, buf_bytes(&t));
}
