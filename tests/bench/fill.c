/* SPDX-License-Identifier: Apache-2.0 */
/* Fills a vault with records, all in one commit and without waiting for the disk, and prints what
 * the floor program needs: token label, key id, a point. */
#include "tests/bench/bench.h"

#include "base/codec.h"
#include "base/env.h"
#include "base/file.h"
#include "base/text.h"
#include "vault/commit.h"

#include <stdio.h>
#include <stdlib.h>

static void fields_make(struct secret fields[FIELD_COUNT])
{
    struct err e;
    must(secret_copy(&fields[FIELD_API_KEY],
                     BYTES_LIT("vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"),
                     &e),
         &e);
    must(secret_copy(&fields[FIELD_API_SECRET],
                     BYTES_LIT("NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"),
                     &e),
         &e);
}

/* Where the requests of the records go; NULL: to the exchange. An empty file: the system's CAs. */
struct route {
    const char *ca_file, *connect_to;
};

static void info_make(struct record_info *info, const struct vault *v, const struct route *to,
                      size_t i)
{
    struct err e;
    record_info_init(info);
    snprintf(info->name, sizeof(info->name), "key%06zu", i);
    snprintf(info->connector, sizeof(info->connector), "binance");
    snprintf(info->environment, sizeof(info->environment), "live");
    snprintf(info->key_mask, sizeof(info->key_mask), "vmPU...Eh8A");
    info->key = KEY_HMAC;
    info->version = 1;
    info->created_ms = 1700000000000;
    memcpy(info->vault_id, vault_id(v), VAULT_ID_LEN);
    must(env_real.random(&env_real, info->rec_id, REC_ID_LEN, &e), &e);
    if (!to->ca_file)
        return;
    snprintf(info->connect_to, sizeof(info->connect_to), "%s", to->connect_to);
    must(file_read_user(to->ca_file, 65536, &info->ca, &e), &e);
}

static void print_floor(const struct world *w)
{
    struct err e;
    uint8_t ct[KEM_CT_MAX];
    size_t n = 0, n_recipients;
    AUTO_SECRET z = {0};
    AUTO_BUF out = BUF_INIT(4096);
    const struct recipient *r = vault_recipients(w->vault, &n_recipients);
    must(kem_encap(r->scheme, &r->spki, ct, &n, &z, &e), &e);
    buf_addf(&out, "%s\n", token_info(w->token)->label);
    hex_encode(&out, bytes_of(r->key_id, r->key_id_len));
    buf_addc(&out, '\n');
    hex_encode(&out, bytes_of(ct, n));
    printf("%s\n", buf_str(&out));
}

int bench_fill(int argc, char **argv)
{
    struct world w;
    struct err e;
    struct route to = {NULL, NULL};
    uint64_t n = 0;
    if ((argc != 2 && argc != 4) || !text_u64(bytes_str(argv[1]), 1000000, &n))
        return 2;
    if (argc == 4)
        to = (struct route){argv[2], argv[3]};
    skip_fsync = true;
    world_open(&w, argv[0]);
    struct secret fields[FIELD_COUNT] = {0};
    AUTO_SECRET payload = {0};
    struct index_entry *all = calloc(n, sizeof(*all));
    struct new_file *files = calloc(n, sizeof(*files));
    struct record_info *info = calloc(n, sizeof(*info));
    if (!all || !files || !info)
        return 1;
    fields_make(fields);
    must(payload_pack(fields, &payload, &e), &e);
    for (size_t i = 0; i < n; i++) {
        info_make(&info[i], w.vault, &to, i);
        must(record_write(w.vault, &info[i], &payload, &files[i], &e), &e);
        all[i] = entry_of(info[i].name, &files[i]);
    }
    must(commit_entries(w.vault, all, n, &e), &e);
    print_floor(&w);
    for (size_t i = 0; i < n; i++)
        record_info_free(&info[i]);
    secret_free(&fields[FIELD_API_KEY]);
    secret_free(&fields[FIELD_API_SECRET]);
    free(info);
    free(files);
    world_close(&w);
    return 0;
}
