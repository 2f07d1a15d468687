/* SPDX-License-Identifier: Apache-2.0 */
/* Signature vectors on disk: reads a file, checks that it is of the documented form, and that files
 * and connectors match. The form is described in tests/vectors/README.md. */
#ifndef TESTS_VECTOR_FILE_H
#define TESTS_VECTOR_FILE_H

#include "base/bytes.h"
#include "base/err.h"
#include "base/json.h"
#include "connectors/connector.h"

struct vector_file {
    struct buf text;
    struct json root, cases;
    const struct connector *conn;
    bool is_own; /* NAME.own.json: may expect errors */
};

/* Reads and checks one file. path ends in NAME.json or NAME.own.json. The caller frees v->text. */
int vector_file_read(const char *path, struct vector_file *v, struct err *e) MUST_USE;
/* Every connector has a file and every file a connector. */
int vector_dir_check(const char *dir, struct err *e) MUST_USE;
/* Text of a member, unescaped, alive until vector_reset; empty when it is null or not there. */
struct bytes vector_text(struct json object, const char *name);
/* Room for n bytes with the same life. */
uint8_t *vector_room(size_t n);
void vector_reset(void);

#endif
