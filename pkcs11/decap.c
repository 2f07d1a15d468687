/* SPDX-License-Identifier: Apache-2.0 */
/* The private half of the wrapping schemes, on the token. A ciphertext that the token has rejected
 * is not tried again, and the caller learns no more than that it was rejected. */
#include "pkcs11/internal.h"

#include "base/env.h"
#include "base/crypto.h"
#include "pkcs11/spki.h"

/* Drivers differ in what they take for ECDH; the first is by the standard and mostly right. */
struct derive_form {
    CK_MECHANISM_TYPE mech;
    bool is_der_point; /* the point as a DER OCTET STRING */
    bool has_value_len;
};

static const struct derive_form forms[] = {
    {CKM_ECDH1_DERIVE, false, true},          {CKM_ECDH1_DERIVE, false, false},
    {CKM_ECDH1_DERIVE, true, true},           {CKM_ECDH1_DERIVE, true, false},
    {CKM_ECDH1_COFACTOR_DERIVE, false, true}, {CKM_ECDH1_COFACTOR_DERIVE, false, false},
};

/* The driver did not like how it was asked; the point itself is known to be good. */
static bool is_form_error(CK_RV rv)
{
    return rv == CKR_TEMPLATE_INCOMPLETE || rv == CKR_TEMPLATE_INCONSISTENT ||
           rv == CKR_ATTRIBUTE_VALUE_INVALID || rv == CKR_ATTRIBUTE_TYPE_INVALID ||
           rv == CKR_ATTRIBUTE_READ_ONLY || rv == CKR_MECHANISM_PARAM_INVALID ||
           rv == CKR_MECHANISM_INVALID || rv == CKR_ARGUMENTS_BAD || rv == CKR_DATA_INVALID ||
           rv == CKR_DATA_LEN_RANGE;
}

static CK_RV derive(struct token *t, const struct derive_form *form, struct bytes point,
                    CK_OBJECT_HANDLE *out)
{
    static const CK_OBJECT_CLASS class = CKO_SECRET_KEY;
    static const CK_KEY_TYPE type = CKK_GENERIC_SECRET;
    static const CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
    static const CK_ULONG len = KEM_Z_LEN;
    uint8_t raw[2 + EC_POINT_LEN] = {0x04, EC_POINT_LEN};
    memcpy(raw + 2, point.p, EC_POINT_LEN);
    CK_ECDH1_DERIVE_PARAMS params = {
        .kdf = CKD_NULL,
        .ulPublicDataLen = form->is_der_point ? sizeof(raw) : EC_POINT_LEN,
        .pPublicData = form->is_der_point ? raw : raw + 2,
    };
    CK_MECHANISM mech = {form->mech, &params, sizeof(params)};
    CK_ATTRIBUTE template[] = {
        attr_of(CKA_CLASS, &class, sizeof(class)),   attr_of(CKA_KEY_TYPE, &type, sizeof(type)),
        attr_of(CKA_TOKEN, &no, sizeof(no)),         attr_of(CKA_SENSITIVE, &no, sizeof(no)),
        attr_of(CKA_EXTRACTABLE, &yes, sizeof(yes)), attr_of(CKA_VALUE_LEN, &len, sizeof(len)),
    };
    CK_ULONG n = ARRAY_LEN(template) - (form->has_value_len ? 0 : 1);
    watch_begin_call(&t->watch);
    CK_RV rv = t->mod->fn->C_DeriveKey(t->session, &mech, t->key, template, n, out);
    watch_end_call(&t->watch);
    return rv;
}

static CK_RV derive_any(struct token *t, struct bytes point, CK_OBJECT_HANDLE *out)
{
    CK_RV first = CKR_OK;
    if (t->is_derive_form_known)
        return derive(t, &forms[t->derive_form], point, out);
    for (unsigned i = 0; i < ARRAY_LEN(forms); i++) {
        CK_RV rv = derive(t, &forms[i], point, out);
        if (rv == CKR_OK) {
            t->derive_form = i;
            t->is_derive_form_known = true;
            return rv;
        }
        if (!is_form_error(rv))
            return rv;
        first = first == CKR_OK ? rv : first;
    }
    return first;
}

/* Z as the token gave it, left-padded to KEM_Z_LEN in place. */
static int pad_z(const struct token *t, struct secret *z, CK_ULONG n, struct err *e)
{
    if (n == 0 || n > KEM_Z_LEN)
        return err_set(e, ERR_TOKEN, "token '%s' gave a shared value of another length than %u",
                       t->info.label, KEM_Z_LEN);
    memmove(z->p + KEM_Z_LEN - n, z->p, n);
    memset(z->p, 0, KEM_Z_LEN - n);
    z->n = KEM_Z_LEN;
    return OK;
}

/* *rv says what the token answered. z has room for KEM_CT_MAX bytes. */
static int ecdh(struct token *t, struct bytes point, struct secret *z, CK_RV *rv, struct err *e)
{
    CK_OBJECT_HANDLE h = CK_INVALID_HANDLE;
    *rv = derive_any(t, point, &h);
    if (*rv != CKR_OK)
        return token_err(t, e, *rv, "derive with the key on token '%s'", t->info.label);
    CK_ATTRIBUTE value = {CKA_VALUE, z->p, z->cap};
    *rv = t->mod->fn->C_GetAttributeValue(t->session, h, &value, 1);
    struct err ignored;
    if (t->mod->fn->C_DestroyObject(t->session, h) != CKR_OK && *rv == CKR_OK)
        (void)!session_renew(t, &ignored); /* the object ends with its session */
    if (*rv != CKR_OK)
        return token_err(t, e, *rv, "read the shared value from token '%s'", t->info.label);
    return pad_z(t, z, value.ulValueLen, e);
}

/* The start says what the token can do and has not seen the ciphertext; *is_started parts it from
 * the answer, which is not to be told apart. */
static int oaep(struct token *t, enum scheme s, struct bytes ct, struct secret *z, CK_RV *rv,
                bool *is_started, struct err *e)
{
    bool is_256 = s == SCHEME_RSA_OAEP_256;
    uint8_t copy[KEM_CT_MAX]; /* PKCS#11 has no const */
    CK_ULONG n = z->cap;
    CK_RSA_PKCS_OAEP_PARAMS params = {
        .hashAlg = is_256 ? CKM_SHA256 : CKM_SHA_1,
        .mgf = is_256 ? CKG_MGF1_SHA256 : CKG_MGF1_SHA1,
        .source = CKZ_DATA_SPECIFIED,
    };
    CK_MECHANISM mech = {CKM_RSA_PKCS_OAEP, &params, sizeof(params)};
    *rv = t->mod->fn->C_DecryptInit(t->session, &mech, t->key);
    if (*rv != CKR_OK)
        return token_err(t, e, *rv, "start %s on token '%s'", scheme_name(s), t->info.label);
    *is_started = true;
    memcpy(copy, ct.p, ct.n);
    watch_begin_call(&t->watch);
    *rv = t->mod->fn->C_Decrypt(t->session, copy, ct.n, z->p, &n);
    watch_end_call(&t->watch);
    if (*rv != CKR_OK)
        return token_err(t, e, *rv, "decrypt on token '%s'", t->info.label);
    if (n != KEM_Z_LEN)
        return err_set(e, ERR_TAMPERED, "another length");
    z->n = KEM_Z_LEN;
    return OK;
}

static size_t ct_len_of(enum seal_key_kind kind)
{
    switch (kind) {
    case SEAL_KEY_P256:
        return EC_POINT_LEN;
    case SEAL_KEY_RSA2048:
        return 256;
    case SEAL_KEY_RSA3072:
        return 384;
    case SEAL_KEY_RSA4096:
        return 512;
    default:
        return 0;
    }
}

static int not_opened(const struct token *t, struct err *e)
{
    err_set(e, ERR_TAMPERED, "token '%s' could not open the wrap", t->info.label);
    return err_hint(e, "the file is damaged or was made for another key; or the token stopped "
                       "working: plug it in again and retry");
}

struct decap {
    enum scheme scheme;
    struct bytes ct;
    struct secret z;    /* room for KEM_CT_MAX bytes */
    unsigned n_asked;   /* how often the token was */
};

/* Whether what the token failed with is its verdict on the ciphertext. A point was looked at before
 * it was sent: only a driver that stays with FUNCTION_FAILED after a new start is believed. */
static bool is_verdict(struct token *t, const struct decap *d, CK_RV rv, bool is_started)
{
    bool is_ecdh = d->scheme == SCHEME_ECDH_P256;
    if (!is_ecdh && !is_started)
        return false;
    if (rv == CKR_OK || rv_class(rv) == RV_DATA)
        return true;
    return rv_class(rv) == RV_EITHER && (d->n_asked > 1 || (!is_ecdh && token_is_well(t)));
}

/* A driver that waited for a touch in vain: which code it gives then, it gives for much else too.
 * The next wait is for a person to begin. */
static bool is_unanswered(const struct decap *d, CK_RV rv, uint64_t since)
{
    return (rv == CKR_USER_NOT_LOGGED_IN ||
            (rv_class(rv) == RV_EITHER && d->scheme == SCHEME_ECDH_P256)) &&
           ticks_ms() - since >= TOKEN_WAIT_MS;
}

/* What failed after a wait is not begun anew unasked. */
static int wait_once(struct token *t, uint64_t since, int r)
{
    if (ticks_ms() - since >= TOKEN_WAIT_MS)
        t->rv = CKR_OK;
    return r;
}

static int unanswered(struct token *t, struct err *e)
{
    t->rv = CKR_OK;
    err_set(e, ERR_PERSON, "token '%s' was not touched in time, or was pulled", t->info.label);
    err_hint(e, "retry, and touch the token when it blinks");
    return err_hint(e, "if it was pulled: put it back, and run the command again");
}

/* One attempt. t->rv stays set where the token may have been lost. */
static int decap_work(struct token *t, void *arg, struct err *e)
{
    struct decap *d = arg;
    CK_RV rv = CKR_OK;
    bool is_started = false;
    int r = session_need(t, e);
    if (r)
        return r;
    d->n_asked++;
    uint64_t since = ticks_ms();
    if (d->scheme == SCHEME_ECDH_P256)
        r = ecdh(t, d->ct, &d->z, &rv, e);
    else
        r = oaep(t, d->scheme, d->ct, &d->z, &rv, &is_started, e);
    if (r == OK)
        return r;
    if (is_unanswered(d, rv, since))
        return unanswered(t, e);
    if (rv_class(rv) == RV_SESSION || rv_class(rv) == RV_DRIVER)
        return wait_once(t, since, r);
    /* A failed operation can stay active, a shared value stay behind: both end with the session. */
    struct err gone;
    if (session_renew(t, &gone) != OK) {
        *e = gone;
        return e->code;
    }
    if (r == ERR_MEMORY || (rv == CKR_OK && r == ERR_TOKEN) || !is_verdict(t, d, rv, is_started))
        return wait_once(t, since, r);
    t->rv = CKR_OK;
    return not_opened(t, e);
}

static int decap_check(const struct token *t, enum scheme s, struct bytes ct, struct err *e)
{
    bool is_rsa = key_kind_is_rsa(t->key_info.kind);
    if (t->key == CK_INVALID_HANDLE)
        return err_set(e, ERR_USAGE, "no key of token '%s' is in use", t->info.label);
    if (s <= SCHEME_NONE || s >= SCHEME_COUNT || is_rsa == (s == SCHEME_ECDH_P256))
        return err_set(e, ERR_USAGE, "the key on token '%s' does not fit the scheme %s",
                       t->info.label, scheme_name(s));
    if (ct.n != ct_len_of(t->key_info.kind))
        return not_opened(t, e);
    if (s == SCHEME_ECDH_P256 && !ec_point_is_valid(ct))
        return not_opened(t, e);
    return OK;
}

static void decap_end(struct decap *d)
{
    secret_free(&d->z);
}

int token_decap(struct token *t, enum scheme s, struct bytes ct, struct secret *z, struct err *e)
{
    TOKEN_LOCKED(t);
    AUTO(decap_end) struct decap d = {.scheme = s, .ct = ct};
    int r = decap_check(t, s, ct, e);
    if (r || (r = secret_new(&d.z, KEM_CT_MAX, e)) != OK ||
        (r = token_twice(t, decap_work, &d, e)) != OK)
        return r;
    return secret_copy(z, bytes_of(d.z.p, KEM_Z_LEN), e);
}
