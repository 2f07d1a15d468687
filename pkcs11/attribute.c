/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes and objects: the one place that casts const away for PKCS#11. */
#include "pkcs11/internal.h"

#include <assert.h>

#define BATCH 16u

CK_ATTRIBUTE attr_of(CK_ATTRIBUTE_TYPE type, const void *p, size_t n)
{
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wcast-qual"
    return (CK_ATTRIBUTE){type, (void *)p, n};
#pragma GCC diagnostic pop
}

static bool is_partial(CK_RV rv)
{
    return rv == CKR_ATTRIBUTE_SENSITIVE || rv == CKR_ATTRIBUTE_TYPE_INVALID ||
           rv == CKR_BUFFER_TOO_SMALL;
}

CK_RV attrs_read(struct token *t, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *attrs, size_t n)
{
    CK_ULONG caps[BATCH];
    assert(n <= BATCH);
    for (size_t i = 0; i < n; i++)
        caps[i] = attrs[i].ulValueLen;
    CK_RV rv = t->mod->fn->C_GetAttributeValue(t->session, object, attrs, n);
    bool is_over = false; /* some say OK and a length that does not fit */
    for (size_t i = 0; i < n && rv == CKR_OK; i++)
        is_over = is_over || (attr_has(&attrs[i]) && attrs[i].ulValueLen > caps[i]);
    if (!is_partial(rv) && !is_over)
        return rv;
    /* Some drivers stop at the first that is missing: ask for each alone. */
    for (size_t i = 0; i < n; i++) {
        attrs[i].ulValueLen = caps[i];
        rv = t->mod->fn->C_GetAttributeValue(t->session, object, &attrs[i], 1);
        if (rv != CKR_OK && !is_partial(rv))
            return rv;
        if (rv != CKR_OK || attrs[i].ulValueLen > caps[i])
            attrs[i].ulValueLen = CK_UNAVAILABLE_INFORMATION;
    }
    return CKR_OK;
}

bool attr_has(const CK_ATTRIBUTE *a)
{
    return a->ulValueLen != CK_UNAVAILABLE_INFORMATION;
}

struct bytes attr_bytes(const CK_ATTRIBUTE *a)
{
    return attr_has(a) ? bytes_of(a->pValue, a->ulValueLen) : (struct bytes){0};
}

int objects_find(struct token *t, CK_ATTRIBUTE *match, size_t n_match, CK_OBJECT_HANDLE *out,
                 size_t cap, size_t *n, struct err *e)
{
    size_t n_found = 0;
    int r = session_need(t, e);
    if (r)
        return r;
    CK_RV rv = t->mod->fn->C_FindObjectsInit(t->session, match, n_match);
    if (rv != CKR_OK)
        return token_err(t, e, rv, "look for keys on token '%s'", t->info.label);
    while (n_found < cap) {
        CK_ULONG got = 0;
        rv = t->mod->fn->C_FindObjects(t->session, out + n_found, cap - n_found, &got);
        if (rv == CKR_OK && got > cap - n_found)
            rv = CKR_DEVICE_ERROR; /* it counts wrong */
        if (rv != CKR_OK || got == 0)
            break;
        n_found += got;
    }
    t->mod->fn->C_FindObjectsFinal(t->session);
    if (rv != CKR_OK)
        return token_err(t, e, rv, "look for keys on token '%s'", t->info.label);
    *n = n_found;
    return OK;
}
