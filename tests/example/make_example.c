/* SPDX-License-Identifier: Apache-2.0 */
/* Makes the worked example of vault/FORMAT.md below a new directory, for a P-256 key that is thrown
 * away by being published, and prints every value on the way. With --paper a second recipient is
 * the paper of that page. Run once each; the results are committed. */
#include "base/codec.h"
#include "base/crypto.h"
#include "base/file.h"
#include "base/wipe.h"
#include "tests/softkey.h"
#include "vault/commit.h"
#include "vault/paper.h"

#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>

static const char api_key[] = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A";
static const char api_secret[] = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j";

static void must(int rc, const struct err *e)
{
    if (rc) {
        fprintf(stderr, "make_example: %s\n", e->msg);
        exit(1);
    }
}

static void show(const char *name, struct bytes v)
{
    AUTO_BUF hex = BUF_INIT(65536);
    hex_encode(&hex, v);
    printf("    %-12s %s\n", name, buf_str(&hex));
}

static void fill(struct vault *v)
{
    struct err e;
    struct secret f[FIELD_COUNT] = {{0}};
    struct record_info info;
    record_info_init(&info);
    snprintf(info.name, sizeof(info.name), "main");
    snprintf(info.connector, sizeof(info.connector), "binance");
    snprintf(info.environment, sizeof(info.environment), "live");
    snprintf(info.key_mask, sizeof(info.key_mask), "vmPU...h8A");
    info.key = KEY_HMAC;
    must(secret_copy(&f[FIELD_API_KEY], bytes_str(api_key), &e), &e);
    must(secret_copy(&f[FIELD_API_SECRET], bytes_str(api_secret), &e), &e);
    must(vault_add(v, &info, f, &e), &e);
    record_info_free(&info);
}

static void explain(struct vault *v, struct softkey *k)
{
    struct err e;
    AUTO_BUF text = BUF_INIT(RECORD_FILE_MAX);
    struct record_file file;
    struct record_info hdr;
    uint8_t key[32];
    AUTO_SECRET vk_dek = {0};
    show("vault id", bytes_of(v->body.id, 16));
    show("rid", bytes_of(k->recipient.rid, 32));
    show("VK", secret_bytes(&v->vk));
    show("fingerprint", bytes_of(v->fingerprint, 16));
    must(record_read(v, &v->body.entries[0].current, &text, &file, &e), &e);
    record_info_init(&hdr);
    must(header_parse(file.header, &hdr, &e), &e);
    must(record_unwrap(&hdr, &file, &k->opener, &vk_dek, &e), &e);
    show("rec_id", bytes_of(hdr.rec_id, 16));
    show("DEK", bytes_of(vk_dek.p + 32, 32));
    must(record_key(&hdr, secret_bytes(&vk_dek), key, &e), &e);
    show("K_rec", BYTES_ARR(key));
}

static void add_paper(struct vault *v, struct softkey *k)
{
    struct err e;
    struct recipient r;
    struct secret seed = {0};
    struct paper paper = {.rid = {0}};
    const struct rewrap change = {.from = &k->opener, .add = &r};
    must(secret_new(&seed, PAPER_SEED_LEN, &e), &e);
    memset(seed.p, 0x7f, PAPER_SEED_LEN);
    seed.n = PAPER_SEED_LEN;
    must(paper_from_seed(&seed, "paper", &paper, &r, &e), &e);
    must(vault_rewrap(v, &change, &e), &e);
    paper_free(&paper);
    secret_free(&seed);
}

int main(int argc, char **argv)
{
    bool has_paper = argc == 3 && strcmp(argv[1], "--paper") == 0;
    const char *top = argv[argc - 1];
    struct err e;
    struct where w = {.vault = ""};
    struct softkey k;
    uint8_t id[VAULT_ID_LEN];
    struct vault *v = NULL;
    if (argc != 2 && !has_paper) {
        fprintf(stderr, "usage: make_example [--paper] NEW-DIRECTORY\n");
        return 2;
    }
    must(wipe_install(&e), &e);
    must(secret_arena_open(&e), &e);
    snprintf(w.vault, sizeof(w.vault), "%s/vault", top);
    snprintf(w.state, sizeof(w.state), "%s/state", top);
    softkey_new(&k, "P-256", SCHEME_ECDH_P256, "example token");
    must(env_real.random(&env_real, id, sizeof(id), &e), &e);
    must(vault_create(&w, id, &k.recipient, &k.opener, &env_real, &v, &e), &e);
    vault_freep(&v);
    must(vault_load(&w, &env_real, &v, &e), &e);
    must(vault_lock(v, &e), &e);
    must(vault_open(v, &k.opener, &e), &e);
    fill(v);
    if (has_paper)
        add_paper(v, &k);
    explain(v, &k);
    PEM_write_PrivateKey(stdout, k.key, NULL, NULL, 0, NULL, NULL);
    vault_free(v);
    return 0;
}
