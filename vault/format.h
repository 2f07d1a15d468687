/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of vault.json and of record files, as FORMAT.md writes them down: parsing and printing,
 * no keys and no files. Everything parsed here is borrowed from the text it was parsed from. */
#ifndef VAULT_FORMAT_H
#define VAULT_FORMAT_H

#include "base/attr.h"
#include "base/buf.h"
#include "base/bytes.h"
#include "base/codec.h"
#include "base/crypto.h"
#include "base/err.h"
#include "vault/record.h"
#include "vault/vault.h"

#define VAULT_JSON_MAX (32u * 1024u * 1024u)
#define RECORD_FILE_MAX (256u * 1024u)
#define RECORD_NAME_MAX 128u          /* file name and its NUL */
#define WRAP_MAX (KEM_CT_MAX + 64u + GCM_TAG_LEN)
#define AUDIT_KEY_LEN (GCM_NONCE_LEN + 32u + GCM_TAG_LEN)

#define SHA64_LEN B64URL_LEN(SHA256_LEN)

/* A record file as the index names it. The hash stays in base64url: it is compared as text, and
 * only for the file that is wanted. */
struct file_ref {
    struct bytes file;                /* n == 0: none */
    struct bytes sha64;               /* SHA64_LEN characters */
};

struct index_entry {
    struct bytes name;
    struct file_ref current, retiring;
};

struct wrapped {
    uint8_t v[WRAP_MAX];
    size_t n;
};

/* vault.json's body line. */
struct body {
    uint8_t id[VAULT_ID_LEN];
    uint64_t generation;
    struct recipient recipients[RECIPIENTS_MAX];
    struct wrapped wraps[RECIPIENTS_MAX];     /* the vault key, per recipient */
    size_t n_recipients;
    uint8_t audit_key[AUDIT_KEY_LEN];
    struct index_entry *entries;              /* owned; sorted by name */
    size_t n_entries;
};

void body_free(struct body *b);
/* text: the body line without its LF. Entries point into it. ERR_FORMAT, ERR_LIMIT. */
int body_parse(struct bytes text, struct body *out, struct err *e) MUST_USE;
void body_print(const struct body *b, struct buf *out);
/* text is what body_print made of b: its entries point into text afterwards. */
void body_moved(struct body *b, struct bytes text);

/* Splits a file into its lines, each ended by one LF and nothing after. ERR_FORMAT. */
int lines_split(struct bytes text, struct bytes *lines, size_t n, struct err *e) MUST_USE;

/* The three lines of a record file. */
struct record_file {
    struct bytes header, payload, wraps;      /* lines as stored */
};
int record_file_split(struct bytes text, struct record_file *out, struct err *e) MUST_USE;
/* out must be fresh (record_info_init). ERR_FORMAT; a member that this version does not know is
 * refused, because it could forbid what we would allow. */
int header_parse(struct bytes line, struct record_info *out, struct err *e) MUST_USE;
void header_print(const struct record_info *r, struct buf *out);
/* The wrap of one recipient in the third line. ERR_NOT_FOUND when there is none. */
int wraps_find(struct bytes line, const uint8_t rid[RID_LEN], struct wrapped *out,
               struct err *e) MUST_USE;
void wraps_print(const struct recipient *r, const struct wrapped *w, size_t n, struct buf *out);

/* NAME.VERSION.HASH8.json */
void record_file_name(const char *name, uint64_t version, const uint8_t sha[SHA256_LEN],
                      char out[RECORD_NAME_MAX]);
void sha64_text(const uint8_t sha[SHA256_LEN], char out[SHA64_LEN + 1]);
/* Whether ref's hash and its file name's HASH8 are those of sha. */
bool file_ref_is(const struct file_ref *ref, const uint8_t sha[SHA256_LEN]) MUST_USE;
/* Whether file is of that form; *name and *version out of it. */
bool record_file_name_ok(struct bytes file, struct bytes *name, uint64_t *version) MUST_USE;

#endif
