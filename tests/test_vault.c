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
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
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

/* ---- other processes, and a disk that fails ---- */

static struct world *busy;

/* A token that takes its time: meanwhile another process commits. */
static int busy_decap(void *ctx, enum scheme s, struct bytes ct, struct secret *z, struct err *e)
{
    const struct opener *real = ctx;
    struct world *o = busy;
    busy = NULL;
    if (o)
        OK_CALL(add_named(o, "meanwhile", e), e);
    return real->decap(real->ctx, s, ct, z, e);
}

static void test_commit_under_reader(void)
{
    struct err e;
    struct world o;
    struct vault *v = NULL;
    struct record *r = NULL;
    for (int by_record = 0; by_record < 2; by_record++) {
        world_new(&o, "P-256", SCHEME_ECDH_P256);
        struct opener slow = o.key.opener;
        slow.decap = busy_decap;
        slow.ctx = &o.key.opener;
        OK_CALL(add_named(&o, "a", &e), &e);
        OK_CALL(vault_load(&o.w, &env_real, &v, &e), &e);
        busy = &o;
        if (by_record)
            OK_CALL(vault_open_record(v, &slow, "a", &r, &e), &e);
        else
            OK_CALL(vault_open(v, &slow, &e), &e);
        CHECK(vault_has(v, "meanwhile"));
        EQ_INT(vault_trust_state(v), TRUST_PINNED);
        record_freep(&r);
        vault_freep(&v);
        softkey_free(&o.key);
    }
}

static void renamed(struct world *o, const char *from, const char *to)
{
    struct err e;
    struct vault *v = NULL;
    OK_CALL(vault_load(&o->w, &env_real, &v, &e), &e);
    OK_CALL(vault_lock(v, &e), &e);
    OK_CALL(vault_rename(v, &o->key.opener, from, to, &e), &e);
    vault_free(v);
}

static void test_peek_after_commit(void)
{
    struct err e;
    struct world o;
    struct vault *v = NULL;
    struct record_info info;
    world_new(&o, "P-256", SCHEME_ECDH_P256);
    OK_CALL(add_named(&o, "a", &e), &e);
    OK_CALL(vault_load(&o.w, &env_real, &v, &e), &e);
    renamed(&o, "a", "b");
    renamed(&o, "b", "a");
    record_info_init(&info);
    if (OK_CALL(vault_peek(v, "a", &info, &e), &e))
        EQ_INT(info.version, 3);
    record_info_free(&info);
    vault_free(v);
    softkey_free(&o.key);
}

/* The bytes are those that were opened, but the pin has gone on. */
static void test_old_state_under_lock(void)
{
    struct err e;
    struct world o;
    struct vault *v = NULL;
    char vj[WHERE_MAX + 16];
    AUTO_BUF old = BUF_INIT(1 << 20);
    world_new(&o, "P-256", SCHEME_ECDH_P256);
    snprintf(vj, sizeof(vj), "%s/vault.json", o.w.vault);
    OK_CALL(vault_load(&o.w, &env_real, &v, &e), &e);
    OK_CALL(vault_open(v, &o.key.opener, &e), &e);
    read_all(vj, &old);
    OK_CALL(add_named(&o, "a", &e), &e);
    write_all(vj, buf_bytes(&old));
    EQ_INT(vault_lock(v, &e), ERR_TRUST);
    EQ_INT(commit_allowed(v, &e), ERR_FAILED);
    vault_free(v);
    softkey_free(&o.key);
}

/* Copying programs know no lock: what they put there is not overwritten, what they are writing
 * stays. */
static void test_copied_in(void)
{
    struct err e;
    struct world o;
    struct vault *v = NULL;
    char vj[WHERE_MAX + 16], path[WHERE_MAX + 64];
    AUTO_BUF other = BUF_INIT(1 << 20);
    AUTO_BUF mine = BUF_INIT(1 << 20);
    AUTO_BUF now = BUF_INIT(1 << 20);
    world_new(&o, "P-256", SCHEME_ECDH_P256);
    snprintf(vj, sizeof(vj), "%s/vault.json", o.w.vault);
    OK_CALL(add_named(&o, "a", &e), &e);
    read_all(vj, &mine);
    OK_CALL(add_named(&o, "b", &e), &e);
    read_all(vj, &other);
    static const char *const names[] = {".vault.json.AbCdEf", ".vault.json.tmp.1.0"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        snprintf(path, sizeof(path), "%s/%s", o.w.vault, names[i]);
        write_all(path, BYTES_LIT("x"));
    }
    OK_CALL(vault_load(&o.w, &env_real, &v, &e), &e);
    OK_CALL(vault_lock(v, &e), &e);
    EQ_INT(access(path, F_OK), -1);
    snprintf(path, sizeof(path), "%s/%s", o.w.vault, names[0]);
    EQ_INT(access(path, F_OK), 0);
    EQ_INT(commit_entries(v, v->body.entries, v->body.n_entries, &e), ERR_FAILED); /* no key */
    OK_CALL(vault_open(v, &o.key.opener, &e), &e);
    write_all(vj, buf_bytes(&mine));
    EQ_INT(vault_remove(v, "b", &e), ERR_FAILED);
    CHECK(strstr(e.msg, "meanwhile") != NULL);
    read_all(vj, &now);
    EQ_MEM(buf_bytes(&now), buf_bytes(&mine));
    vault_free(v);
    softkey_free(&o.key);
}

/* fsync of the n-th directory from now fails; spoil: a file that is damaged by then. */
static struct {
    unsigned dir;
    const char *spoil;
} disk;

int fsync(int fd)
{
    struct stat st;
    if (disk.dir && fstat(fd, &st) == 0 && S_ISDIR(st.st_mode) && --disk.dir == 0) {
        int f = disk.spoil ? open(disk.spoil, O_RDWR) : -1;
        if (f >= 0) {
            char c = 0;
            off_t at = lseek(f, -8, SEEK_END);
            CHECK(read(f, &c, 1) == 1);
            c = c == 'A' ? 'B' : 'A';
            CHECK(pwrite(f, &c, 1, at) == 1);
            close(f);
        }
        errno = EIO;
        return -1;
    }
    return (int)syscall(SYS_fsync, fd);
}

/* The rename came through, its fsync did not: the key is in the vault, and nothing else is said. */
static void test_unsure_commit(void)
{
    struct err e;
    struct world o;
    struct vault *v = NULL;
    world_new(&o, "P-256", SCHEME_ECDH_P256);
    disk.dir = 2; /* after that of the record files */
    disk.spoil = NULL;
    EQ_INT(add_named(&o, "a", &e), ERR_IO);
    CHECK(strstr(e.msg, "is in the vault") != NULL);
    for (unsigned i = 0; i < e.n_hints; i++)
        CHECK(strstr(e.hints[i], "take-back") == NULL);
    check_signs(&o, "a");
    /* and what is there then is judged before it is worked with */
    char vj[WHERE_MAX + 16];
    snprintf(vj, sizeof(vj), "%s/vault.json", o.w.vault);
    OK_CALL(vault_load(&o.w, &env_real, &v, &e), &e);
    OK_CALL(vault_lock(v, &e), &e);
    OK_CALL(vault_open(v, &o.key.opener, &e), &e);
    disk.dir = 2;
    disk.spoil = vj;
    EQ_INT(vault_rename(v, &o.key.opener, "a", "b", &e), ERR_IO);
    EQ_INT(disk.dir, 0);
    CHECK(commit_allowed(v, &e) != OK);
    vault_free(v);
    softkey_free(&o.key);
}

static void test_more_orphans_than_room(void)
{
    struct err e;
    struct world o;
    struct vault *v = NULL;
    char path[WHERE_MAX + 64], out[1][128];
    size_t n = 0;
    world_new(&o, "P-256", SCHEME_ECDH_P256);
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof(path), "%s/records/a.%d.00000000.json", o.w.vault, i + 1);
        write_all(path, BYTES_LIT("x"));
    }
    OK_CALL(vault_load(&o.w, &env_real, &v, &e), &e);
    OK_CALL(vault_orphans(v, out, 1, &n, &e), &e);
    EQ_INT(n, 3);
    vault_free(v);
    softkey_free(&o.key);
}

/* A reader that is overtaken while it moves the pin does not move it back. */
static void test_pin_overtaken(void)
{
    struct err e;
    struct world o;
    enum trust_state t;
    int dir = -1, status = 1;
    uint8_t fp[FINGERPRINT_LEN] = {1}, sha[SHA256_LEN] = {2};
    char pin[WHERE_MAX + 64], hex[VAULT_ID_HEX];
    AUTO_BUF eight = BUF_INIT(4096);
    AUTO_BUF now = BUF_INIT(4096);
    world_new(&o, "P-256", SCHEME_ECDH_P256);
    where_id_hex(o.id, hex);
    snprintf(pin, sizeof(pin), "%.400s/%s/pin.json", o.w.state, hex);
    struct sighting s = {&o.w, o.id, fp, 8, sha};
    OK_CALL(trust_set(&s, &e), &e);
    read_all(pin, &eight);
    s.generation = 6;
    OK_CALL(trust_set(&s, &e), &e);
    s.generation = 7;
    OK_CALL(state_dir(&o.w, o.id, false, &dir, &e), &e);
    EQ_INT(flock(dir, LOCK_EX), 0);
    pid_t kid = fork();
    if (kid == 0) {
        close(dir); /* a lock goes with its last copy */
        _exit(trust_check(&s, &t, &e) == ERR_TRUST ? 0 : 1);
    }
    usleep(100000);
    write_all(pin, buf_bytes(&eight));
    close(dir);
    waitpid(kid, &status, 0);
    EQ_INT(status, 0);
    read_all(pin, &now);
    EQ_MEM(buf_bytes(&now), buf_bytes(&eight));
    softkey_free(&o.key);
}

static int refuse_decap(void *ctx, enum scheme s, struct bytes ct, struct secret *z, struct err *e)
{
    (void)ctx, (void)s, (void)ct, (void)z;
    return err_set(e, ERR_TOKEN, "gone");
}

/* A making that fails takes away only what it made; one that was killed is no obstacle. */
static void test_create_again(void)
{
    struct err e;
    struct world o, p;
    struct vault *v = NULL;
    char path[WHERE_MAX + 64];
    world_new(&o, "P-256", SCHEME_ECDH_P256);
    p = o;
    snprintf(p.w.vault, sizeof(p.w.vault), "%.490s-again", o.w.vault);
    EQ_INT(mkdir(p.w.vault, 0700), 0);
    snprintf(path, sizeof(path), "%s/records", p.w.vault);
    EQ_INT(mkdir(path, 0700), 0);
    snprintf(path, sizeof(path), "%s/.vault.json.tmp.7.0", p.w.vault);
    write_all(path, BYTES_LIT("x"));
    struct opener bad = p.key.opener;
    bad.decap = refuse_decap;
    p.id[0] ^= 1;
    EQ_INT(vault_create(&p.w, p.id, &p.key.recipient, &bad, &env_real, &v, &e), ERR_TOKEN);
    EQ_INT(access(p.w.vault, F_OK), 0);
    OK_CALL(vault_create(&p.w, p.id, &p.key.recipient, &p.key.opener, &env_real, &v, &e), &e);
    vault_freep(&v);
    EQ_INT(vault_create(&p.w, p.id, &p.key.recipient, &p.key.opener, &env_real, &v, &e),
           ERR_EXISTS);
    OK_CALL(add_named(&p, "a", &e), &e);
    snprintf(path, sizeof(path), "%s/vault.json", p.w.vault);
    EQ_INT(unlink(path), 0);
    EQ_INT(vault_create(&p.w, p.id, &p.key.recipient, &p.key.opener, &env_real, &v, &e),
           ERR_EXISTS); /* records of a vault whose index is gone */
    EQ_INT(count_files(&p), 1);
    softkey_free(&o.key);
}

/* All that a record can hold can be read back. */
static void test_long_ca(void)
{
    AUTO_BUF text = BUF_INIT(RECORD_FILE_MAX);
    struct record_info a, b;
    struct err e;
    record_info_init(&a);
    record_info_init(&b);
    snprintf(a.name, sizeof(a.name), "a");
    a.version = 1;
    a.key = KEY_HMAC;
    while (a.ca.n < 32768)
        buf_adds(&a.ca, "abc\n");
    header_print(&a, &text);
    if (OK_CALL(header_parse(buf_bytes(&text), &b, &e), &e))
        EQ_MEM(buf_bytes(&b.ca), buf_bytes(&a.ca));
    record_info_free(&a);
    record_info_free(&b);
}

/* A million entries of one byte each claim room for a million. */
static void test_index_of_nothing(void)
{
    AUTO_BUF text = BUF_INIT(4 << 20);
    struct body b = {.generation = 0};
    struct rusage before, after;
    struct err e;
    buf_adds(&text, "{\"index\":[0");
    for (int i = 0; i < 1000000; i++)
        buf_adds(&text, ",0");
    buf_adds(&text, "]}");
    getrusage(RUSAGE_SELF, &before);
    EQ_INT(body_parse(buf_bytes(&text), &b, &e), ERR_FORMAT);
    getrusage(RUSAGE_SELF, &after);
    CHECK(after.ru_maxrss - before.ru_maxrss < 32 * 1024);
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
    RUN(test_commit_under_reader);
    RUN(test_peek_after_commit);
    RUN(test_old_state_under_lock);
    RUN(test_copied_in);
    RUN(test_unsure_commit);
    RUN(test_more_orphans_than_room);
    RUN(test_pin_overtaken);
    RUN(test_create_again);
    RUN(test_long_ca);
    RUN(test_index_of_nothing);
    return harness_end();
}
