/* SPDX-License-Identifier: Apache-2.0 */
/* JSON strings, for json.c and json_check.c only: their escapes, and walks over their text. */
#ifndef BASE_JSON_TEXT_H
#define BASE_JSON_TEXT_H

#include "base/bytes.h"
#include "base/json.h"

/* The inside of a checked string, without its quotes. */
struct span {
    const uint8_t *p, *end;
};

static inline struct span json_inside(const uint8_t *p, size_t n)
{
    return (struct span){p + 1, p + n - 1};
}

static inline bool json_is_blank(uint8_t c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* Length of the run of plain ASCII, without quote and backslash, that starts at p. */
size_t json_plain_run(const uint8_t *p, const uint8_t *end);
/* One escape, *p behind its backslash: its UTF-8 in out, and the length of that. 0: malformed. */
size_t json_take_escape(const uint8_t **p, const uint8_t *end, uint8_t out[4]);
/* Walks in pieces: runs as they stand, or one escape's bytes in room. false at the end. */
bool json_next_piece(struct span *s, uint8_t room[4], struct bytes *piece);
/* Same text after unescaping. */
bool json_same_text(struct span a, struct span b);
/* What kind of value starts with c. */
enum json_type json_type_of(uint8_t c);

#endif
