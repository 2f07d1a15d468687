/* SPDX-License-Identifier: Apache-2.0 */
/* A vault's life on disk with keys in memory: made, filled, renamed, emptied; forged, rolled back,
 * damaged byte by byte. What needs a real token is in the end-to-end tests. */
#include "tests/harness.h"
#include "tests/softkey.h"

#include "base/codec.h"
#include "base/crypto.h"
#include "base/file.h"
#include "vault/commit.h"
#include "vault/format.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char api_secret[] = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j";

struct world {
    struct where w;
    struct softkey key;
    uint8_t id[VAULT_ID_LEN];
};

static void world_new(struct world *o, const char *kind, enum scheme s)
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

static int add_named(struct world *o, const char *name, struct err *e)
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

static int open_named(struct world *o, const char *name, struct record **r, struct err *e)
{
    AUTO(vault_freep) struct vault *v = NULL;
    int rc = vault_load(&o->w, &env_real, &v, e);
    return rc ? rc : vault_open_record(v, &o->key.opener, name, r, e);
}

static void check_signs(struct world *o, const char *name)
{
    struct err e;
    struct record *r = NULL;
    struct sig sig;
    AUTO_BUF key = BUF_INIT(256), hex = BUF_INIT(256);
    if (!OK_CALL(open_named(o, name, &r, &e), &e))
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

static void roundtrip(const char *kind, enum scheme s)
{
    struct err e;
    struct world o;
    world_new(&o, kind, s);
    OK_CALL(add_named(&o, "main", &e), &e);
    OK_CALL(add_named(&o, "alpha", &e), &e);
    unsigned before = o.key.n_ops;
    check_signs(&o, "main");
    EQ_INT(o.key.n_ops - before, 1);
    check_signs(&o, "alpha");
    softkey_free(&o.key);
}

static void test_roundtrip_p256(void)
{
    roundtrip("P-256", SCHEME_ECDH_P256);
}

static void test_roundtrip_rsa(void)
{
    roundtrip("RSA", SCHEME_RSA_OAEP_256);
    roundtrip("RSA", SCHEME_RSA_OAEP_1);
}

static void test_names(void)
{
    struct err e;
    struct world o;
    world_new(&o, "P-256", SCHEME_ECDH_P256);
    OK_CALL(add_named(&o, "Main", &e), &e);
    EQ_INT(add_named(&o, "Main", &e), ERR_EXISTS);
    EQ_INT(add_named(&o, "main", &e), ERR_EXISTS);
    CHECK(strstr(e.msg, "only in case") != NULL);
    static const char *const bad[] = {"", "-a", "_a", "a b", "a/b", "a.b", "\xc3\xa4", "a\n"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        EQ_INT(add_named(&o, bad[i], &e), ERR_USAGE);
    char name[80];
    memset(name, 'x', sizeof(name));
    name[64] = 0;
    OK_CALL(record_check_name(name, &e), &e);
    name[64] = 'x', name[65] = 0;
    EQ_INT(record_check_name(name, &e), ERR_USAGE);
    struct record *r = NULL;
    EQ_INT(open_named(&o, "Mian", &r, &e), ERR_NOT_FOUND);
    CHECK(strstr(e.hints[0], "'Main'") != NULL);
    softkey_free(&o.key);
}

static size_t count_files(const struct world *o)
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

static void test_rename_remove(void)
{
    struct err e;
    struct world o;
    world_new(&o, "P-256", SCHEME_ECDH_P256);
    struct vault *v = NULL;
    OK_CALL(add_named(&o, "a", &e), &e);
    OK_CALL(add_named(&o, "c", &e), &e);
    OK_CALL(vault_load(&o.w, &env_real, &v, &e), &e);
    EQ_INT(vault_remove(v, "a", &e), ERR_FAILED);   /* not locked, not open */
    OK_CALL(vault_lock(v, &e), &e);
    OK_CALL(vault_rename(v, &o.key.opener, "a", "z", &e), &e);
    EQ_INT(vault_rename(v, &o.key.opener, "z", "C", &e), ERR_EXISTS);
    OK_CALL(vault_rename(v, &o.key.opener, "z", "Z", &e), &e);
    vault_freep(&v);
    check_signs(&o, "Z");
    EQ_INT(count_files(&o), 2);
    OK_CALL(vault_load(&o.w, &env_real, &v, &e), &e);
    OK_CALL(vault_lock(v, &e), &e);
    OK_CALL(vault_open(v, &o.key.opener, &e), &e);
    OK_CALL(vault_remove(v, "Z", &e), &e);
    EQ_INT(vault_remove(v, "Z", &e), ERR_NOT_FOUND);
    vault_freep(&v);
    check_signs(&o, "c");
    EQ_INT(count_files(&o), 1);
    softkey_free(&o.key);
}

static void read_all(const char *path, struct buf *out)
{
    int fd = open(path, O_RDONLY);
    uint8_t p[65536];
    for (ssize_t n; (n = read(fd, p, sizeof(p))) > 0;)
        buf_add(out, bytes_of(p, (size_t)n));
    close(fd);
}

static void write_all(const char *path, struct bytes v)
{
    int fd = open(path, O_WRONLY | O_TRUNC | O_CREAT, 0600);
    CHECK(write(fd, v.p, v.n) == (ssize_t)v.n);
    close(fd);
}

/* Every byte of the file flipped, one at a time: nothing signs, nothing crashes. */
static void flip_each(struct world *o, const char *path, const char *name)
{
    AUTO_BUF good = BUF_INIT(1 << 20), bad = BUF_INIT(1 << 20);
    struct err e;
    struct record *r = NULL;
    read_all(path, &good);
    for (size_t i = 0; i < good.n; i++) {
        buf_reset(&bad);
        buf_add(&bad, buf_bytes(&good));
        bad.p[i] ^= 0x01;
        write_all(path, buf_bytes(&bad));
        if (!CHECK(open_named(o, name, &r, &e) != OK)) {
            printf("#   byte %zu of %s\n", i, path);
            record_freep(&r);
        }
    }
    for (size_t i = 0; i < good.n; i += 7) {
        write_all(path, bytes_of(good.p, i));
        CHECK(open_named(o, name, &r, &e) != OK);
    }
    write_all(path, buf_bytes(&good));
}

static void record_path(const struct world *o, const char *name, char *out, size_t cap)
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

static void test_damage(void)
{
    struct err e;
    struct world o;
    world_new(&o, "P-256", SCHEME_ECDH_P256);
    char path[WHERE_MAX + 128];
    OK_CALL(add_named(&o, "main", &e), &e);
    snprintf(path, sizeof(path), "%s/vault.json", o.w.vault);
    flip_each(&o, path, "main");
    record_path(&o, "main", path, sizeof(path));
    flip_each(&o, path, "main");
    check_signs(&o, "main");
    softkey_free(&o.key);
}

/* Damage that the index's hash does not show, because the index is the attacker's too. */
static void test_swapped_records(void)
{
    struct err e;
    struct world o;
    world_new(&o, "P-256", SCHEME_ECDH_P256);
    char a[WHERE_MAX + 128], b[WHERE_MAX + 128];
    struct record *r = NULL;
    AUTO_BUF ta = BUF_INIT(1 << 20), tb = BUF_INIT(1 << 20);
    OK_CALL(add_named(&o, "a", &e), &e);
    OK_CALL(add_named(&o, "b", &e), &e);
    record_path(&o, "a", a, sizeof(a));
    record_path(&o, "b", b, sizeof(b));
    read_all(a, &ta);
    read_all(b, &tb);
    write_all(a, buf_bytes(&tb));
    write_all(b, buf_bytes(&ta));
    EQ_INT(open_named(&o, "a", &r, &e), ERR_TAMPERED);
    EQ_INT(open_named(&o, "b", &r, &e), ERR_TAMPERED);
    softkey_free(&o.key);
}

static void copy_file(const char *from, const char *to)
{
    AUTO_BUF t = BUF_INIT(1 << 20);
    read_all(from, &t);
    write_all(to, buf_bytes(&t));
}

static void test_rollback_and_fork(void)
{
    struct err e;
    struct world o;
    world_new(&o, "P-256", SCHEME_ECDH_P256);
    char vj[WHERE_MAX + 16], old[WHERE_MAX + 16], other[WHERE_MAX + 16];
    struct record *r = NULL;
    struct vault *v = NULL;
    snprintf(vj, sizeof(vj), "%s/vault.json", o.w.vault);
    snprintf(old, sizeof(old), "%s/../old", o.w.vault);
    snprintf(other, sizeof(other), "%s/../other", o.w.vault);
    OK_CALL(add_named(&o, "a", &e), &e);
    copy_file(vj, old);
    OK_CALL(add_named(&o, "b", &e), &e);
    copy_file(vj, other);
    copy_file(old, vj);                        /* an older generation */
    EQ_INT(open_named(&o, "a", &r, &e), ERR_TRUST);
    EQ_INT(add_named(&o, "x", &e), ERR_TRUST);
    EQ_INT(err_exit(e.code), 3);
    /* the same generation with other bytes: made by a machine that did not see ours */
    char state[WHERE_MAX];
    memcpy(state, o.w.state, sizeof(state));
    snprintf(o.w.state, sizeof(o.w.state), "%.400s-2", state);
    OK_CALL(vault_load(&o.w, &env_real, &v, &e), &e);
    OK_CALL(vault_open(v, &o.key.opener, &e), &e);
    EQ_INT(vault_trust_state(v), TRUST_NO_PIN);
    char fp[FINGERPRINT_TEXT];
    OK_CALL(vault_fingerprint(v, fp, &e), &e);
    EQ_INT(vault_trust(v, &o.key.opener, "0000", &e), ERR_TRUST);
    OK_CALL(vault_trust(v, &o.key.opener, fp, &e), &e);
    vault_freep(&v);
    OK_CALL(add_named(&o, "c", &e), &e);
    memcpy(o.w.state, state, sizeof(state));
    EQ_INT(open_named(&o, "a", &r, &e), ERR_TRUST);
    CHECK(strstr(e.msg, "forked") != NULL);
    copy_file(other, vj);                      /* our own again */
    check_signs(&o, "a");
    softkey_free(&o.key);
}

static void test_unpinned(void)
{
    struct err e;
    struct world o;
    world_new(&o, "P-256", SCHEME_ECDH_P256);
    OK_CALL(add_named(&o, "a", &e), &e);
    strcat(o.w.state, "-elsewhere");           /* another machine */
    check_signs(&o, "a");
    EQ_INT(add_named(&o, "b", &e), ERR_TRUST);
    EQ_INT(err_exit(e.code), 3);
    softkey_free(&o.key);
}

/* A vault made with the same id by somebody who has public keys only. */
static void test_forged(void)
{
    struct err e;
    struct world o, forged;
    world_new(&o, "P-256", SCHEME_ECDH_P256);
    forged = o;
    struct vault *v = NULL;
    struct record *r = NULL;
    OK_CALL(add_named(&o, "a", &e), &e);
    snprintf(forged.w.vault, sizeof(forged.w.vault), "%.480s-forged", o.w.vault);
    snprintf(forged.w.state, sizeof(forged.w.state), "%.480s-forger", o.w.state);
    OK_CALL(vault_create(&forged.w, o.id, &o.key.recipient, &o.key.opener, &env_real, &v, &e), &e);
    vault_freep(&v);
    OK_CALL(add_named(&forged, "a", &e), &e);
    memcpy(forged.w.state, o.w.state, sizeof(o.w.state));   /* seen by the victim's machine */
    EQ_INT(open_named(&forged, "a", &r, &e), ERR_TRUST);
    EQ_INT(add_named(&forged, "b", &e), ERR_TRUST);
    CHECK(strstr(e.msg, "fingerprint") != NULL);
    softkey_free(&o.key);
}

static void test_take_back(void)
{
    struct err e;
    struct world o;
    world_new(&o, "P-256", SCHEME_ECDH_P256);
    char vj[WHERE_MAX + 16], files[4][128];
    size_t n = 0;
    struct vault *v = NULL;
    snprintf(vj, sizeof(vj), "%s/vault.json", o.w.vault);
    AUTO_BUF before = BUF_INIT(1 << 20);
    OK_CALL(add_named(&o, "a", &e), &e);
    read_all(vj, &before);
    OK_CALL(add_named(&o, "lost", &e), &e);
    write_all(vj, buf_bytes(&before));         /* as if the power failed before the commit */
    OK_CALL(vault_load(&o.w, &env_real, &v, &e), &e);
    OK_CALL(vault_lock(v, &e), &e);
    EQ_INT(vault_open(v, &o.key.opener, &e), ERR_TRUST);
    char fp[FINGERPRINT_TEXT] = "";
    fingerprint_text(v->fingerprint, fp);
    OK_CALL(vault_trust(v, &o.key.opener, fp, &e), &e);
    OK_CALL(vault_orphans(v, files, 4, &n, &e), &e);
    EQ_INT(n, 1);
    EQ_INT(vault_take_back(v, &o.key.opener, "lost.1.00000000.json", &e), ERR_NOT_FOUND);
    EQ_INT(vault_take_back(v, &o.key.opener, "../vault.json", &e), ERR_USAGE);
    OK_CALL(vault_take_back(v, &o.key.opener, files[0], &e), &e);
    OK_CALL(vault_orphans(v, files, 4, &n, &e), &e);
    EQ_INT(n, 0);
    vault_freep(&v);
    check_signs(&o, "lost");
    softkey_free(&o.key);
}

static void test_modes(void)
{
    struct err e;
    struct world o;
    world_new(&o, "P-256", SCHEME_ECDH_P256);
    struct vault *v = NULL;
    char path[WHERE_MAX + 16];
    EQ_INT(chmod(o.w.vault, 0755), 0);
    CHECK(vault_load(&o.w, &env_real, &v, &e) != OK);
    CHECK(strstr(e.hints[0], "chmod") != NULL);
    EQ_INT(chmod(o.w.vault, 0700), 0);
    snprintf(path, sizeof(path), "%s/vault.json", o.w.vault);
    EQ_INT(chmod(path, 0644), 0);
    CHECK(vault_load(&o.w, &env_real, &v, &e) != OK);
    EQ_INT(chmod(path, 0600), 0);
    snprintf(path, sizeof(path), "%.490s-link", o.w.vault);
    EQ_INT(symlink("vault", path), 0);
    snprintf(o.w.vault, sizeof(o.w.vault), "%.511s", path);
    CHECK(vault_load(&o.w, &env_real, &v, &e) != OK);
    CHECK(strstr(e.msg, "link") != NULL);
    softkey_free(&o.key);
}

/* Two recipients from the start of the format on: either opens, each with its own scheme. */
static void test_two_recipients(void)
{
    struct err e;
    struct world o;
    world_new(&o, "P-256", SCHEME_ECDH_P256);
    struct softkey spare;
    struct vault *v = NULL;
    softkey_new(&spare, "RSA", SCHEME_RSA_OAEP_256, "spare");
    OK_CALL(vault_load(&o.w, &env_real, &v, &e), &e);
    OK_CALL(vault_lock(v, &e), &e);
    OK_CALL(vault_open(v, &o.key.opener, &e), &e);
    const struct wrap_for f = {"vault-key", v->body.id, v->body.id, 0};
    v->body.recipients[1] = spare.recipient;
    OK_CALL(wrap_make(&f, &spare.recipient, secret_bytes(&v->vk), &v->body.wraps[1], &e), &e);
    v->body.n_recipients = 2;
    OK_CALL(commit_entries(v, v->body.entries, v->body.n_entries, &e), &e);
    vault_freep(&v);
    OK_CALL(add_named(&o, "both", &e), &e);
    check_signs(&o, "both");
    struct softkey first = o.key;
    o.key = spare;
    check_signs(&o, "both");
    softkey_free(&first);
    softkey_free(&o.key);
}

int main(void)
{
    RUN(test_roundtrip_p256);
    RUN(test_roundtrip_rsa);
    RUN(test_names);
    RUN(test_rename_remove);
    RUN(test_damage);
    RUN(test_swapped_records);
    RUN(test_rollback_and_fork);
    RUN(test_unpinned);
    RUN(test_forged);
    RUN(test_take_back);
    RUN(test_modes);
    RUN(test_two_recipients);
    return harness_end();
}
