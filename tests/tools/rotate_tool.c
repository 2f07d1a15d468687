/* SPDX-License-Identifier: Apache-2.0 */
/* rotate_tool TOP STEP: one change of a vault whose keys are PEM files, as a process of its own, so
 * that a test can kill it anywhere.
 *
 * make: keys, and a vault for the first and the third with a, b (rotated, its old key still there)
 * and c. rotate: a gets a new key. finish: b's old key is forgotten. rewrite: b with another
 * header. rename: b to z. reseal: the second key in the place of the first. join: the second key
 * becomes a recipient too. leave: the third one goes. test: it is noted that the third one opens.
 * show: what opens, a line per fact. take FILE: vault_take_back. add: one more. */
#include "tests/vault_steps.h"

#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define N_KEYS 3

struct bench {
    struct world o; /* its key is the one that opens the vault now */
    struct softkey key[N_KEYS];
    const char *top;
};

static void die(const char *what, const struct err *e)
{
    printf("error %d %s: %s\n", e->code, what, e->msg);
    for (unsigned i = 0; i < e->n_hints; i++)
        printf("hint %s\n", e->hints[i]);
    exit(1);
}

static void key_path(const struct bench *b, int i, char out[WHERE_MAX])
{
    snprintf(out, WHERE_MAX, "%s/key%d.pem", b->top, i);
}

/* A softkey whose private key is the file's. */
static void key_load(const struct bench *b, int i, struct softkey *k)
{
    char path[WHERE_MAX];
    struct err e = {.code = OK};
    static const char *const labels[N_KEYS] = {"first", "second", "third"};
    uint8_t *der = NULL;
    softkey_new(k, "P-256", SCHEME_ECDH_P256, labels[i]);
    EVP_PKEY_free(k->key);
    key_path(b, i, path);
    FILE *f = fopen(path, "r");
    k->key = f ? PEM_read_PrivateKey(f, NULL, NULL, NULL) : NULL;
    if (f)
        fclose(f);
    int n = k->key ? i2d_PUBKEY(k->key, &der) : -1;
    if (n < 0 || spki_normalise(bytes_of(der, (size_t)n), &k->recipient.spki, &e) ||
        spki_rid(&k->recipient.spki, k->recipient.rid, &e))
        die("load key", &e);
    OPENSSL_free(der);
    memcpy(k->opener.rid, k->recipient.rid, RID_LEN);
}

static void key_make(const struct bench *b, int i)
{
    char path[WHERE_MAX];
    struct softkey k;
    softkey_new(&k, "P-256", SCHEME_ECDH_P256, "");
    key_path(b, i, path);
    FILE *f = fopen(path, "w");
    if (!f || PEM_write_PrivateKey(f, k.key, NULL, NULL, 0, NULL, NULL) != 1 || fclose(f))
        exit(2);
    softkey_free(&k);
}

static void make(struct bench *b)
{
    struct err e;
    struct world *o = &b->o;
    struct vault *v = NULL;
    uint8_t id[VAULT_ID_LEN] = {7};
    struct recipient third = b->key[2].recipient;
    const struct rewrap join = {.from = &o->key.opener, .add = &third};
    third.tested = false;
    if (vault_create(&o->w, id, &o->key.recipient, &o->key.opener, &env_real, &v, &e) ||
        (vault_free(v), step_rewrap(o, &join, &e)) || step_add(o, "a", "a1", &e) ||
        step_add(o, "b", "b1", &e) ||
        step_rotate(o, "b", "b2", &e) || step_add(o, "c", "c1", &e))
        die("make", &e);
}

/* The first key, unless the second has taken its place. */
static int key_now(struct bench *b)
{
    struct err e;
    struct vault *v = NULL;
    size_t n = 0;
    bool has_first = false;
    if (vault_load(&b->o.w, &env_real, &v, &e))
        die("load", &e);
    const struct recipient *r = vault_recipients(v, &n);
    for (size_t i = 0; i < n; i++)
        has_first |= memcmp(r[i].rid, b->key[0].recipient.rid, RID_LEN) == 0;
    vault_free(v);
    b->o.key = b->key[!has_first];
    b->o.key.opener.ctx = &b->o.key;
    return !has_first;
}

/* Whether key i opens all that o's key opens. */
static bool sees_all(struct bench *b, struct vault *v, int i)
{
    struct world as = b->o;
    char name[NAME_MAX_LEN + 1], want[256], got[256];
    bool ok = true;
    as.key = b->key[i];
    for (size_t k = 0; vault_name(v, k, name); k++) {
        step_secrets(&b->o, name, want, sizeof(want));
        step_secrets(&as, name, got, sizeof(got));
        ok &= strcmp(want, got) == 0;
    }
    return ok;
}

static void show_recipients(struct bench *b, struct vault *v)
{
    struct err e;
    size_t n;
    const struct recipient *r = vault_recipients(v, &n);
    for (size_t k = 0; k < n; k++)
        printf("in-list %s %s\n", r[k].label, r[k].tested ? "tested" : "untested");
    for (int i = 0; i < N_KEYS; i++) {
        struct vault *again = NULL;
        if (vault_load(&b->o.w, &env_real, &again, &e))
            die("load", &e);
        if (vault_open(again, &b->key[i].opener, &e) == OK)
            printf("%s %d\n", sees_all(b, v, i) ? "recipient" : "torn", i);
        vault_free(again);
    }
}

static void show_orphans(struct vault *v)
{
    static const char *const kinds[] = {"record", "new-key", "version"};
    static char files[64][128];
    struct err e;
    size_t n = 0;
    if (vault_orphans(v, files, 64, &n, &e))
        die("orphans", &e);
    for (size_t i = 0; i < n; i++) {
        enum orphan_kind kind = ORPHAN_RECORD;
        char name[NAME_MAX_LEN + 1] = "-";
        if (vault_orphan_look(v, files[i], &kind, name, &e))
            printf("orphan %s damaged -\n", files[i]);
        else
            printf("orphan %s %s %s\n", files[i], kinds[kind], name);
    }
}

static void show(struct bench *b)
{
    struct err e;
    struct vault *v = NULL;
    char name[NAME_MAX_LEN + 1], secrets[256], fp[FINGERPRINT_TEXT];
    printf("key %d\n", key_now(b));
    if (vault_load(&b->o.w, &env_real, &v, &e) || vault_open(v, &b->o.key.opener, &e) ||
        vault_may_write(v, &e) || vault_fingerprint(v, fp, &e))
        die("open", &e);
    printf("fingerprint %s\n", fp);
    printf("generation %llu\n", (unsigned long long)vault_generation(v));
    for (size_t i = 0; vault_name(v, i, name); i++) {
        step_secrets(&b->o, name, secrets, sizeof(secrets));
        printf("record %s %s\n", name, secrets);
    }
    show_recipients(b, v);
    show_orphans(v);
    vault_free(v);
}

static int take(struct bench *b, const char *file, struct err *e)
{
    struct vault *v = NULL;
    int rc = step_begin(&b->o, &v, e);
    if (!rc)
        rc = vault_take_back(v, &b->o.key.opener, file, e);
    vault_free(v);
    return rc;
}

static int join(struct bench *b, struct err *e)
{
    const struct rewrap r = {.from = &b->o.key.opener,
                             .add = &b->key[1].recipient,
                             .prove = &b->key[1].opener};
    return step_rewrap(&b->o, &r, e);
}

static int leave(struct bench *b, struct err *e)
{
    const struct rewrap r = {
        .from = &b->o.key.opener, .drop = b->key[2].recipient.rid, .n_drop = 1};
    return step_rewrap(&b->o, &r, e);
}

static int test(struct bench *b, struct err *e)
{
    struct vault *v = NULL;
    int rc = vault_load(&b->o.w, &env_real, &v, e);
    if (!rc)
        rc = vault_mark_tested(v, &b->key[2].opener, NULL, e);
    vault_free(v);
    return rc;
}

static int step(struct bench *b, const char *what, const char *file, struct err *e)
{
    if (strcmp(what, "rotate") == 0)
        return step_rotate(&b->o, "a", "a2", e);
    if (strcmp(what, "finish") == 0)
        return step_drop(&b->o, "b", e);
    if (strcmp(what, "rewrite") == 0)
        return step_rewrite(&b->o, "b", "account", e);
    if (strcmp(what, "rename") == 0)
        return step_rename(&b->o, "b", "z", e);
    if (strcmp(what, "reseal") == 0)
        return step_reseal(&b->o, &b->key[1], e);
    if (strcmp(what, "join") == 0)
        return join(b, e);
    if (strcmp(what, "leave") == 0)
        return leave(b, e);
    if (strcmp(what, "test") == 0)
        return test(b, e);
    if (strcmp(what, "add") == 0)
        return step_add(&b->o, "later", "l1", e);
    if (strcmp(what, "take") == 0 && file)
        return take(b, file, e);
    return err_set(e, ERR_USAGE, "no such step");
}

int main(int argc, char **argv)
{
    static struct bench b;
    struct err e = {.code = OK};
    if (argc < 3)
        return 2;
    b.top = argv[1];
    snprintf(b.o.w.vault, sizeof(b.o.w.vault), "%s/vault", b.top);
    snprintf(b.o.w.state, sizeof(b.o.w.state), "%s/state", b.top);
    snprintf(b.o.w.config, sizeof(b.o.w.config), "%s/config", b.top);
    bool is_make = strcmp(argv[2], "make") == 0;
    for (int i = 0; i < N_KEYS; i++) {
        if (is_make)
            key_make(&b, i);
        key_load(&b, i, &b.key[i]);
    }
    b.o.key = b.key[0];
    b.o.key.opener.ctx = &b.o.key;
    if (is_make) {
        make(&b);
    } else if (strcmp(argv[2], "show") == 0) {
        show(&b);
    } else {
        key_now(&b);
        if (step(&b, argv[2], argc > 3 ? argv[3] : NULL, &e))
            die(argv[2], &e);
    }
    for (int i = 0; i < N_KEYS; i++)
        softkey_free(&b.key[i]);
    return 0;
}
