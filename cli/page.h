/* SPDX-License-Identifier: Apache-2.0 */
/* Running text on stdout, wrapped to a width that reads well; nothing with --json. */
#ifndef CLI_PAGE_H
#define CLI_PAGE_H

#include "cli/output.h"

#define PAGE_WIDTH 88u

/* As page_text, but to the width of the terminal, or 100 where stdout is none. is_bad: bad news, in
 * colour where there is colour. */
void page_line(struct out *o, bool is_bad, const char *prefix, const char *text);

/* A heading, with an empty line before it. */
void page_head(struct out *o, const char *text);
/* Words of text after prefix ("  * "); further lines start below the first word. */
void page_text(struct out *o, const char *prefix, const char *text);
/* A list that ends with NULL; numbered when first is not 0, else bulleted. */
void page_list(struct out *o, const char *const *list, unsigned first);

#endif
