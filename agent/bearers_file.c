/* SPDX-License-Identifier: Apache-2.0 */
/* The lasting bearers: reading bearers.json strictly, and changing it under a lock, whole or not at
 * all. Who is let in by them is bearers.c's. Form: agent/PROTOCOL.md, section "Bearers". */
#include "agent/bearers_file.h"

#include "base/codec.h"
#include "base/crypto.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "base/wipe.h"
#include "vault/members.h"
#include "vault/trust.h"

#define BEARERS_LOCK "bearers.lock"
#define LOCK_MS 10000u

/* -- names and texts -- */

int bearer_check_client(const char *name, struct err *e)
{
    if (record_name_ok(bytes_str(name)))
        return OK;
    err_set(e, ERR_USAGE, "'%.80s' cannot be a client's name", name);
    return err_hint(e, "1 to %u letters, digits, '_' and '-', the first a letter or digit",
                    ASKER_NAME_MAX);
}

bool bearer_is_text(struct bytes v)
{
    for (size_t i = 0; i < v.n; i++)
        if (!((v.p[i] >= '0' && v.p[i] <= '9') || (v.p[i] >= 'a' && v.p[i] <= 'f')))
            return false;
    return v.n == BEARER_TEXT - 1;
}

bool bearer_from_key(struct bytes key, struct bytes *name, struct bytes *bearer)
{
    const size_t before = sizeof(BEARER_KEY_PREFIX) - 1, after = BEARER_TEXT; /* with its '_' */

    if (!text_starts(key, BEARER_KEY_PREFIX) || key.n <= before + after)
        return false;
    struct bytes n = bytes_of(key.p + before, key.n - before - after);
    struct bytes b = bytes_of(key.p + key.n - (after - 1), after - 1);
    if (key.p[key.n - after] != '_' || !record_name_ok(n) || !bearer_is_text(b))
        return false;
    *name = n;
    *bearer = b;
    return true;
}

int bearer_make(const struct env *env, char text[BEARER_TEXT], uint8_t hash[32], struct err *e)
{
    uint8_t raw[BEARER_BITS / 8];
    AUTO_BUF hex = BUF_INIT(BEARER_TEXT);

    if (env->random(env, raw, sizeof(raw), e))
        return e->code;
    hex_encode(&hex, BYTES_ARR(raw));
    mem_wipe(raw, sizeof(raw));
    if (buf_check(&hex, "the bearer", e) || sha256(buf_bytes(&hex), hash, e))
        return e->code;
    memcpy(text, buf_str(&hex), BEARER_TEXT);
    return OK;
}

/* -- form -- */

static bool client_parse(struct json v, char out[ASKER_NAME_MAX + 1])
{
    return json_cstr(v, out, ASKER_NAME_MAX + 1) && record_name_ok(bytes_str(out));
}

static bool bearer_member(struct json key, struct json v, struct bearer *b, unsigned *seen)
{
    if (json_str_eq(key, "client"))
        return *seen |= 1, client_parse(v, b->client);
    if (json_str_eq(key, "rec_id"))
        return *seen |= 2, member_b64_exact(v, b->rec_id, sizeof(b->rec_id));
    if (json_str_eq(key, "sha256"))
        return *seen |= 4, member_b64_exact(v, b->hash, sizeof(b->hash));
    if (json_str_eq(key, "created_ms"))
        return *seen |= 8, json_u64(v, JSON_INT_MAX, &b->created_ms);
    return false;
}

static bool bearer_parse(struct json v, struct bearer *b)
{
    struct json_iter it;
    struct json key, val;
    unsigned seen = 0;

    json_iter(&it, v);
    while (json_next(&it, &key, &val))
        if (!bearer_member(key, val, b, &seen))
            return false;
    return v.type == JSON_OBJECT && seen == 15;
}

static size_t find(const struct bearer_list *list, const uint8_t rec_id[REC_ID_LEN],
                   const char *client)
{
    size_t i = 0;

    while (i < list->n && !(memcmp(list->v[i].rec_id, rec_id, REC_ID_LEN) == 0 &&
                            strcmp(list->v[i].client, client) == 0))
        i++;
    return i;
}

static bool list_parse(struct json root, struct bearer_list *out)
{
    struct json list, key, val;
    struct json_iter it;
    uint64_t format = 0;

    if (json_count(root) != 2 || !json_get(root, "format", &val) || !json_u64(val, 1, &format) ||
        format != 1 || !json_get(root, "bearers", &list) || list.type != JSON_ARRAY)
        return false;
    json_iter(&it, list);
    while (json_next(&it, &key, &val)) {
        if (out->n == BEARERS_MAX)
            return false;
        struct bearer *b = &out->v[out->n];
        *b = (struct bearer){.created_ms = 0};
        if (!bearer_parse(val, b) || find(out, b->rec_id, b->client) < out->n)
            return false;
        out->n++;
    }
    return true;
}

int bearers_parse(struct bytes text, struct bearer_list *out, struct err *e)
{
    static const struct json_limits lim = {BEARERS_FILE_MAX, 4, 8};
    struct json root;

    out->n = 0;
    int rc = json_check(text, &lim, &root, e);
    if (!rc && !list_parse(root, out))
        rc = err_set(e, ERR_FORMAT, "a member is missing, unknown or not as documented");
    if (rc)
        out->n = 0;
    return rc;
}

int bearers_print(const struct bearer_list *list, struct buf *out, struct err *e)
{
    buf_adds(out, "{\"format\":1,\"bearers\":[\n");
    for (size_t i = 0; i < list->n; i++) {
        const struct bearer *b = &list->v[i];
        buf_adds(out, i ? ",\n{" : "{");
        member_print_str(out, "client", b->client);
        buf_addc(out, ',');
        member_print_b64(out, "rec_id", BYTES_ARR(b->rec_id));
        buf_addc(out, ',');
        member_print_b64(out, "sha256", BYTES_ARR(b->hash));
        buf_addf(out, ",\"created_ms\":%llu}", (unsigned long long)b->created_ms);
    }
    buf_adds(out, "\n]}\n");
    return buf_check(out, "'" BEARERS_FILE "'", e);
}

/* -- reading and changing -- */

static int read_in(int dir, struct bearer_list *out, struct err *e)
{
    AUTO_BUF text = BUF_INIT(BEARERS_FILE_MAX);

    out->n = 0;
    int rc = file_read_at(dir, BEARERS_FILE, BEARERS_FILE_MAX, FILE_PRIVATE, &text, e);
    if (rc)
        return rc == ERR_NOT_FOUND ? OK : rc;
    rc = bearers_parse(buf_bytes(&text), out, e);
    if (rc)
        err_wrap(e, "'" BEARERS_FILE "'");
    return rc;
}

int bearers_read(const struct where *w, const uint8_t vault_id[VAULT_ID_LEN],
                 struct bearer_list *out, struct err *e)
{
    AUTO(fd_closep) int dir = -1;

    out->n = 0;
    int rc = state_dir(w, vault_id, false, &dir, e);
    if (rc)
        return rc == ERR_NOT_FOUND ? OK : rc;
    return read_in(dir, out, e);
}

static int write_in(int dir, const struct bearer_list *list, struct err *e)
{
    AUTO_BUF text = BUF_INIT(BEARERS_FILE_MAX);

    if (bearers_print(list, &text, e))
        return e->code;
    return file_replace_at(dir, BEARERS_FILE, buf_bytes(&text), e);
}

/* One change at a time: add, or else drop the client's. */
static int change(const struct where *w, const uint8_t vault_id[VAULT_ID_LEN],
                  const struct bearer *b,
                  int (*how)(struct bearer_list *, const struct bearer *, struct err *),
                  struct err *e)
{
    AUTO(fd_closep) int dir = -1;
    AUTO(fd_closep) int lock = -1;
    struct bearer_list *list;

    if (state_dir(w, vault_id, true, &dir, e) || file_lock_at(dir, BEARERS_LOCK, LOCK_MS, &lock, e))
        return e->code;
    list = wipe_malloc(sizeof(*list));
    if (!list)
        return err_set(e, ERR_MEMORY, "no memory for '" BEARERS_FILE "'");
    int rc = read_in(dir, list, e);
    if (!rc)
        rc = how(list, b, e);
    if (!rc)
        rc = write_in(dir, list, e);
    wipe_free(list);
    return rc;
}

static int add(struct bearer_list *list, const struct bearer *b, struct err *e)
{
    if (find(list, b->rec_id, b->client) < list->n) {
        err_set(e, ERR_EXISTS, "client '%s' has a bearer for this key already", b->client);
        return err_hint(e, "a bearer is shown once: revoke it, then add it again");
    }
    if (list->n == BEARERS_MAX) {
        err_set(e, ERR_LIMIT, "there are %u bearers already", BEARERS_MAX);
        return err_hint(e, "revoke those that are no longer used");
    }
    list->v[list->n++] = *b;
    return OK;
}

static int drop(struct bearer_list *list, const struct bearer *b, struct err *e)
{
    size_t i = find(list, b->rec_id, b->client);

    if (i == list->n) {
        err_set(e, ERR_NOT_FOUND, "client '%s' has no bearer for this key", b->client);
        return err_hint(e, "'coffer bearer NAME list' shows who has one");
    }
    list->n--;
    memmove(list->v + i, list->v + i + 1, (list->n - i) * sizeof(list->v[0]));
    return OK;
}

int bearer_add(const struct where *w, const uint8_t vault_id[VAULT_ID_LEN],
               const uint8_t rec_id[REC_ID_LEN], const char *client, const struct env *env,
               char text[BEARER_TEXT], struct err *e)
{
    struct bearer b = {.created_ms = 0};
    char fresh[BEARER_TEXT];
    uint64_t now_us = 0;

    if (bearer_check_client(client, e) || env->now_us(env, &now_us, e) ||
        bearer_make(env, fresh, b.hash, e))
        return e->code;
    memcpy(b.client, client, strlen(client) + 1);
    memcpy(b.rec_id, rec_id, REC_ID_LEN);
    b.created_ms = now_us / 1000;
    int rc = change(w, vault_id, &b, add, e);
    if (!rc)
        memcpy(text, fresh, BEARER_TEXT);
    mem_wipe(fresh, sizeof(fresh));
    return rc;
}

int bearer_revoke(const struct where *w, const uint8_t vault_id[VAULT_ID_LEN],
                  const uint8_t rec_id[REC_ID_LEN], const char *client, struct err *e)
{
    struct bearer b = {.created_ms = 0};

    if (bearer_check_client(client, e))
        return e->code;
    memcpy(b.client, client, strlen(client) + 1);
    memcpy(b.rec_id, rec_id, REC_ID_LEN);
    return change(w, vault_id, &b, drop, e);
}
