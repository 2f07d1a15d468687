/* SPDX-License-Identifier: Apache-2.0 */
/* A signer over fields in locked memory, for tests: written apart from vault/, on OpenSSL alone. */
#ifndef TESTS_MEMSIGNER_H
#define TESTS_MEMSIGNER_H

#include "base/secret.h"
#include "base/signer.h"

struct memsigner {
    struct signer base; /* must stay first */
    const struct secret *fields;
    unsigned n_signed; /* how often sign was called */
};

/* fields: FIELD_COUNT of them, in stored form; they outlive the signer. */
void memsigner_init(struct memsigner *m, const struct secret *fields, enum key_type key);

#endif
