/* SPDX-License-Identifier: Apache-2.0 */
/* Reading and checking of vector files; see vector_file.h. */
#include "tests/vector_file.h"

#include "base/text.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#define FILE_MAX (4u * 1024u * 1024u)

static uint8_t arena[1u << 20];
static size_t arena_used;

void vector_reset(void)
{
    arena_used = 0;
}

uint8_t *vector_room(size_t n)
{
    if (n > sizeof(arena) - arena_used)
        abort();
    arena_used += n;
    return arena + arena_used - n;
}

struct bytes vector_text(struct json object, const char *name)
{
    struct json v;
    size_t n = 0;
    if (!json_get(object, name, &v) || v.type != JSON_STRING)
        return bytes_of(NULL, 0);
    uint8_t *room = vector_room(v.n);
    if (!json_str(v, room, v.n, &n))
        abort();
    return bytes_of(room, n);
}

static bool in_list(struct json key, const char *list)
{
    char name[64], padded[80];
    if (!json_cstr(key, name, sizeof(name)) || strchr(name, ' '))
        return false;
    snprintf(padded, sizeof(padded), " %s ", name);
    return strstr(list, padded) != NULL;
}

static int check_keys(struct json object, const char *where, const char *list, struct err *e)
{
    struct json_iter it;
    struct json key, value;
    char name[64];
    json_iter(&it, object);
    while (json_next(&it, &key, &value)) {
        if (in_list(key, list))
            continue;
        if (!json_cstr(key, name, sizeof(name)))
            snprintf(name, sizeof(name), "?");
        return err_set(e, ERR_FORMAT, "unknown key '%s' in %s", name, where);
    }
    return OK;
}

static const struct {
    const char *name, *keys;
} inner[] = {
    {"credentials", " api_key api_secret passphrase uid private_key_pem wallet "},
    {"clock", " timestamp_ms nonce uuid random_hex16 "},
    {"unsigned", " method host path query headers body "},
    {"signed", " method url headers body url_before_normalisation "},
    {"verify_with", " public_key_pem "},
    {"jwt", " header claims signing_input "},
};

#define CASE_KEYS                                                                                  \
    " id oracle feature kind use_for credentials clock unsigned signed prehash prehash_hex "       \
    "prehash_steps deterministic signature_rule notes verify_with url message jwt "                \
    "other_client_headers url_before_normalisation "
#define OWN_KEYS " expect_error environment region "

static int check_case(struct json c, bool is_own, struct err *e)
{
    char id[128] = "?", where[200];
    struct json v;
    if (c.type != JSON_OBJECT)
        return err_set(e, ERR_FORMAT, "a case is not an object");
    if (json_get(c, "id", &v) && !json_cstr(v, id, sizeof(id)))
        return err_set(e, ERR_FORMAT, "a case has an id that is no text");
    snprintf(where, sizeof(where), "case '%s'", id);
    int rc = check_keys(c, where, is_own ? CASE_KEYS OWN_KEYS : CASE_KEYS, e);
    for (size_t i = 0; !rc && i < ARRAY_LEN(inner); i++)
        if (json_get(c, inner[i].name, &v))
            rc = check_keys(v, where, inner[i].keys, e);
    static const char *const needed[] = {"id", "oracle", "use_for", "credentials", "clock"};
    for (size_t i = 0; !rc && i < ARRAY_LEN(needed); i++)
        if (!json_get(c, needed[i], &v) || v.n <= 2)
            rc = err_set(e, ERR_FORMAT, "%s has no %s", where, needed[i]);
    return rc;
}

/* "dir/okx.own.json" to "okx". */
static int stem(const char *path, char *out, size_t cap, bool *is_own, struct err *e)
{
    const char *slash = strrchr(path, '/');
    struct bytes s = bytes_str(slash ? slash + 1 : path);
    if (!text_ends(s, ".json"))
        return err_set(e, ERR_FORMAT, "'%s' does not end in .json", path);
    s.n -= 5;
    *is_own = text_ends(s, ".own");
    if (*is_own)
        s.n -= 4;
    if (!text_copy(out, cap, s))
        return err_set(e, ERR_FORMAT, "'%s' has too long a name", path);
    return OK;
}

static int slurp(const char *path, struct buf *out, struct err *e)
{
    uint8_t chunk[8192];
    size_t n;
    FILE *f = fopen(path, "rb");
    if (!f)
        return err_set(e, ERR_IO, "'%s' cannot be opened", path);
    while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0)
        buf_add(out, bytes_of(chunk, n));
    fclose(f);
    return buf_check(out, path, e);
}

static int check_cases(const struct vector_file *v, struct err *e)
{
    struct json_iter it;
    struct json key, c, expect;
    unsigned n_errors = 0;
    int rc = OK;
    json_iter(&it, v->cases);
    while (!rc && json_next(&it, &key, &c)) {
        rc = check_case(c, v->is_own, e);
        n_errors += !rc && json_get(c, "expect_error", &expect);
    }
    if (!rc && v->is_own && n_errors < 2)
        rc = err_set(e, ERR_FORMAT, "fewer than two cases expect an error");
    return rc;
}

int vector_file_read(const char *path, struct vector_file *v, struct err *e)
{
    const struct json_limits lim = {.max_bytes = FILE_MAX, .max_depth = 32, .max_members = 256};
    char name[64];
    struct json exchange;
    *v = (struct vector_file){.text = BUF_INIT(FILE_MAX)};
    int rc = stem(path, name, sizeof(name), &v->is_own, e);
    if (!rc)
        rc = slurp(path, &v->text, e);
    if (!rc)
        rc = json_check(buf_bytes(&v->text), &lim, &v->root, e);
    if (!rc)
        rc = check_keys(v->root, "the file", " exchange cases ", e);
    if (!rc && (!json_get(v->root, "exchange", &exchange) || !json_str_eq(exchange, name)))
        rc = err_set(e, ERR_FORMAT, "exchange is not '%s'", name);
    if (!rc && (!json_get(v->root, "cases", &v->cases) || !json_count(v->cases)))
        rc = err_set(e, ERR_FORMAT, "no cases");
    if (!rc)
        rc = check_cases(v, e);
    v->conn = connector_find(name);
    if (!rc && !v->conn)
        rc = err_set(e, ERR_FORMAT, "no connector is called '%s'", name);
    if (rc) {
        buf_free(&v->text);
        return err_wrap(e, "%s", path);
    }
    return OK;
}

int vector_dir_check(const char *dir, struct err *e)
{
    bool has_file[64] = {false}, has_own[64] = {false};
    DIR *d = opendir(dir);
    struct dirent *entry;
    int rc = d ? OK : err_set(e, ERR_IO, "'%s' cannot be opened", dir);
    while (!rc && (entry = readdir(d))) {
        char name[64];
        bool is_own;
        const struct connector *c;
        if (!text_ends(bytes_str(entry->d_name), ".json"))
            continue;
        rc = stem(entry->d_name, name, sizeof(name), &is_own, e);
        if (rc)
            break;
        c = connector_find(name);
        if (!c)
            rc = err_set(e, ERR_FORMAT, "no connector for the file '%s'", entry->d_name);
        for (size_t i = 0; c && connectors[i]; i++)
            if (connectors[i] == c)
                *(is_own ? &has_own[i] : &has_file[i]) = true;
    }
    if (d)
        closedir(d);
    for (size_t i = 0; !rc && connectors[i]; i++)
        if (!has_file[i] || !has_own[i])
            rc = err_set(e, ERR_FORMAT, "no %svector file for the connector '%s'",
                         has_file[i] ? "own " : "", connectors[i]->name);
    return rc;
}
