/* SPDX-License-Identifier: Apache-2.0 */
/* What file.c and file_write.c share, and nobody else includes. */
#ifndef BASE_FILE_OP_H
#define BASE_FILE_OP_H

#include "base/attr.h"
#include "base/err.h"

/* Hands a descriptor on, out of reach of its fd_closep. */
int file_give(int *from);
/* A single component and neither . nor .. */
int file_check_name(const char *name, struct err *e) MUST_USE;
/* Says why name did not open; why is errno. */
int file_open_failed(int dir, const char *name, int why, struct err *e) MUST_USE;
/* Says why a step of writing failed, with what to do about a full disk. */
int file_write_failed(int why, const char *what, const char *name, struct err *e) MUST_USE;

#endif
