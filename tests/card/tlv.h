/* SPDX-License-Identifier: Apache-2.0 */
/* Tag, length, value as smart cards write it: reads only within bounds, writes only below a
 * ceiling. Tags of one or two bytes, lengths up to 65535; nothing else. */
#ifndef TESTS_CARD_TLV_H
#define TESTS_CARD_TLV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OUT_MAX 4096u

/* Borrowed bytes. */
struct view {
    const uint8_t *p;
    size_t n;
};

/* An answer being written; what does not fit sets is_full and is left out. */
struct out {
    uint8_t p[OUT_MAX];
    size_t n;
    bool is_full;
};

static inline struct view view_of(const void *p, size_t n)
{
    return (struct view){p, n};
}

/* Takes the next element off in. False at the end and for anything malformed. */
bool tlv_next(struct view *in, unsigned *tag, struct view *value);
/* The first element with that tag; false when there is none before the end or before a mistake. */
bool tlv_find(struct view in, unsigned tag, struct view *value);
/* As tlv_find, for a value of exactly one byte. */
bool tlv_byte(struct view in, unsigned tag, uint8_t *value);

void out_byte(struct out *o, unsigned v);
void out_add(struct out *o, const void *p, size_t n);
/* Tag and length alone; the caller adds n bytes. */
void out_head(struct out *o, unsigned tag, size_t n);
void out_tlv(struct out *o, unsigned tag, const void *p, size_t n);
void out_tlv_byte(struct out *o, unsigned tag, unsigned v);

#endif
