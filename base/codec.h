/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 (RFC 4648 section 4), base64url without padding (section 5) and lower-case hex.
 * Decoders are strict: one spelling per value, no blanks, and they do not branch on the characters'
 * values (a secret passes through them). */
#ifndef BASE_CODEC_H
#define BASE_CODEC_H

#include "base/attr.h"
#include "base/buf.h"
#include "base/bytes.h"

#define B64_LEN(n) (((n) + 2) / 3 * 4)
#define B64URL_LEN(n) ((4 * (n) + 2) / 3)

void b64_encode(struct buf *out, struct bytes in);
void b64url_encode(struct buf *out, struct bytes in);
void hex_encode(struct buf *out, struct bytes in);
/* Decode into out[cap]; *n_out = bytes written. false when malformed, not canonical, or too long
 * for cap. out may be partly written. */
bool b64_decode(uint8_t *out, size_t cap, size_t *n_out, struct bytes in) MUST_USE;
bool b64url_decode(uint8_t *out, size_t cap, size_t *n_out, struct bytes in) MUST_USE;
/* Takes upper and lower case. */
bool hex_decode(uint8_t *out, size_t cap, size_t *n_out, struct bytes in) MUST_USE;

#endif
