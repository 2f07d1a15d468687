/* SPDX-License-Identifier: Apache-2.0 */
/* What a command says: result lines and tables on stdout, notes and errors on stderr, or one JSON
 * object. Control characters of foreign text are made visible on the way. */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include "base/attr.h"
#include "base/bytes.h"
#include "base/err.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct out {
    bool is_json, is_quiet, has_color;
    cJSON *json; /* the object that --json prints at the end; NULL until something was added */
    const char *vault; /* the value of --vault, which commands that are named need too; or NULL */
};

void out_open(struct out *o, bool is_json, bool is_quiet);
/* Whether the terminal obeys escape sequences, as TERM tells. */
bool term_has_sequences(void);
void out_close(struct out *o);
/* A result: always on stdout, unless --json. */
void out_line(struct out *o, const char *fmt, ...) PRINTF(2, 3);
/* A result that is bad news: as out_line, in colour where there is colour. The words must say it
 * too. */
void out_bad(struct out *o, const char *fmt, ...) PRINTF(2, 3);
/* "what 3 of 30" on a terminal's stderr, over the one before; gone when all is done. */
void out_progress(const struct out *o, const char *what, size_t n_done, size_t n);
/* What was done and what to do next: stdout, unless --json or --quiet. */
void out_note(struct out *o, const char *fmt, ...) PRINTF(2, 3);
/* Text of our own as it is, with --json too: help, and lines that are JSON already. */
void out_raw(struct bytes v);
/* stderr, always: "coffer: warning: ..." and "hint: ...". */
void out_warn(const char *fmt, ...) PRINTF(1, 2);
void out_hint(const char *fmt, ...) PRINTF(1, 2);
/* A hint that belongs to no error: left out with --quiet. */
void out_advice(const struct out *o, const char *fmt, ...) PRINTF(2, 3);
/* "coffer: ..." and its hints. */
void out_error(const struct err *e);
/* Ends a run: prints the JSON object, or the error in its place, and flushes; says once when a
 * command that was named needs --vault. The exit status. */
int out_end(struct out *o, const struct err *e, int status);

/* The object of --json; never NULL in practice, and all cJSON calls take NULL. */
cJSON *out_json(struct out *o);
/* Strings that may hold anything: what is not UTF-8 is made visible. */
void json_text(cJSON *to, const char *name, const char *v);
void json_list_text(cJSON *list, const char *v);
void json_number(cJSON *to, const char *name, uint64_t v);
void json_bool_member(cJSON *to, const char *name, bool v);
/* Member "error" of to: {code, message, hints[]}. */
void json_error(cJSON *to, const struct err *e);
cJSON *json_object(cJSON *to, const char *name); /* name NULL: appended to an array */
cJSON *json_array(cJSON *to, const char *name);

/* A table of left-aligned columns, printed when complete. Cells are copied. */
#define TABLE_COLUMNS 10u
struct table {
    size_t n_columns, n_rows, cap;
    char **cells;
    size_t width[TABLE_COLUMNS];
    bool has_failed;
};
void table_row(struct table *t, const char *const *cells, size_t n);
void table_print(struct out *o, const struct table *t);
void table_free(struct table *t);

/* "2026-01-31 23:59" in UTC; "-" for 0. */
#define DATE_TEXT 20u
void date_text(uint64_t unix_ms, char out[DATE_TEXT]);

#endif
