/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions with a token: opened, and put in each other's place. Logging in is not done here. */
#include "pkcs11/internal.h"

int session_open(struct token *t, bool is_rw, CK_SESSION_HANDLE *out, struct err *e)
{
    CK_FLAGS flags = CKF_SERIAL_SESSION | (is_rw ? CKF_RW_SESSION : 0);
    CK_SESSION_HANDLE h = CK_INVALID_HANDLE;
    CK_RV rv = t->mod->fn->C_OpenSession(t->slot, flags, NULL, NULL, &h);
    if (rv != CKR_OK)
        return token_err(t, e, rv, "open a session with token '%s'", t->info.label);
    *out = h;
    t->was_good = true;
    return OK;
}

int session_need(struct token *t, struct err *e)
{
    if (t->session != CK_INVALID_HANDLE)
        return OK;
    if (t->was_good)
        return token_err(t, e, CKR_SESSION_CLOSED, "token '%s'", t->info.label);
    return session_open(t, false, &t->session, e);
}

int session_renew(struct token *t, struct err *e)
{
    struct err first;
    CK_SESSION_HANDLE fresh = CK_INVALID_HANDLE;
    int r = session_open(t, false, &fresh, &first);
    if (t->session != CK_INVALID_HANDLE)
        t->mod->fn->C_CloseSession(t->session);
    t->session = fresh;
    /* A token with room for one session only gives the next when the old one has gone. */
    return r ? session_open(t, false, &t->session, e) : OK;
}
