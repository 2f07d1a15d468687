/* SPDX-License-Identifier: Apache-2.0 */
/* PKCS#11 URIs (RFC 7512), decoded by p11-kit behind rules of our own: p11-kit lets unknown and
 * repeated attributes pass and the last wins, so a typo would silently widen the match. Refused:
 * empty, over 1024 bytes, unknown or repeated attributes, empty values, blanks, pin-value,
 * pin-source, slot-*, library-*. type=private may stand there, as other tools print it. */
#ifndef PKCS11_URI_H
#define PKCS11_URI_H

#include "base/attr.h"
#include "base/bytes.h"
#include "base/err.h"

#define TOKEN_LABEL_MAX 33u    /* 32 characters and a NUL */
#define TOKEN_SERIAL_MAX 17u
#define TOKEN_ID_MAX 64u       /* CKA_ID bytes kept */
#define TOKEN_PATH_MAX 512u

struct token_uri {              /* absent parts are empty */
    char module[TOKEN_PATH_MAX];    /* module-path: absolute */
    char label[TOKEN_LABEL_MAX];    /* token= */
    char serial[TOKEN_SERIAL_MAX];
    char manufacturer[TOKEN_LABEL_MAX];
    char model[TOKEN_SERIAL_MAX];
    char object[128];               /* object= : CKA_LABEL */
    uint8_t id[TOKEN_ID_MAX];       /* id= : CKA_ID */
    size_t id_len;
};

/* text: NUL-terminated. Errors: ERR_USAGE that names the attribute, never its value. */
int uri_parse(const char *text, struct token_uri *out, struct err *e) MUST_USE;

#endif
