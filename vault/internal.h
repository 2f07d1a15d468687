/* SPDX-License-Identifier: Apache-2.0 */
/* struct vault, shared by the files that read, open and change one. */
#ifndef VAULT_INTERNAL_H
#define VAULT_INTERNAL_H

#include "base/env.h"
#include "vault/seal.h"
#include "vault/trust.h"
#include "vault/vault.h"

#include <sys/types.h>
#include <time.h>

#define VAULT_FILE "vault.json"
#define RECORDS_DIR "records"
#define LOCK_FILE "lock"

/* By what a file is taken for the same without reading it. */
struct file_mark {
    dev_t dev;
    ino_t ino;
    off_t size;
    struct timespec mtime, ctime;
};

struct vault {
    const struct env *env;
    struct where where;
    int dir, records, lock;          /* -1: not open */
    struct buf text;                 /* vault.json; body's entries point into it */
    struct bytes body_line, mac_line;
    uint8_t sha[SHA256_LEN];         /* of text */
    struct body body;
    struct secret vk;                /* empty until opened */
    uint8_t fingerprint[FINGERPRINT_LEN];
    enum trust_state trust;
    struct seen seen;                /* outlives the key: of the whole life of v */
    struct file_mark mark, pin_mark; /* of vault_follow and vault_pin_moved */
    bool is_settled;                 /* mark tells: the file was old enough when it was looked at */
};

/* Opens the two directories of the vault, which must not be open. */
int vault_dirs(struct vault *v, struct err *e) MUST_USE;

/* Reads vault.json again; where *changed, what was known of the old one is dropped (but not the
 * key). */
int vault_reload(struct vault *v, bool *changed, struct err *e) MUST_USE;
/* As vault_reload; an open vault is judged again by the key that is held, and stays open if it
 * passes. */
int vault_refresh(struct vault *v, struct err *e) MUST_USE;
/* Whether vault.json is another one than was read; if so it is read again, and v stays open only if
 * what was read passes under the key that is held. For one retry after something was gone, changed
 * or out of date. */
bool vault_moved_on(struct vault *v);
/* Takes text (moved) as the new vault.json: splits, parses, hashes. On failure v is unchanged. */
int vault_take_text(struct vault *v, struct buf *text, struct err *e) MUST_USE;
/* NULL when there is none. */
struct index_entry *vault_find(const struct vault *v, const char *name);
/* The position of name, or where it belongs; *found says which. */
size_t vault_position(const struct vault *v, struct bytes name, bool *found);
/* Whether the index names this record file. */
bool vault_references(const struct vault *v, struct bytes file);
/* The current or the retiring file of a name. ERR_NOT_FOUND. *out points into v. */
int vault_find_file(const struct vault *v, const char *name, bool retiring,
                    const struct file_ref **out, struct err *e) MUST_USE;
int vault_not_found(const struct vault *v, const char *name, struct err *e);
/* A record file that the index names: read, hash checked, split. file->... point into text. */
int record_read(struct vault *v, const struct file_ref *ref, struct buf *text,
                struct record_file *file, struct err *e) MUST_USE;
/* MAC, then (unless no_pin) the pin, with this vault key; keeps the key in v. Takes vk. */
int vault_believe(struct vault *v, struct secret *vk, bool no_pin, struct err *e) MUST_USE;
/* The position of a recipient; n_recipients when it is none. */
size_t body_recipient(const struct body *b, const uint8_t rid[RID_LEN]);
/* One private-key operation: VK || DEK of a record file whose header is hdr. */
int record_unwrap(const struct record_info *hdr, const struct record_file *file,
                  const struct opener *o, struct secret *vk_dek, struct err *e) MUST_USE;
/* Opens a record file completely; v becomes open by it, or must already hold the same key. */
int record_open_file(struct vault *v, const struct opener *o, const struct file_ref *ref,
                     const struct record_file *file, struct record **out,
                     struct err *e) MUST_USE;
struct sighting vault_sighting(const struct vault *v);

#endif
