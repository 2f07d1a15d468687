/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the keyring share. */
#include "tests/keyring_scene.h"

#include "base/crypto.h"
#include "tests/harness.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

void scene_new(struct scene *s, size_t n)
{
    struct err e;
    struct softkey *keys[] = {&s->o.key, &s->spare};
    world_new(&s->o, "P-256", SCHEME_ECDH_P256);
    softkey_new(&s->spare, "RSA", SCHEME_RSA_OAEP_256, "spare");
    const struct rewrap r = {
        .from = &s->o.key.opener, .add = &s->spare.recipient, .prove = &s->spare.opener};
    if (n > 1)
        OK_CALL(step_rewrap(&s->o, &r, &e), &e);
    fake_start(&s->f, &s->o, keys, n);
    for (size_t i = 0; i < n; i++)
        CHECK(fake_unlock(&s->f, i));
}

void scene_free(struct scene *s)
{
    fake_end(&s->f);
    softkey_free(&s->o.key);
    softkey_free(&s->spare);
}

static int add_to(struct world *o, const char *name, const char *secret, const char *unseal,
                  struct err *e)
{
    AUTO(vault_freep) struct vault *v = NULL;
    struct secret fields[FIELD_COUNT] = {{0}};
    struct record_info info;
    record_info_init(&info);
    snprintf(info.name, sizeof(info.name), "%s", name);
    snprintf(info.connector, sizeof(info.connector), "binance");
    snprintf(info.environment, sizeof(info.environment), "live");
    snprintf(info.key_mask, sizeof(info.key_mask), "key-...");
    snprintf(info.unseal, sizeof(info.unseal), "%s", unseal);
    info.key = KEY_HMAC;
    int rc = step_begin(o, &v, e);
    if (!rc)
        rc = step_fields(fields, secret, e);
    if (!rc)
        rc = vault_add(v, &info, fields, e);
    step_fields_free(fields);
    record_info_free(&info);
    return rc;
}

void scene_add(struct scene *s, const char *name, const char *secret, const char *unseal)
{
    struct err e;
    OK_CALL(add_to(&s->o, name, secret, unseal, &e), &e);
}

static void on_open(void *ctx, struct held *h, const struct err *e)
{
    struct asked *x = ctx;
    x->is_done = true;
    x->n++;
    x->held = h;
    x->code = h ? OK : e->code;
    x->wait = NULL;
}

void scene_ask(struct scene *s, const char *name, const char *why, struct asked *x)
{
    struct keyring_wait *w = NULL;
    *x = (struct asked){.n = 0};
    keyring_open(&s->f.a, name, why, on_open, x, &w);
    CHECK((w == NULL) == x->is_done);
    x->wait = w;
}

void scene_signs_with(struct held *h, const char *secret)
{
    struct err e;
    struct sig sig;
    uint8_t want[32];
    struct signer *s = held_signer(h);
    OK_CALL(s->sign(s, SIG_HMAC_SHA256, FIELD_API_SECRET, BYTES_LIT("text"), &sig, &e), &e);
    OK_CALL(hmac_sha256(bytes_str(secret), BYTES_LIT("text"), want, &e), &e);
    EQ_MEM(bytes_of(sig.v, sig.n), BYTES_ARR(want));
}

static void check_open(struct asked *x, const char *name, const char *secret)
{
    EQ_INT(x->n, 1);
    EQ_INT(x->code, OK);
    if (!x->held)
        return;
    EQ_STR(held_info(x->held)->name, name);
    scene_signs_with(x->held, secret);
    held_release(x->held);
}

void scene_opens(struct scene *s, const char *name, const char *secret)
{
    struct asked x;
    scene_ask(s, name, "test", &x);
    fake_turn(&s->f, &x.is_done, 3000);
    check_open(&x, name, secret);
}

void scene_opens_at_once(struct scene *s, const char *name, const char *secret)
{
    struct asked x;
    scene_ask(s, name, "test", &x);
    CHECK(x.is_done);
    fake_turn(&s->f, &x.is_done, 3000);
    check_open(&x, name, secret);
}

void scene_refused(struct scene *s, const char *name, enum err_code code)
{
    struct asked x;
    scene_ask(s, name, "test", &x);
    fake_turn(&s->f, &x.is_done, 3000);
    EQ_INT(x.code, code);
    EQ_INT(x.n, 1);
    if (x.held)
        held_release(x.held);
}

void scene_refused_at_once(struct scene *s, const char *name, enum err_code code)
{
    struct asked x;
    scene_ask(s, name, "test", &x);
    CHECK(x.is_done);
    EQ_INT(x.code, code);
    if (x.held)
        held_release(x.held);
    fake_settle(&s->f);
}

void scene_trusts(struct world *o, const char *fp)
{
    struct err e;
    struct vault *v = NULL;
    OK_CALL(vault_load(&o->w, &env_real, &v, &e), &e);
    OK_CALL(vault_trust(v, &o->key.opener, fp, &e), &e);
    vault_free(v);
}

void scene_forge(struct scene *s, struct world *forged)
{
    struct err e;
    struct vault *v = NULL;
    world_new(forged, "P-256", SCHEME_ECDH_P256);
    char at[WHERE_MAX];
    snprintf(at, sizeof(at), "%.500s-2", forged->w.vault);
    snprintf(forged->w.vault, sizeof(forged->w.vault), "%s", at);
    snprintf(at, sizeof(at), "%.500s-2", forged->w.state);
    snprintf(forged->w.state, sizeof(forged->w.state), "%s", at);
    memcpy(forged->id, s->o.id, VAULT_ID_LEN);
    softkey_free(&forged->key);
    forged->key = s->o.key;
    forged->key.opener.ctx = &s->o.key;
    EVP_PKEY_up_ref(forged->key.key);
    OK_CALL(vault_create(&forged->w, forged->id, &forged->key.recipient, &forged->key.opener,
                         &env_real, &v, &e),
            &e);
    vault_free(v);
    OK_CALL(add_to(forged, "main", "forged", "session", &e), &e);
    for (int i = 0; i < 8; i++) {
        char name[16];
        snprintf(name, sizeof(name), "more%d", i);
        OK_CALL(add_to(forged, name, "forged", "", &e), &e);
    }
}

void scene_copy_vault(const char *from, const char *to)
{
    char a[2 * WHERE_MAX], b[2 * WHERE_MAX];
    snprintf(b, sizeof(b), "%s/records", to);
    (void)!mkdir(b, 0700);
    snprintf(a, sizeof(a), "%s/records", from);
    DIR *d = opendir(a);
    for (struct dirent *f; d && (f = readdir(d));) {
        if (f->d_name[0] == '.')
            continue;
        snprintf(a, sizeof(a), "%s/records/%s", from, f->d_name);
        snprintf(b, sizeof(b), "%s/records/%s", to, f->d_name);
        copy_file(a, b);
    }
    closedir(d);
    snprintf(a, sizeof(a), "%s/vault.json", from);
    snprintf(b, sizeof(b), "%s/vault.json.new", to);
    copy_file(a, b);
    snprintf(a, sizeof(a), "%s/vault.json", to);
    CHECK(rename(b, a) == 0);
}

void scene_replace_vault(const struct world *o, const struct world *from)
{
    scene_copy_vault(from->w.vault, o->w.vault);
}

void scene_copy_take(const struct world *o, struct vault_copy *out)
{
    char path[WHERE_MAX + 16];
    snprintf(path, sizeof(path), "%s/vault.json", o->w.vault);
    out->text = (struct buf)BUF_INIT(1 << 20);
    read_all(path, &out->text);
}

void scene_copy_put(const struct world *o, struct bytes text)
{
    char path[WHERE_MAX + 16], aside[WHERE_MAX + 32];
    snprintf(path, sizeof(path), "%s/vault.json", o->w.vault);
    snprintf(aside, sizeof(aside), "%s/vault.json.new", o->w.vault);
    write_all(aside, text);
    CHECK(rename(aside, path) == 0);
}
