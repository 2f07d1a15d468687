/* SPDX-License-Identifier: Apache-2.0 */
/* The pin file, STATE/VAULT_ID/pin.json, and the judgement by it. */
#include "vault/trust.h"

#include "base/codec.h"
#include "base/file.h"
#include "base/json.h"
#include "vault/members.h"

#include <stdio.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#define PIN_FILE_MAX 4096u

struct pinned {
    uint8_t fingerprint[FINGERPRINT_LEN], sha[SHA256_LEN];
    uint64_t generation;
};

struct pin {
    uint8_t id[VAULT_ID_LEN];
    struct pinned now;
    bool has_next;        /* a commit that changes the vault key was begun */
    struct pinned next;
};

static struct pinned pinned_of(const struct sighting *s)
{
    struct pinned p = {.generation = s->generation};
    memcpy(p.fingerprint, s->fingerprint, FINGERPRINT_LEN);
    memcpy(p.sha, s->sha, SHA256_LEN);
    return p;
}

static bool is_exactly(const struct sighting *s, const struct pinned *p)
{
    return s->generation == p->generation && mem_eq(s->sha, p->sha, SHA256_LEN);
}

int state_dir(const struct where *w, const uint8_t id[VAULT_ID_LEN], bool create, int *fd,
              struct err *e)
{
    char hex[VAULT_ID_HEX], path[WHERE_MAX + VAULT_ID_HEX + 1];
    where_id_hex(id, hex);
    snprintf(path, sizeof(path), "%s/%s", w->state, hex);
    int rc = dir_open(path, FILE_PRIVATE, fd, e);
    return rc == ERR_NOT_FOUND && create ? dir_open(path, FILE_PRIVATE | DIR_CREATE, fd, e) : rc;
}

void fingerprint_text(const uint8_t fp[FINGERPRINT_LEN], char out[FINGERPRINT_TEXT])
{
    for (unsigned i = 0; i < FINGERPRINT_LEN; i += 2)
        snprintf(out + i / 2 * 5, 6, "%02x%02x%s", fp[i], fp[i + 1],
                 i + 2 < FINGERPRINT_LEN ? "-" : "");
}

static bool pinned_member(struct json key, struct json val, struct pinned *out, unsigned *seen)
{
    if (json_str_eq(key, "fingerprint"))
        return *seen |= 1, member_b64_exact(val, out->fingerprint, FINGERPRINT_LEN);
    if (json_str_eq(key, "generation"))
        return *seen |= 2, json_u64(val, JSON_INT_MAX, &out->generation);
    if (json_str_eq(key, "sha256"))
        return *seen |= 4, member_b64_exact(val, out->sha, SHA256_LEN);
    return false;
}

static bool next_parse(struct json v, struct pinned *out)
{
    struct json_iter it;
    struct json key, val;
    unsigned seen = 0;
    json_iter(&it, v);
    while (json_next(&it, &key, &val))
        if (!pinned_member(key, val, out, &seen))
            return false;
    return v.type == JSON_OBJECT && seen == 7;
}

static bool pin_parse(struct bytes text, struct pin *out)
{
    static const struct json_limits lim = {PIN_FILE_MAX, 3, 8};
    struct json root, key, val;
    struct json_iter it;
    struct err e;
    unsigned seen = 0;
    bool ok = json_check(text, &lim, &root, &e) == OK && root.type == JSON_OBJECT;
    if (!ok)
        return false;
    json_iter(&it, root);
    while (ok && json_next(&it, &key, &val)) {
        if (json_str_eq(key, "vault_id"))
            ok = member_b64_exact(val, out->id, VAULT_ID_LEN), seen |= 8;
        else if (json_str_eq(key, "next"))
            ok = next_parse(val, &out->next), out->has_next = true;
        else
            ok = pinned_member(key, val, &out->now, &seen);
    }
    return ok && seen == 15;
}

static int pin_read(const struct sighting *s, struct pin *out, struct err *e)
{
    AUTO(fd_closep) int dir = -1;
    int rc = state_dir(s->where, s->id, false, &dir, e);
    if (rc)
        return rc;
    AUTO_BUF text = BUF_INIT(PIN_FILE_MAX);
    rc = file_read_at(dir, PIN_FILE, PIN_FILE_MAX, FILE_PRIVATE, &text, e);
    if (rc)
        return rc;
    if (!pin_parse(buf_bytes(&text), out) || !mem_eq(out->id, s->id, VAULT_ID_LEN)) {
        char hex[VAULT_ID_HEX];
        where_id_hex(s->id, hex);
        err_set(e, ERR_TRUST, "this machine's pin of the vault is damaged");
        return err_hint(e, "look at '%s/%s/" PIN_FILE "', then run 'coffer trust FINGERPRINT'",
                        s->where->state, hex);
    }
    return OK;
}

static void pinned_print(const struct pinned *p, struct buf *text)
{
    member_print_b64(text, "fingerprint", bytes_of(p->fingerprint, FINGERPRINT_LEN));
    buf_addf(text, ",\"generation\":%llu,", (unsigned long long)p->generation);
    member_print_b64(text, "sha256", bytes_of(p->sha, SHA256_LEN));
}

/* next: NULL, or another sighting that is accepted too. */
static int pin_write(const struct sighting *s, const struct sighting *next, int dir, struct err *e)
{
    AUTO_BUF text = BUF_INIT(PIN_FILE_MAX);
    struct pinned now = pinned_of(s);
    buf_adds(&text, "{");
    member_print_b64(&text, "vault_id", bytes_of(s->id, VAULT_ID_LEN));
    buf_adds(&text, ",");
    pinned_print(&now, &text);
    if (next) {
        struct pinned later = pinned_of(next);
        buf_adds(&text, ",\"next\":{");
        pinned_print(&later, &text);
        buf_adds(&text, "}");
    }
    buf_adds(&text, "}\n");
    int rc = buf_check(&text, "pin", e);
    return rc ? rc : file_replace_at(dir, PIN_FILE, buf_bytes(&text), e);
}

/* One that sets the pin at a time. Not every file system can lock a directory; it must not stop
 * us. */
static int pin_dir(const struct sighting *s, bool create, int *dir, struct err *e)
{
    int rc = state_dir(s->where, s->id, create, dir, e);
    if (!rc)
        (void)flock(*dir, LOCK_EX);
    return rc;
}

int trust_set(const struct sighting *s, struct err *e)
{
    AUTO(fd_closep) int dir = -1;
    int rc = pin_dir(s, true, &dir, e);
    return rc ? rc : pin_write(s, NULL, dir, e);
}

/* The command is not given ready to paste: it would be the forger's fingerprint. */
static int refuse(struct err *e, const char *hint)
{
    err_hint(e, "%s", hint);
    return err_hint(e, "compare with the machine or the paper that has the right fingerprint; only "
                    "then run 'coffer trust FINGERPRINT'");
}

/* A copy of the same vault: its fingerprint is the right one, so comparing it would prove nothing.
 */
static int refuse_copy(struct err *e, const char *hint, const char *only_if, const char *otherwise)
{
    err_hint(e, "%s", hint);
    err_hint(e, "such a copy has the same fingerprint, so comparing it proves nothing");
    return err_hint(e, "only if %s: coffer trust FINGERPRINT; else %s", only_if, otherwise);
}

static int judge_age(const struct sighting *s, const struct pinned *p, struct err *e)
{
    if (s->generation < p->generation) {
        err_set(e, ERR_TRUST, "the vault is older than this machine has seen: generation %llu, "
                "seen %llu", (unsigned long long)s->generation, (unsigned long long)p->generation);
        return refuse_copy(e, "a backup was restored, or somebody put back an old state",
                           "you restored it yourself just now", "look for the newer copy");
    }
    if (s->generation == p->generation && !is_exactly(s, p)) {
        err_set(e, ERR_TRUST, "the vault has forked: generation %llu is not the one that this "
                "machine has seen", (unsigned long long)s->generation);
        return refuse_copy(e, "two machines changed it at once: choose one copy",
                           "this is the one that you chose", "put the other one here");
    }
    return OK;
}

int trust_not_older(const struct sighting *s, const struct seen *seen, struct err *e)
{
    struct pinned p = {.generation = seen->generation};
    memcpy(p.sha, seen->sha, SHA256_LEN);
    if (seen->generation == 0 || judge_age(s, &p, e) == OK)
        return OK;
    e->n_hints = 0;
    err_hint(e, "a backup was restored, or somebody put back an old state");
    return err_hint(e, "put the newer copy back; only if you restored this one yourself: coffer "
                    "trust FINGERPRINT, coffer agent --stop, coffer agent");
}

static bool is_next(const struct sighting *s, const struct pin *p)
{
    return p->has_next && mem_eq(p->next.fingerprint, s->fingerprint, FINGERPRINT_LEN);
}

static int judge(const struct sighting *s, const struct pin *p, struct err *e)
{
    char then[FINGERPRINT_TEXT], now[FINGERPRINT_TEXT];
    if (is_next(s, p))
        return judge_age(s, &p->next, e);
    if (!mem_eq(p->now.fingerprint, s->fingerprint, FINGERPRINT_LEN)) {
        fingerprint_text(p->now.fingerprint, then);
        fingerprint_text(s->fingerprint, now);
        err_set(e, ERR_TRUST, "this is not the vault that this machine trusts: its fingerprint is "
                "%s, the trusted one %s", now, then);
        return refuse(e, "a new vault key was made on another machine, or somebody put another "
                      "vault here");
    }
    return judge_age(s, &p->now, e);
}

/* Whether the pin is to become s, which it accepts. */
static bool moves(const struct sighting *s, const struct pin *p)
{
    return is_next(s, p) || s->generation > p->now.generation;
}

/* Forward only: a later state may have been pinned since the pin was read. */
static int pin_move(const struct sighting *s, struct err *e)
{
    AUTO(fd_closep) int dir = -1;
    struct pin p = {.has_next = false};
    int rc = pin_dir(s, false, &dir, e);
    if (!rc)
        rc = pin_read(s, &p, e);
    if (!rc)
        rc = judge(s, &p, e);
    return rc || !moves(s, &p) ? rc : pin_write(s, NULL, dir, e);
}

int trust_announce(const struct sighting *s, const struct sighting *next, struct err *e)
{
    AUTO(fd_closep) int dir = -1;
    struct pin p = {.has_next = false};
    int rc = pin_dir(s, false, &dir, e);
    if (!rc)
        rc = pin_read(s, &p, e);
    if (!rc)
        rc = judge(s, &p, e);
    if (!rc)
        rc = pin_write(s, next, dir, e);
    return rc ? err_wrap(e, "this machine's pin") : OK;
}

void trust_withdraw(const struct sighting *s)
{
    AUTO(fd_closep) int dir = -1;
    struct pin p = {.has_next = false};
    struct err quiet;
    if (pin_dir(s, false, &dir, &quiet) == OK && pin_read(s, &p, &quiet) == OK && p.has_next &&
        is_exactly(s, &p.now))
        (void)!pin_write(s, NULL, dir, &quiet);
}

bool trust_knows(const struct sighting *s)
{
    struct pin p = {.has_next = false};
    struct err quiet;
    return pin_read(s, &p, &quiet) == OK &&
           (is_exactly(s, &p.now) || (p.has_next && is_exactly(s, &p.next)));
}

int trust_look(const struct sighting *s, uint8_t fp[FINGERPRINT_LEN], enum trust_state *out,
               struct err *e)
{
    struct pin p = {.has_next = false};
    int rc = pin_read(s, &p, e);
    if (rc == ERR_NOT_FOUND) {
        *out = TRUST_NO_PIN;
        return OK;
    }
    const struct pinned *here = p.has_next && is_exactly(s, &p.next) ? &p.next : &p.now;
    if (!rc)
        rc = judge_age(s, here, e);
    if (rc)
        return rc == ERR_TRUST ? rc : (err_wrap(e, "this machine's pin"), e->code = ERR_TRUST);
    memcpy(fp, here->fingerprint, FINGERPRINT_LEN);
    *out = s->generation > here->generation ? TRUST_NEWER : TRUST_PINNED;
    return OK;
}

int trust_check(const struct sighting *s, enum trust_state *out, struct err *e)
{
    struct pin p = {.has_next = false};
    struct err quiet;
    int rc = pin_read(s, &p, e);
    if (rc == ERR_NOT_FOUND) {
        *out = TRUST_NO_PIN;
        return OK;
    }
    if (rc)
        return rc == ERR_TRUST ? rc : (err_wrap(e, "this machine's pin"), e->code = ERR_TRUST);
    rc = judge(s, &p, e);
    if (rc)
        return rc;
    rc = moves(s, &p) ? pin_move(s, &quiet) : OK;
    if (rc == ERR_TRUST) {
        *e = quiet;
        return rc;
    }
    *out = rc ? TRUST_PIN_UNWRITABLE : TRUST_PINNED;
    return OK;
}

int trust_may_write(const struct sighting *s, enum trust_state state, struct err *e)
{
    struct err quiet;
    AUTO(fd_closep) int dir = -1;
    if (state == TRUST_NO_PIN) {
        err_set(e, ERR_TRUST, "this machine has not been told to trust this vault");
        return refuse(e, "a vault can be forged with public keys alone");
    }
    if (state == TRUST_PINNED && state_dir(s->where, s->id, false, &dir, &quiet) == OK &&
        faccessat(dir, ".", W_OK, AT_EACCESS) == 0)
        return OK;
    err_set(e, ERR_TRUST, "this machine's pin of the vault cannot be written");
    return err_hint(e, "make '%s' writable: without a pin a change could not be told from an old "
                    "vault put back", s->where->state);
}
