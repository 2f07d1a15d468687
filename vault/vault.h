/* SPDX-License-Identifier: Apache-2.0 */
/* One vault directory: read, opened through a token, changed in single commits. The format is
 * vault/FORMAT.md. Nothing read here is believed before a private-key operation has yielded the
 * vault key and the MAC holds; the calls that answer earlier say "not authenticated". A struct
 * vault is used by one thread. */
#ifndef VAULT_VAULT_H
#define VAULT_VAULT_H

#include "base/attr.h"
#include "base/env.h"
#include "base/err.h"
#include "base/secret.h"
#include "base/signer.h"
#include "pkcs11/kem.h"
#include "pkcs11/token.h"
#include "vault/record.h"
#include "vault/where.h"

#define RECIPIENTS_MAX 32u
#define FINGERPRINT_TEXT 40u /* "0123-4567-89ab-cdef-0123-4567-89ab-cdef" and a NUL */

enum recipient_kind { RECIPIENT_TOKEN, RECIPIENT_PAPER };

struct recipient {
    uint8_t rid[RID_LEN];
    struct spki spki;
    enum scheme scheme;
    enum recipient_kind kind;
    bool tested;
    char label[128]; /* token label, for people */
    char serial[TOKEN_SERIAL_MAX];
    uint8_t key_id[TOKEN_ID_MAX]; /* CKA_ID */
    size_t key_id_len;
};

/* Who does the private-key operation for one recipient: a token that is logged in with its key in
 * use, or a test. */
struct opener {
    uint8_t rid[RID_LEN];
    enum scheme scheme;
    int (*decap)(void *ctx, enum scheme s, struct bytes ct, struct secret *z, struct err *e);
    void *ctx;
};
/* The opener of a logged-in token whose sealing key is in use (token_use_key). */
void opener_token(struct opener *o, struct token *t, const uint8_t rid[RID_LEN], enum scheme s);

struct vault;

/* Makes the directory (or uses an empty one), the vault for one recipient, and this machine's pin.
 * ERR_EXISTS when a vault is there. id: chosen by the caller (where_softhsm needs it before).
 * opener proves the new vault by opening it. */
int vault_create(const struct where *w, const uint8_t id[VAULT_ID_LEN],
                 const struct recipient *first, const struct opener *o, const struct env *env,
                 struct vault **out, struct err *e) MUST_USE;
/* Reads vault.json and checks its form. ERR_NOT_FOUND (hint: coffer init), ERR_FORMAT, ERR_IO. */
int vault_load(const struct where *w, const struct env *env, struct vault **out,
               struct err *e) MUST_USE;
void vault_free(struct vault *v); /* wipes the key, gives the lock back; takes NULL */
void vault_freep(struct vault **v);

/* -- not authenticated until vault_open or vault_open_record -- */
const uint8_t *vault_id(const struct vault *v);
uint64_t vault_generation(const struct vault *v);
const struct recipient *vault_recipients(const struct vault *v, size_t *n);
size_t vault_count(const struct vault *v);
/* The i-th name in order; false past the end. */
bool vault_name(const struct vault *v, size_t i, char name[NAME_MAX_LEN + 1]) MUST_USE;
bool vault_has(const struct vault *v, const char *name) MUST_USE;
/* OK when a record may get the name: legal (ERR_USAGE) and not taken, in any case (ERR_EXISTS).
 * not_this: the record that is renamed, which is no obstacle; NULL for a new one. */
int vault_name_free(const struct vault *v, const char *name, const char *not_this,
                    struct err *e) MUST_USE;
/* The header of a record (file hash checked against the index). ERR_NOT_FOUND naming near names,
 * ERR_TAMPERED, ERR_FORMAT. This and vault_open_record read vault.json again, once, when another
 * process has changed it meanwhile; what was open is then judged again, or not open. */
int vault_peek(struct vault *v, const char *name, struct record_info *out, struct err *e) MUST_USE;

enum trust_state {
    TRUST_NOT_CHECKED,
    TRUST_PINNED,
    TRUST_NEWER, /* without a key only: later than what this machine has seen, so only an opening
                  * can tell whether it is still the vault that it trusts */
    TRUST_NO_PIN,
    TRUST_PIN_UNWRITABLE
};

/* What this machine's pin says without a key: fp is the fingerprint that it trusts (with
 * TRUST_PINNED and TRUST_NEWER). ERR_TRUST when the vault on disk is older than the pin, or
 * forked. */
int vault_pin_look(const struct vault *v, char fp[FINGERPRINT_TEXT], enum trust_state *state,
                   struct err *e) MUST_USE;

/* -- opening: each makes one private-key operation, then checks the MAC, then the pin -- */
struct record;
/* Through vault.json's own wrap. ERR_TAMPERED, ERR_TRUST (older generation, fork, other
 * fingerprint). */
int vault_open(struct vault *v, const struct opener *o, struct err *e) MUST_USE;
/* Through the record's wrap, which yields the vault key too. The record is authenticated and ready
 * to sign. */
int vault_open_record(struct vault *v, const struct opener *o, const char *name,
                      struct record **out, struct err *e) MUST_USE;
/* TRUST_NO_PIN and TRUST_PIN_UNWRITABLE: reading and signing may go on with a hint, writes are
 * refused. */
enum trust_state vault_trust_state(const struct vault *v);
/* Groups of four hex digits; needs an open vault. */
int vault_fingerprint(const struct vault *v, char out[FINGERPRINT_TEXT], struct err *e) MUST_USE;
/* For `coffer trust`: as vault_open, but with no pin check; then, when want (any case, dashes
 * optional) is the fingerprint, sets this machine's pin. ERR_TRUST with both fingerprints when it
 * is another. */
int vault_trust(struct vault *v, const struct opener *o, const char *want, struct err *e) MUST_USE;

const struct record_info *record_info(const struct record *r);
struct signer *record_signer(struct record *r); /* lives as long as the record */
/* The secrets are gone from now on, and the signer refuses (ERR_PERSON); the rest stays valid. */
void record_wipe(struct record *r);
void record_free(struct record *r);
void record_freep(struct record **r);

/* -- for a process that keeps a vault open while others change it; not while it is locked -- */
/* Looks, by one lstat, whether vault.json may be another one than at the last call, and if so reads
 * it and judges it by the key that is held. *changed: it was read again. With an error *changed
 * tells two things apart: false, it cannot be read now (ERR_IO, ERR_FORMAT, ERR_NOT_FOUND), and v
 * is as it was; true, it does not pass: ERR_TRUST, ERR_TAMPERED (another key's, or forged),
 * ERR_FAILED (this machine sealed it anew), and v has the new one and is not open. */
int vault_follow(struct vault *v, bool *changed, struct err *e) MUST_USE;
/* Whether this machine's pin may be another one than at the last call, by one lstat. */
bool vault_pin_moved(struct vault *v);
bool vault_is_open(const struct vault *v);
/* Whether the index still has, under this record's name, the file that it was opened from. Of an
 * open vault. */
bool vault_is_current(const struct vault *v, const struct record *r);
/* Wipes the vault key: v is as after vault_load. */
void vault_forget_key(struct vault *v);

/* -- writing: open the vault, then vault_lock (waits for another writer, reads vault.json again and
 * judges it by the key that is held), then one of these, each one commit -- */
/* ERR_TRUST when this machine may not change the vault: no pin, or one that cannot be written. Ask
 * before anything else is asked of the person. */
int vault_may_write(const struct vault *v, struct err *e) MUST_USE;
int vault_lock(struct vault *v, struct err *e) MUST_USE;
/* Lets other writers in again; vault_free does it too. */
void vault_unlock(struct vault *v);
/* fields: normal form (base/field.h). info: name to risks filled; rec_id, version, vault_id,
 * created are set here. When the record was written but the commit failed, the error says under
 * which file name it is kept. */
int vault_add(struct vault *v, struct record_info *info, const struct secret fields[FIELD_COUNT],
              struct err *e) MUST_USE;
/* Opens the vault by the record itself: one private-key operation (two while a rotation is
 * unfinished). */
int vault_rename(struct vault *v, const struct opener *o, const char *from, const char *to,
                 struct err *e) MUST_USE;
int vault_remove(struct vault *v, const char *name, struct err *e) MUST_USE;

/* -- rotation of an exchange key -- */
/* A record that is not stored: for trying a key before it is sealed. fields as for vault_add, info
 * copied. The caller frees. */
int record_draft(const struct record_info *info, const struct secret fields[FIELD_COUNT],
                 struct record **out, struct err *e) MUST_USE;
/* Whether a field of both has the same value (constant time); false when either has none. */
bool record_same_field(const struct record *a, const struct record *b, enum field_id f) MUST_USE;
/* Whether a rotation is unfinished. ERR_NOT_FOUND. Not authenticated. */
int vault_is_retiring(struct vault *v, const char *name, bool *is_retiring,
                      struct err *e) MUST_USE;
/* The retiring one's header (ERR_NOT_FOUND: none), and opening it as vault_open_record does. */
int vault_peek_retiring(struct vault *v, const char *name, struct record_info *out,
                        struct err *e) MUST_USE;
int vault_open_retiring(struct vault *v, const struct opener *o, const char *name,
                        struct record **out, struct err *e) MUST_USE;
/* One commit: the new credential becomes the record, the present file stays as retiring. old: the
 * opened present record, as it still must be in the index (ERR_FAILED when it changed meanwhile).
 * info: what the new one shall say; name, rec_id, created, vault_id are the old one's; version and
 * rotated_ms are set here, and info gets them. ERR_EXISTS while an earlier rotation is unfinished.
 * When the file was written but the commit failed, the error says where it is kept. */
int vault_rotate(struct vault *v, const struct record *old, struct record_info *info,
                 const struct secret fields[FIELD_COUNT], struct err *e) MUST_USE;
/* One commit: forgets the retiring one. Vault open and locked; costs no token operation. */
int vault_drop_retiring(struct vault *v, const char *name, struct err *e) MUST_USE;
/* One commit: a new version of an opened record with another header. info: as wanted; name, rec_id,
 * created, vault_id stay, version is set here. For the first good verify and accepted risks. */
int vault_rewrite(struct vault *v, const struct record *r, struct record_info *info,
                  struct err *e) MUST_USE;

/* -- who can open the vault -- */
/* A change of the recipients: every record file is opened and sealed again, as a new version, for
 * those who are recipients afterwards; then all of it is one commit. */
struct rewrap {
    const struct opener *from;      /* opens what is there: a token operation for each file */
    const struct recipient *add;    /* NULL: none */
    const struct opener *prove;     /* of add: opens its new wrap before anything is committed;
                                     * NULL: it is not here, and add->tested must be false */
    const uint8_t *drop;            /* rids of those who go, n_drop times RID_LEN bytes; with one of
                                     * them, or has_new_key, the vault gets a new vault key: every
                                     * other machine needs `trust` once */
    size_t n_drop;
    bool has_new_key;
    void (*progress)(void *ctx, size_t n_done, size_t n);
    void *ctx;
};
/* How many record files there are, retiring ones included: the token operations of vault_rewrap,
 * with one to open the vault and one for prove. */
size_t vault_files(const struct vault *v);
/* One commit; vault open and locked. add takes the place in the list of a single drop, and may be
 * the key that goes; from counts as tested if it stays. On failure the old vault stands and files
 * written are removed. Before any token operation: ERR_EXISTS (add is a recipient already),
 * ERR_NOT_FOUND (drop is none), ERR_USAGE (no tested recipient would be left; from is none, or
 * prove is of another key; nothing to do), ERR_LIMIT (RECIPIENTS_MAX). */
int vault_rewrap(struct vault *v, const struct rewrap *r, struct err *e) MUST_USE;
/* One commit that notes that this recipient has opened the vault; OK without one when that was
 * noted before. o: that recipient's; opens the vault with it, one operation (ERR_TAMPERED,
 * ERR_TRUST). seen: NULL, or the serial and key id that its token shows, which it gets where it has
 * none. Locks by itself: the vault must not be locked. */
int vault_mark_tested(struct vault *v, const struct opener *o, const struct recipient *seen,
                      struct err *e) MUST_USE;
/* How many recipients have opened the vault, as it says of itself. */
size_t vault_count_tested(const struct vault *v);

/* -- doctor -- */
/* Record files that nothing references: out[cap] file names, *n = number found (may exceed
 * cap). */
int vault_orphans(struct vault *v, char (*out)[128], size_t cap, size_t *n, struct err *e) MUST_USE;
/* What such a file is by what it says of itself, which nobody has authenticated yet. ERR_TAMPERED,
 * ERR_FORMAT. */
enum orphan_kind {
    ORPHAN_RECORD,  /* a key that the index does not have: it can be taken back */
    ORPHAN_NEW_KEY, /* a new key for `name` whose rotation was not committed: likewise, and there is
                     * no other copy of it */
    ORPHAN_VERSION  /* another version of `name`: it holds nothing that is needed */
};
int vault_orphan_look(struct vault *v, const char *file, enum orphan_kind *kind,
                      char name[NAME_MAX_LEN + 1], struct err *e) MUST_USE;
/* Puts an unreferenced file of this vault back: as the record that it was, or, with a new key whose
 * rotation was not committed, as that rotation. ERR_EXISTS when the index has what it holds. Vault
 * open and locked. */
int vault_take_back(struct vault *v, const struct opener *o, const char *file,
                    struct err *e) MUST_USE;

#endif
