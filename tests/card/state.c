/* SPDX-License-Identifier: Apache-2.0 */
/* What a card keeps, in files of one directory: 'state', 'key-9d' (PKCS#8, in clear),
 * 'object-5fc10b'. Each is written aside and renamed. */
#include "tests/card/crypto.h"

#include <fcntl.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC "card 01"

static bool path_of(const struct card *c, const char *name, char out[512])
{
    int n = snprintf(out, 512, "%s/%s", c->dir, name);
    return n > 0 && n < 512;
}

static void write_file(const struct card *c, const char *name, const void *p, size_t n)
{
    char path[512], aside[520];
    if (!c->dir || !path_of(c, name, path))
        return;
    if (n == 0) {
        unlink(path);
        return;
    }
    snprintf(aside, sizeof(aside), "%s.new", path);
    int fd = open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, p, n) != (ssize_t)n || rename(aside, path) != 0)
        perror(aside);
    if (fd >= 0)
        close(fd);
}

/* Its length, or 0. */
static size_t read_file(const struct card *c, const char *name, uint8_t *p, size_t max)
{
    char path[512];
    if (!path_of(c, name, path))
        return 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, p, max);
    if (fd >= 0)
        close(fd);
    return n > 0 ? (size_t)n : 0;
}

void state_save(const struct card *c)
{
    write_file(c, "state", &c->kept, sizeof(c->kept));
}

static void key_name(size_t index, char name[16])
{
    snprintf(name, 16, "key-%02x", slot_number(index));
}

void state_save_key(const struct card *c, size_t index)
{
    char name[16];
    unsigned char *der = NULL;
    PKCS8_PRIV_KEY_INFO *p8 = c->keys[index] ? EVP_PKEY2PKCS8(c->keys[index]) : NULL;
    int n = p8 ? i2d_PKCS8_PRIV_KEY_INFO(p8, &der) : 0;
    key_name(index, name);
    write_file(c, name, der, n > 0 ? (size_t)n : 0);
    OPENSSL_clear_free(der, n > 0 ? (size_t)n : 0);
    PKCS8_PRIV_KEY_INFO_free(p8);
}

void state_save_object(const struct card *c, unsigned tag, const void *p, size_t n)
{
    char name[24];
    snprintf(name, sizeof(name), "object-%06x", tag);
    write_file(c, name, p, n);
}

static bool load_key(struct card *c, size_t index)
{
    char name[16];
    uint8_t der[4096];
    const unsigned char *p = der;
    key_name(index, name);
    size_t n = read_file(c, name, der, sizeof(der));
    c->keys[index] = n ? d2i_AutoPrivateKey(NULL, &p, (long)n) : NULL;
    return c->keys[index] && key_alg(c->keys[index]) == c->kept.keys[index].alg;
}

static void load_object(struct card *c, unsigned tag)
{
    char name[24];
    uint8_t v[OBJECT_MAX];
    snprintf(name, sizeof(name), "object-%06x", tag);
    size_t n = read_file(c, name, v, sizeof(v));
    if (n)
        object_store(c, tag, v, n);
}

static bool begin(struct card *c)
{
    memcpy(c->kept.magic, MAGIC, sizeof(MAGIC));
    memcpy(c->kept.firmware, (const uint8_t[]){5, 4, 3}, 3);
    c->kept.serial = 12345678;
    pin_defaults(c);
    management_defaults(c);
    /* A random UUID. */
    if (RAND_bytes(c->kept.guid, sizeof(c->kept.guid)) != 1)
        return false;
    c->kept.guid[6] = (uint8_t)((c->kept.guid[6] & 0x0f) | 0x40);
    c->kept.guid[8] = (uint8_t)((c->kept.guid[8] & 0x3f) | 0x80);
    return true;
}

bool state_load(struct card *c)
{
    if (!c->dir)
        return begin(c);
    if (read_file(c, "state", (uint8_t *)&c->kept, sizeof(c->kept)) != sizeof(c->kept) ||
        memcmp(c->kept.magic, MAGIC, sizeof(MAGIC)) != 0) {
        memset(&c->kept, 0, sizeof(c->kept));
        return begin(c);
    }
    for (size_t i = 0; i < N_SLOTS; i++)
        if (c->kept.keys[i].alg && !load_key(c, i)) {
            fprintf(stderr, "card: the key of slot %02x cannot be read\n", slot_number(i));
            return false;
        }
    for (unsigned tag = 0x5fc101; tag <= 0x5fc123; tag++)
        load_object(c, tag);
    for (unsigned tag = 0x5fff00; tag <= 0x5fff15; tag++)
        load_object(c, tag);
    return true;
}
