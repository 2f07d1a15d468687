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

/* What record files are sealed under: the vault's own key and recipients, or those to come. */
struct sealing {
    const struct recipient *recipients;
    size_t n;
    struct bytes vk;
};

/* ERR_TRUST, or ERR_FAILED when the vault is not open and locked. */
int commit_allowed(const struct vault *v, struct err *e) MUST_USE;
/* Seals payload under a fresh DEK for info (all set) to every recipient and writes the file. */
int record_write(struct vault *v, const struct record_info *info, const struct secret *payload,
                 struct new_file *out, struct err *e) MUST_USE;
/* As record_write, but waits for nothing: file_finish(fd) and dir_sync do, before the commit.
 * out->name is set from where a file may be left, too. */
int record_begin(struct vault *v, const struct sealing *under, const struct record_info *info,
                 const struct secret *payload, struct new_file *out, int *fd,
                 struct err *e) MUST_USE;
/* One commit of next, whose generation is set. vk: NULL, or its own vault key when that is another
 * one (taken on success). On failure *in_doubt says whether next may be what is on disk. */
int commit_body(struct vault *v, const struct body *next, struct secret *vk, bool *in_doubt,
                struct err *e) MUST_USE;
/* The next generation, with these entries. Their names and files may point anywhere. */
int commit_entries(struct vault *v, struct index_entry *entries, size_t n, struct err *e) MUST_USE;
/* A commit that puts one entry in (or in place of the one with its name). */
int commit_put(struct vault *v, const struct index_entry *put, struct err *e) MUST_USE;
/* After a failed commit: removes a file that it wrote, but only when vault.json as it is on disk
 * now is readable and does not name it (a failed fsync may come after the rename). */
void commit_discard(struct vault *v, const char *file);
/* After a failed commit of a key that is nowhere else: adds where its file is kept. Returns the
 * error's code. */
int commit_kept(struct vault *v, const struct new_file *f, struct err *e);
/* 1 + the highest version of an entry's files. */
uint64_t commit_next_version(const struct index_entry *n);
/* Copies of what an entry refers to, because a commit drops the text that it points into. */
struct old_files {
    char current[RECORD_NAME_MAX], retiring[RECORD_NAME_MAX];
};
int old_files(const struct index_entry *n, struct old_files *out, struct err *e) MUST_USE;
/* Removes a file that nothing needs any more; "" is none. One that stays is harmless. */
void record_remove(struct vault *v, const char *file);
/* ERR_EXISTS while a rotation of the record is unfinished. */
int rotation_allowed(const struct index_entry *n, const char *name, struct err *e) MUST_USE;
struct index_entry entry_of(const char *name, const struct new_file *f);

#endif
