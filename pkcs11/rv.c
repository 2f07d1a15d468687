/* SPDX-License-Identifier: Apache-2.0 */
/* PKCS#11 return codes as errors for people: one table. What it lacks is shown by number. */
#include "pkcs11/internal.h"

#include <stdarg.h>
#include <stdio.h>

struct rv_row {
    CK_RV rv;
    enum err_code code;
    const char *text;
    const char *hint;
};

static const char plug_in[] = "plug the token in (again) and retry";
static const char log_in[] = "log in to the token again with its PIN";
static const char old_driver[] = "another token or a newer driver may be able to do it";

static const struct rv_row rows[] = {
    {CKR_CANCEL, ERR_PERSON, "cancelled at the token", "retry, and touch the token when it blinks"},
    {CKR_FUNCTION_CANCELED, ERR_PERSON, "cancelled at the token",
     "retry, and touch the token when it blinks"},
    {CKR_FUNCTION_REJECTED, ERR_PERSON, "rejected at the token", "retry, and confirm at the token"},
    {CKR_HOST_MEMORY, ERR_MEMORY, "the driver is out of memory", NULL},
    {CKR_GENERAL_ERROR, ERR_TOKEN, "the driver reports a general error",
     "check that the token is plugged in and its files can be read and written"},
    {CKR_FUNCTION_FAILED, ERR_TOKEN, "the token failed", plug_in},
    {CKR_ARGUMENTS_BAD, ERR_TOKEN, "the driver takes no such parameters", old_driver},
    {CKR_CANT_LOCK, ERR_TOKEN, "the driver cannot be used with threads", old_driver},
    {CKR_ATTRIBUTE_VALUE_INVALID, ERR_TOKEN, "the token refuses these attributes", old_driver},
    {CKR_DEVICE_ERROR, ERR_TOKEN, "the token does not answer", plug_in},
    {CKR_DEVICE_MEMORY, ERR_TOKEN, "the token is full", "remove objects that are not needed"},
    {CKR_DEVICE_REMOVED, ERR_TOKEN, "the token was removed", plug_in},
    {CKR_TOKEN_NOT_PRESENT, ERR_TOKEN, "the token is not there", plug_in},
    {CKR_TOKEN_NOT_RECOGNIZED, ERR_TOKEN, "the driver does not know this token",
     "check that the driver is the one for this token"},
    {CKR_SLOT_ID_INVALID, ERR_TOKEN, "the token is not there", plug_in},
    {CKR_TOKEN_WRITE_PROTECTED, ERR_TOKEN, "the token is read-only",
     "use a token that can be written, or a key that is already on this one"},
    {CKR_SESSION_READ_ONLY, ERR_TOKEN, "the token is read-only",
     "use a token that can be written, or a key that is already on this one"},
    {CKR_FUNCTION_NOT_SUPPORTED, ERR_TOKEN, "the driver cannot do that", old_driver},
    {CKR_MECHANISM_INVALID, ERR_TOKEN, "the token cannot do that", old_driver},
    {CKR_MECHANISM_PARAM_INVALID, ERR_TOKEN, "the token takes no such parameters", old_driver},
    {CKR_TEMPLATE_INCOMPLETE, ERR_TOKEN, "the token refuses these attributes", old_driver},
    {CKR_TEMPLATE_INCONSISTENT, ERR_TOKEN, "the token refuses these attributes", old_driver},
    {CKR_CURVE_NOT_SUPPORTED, ERR_TOKEN, "the token does not know this curve",
     "use an RSA key instead"},
    {CKR_KEY_SIZE_RANGE, ERR_TOKEN, "the token takes no key of this size", NULL},
    {CKR_KEY_TYPE_INCONSISTENT, ERR_TOKEN, "the token does not do this with this key", NULL},
    {CKR_KEY_FUNCTION_NOT_PERMITTED, ERR_TOKEN, "the token does not allow this use of the key",
     "use a key that may derive (EC) or decrypt (RSA)"},
    {CKR_KEY_HANDLE_INVALID, ERR_TOKEN, "the key is no longer on the token", plug_in},
    {CKR_OBJECT_HANDLE_INVALID, ERR_TOKEN, "the key is no longer on the token", plug_in},
    {CKR_OPERATION_ACTIVE, ERR_TOKEN, "the token is still busy", plug_in},
    {CKR_SESSION_CLOSED, ERR_TOKEN, "the token has ended the session", log_in},
    {CKR_SESSION_HANDLE_INVALID, ERR_TOKEN, "the token has ended the session", log_in},
    {CKR_SESSION_COUNT, ERR_TOKEN, "the token takes no more sessions",
     "close other programs that use the token"},
    {CKR_PIN_INCORRECT, ERR_PIN, "wrong PIN", NULL},
    {CKR_PIN_INVALID, ERR_PIN, "the PIN has characters that the token does not take", NULL},
    {CKR_PIN_LEN_RANGE, ERR_PIN, "the PIN is too short or too long for the token", NULL},
    {CKR_PIN_EXPIRED, ERR_PERSON, "the PIN has expired", "set a new PIN"},
    {CKR_PIN_LOCKED, ERR_PIN_LOCKED, "the PIN is locked after too many wrong tries",
     "unblock it with the PUK or the security officer's PIN, by the token vendor's tool"},
    {CKR_PIN_TOO_WEAK, ERR_USAGE, "the token finds the PIN too weak", "choose a longer PIN"},
    {CKR_USER_NOT_LOGGED_IN, ERR_TOKEN, "not logged in to the token", log_in},
    {CKR_USER_PIN_NOT_INITIALIZED, ERR_PERSON, "the token has no user PIN yet",
     "set one with the token vendor's tool"},
    {CKR_USER_ANOTHER_ALREADY_LOGGED_IN, ERR_TOKEN, "somebody else is logged in to the token",
     "close other programs that use the token"},
    {CKR_USER_TOO_MANY_TYPES, ERR_TOKEN, "somebody else is logged in to the token",
     "close other programs that use the token"},
    {CKR_CRYPTOKI_NOT_INITIALIZED, ERR_TOKEN, "the driver was shut down", "start again"},
};

int rv_err(struct err *e, CK_RV rv, const char *fmt, ...)
{
    char what[ERR_MSG_MAX];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof(what), fmt, ap);
    va_end(ap);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (rows[i].rv != rv)
            continue;
        err_set(e, rows[i].code, "%s: %s", what, rows[i].text);
        return rows[i].hint ? err_hint(e, "%s", rows[i].hint) : (int)rows[i].code;
    }
    return err_set(e, ERR_TOKEN, "%s: the driver reports error 0x%lx", what, rv);
}

bool rv_is_session_lost(CK_RV rv)
{
    return rv == CKR_SESSION_CLOSED || rv == CKR_SESSION_HANDLE_INVALID ||
           rv == CKR_OPERATION_ACTIVE;
}

bool rv_is_handle_lost(CK_RV rv)
{
    return rv == CKR_KEY_HANDLE_INVALID || rv == CKR_OBJECT_HANDLE_INVALID;
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

bool rv_is_token_fault(CK_RV rv)
{
    switch (rv) {
    case CKR_CANCEL:
    case CKR_FUNCTION_CANCELED:
    case CKR_FUNCTION_REJECTED:
    case CKR_HOST_MEMORY:
    case CKR_DEVICE_ERROR:
    case CKR_DEVICE_MEMORY:
    case CKR_DEVICE_REMOVED:
    case CKR_TOKEN_NOT_PRESENT:
    case CKR_TOKEN_NOT_RECOGNIZED:
    case CKR_SLOT_ID_INVALID:
    case CKR_FUNCTION_NOT_SUPPORTED:
    case CKR_MECHANISM_INVALID:
    case CKR_MECHANISM_PARAM_INVALID:
    case CKR_TEMPLATE_INCOMPLETE:
    case CKR_TEMPLATE_INCONSISTENT:
    case CKR_ATTRIBUTE_VALUE_INVALID:
    case CKR_KEY_TYPE_INCONSISTENT:
    case CKR_KEY_FUNCTION_NOT_PERMITTED:
    case CKR_SESSION_COUNT:
    case CKR_PIN_EXPIRED:
    case CKR_USER_NOT_LOGGED_IN:
    case CKR_CRYPTOKI_NOT_INITIALIZED:
        return true;
    default:
        return rv_is_session_lost(rv) || rv_is_handle_lost(rv);
    }
}
