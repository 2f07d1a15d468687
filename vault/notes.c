/* SPDX-License-Identifier: Apache-2.0 */
/* STATE/VAULT_ID/REC_ID.notes.json: read strictly, because a listing shows it, and replaced whole.
 * Form: vault/FORMAT.md, section "On this machine". */
#include "vault/notes.h"

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "vault/members.h"
#include "vault/notes_parse.h"
#include "vault/state.h"
#include "vault/trust.h"

#define LOCK_MS 10000u

static const char *const outcomes[] = {"yes", "refused", "unreached", NULL};
static const char *const answers[] = {"yes", "no", "unknown", NULL};

static bool is_one_of(const char *v, const char *const *words)
{
    while (*words && strcmp(v, *words) != 0)
        words++;
    return *words != NULL;
}

static bool word_parse(struct json v, const char *const *words, char *out, size_t cap)
{
    return json_cstr(v, out, cap) && is_one_of(out, words);
}

static bool list_parse(struct json v, char (*out)[32], size_t cap, size_t *n)
{
    struct json_iter it;
    struct json key, val;
    json_iter(&it, v);
    while (json_next(&it, &key, &val))
        if (*n == cap || !json_cstr(val, out[*n], sizeof(*out)) || !out[(*n)++][0])
            return false;
    return v.type == JSON_ARRAY;
}

static bool time_parse(struct json v, uint64_t *out)
{
    return json_u64(v, JSON_INT_MAX, out);
}

/* Bits 1 to 2048, all needed. */
#define VERIFY_NEEDED 4095u

static bool verify_member(struct json key, struct json v, struct verify_note *n, unsigned *seen)
{
    if (json_str_eq(key, "at_ms"))
        return *seen |= 1, time_parse(v, &n->at_ms) && n->at_ms;
    if (json_str_eq(key, "version"))
        return *seen |= 2, time_parse(v, &n->version);
    if (json_str_eq(key, "works"))
        return *seen |= 4, word_parse(v, outcomes, n->works, sizeof(n->works));
    if (json_str_eq(key, "worked_ms"))
        return *seen |= 8, time_parse(v, &n->worked_ms);
    if (json_str_eq(key, "expires_ms"))
        return *seen |= 16, time_parse(v, &n->expires_ms);
    if (json_str_eq(key, "exchange_created_ms"))
        return *seen |= 32, time_parse(v, &n->exchange_created_ms);
    if (json_str_eq(key, "expires"))
        return *seen |= 64, word_parse(v, answers, n->expires, sizeof(n->expires));
    if (json_str_eq(key, "ip_bound"))
        return *seen |= 128, word_parse(v, answers, n->ip_bound, sizeof(n->ip_bound));
    if (json_str_eq(key, "withdraw"))
        return *seen |= 256, word_parse(v, answers, n->withdraw, sizeof(n->withdraw));
    if (json_str_eq(key, "transfer"))
        return *seen |= 512, word_parse(v, answers, n->transfer, sizeof(n->transfer));
    if (json_str_eq(key, "account"))
        return *seen |= 1024, json_cstr(v, n->account, sizeof(n->account));
    if (json_str_eq(key, "problems"))
        return *seen |= 2048, list_parse(v, n->problems, NOTE_PROBLEMS, &n->n_problems);
    return false;
}

static bool verify_parse(struct json v, struct verify_note *n)
{
    struct json_iter it;
    struct json key, val;
    unsigned seen = 0;
    json_iter(&it, v);
    while (json_next(&it, &key, &val))
        if (!verify_member(key, val, n, &seen))
            return false;
    return v.type == JSON_OBJECT && seen == VERIFY_NEEDED;
}

static bool review_parse(struct json v, struct review_note *n)
{
    struct json at, open;
    return json_count(v) == 2 && json_get(v, "at_ms", &at) && time_parse(at, &n->at_ms) &&
           n->at_ms && json_get(v, "open", &open) &&
           list_parse(open, n->open, ARRAY_LEN(n->open), &n->n_open);
}

static bool root_parse(struct json root, struct notes *out)
{
    struct json_iter it;
    struct json key, val;
    uint64_t format = 0;
    json_iter(&it, root);
    while (json_next(&it, &key, &val)) {
        bool ok = false;
        if (json_str_eq(key, "format"))
            ok = json_u64(val, 1, &format) && format == 1;
        else if (json_str_eq(key, "verify"))
            ok = verify_parse(val, &out->verify);
        else if (json_str_eq(key, "review"))
            ok = review_parse(val, &out->review);
        if (!ok)
            return false;
    }
    return root.type == JSON_OBJECT && format == 1;
}

bool notes_parse(struct bytes text, struct notes *out)
{
    static const struct json_limits lim = {NOTES_MAX, 4, 16};
    struct json root;
    struct err quiet;
    *out = (struct notes){.verify = {.at_ms = 0}};
    if (json_check(text, &lim, &root, &quiet) == OK && root_parse(root, out))
        return true;
    *out = (struct notes){.verify = {.at_ms = 0}};
    return false;
}

static void print_number(struct buf *out, const char *name, uint64_t v)
{
    /* an exchange may tell an absurd time */
    buf_addf(out, ",\"%s\":%llu", name, (unsigned long long)(v > JSON_INT_MAX ? JSON_INT_MAX : v));
}

static void print_answer(struct buf *out, const char *name, const char *v)
{
    buf_adds(out, ",");
    member_print_str(out, name, v[0] ? v : "unknown");
}

static void print_list(struct buf *out, const char *name, const char (*v)[32], size_t n)
{
    buf_addf(out, ",\"%s\":[", name);
    for (size_t i = 0; i < n; i++) {
        buf_adds(out, i ? "," : "");
        buf_add_json(out, bytes_str(v[i]));
    }
    buf_adds(out, "]");
}

static void verify_print(const struct verify_note *n, struct buf *out)
{
    char account[sizeof(n->account)];
    /* what an exchange calls an account may be cut anywhere */
    text_clean(account, sizeof(account), bytes_str(n->account));
    buf_addf(out, ",\"verify\":{\"at_ms\":%llu", (unsigned long long)n->at_ms);
    print_number(out, "version", n->version);
    print_answer(out, "works", n->works);
    print_number(out, "worked_ms", n->worked_ms);
    print_number(out, "expires_ms", n->expires_ms);
    print_number(out, "exchange_created_ms", n->exchange_created_ms);
    print_answer(out, "expires", n->expires);
    print_answer(out, "ip_bound", n->ip_bound);
    print_answer(out, "withdraw", n->withdraw);
    print_answer(out, "transfer", n->transfer);
    buf_adds(out, ",");
    member_print_str(out, "account", account);
    print_list(out, "problems", n->problems, n->n_problems);
    buf_adds(out, "}");
}

int notes_print(const struct notes *n, struct buf *out, struct err *e)
{
    buf_adds(out, "{\"format\":1");
    if (n->verify.at_ms)
        verify_print(&n->verify, out);
    if (n->review.at_ms) {
        buf_addf(out, ",\"review\":{\"at_ms\":%llu", (unsigned long long)n->review.at_ms);
        print_list(out, "open", n->review.open, n->review.n_open);
        buf_adds(out, "}");
    }
    buf_adds(out, "}\n");
    int rc = buf_check(out, "the note", e);
    if (rc)
        return rc;
    /* whatever is written must be readable again */
    struct notes back;
    return notes_parse(buf_bytes(out), &back)
               ? OK
               : err_set(e, ERR_USAGE, "the note of a key has a value that it cannot have");
}

static void read_in(int dir, const char *file, struct notes *out, bool *is_bad)
{
    AUTO_BUF text = BUF_INIT(NOTES_MAX);
    struct err quiet;
    *out = (struct notes){.verify = {.at_ms = 0}};
    int rc = file_read_at(dir, file, NOTES_MAX, FILE_PRIVATE, &text, &quiet);
    *is_bad = rc ? rc != ERR_NOT_FOUND : !notes_parse(buf_bytes(&text), out);
}

int notes_read(const struct where *w, const uint8_t vault_id[VAULT_ID_LEN],
               const uint8_t rec_id[REC_ID_LEN], struct verify_note *verify,
               struct review_note *review, bool *is_bad, struct err *e)
{
    AUTO(fd_closep) int dir = -1;
    struct notes n = {.verify = {.at_ms = 0}};
    char file[64];
    bool bad = false;
    state_name(rec_id, REC_ID_LEN, ".notes.json", file, sizeof(file));
    int rc = state_dir(w, vault_id, false, &dir, e);
    if (rc == ERR_MEMORY)
        return rc;
    if (rc)
        bad = rc != ERR_NOT_FOUND;
    else
        read_in(dir, file, &n, &bad);
    if (verify)
        *verify = n.verify;
    if (review)
        *review = n.review;
    if (is_bad)
        *is_bad = bad;
    return OK;
}

int notes_write(const struct where *w, const uint8_t vault_id[VAULT_ID_LEN],
                const uint8_t rec_id[REC_ID_LEN], const struct verify_note *verify,
                const struct review_note *review, struct err *e)
{
    AUTO(fd_closep) int dir = -1;
    AUTO(fd_closep) int lock = -1;
    AUTO_BUF text = BUF_INIT(NOTES_MAX);
    struct notes n;
    char file[64], lock_name[64];
    bool bad;
    state_name(rec_id, REC_ID_LEN, ".notes.json", file, sizeof(file));
    state_name(rec_id, REC_ID_LEN, ".lock", lock_name, sizeof(lock_name));
    int rc = state_dir(w, vault_id, true, &dir, e);
    if (!rc)
        rc = file_lock_at(dir, lock_name, LOCK_MS, &lock, e);
    if (rc)
        return err_wrap(e, "note the outcome");
    read_in(dir, file, &n, &bad);
    if (verify)
        n.verify = *verify;
    if (review)
        n.review = *review;
    rc = notes_print(&n, &text, e);
    if (!rc)
        rc = file_note_at(dir, file, buf_bytes(&text), e);
    return rc ? err_wrap(e, "note the outcome") : OK;
}
