/* SPDX-License-Identifier: Apache-2.0 */
/* Single lines of the protocol that pinentry speaks (Assuan): judged, escaped, decoded. Nothing is
 * read or written here. */
#ifndef CLI_ASSUAN_H
#define CLI_ASSUAN_H

#include "base/attr.h"
#include "base/bytes.h"

#define ASSUAN_LINE_MAX 1000u /* bytes, without the line end */

enum assuan_kind {
    ASSUAN_OK,
    ASSUAN_ERR,
    ASSUAN_DATA,    /* a piece of the answer: what follows the first two bytes */
    ASSUAN_NOTE,    /* a status or a comment, which says nothing to us */
    ASSUAN_CACHED,  /* the status that says: the PIN comes from a cache, and nobody typed it */
    ASSUAN_NONSENSE /* nothing that an answer may consist of */
};

/* What a reply's line, without its line end, is. *code: of ASSUAN_ERR its error, without the
 * number of the part of the other program that it comes from. */
enum assuan_kind assuan_judge(struct bytes line, unsigned *code);
/* Decodes %XX in place; *n becomes the length. false: a lone %, or a NUL in the result. */
bool assuan_decode(uint8_t *p, size_t *n) MUST_USE;
/* "COMMAND text" and a line end, control characters and % of text escaped. Too long a text is cut
 * between two characters; bytes that are not UTF-8 are left out. */
void assuan_print(char out[ASSUAN_LINE_MAX + 2], const char *command, const char *text);

#endif
