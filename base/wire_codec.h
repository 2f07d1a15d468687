/* SPDX-License-Identifier: Apache-2.0 */
/* What wire.c and wire_ask.c build frames of, with one table of limits for either way. */
#ifndef BASE_WIRE_CODEC_H
#define BASE_WIRE_CODEC_H

#include "base/attr.h"
#include "base/wire.h"

#include <stdbool.h>

#define TIMEOUT_MAX 60000u
#define METHOD_MAX 16u
#define URL_MAX_HERE (64u * 1024)
#define REQUEST_BODY_MAX (1024u * 1024 + 64u * 1024) /* 1 MiB, and what signing adds */
#define NAME_MAX_HERE 256u
#define VALUE_MAX (64u * 1024)
#define HOST_MAX 256u
#define CA_MAX (1024u * 1024)
#define CONNECT_TO_MAX 512u
#define DETAIL_MAX 512u
#define RECORD_MAX 256u
#define BEARER_MAX 256u
#define SESSION_TOKEN_MAX 64u

/* Writing: a failure sticks in r. */
struct wire_writer {
    struct buf *out;
    int r;
    struct err *e;
};

void wire_add_uint(struct wire_writer *w, uint64_t v, unsigned n);
void wire_add_range(struct wire_writer *w, uint64_t v, uint64_t min, uint64_t max, unsigned n,
                    const char *what);
void wire_add_bytes(struct wire_writer *w, struct bytes v, size_t max, const char *what);
void wire_add_headers(struct wire_writer *w, const struct wire_header *h, uint32_t n);
/* The members of a request, after the kind. */
void wire_add_request(struct wire_writer *w, const struct wire_request *r);
size_t wire_start(struct wire_writer *w, uint8_t kind);
/* Fills in the length, or takes back what was put. */
int wire_end(struct wire_writer *w, size_t start) MUST_USE;

/* Reading: a failure sticks in bad, and then every value is empty. */
struct wire_reader {
    struct bytes rest;
    bool bad;
};

uint64_t wire_take_uint(struct wire_reader *r, unsigned n);
uint32_t wire_take_count(struct wire_reader *r, uint32_t max); /* of 4 bytes */
bool wire_take_bool(struct wire_reader *r);                    /* 0 or 1 */
struct bytes wire_take_bytes(struct wire_reader *r, size_t max);
uint32_t wire_take_headers(struct wire_reader *r, struct wire_header *h);
void wire_take_request(struct wire_reader *r, struct wire_request *q);
/* Length and kind of the one frame. */
void wire_open(struct wire_reader *r, struct bytes frame, uint8_t kind);
int wire_close(const struct wire_reader *r, const char *what, struct err *e) MUST_USE;

#endif
