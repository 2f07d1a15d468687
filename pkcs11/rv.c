/* SPDX-License-Identifier: Apache-2.0 */
/* PKCS#11 return codes: what each means for a person, and for the next try. One table; what it
 * lacks is shown by number. */
#include "pkcs11/internal.h"

#include <stdarg.h>
#include <stdio.h>

struct rv_row {
    CK_RV rv;
    enum rv_class class;
    enum err_code code;
    const char *text;
    const char *hint;
};

static const char plug_in[] = "plug the token in (again) and retry";
static const char log_in[] = "log in to the token again with its PIN";
static const char old_driver[] = "another token or a newer driver may be able to do it";
static const char touch_it[] = "retry, and touch the token when it blinks";
static const char writable[] = "use a token that can be written, or a key that is already on this "
                               "one";
static const char others[] = "close other programs that use the token";
static const char damaged[] = "the file is damaged or was made for another key";

/* What the classes rest on; a driver is named where it was seen to answer so.
 * ykcs11 2.2: card pulled: DEVICE_ERROR on decrypt and login, FUNCTION_FAILED on derive; a value
 *   that somebody else derived meanwhile: OBJECT_HANDLE_INVALID; bad padding: FUNCTION_FAILED;
 *   generating without the management key: USER_TYPE_INVALID.
 * OpenSC 0.23: card pulled, or reset by another process: SESSION_HANDLE_INVALID; no PIN just
 *   before the use of a key that asks for it each time: USER_NOT_LOGGED_IN, and the login is gone;
 *   bad padding: ENCRYPTED_DATA_INVALID.
 * tpm2-pkcs11 1.9: a decrypt that failed stays active: OPERATION_ACTIVE until the session is
 *   closed; bad padding and a TPM that is gone or was restarted: GENERAL_ERROR.
 * p11-kit 0.24 client: server gone: DEVICE_ERROR until the driver is ended and started.
 * SoftHSM 2.6: its files gone: GENERAL_ERROR. */
static const struct rv_row rows[] = {
    {CKR_CANCEL, RV_REFUSED, ERR_PERSON, "cancelled at the token", touch_it},
    {CKR_FUNCTION_CANCELED, RV_REFUSED, ERR_PERSON, "cancelled at the token", touch_it},
    {CKR_FUNCTION_REJECTED, RV_REFUSED, ERR_PERSON, "rejected at the token",
     "retry, and confirm at the token"},
    {CKR_HOST_MEMORY, RV_REFUSED, ERR_MEMORY, "the driver is out of memory", NULL},
    {CKR_GENERAL_ERROR, RV_EITHER, ERR_TOKEN, "the driver reports a general error",
     "check that the token is plugged in and its files can be read and written"},
    {CKR_FUNCTION_FAILED, RV_EITHER, ERR_TOKEN, "the token failed", plug_in},
    {CKR_ARGUMENTS_BAD, RV_DATA, ERR_TOKEN, "the driver takes no such parameters", old_driver},
    {CKR_CANT_LOCK, RV_REFUSED, ERR_TOKEN, "the driver cannot be used with threads", old_driver},
    {CKR_ATTRIBUTE_VALUE_INVALID, RV_REFUSED, ERR_TOKEN, "the token refuses these attributes",
     old_driver},
    {CKR_ATTRIBUTE_TYPE_INVALID, RV_REFUSED, ERR_TOKEN, "the token refuses these attributes",
     old_driver},
    {CKR_ATTRIBUTE_READ_ONLY, RV_REFUSED, ERR_TOKEN, "the token refuses these attributes",
     old_driver},
    {CKR_DEVICE_ERROR, RV_DRIVER, ERR_TOKEN, "the token does not answer", plug_in},
    {CKR_DEVICE_MEMORY, RV_REFUSED, ERR_TOKEN, "the token is full",
     "remove objects that are not needed"},
    {CKR_DEVICE_REMOVED, RV_DRIVER, ERR_TOKEN, "the token was removed", plug_in},
    {CKR_ENCRYPTED_DATA_INVALID, RV_DATA, ERR_TOKEN, "the token rejects the ciphertext", damaged},
    {CKR_ENCRYPTED_DATA_LEN_RANGE, RV_DATA, ERR_TOKEN, "the token rejects the ciphertext",
     damaged},
    {CKR_TOKEN_NOT_PRESENT, RV_DRIVER, ERR_TOKEN, "the token is not there", plug_in},
    {CKR_TOKEN_NOT_RECOGNIZED, RV_DRIVER, ERR_TOKEN, "the driver does not know this token",
     "check that the driver is the one for this token"},
    {CKR_SLOT_ID_INVALID, RV_DRIVER, ERR_TOKEN, "the token is not there", plug_in},
    {CKR_TOKEN_WRITE_PROTECTED, RV_REFUSED, ERR_TOKEN, "the token is read-only", writable},
    {CKR_SESSION_READ_ONLY, RV_REFUSED, ERR_TOKEN, "the token is read-only", writable},
    {CKR_FUNCTION_NOT_SUPPORTED, RV_REFUSED, ERR_TOKEN, "the driver cannot do that", old_driver},
    {CKR_MECHANISM_INVALID, RV_REFUSED, ERR_TOKEN, "the token cannot do that", old_driver},
    {CKR_MECHANISM_PARAM_INVALID, RV_REFUSED, ERR_TOKEN, "the token takes no such parameters",
     old_driver},
    {CKR_TEMPLATE_INCOMPLETE, RV_REFUSED, ERR_TOKEN, "the token refuses these attributes",
     old_driver},
    {CKR_TEMPLATE_INCONSISTENT, RV_REFUSED, ERR_TOKEN, "the token refuses these attributes",
     old_driver},
    {CKR_CURVE_NOT_SUPPORTED, RV_REFUSED, ERR_TOKEN, "the token does not know this curve",
     "use an RSA key instead"},
    {CKR_KEY_SIZE_RANGE, RV_REFUSED, ERR_TOKEN, "the token takes no key of this size", NULL},
    {CKR_KEY_TYPE_INCONSISTENT, RV_REFUSED, ERR_TOKEN, "the token does not do this with this key",
     NULL},
    {CKR_KEY_FUNCTION_NOT_PERMITTED, RV_REFUSED, ERR_TOKEN,
     "the token does not allow this use of the key",
     "use a key that may derive (EC) or decrypt (RSA)"},
    {CKR_KEY_HANDLE_INVALID, RV_SESSION, ERR_TOKEN, "the key is no longer on the token", plug_in},
    {CKR_OBJECT_HANDLE_INVALID, RV_SESSION, ERR_TOKEN, "the key is no longer on the token",
     plug_in},
    {CKR_OPERATION_ACTIVE, RV_SESSION, ERR_TOKEN, "the token is still busy", plug_in},
    {CKR_OPERATION_NOT_INITIALIZED, RV_SESSION, ERR_TOKEN, "the token has lost what was begun",
     plug_in},
    {CKR_SESSION_CLOSED, RV_SESSION, ERR_TOKEN, "the token has ended the session", log_in},
    {CKR_SESSION_HANDLE_INVALID, RV_SESSION, ERR_TOKEN, "the token has ended the session", log_in},
    {CKR_SESSION_COUNT, RV_REFUSED, ERR_TOKEN, "the token takes no more sessions", others},
    {CKR_PIN_INCORRECT, RV_REFUSED, ERR_PIN, "wrong PIN", NULL},
    {CKR_PIN_INVALID, RV_REFUSED, ERR_PIN, "the PIN has characters that the token does not take",
     NULL},
    {CKR_PIN_LEN_RANGE, RV_REFUSED, ERR_PIN, "the PIN is too short or too long for the token",
     NULL},
    {CKR_PIN_EXPIRED, RV_REFUSED, ERR_PERSON, "the PIN has expired", "set a new PIN"},
    {CKR_PIN_LOCKED, RV_REFUSED, ERR_PIN_LOCKED, "the PIN is locked after too many wrong tries",
     NULL}, /* token_err adds how that token is unlocked */
    {CKR_PIN_TOO_WEAK, RV_REFUSED, ERR_USAGE, "the token finds the PIN too weak",
     "choose a longer PIN"},
    {CKR_USER_NOT_LOGGED_IN, RV_SESSION, ERR_TOKEN, "not logged in to the token", log_in},
    {CKR_USER_PIN_NOT_INITIALIZED, RV_REFUSED, ERR_PERSON, "the token has no user PIN yet",
     "set one with the security officer's PIN: pkcs11-tool --module DRIVER --token-label LABEL "
     "--init-pin --login"},
    {CKR_USER_ANOTHER_ALREADY_LOGGED_IN, RV_REFUSED, ERR_TOKEN,
     "somebody else is logged in to the token", others},
    {CKR_USER_TOO_MANY_TYPES, RV_REFUSED, ERR_TOKEN, "somebody else is logged in to the token",
     others},
    {CKR_USER_TYPE_INVALID, RV_REFUSED, ERR_TOKEN, "the token lets its user not do that", NULL},
    {CKR_CRYPTOKI_NOT_INITIALIZED, RV_DRIVER, ERR_TOKEN, "the driver was shut down",
     "start again"},
};

static const struct rv_row *row_of(CK_RV rv)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (rows[i].rv == rv)
            return &rows[i];
    }
    return NULL;
}

int rv_err(struct err *e, CK_RV rv, const char *fmt, ...)
{
    char what[ERR_MSG_MAX];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof(what), fmt, ap);
    va_end(ap);
    const struct rv_row *row = row_of(rv);
    if (!row)
        return err_set(e, ERR_TOKEN, "%s: the driver reports error 0x%lx", what, rv);
    err_set(e, row->code, "%s: %s", what, row->text);
    return row->hint ? err_hint(e, "%s", row->hint) : (int)row->code;
}

enum rv_class rv_class(CK_RV rv)
{
    const struct rv_row *row = row_of(rv);
    return row ? row->class : RV_DATA;
}

bool rv_is_lost(CK_RV rv)
{
    enum rv_class class = rv_class(rv);
    return class == RV_SESSION || class == RV_DRIVER || class == RV_EITHER;
}

bool rv_spends_no_try(CK_RV rv)
{
    switch (rv) {
    case CKR_CANCEL:
    case CKR_FUNCTION_CANCELED:
    case CKR_FUNCTION_REJECTED:
    case CKR_CRYPTOKI_NOT_INITIALIZED:
    case CKR_PIN_EXPIRED:
    case CKR_USER_ALREADY_LOGGED_IN:
    case CKR_USER_ANOTHER_ALREADY_LOGGED_IN:
    case CKR_USER_PIN_NOT_INITIALIZED:
    case CKR_USER_TOO_MANY_TYPES:
        return true;
    default:
        return false;
    }
}
