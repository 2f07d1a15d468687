/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of every change of a vault: write record files, then replace vault.json. */
#ifndef VAULT_COMMIT_H
#define VAULT_COMMIT_H

#include "vault/internal.h"
#include "vault/signer.h"

struct new_file {
    char name[RECORD_NAME_MAX];
    char sha64[SHA64_LEN + 1];
};

/* ERR_TRUST, or ERR_FAILED when the vault is not open and locked. */
int commit_allowed(const struct vault *v, struct err *e) MUST_USE;
/* Seals payload under a fresh DEK for info (all set) to every recipient and writes the file. */
int record_write(struct vault *v, const struct record_info *info, const struct secret *payload,
                 struct new_file *out, struct err *e) MUST_USE;
/* The next generation, with these entries. Their names and files may point anywhere. */
int commit_entries(struct vault *v, struct index_entry *entries, size_t n, struct err *e) MUST_USE;
/* A commit that puts one entry in (or in place of the one with its name). */
int commit_put(struct vault *v, const struct index_entry *put, struct err *e) MUST_USE;
/* After a failed commit: removes a file that it wrote, but only when vault.json as it is on disk
 * now is readable and does not name it (a failed fsync may come after the rename). */
void commit_discard(struct vault *v, const char *file);
struct index_entry entry_of(const char *name, const struct new_file *f);

#endif
