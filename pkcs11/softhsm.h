/* SPDX-License-Identifier: Apache-2.0 */
/* The embedded software token: a SoftHSM token in a directory of its own, made without root and
 * without touching the system's configuration. */
#ifndef PKCS11_SOFTHSM_H
#define PKCS11_SOFTHSM_H

#include "base/attr.h"
#include "base/env.h"
#include "base/err.h"
#include "base/secret.h"
#include "pkcs11/token.h"

/* The installed SoftHSM module among the paths that distributions use. ERR_NOT_FOUND with the
 * package to install. */
int softhsm_module(char out[TOKEN_PATH_MAX], struct err *e) MUST_USE;
/* Makes dir (0700; its parents too), its softhsm2.conf and one token of that label with the user
 * PIN; the SO PIN is random and thrown away. dir must not exist (ERR_EXISTS); it is removed again
 * on failure. Fills *where, with label and serial, so that token_open finds it. */
int softhsm_create(const char *dir, const char *label, const struct secret *pin,
                   const struct env *env, struct token_where *where, struct err *e) MUST_USE;
/* *where for the token made by softhsm_create in dir; label and serial stay empty (any). When the
 * directory was copied here, its configuration is mended to name its new place. ERR_NOT_FOUND when
 * there is none. */
int softhsm_where(const char *dir, struct token_where *where, struct err *e) MUST_USE;

#endif
