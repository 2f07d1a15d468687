/* SPDX-License-Identifier: Apache-2.0 */
/* Damaged vaults: bytes flipped, records swapped, files cut or left over, wrong modes, a disk that
 * fails, parsers fed what no vault holds. Nothing signs, and nothing that is whole gets lost. */
#include "tests/harness.h"
#include "tests/vault_world.h"

#include "vault/commit.h"
#include "vault/format.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

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
        if (!CHECK(world_open(o, name, &r, &e) != OK)) {
            printf("#   byte %zu of %s\n", i, path);
            record_freep(&r);
        }
    }
    for (size_t i = 0; i < good.n; i += 7) {
        write_all(path, bytes_of(good.p, i));
        CHECK(world_open(o, name, &r, &e) != OK);
    }
    write_all(path, buf_bytes(&good));
}

static void test_damage(void)
{
    struct err e;
    struct world o;
    world_new(&o, "P-256", SCHEME_ECDH_P256);
    char path[WHERE_MAX + 128];
    OK_CALL(world_add(&o, "main", &e), &e);
    snprintf(path, sizeof(path), "%s/vault.json", o.w.vault);
    flip_each(&o, path, "main");
    world_record_path(&o, "main", path, sizeof(path));
    flip_each(&o, path, "main");
    world_signs(&o, "main");
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
    OK_CALL(world_add(&o, "a", &e), &e);
    OK_CALL(world_add(&o, "b", &e), &e);
    world_record_path(&o, "a", a, sizeof(a));
    world_record_path(&o, "b", b, sizeof(b));
    read_all(a, &ta);
    read_all(b, &tb);
    write_all(a, buf_bytes(&tb));
    write_all(b, buf_bytes(&ta));
    EQ_INT(world_open(&o, "a", &r, &e), ERR_TAMPERED);
    EQ_INT(world_open(&o, "b", &r, &e), ERR_TAMPERED);
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
    OK_CALL(world_add(&o, "a", &e), &e);
    read_all(vj, &before);
    OK_CALL(world_add(&o, "lost", &e), &e);
    write_all(vj, buf_bytes(&before)); /* as if the power failed before the commit */
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
    world_signs(&o, "lost");
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
    EQ_INT(world_add(&o, "a", &e), ERR_IO);
    CHECK(strstr(e.msg, "is in the vault") != NULL);
    for (unsigned i = 0; i < e.n_hints; i++)
        CHECK(strstr(e.hints[i], "take-back") == NULL);
    world_signs(&o, "a");
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
    RUN(test_damage);
    RUN(test_swapped_records);
    RUN(test_take_back);
    RUN(test_modes);
    RUN(test_unsure_commit);
    RUN(test_more_orphans_than_room);
    RUN(test_long_ca);
    RUN(test_index_of_nothing);
    return harness_end();
}
