/* SPDX-License-Identifier: Apache-2.0 */
/* Files that matter: opened relative to a directory, no link followed, owner and mode checked,
 * written so that a crash leaves the old or the new, never half. Names given to the _at calls are
 * single components. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "base/attr.h"
#include "base/buf.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/secret.h"

enum {
    /* owned by us, no group or other bits: else ERR_IO with the chmod or chown that mends it */
    FILE_PRIVATE = 1,
    DIR_CREATE = 2, /* make it (0700) and its parents when missing */
    FILE_STDIN = 4  /* file_read_secret: "-" means standard input */
};

/* Opens a directory; the last component may not be a link. ERR_NOT_FOUND when missing. Caller
 * closes *fd. */
int dir_open(const char *path, unsigned flags, int *fd, struct err *e) MUST_USE;
int dir_open_at(int dir, const char *name, unsigned flags, int *fd, struct err *e) MUST_USE;
int dir_sync(int dir, const char *what, struct err *e) MUST_USE;
/* Appends a regular file's contents to out, at most max bytes (ERR_LIMIT beyond). ERR_NOT_FOUND
 * when missing. */
int file_read_at(int dir, const char *name, size_t max, unsigned flags, struct buf *out,
                 struct err *e) MUST_USE;
/* A whole file straight into locked memory, at most max bytes. path may be absolute or relative.
 * With FILE_PRIVATE a regular file that is no link; without, links are followed and pipes taken. */
int file_read_secret(const char *path, size_t max, unsigned flags, struct secret *out,
                     struct err *e) MUST_USE;
int fd_read_secret(int fd, size_t max, struct secret *out, struct err *e) MUST_USE;
/* An ordinary file or "-" (standard input) named by the user: follows links, any mode. */
int file_read_user(const char *path, size_t max, struct buf *out, struct err *e) MUST_USE;
/* New file, 0600, written and fsynced; removed again on failure. ERR_EXISTS: the name is taken. */
int file_create_at(int dir, const char *name, struct bytes v, struct err *e) MUST_USE;
/* file_create_at in two halves, for many files at once: the first writes, the second waits for the
 * disk and closes *fd, which is -1 then. The disk works on all that have begun. When the second
 * fails the file is still there. */
int file_begin_at(int dir, const char *name, struct bytes v, int *fd, struct err *e) MUST_USE;
int file_finish(int *fd, const char *name, struct err *e) MUST_USE;
/* Replaces the file in one step: write aside (.NAME.tmp.PID.N), fsync, rename, fsync the directory.
 * Should only the last of these fail, the new file is in place already. */
int file_replace_at(int dir, const char *name, struct bytes v, struct err *e) MUST_USE;
/* As file_replace_at, but does not wait for the disk: for what may be lost, though not be half. */
int file_note_at(int dir, const char *name, struct bytes v, struct err *e) MUST_USE;
/* Opens (creating, 0600) and locks the file exclusively, waiting up to wait_ms. Caller closes *fd,
 * which unlocks. ERR_FAILED when held too long. */
int file_lock_at(int dir, const char *name, unsigned wait_ms, int *fd, struct err *e) MUST_USE;
void fd_closep(int *fd); /* for AUTO: closes when >= 0 */

#endif
