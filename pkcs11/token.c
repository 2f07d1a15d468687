/* SPDX-License-Identifier: Apache-2.0 */
/* Finding one token among those that a module shows, and its sessions. Tokens are told apart by
 * label and serial: slot numbers change. */
#include "pkcs11/internal.h"

#include "base/wipe.h"

#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#define SHOWN_MAX 6u /* tokens that a message lists */

void padded_copy(char *out, size_t cap, const unsigned char *field, size_t n)
{
    n = strnlen((const char *)field, n);
    while (n > 0 && field[n - 1] == ' ')
        n--;
    if (n >= cap)
        n = cap - 1;
    memcpy(out, field, n);
    out[n] = 0;
}

static enum pin_state pin_state_of(CK_FLAGS flags)
{
    if (flags & CKF_USER_PIN_LOCKED)
        return PIN_LOCKED;
    if (!(flags & CKF_USER_PIN_INITIALIZED))
        return PIN_UNSET;
    if (flags & CKF_USER_PIN_FINAL_TRY)
        return PIN_FINAL_TRY;
    return flags & CKF_USER_PIN_COUNT_LOW ? PIN_LOW : PIN_OK;
}

static unsigned pin_len_of(CK_ULONG n)
{
    return n == CK_UNAVAILABLE_INFORMATION || n > UINT_MAX ? 0 : (unsigned)n;
}

static bool is_software(const struct token_info *info)
{
    return strncmp(info->manufacturer, "SoftHSM", 7) == 0 ||
           strncmp(info->model, "SoftHSM", 7) == 0 || strncmp(info->model, "NSS", 3) == 0 ||
           strncmp(info->manufacturer, "Mozilla", 7) == 0;
}

/* CKR_TOKEN_NOT_PRESENT stands for an uninitialised one too. */
static CK_RV info_read(const struct module *m, CK_SLOT_ID slot, struct token_info *out)
{
    CK_TOKEN_INFO ck = {0};
    CK_RV rv = m->fn->C_GetTokenInfo(slot, &ck);
    if (rv != CKR_OK)
        return rv;
    if (!(ck.flags & CKF_TOKEN_INITIALIZED))
        return CKR_TOKEN_NOT_PRESENT;
    struct token_info info = {
        .is_read_only = (ck.flags & CKF_WRITE_PROTECTED) != 0,
        .is_protected_path = (ck.flags & CKF_PROTECTED_AUTHENTICATION_PATH) != 0,
        .pin = pin_state_of(ck.flags),
        .pin_min = pin_len_of(ck.ulMinPinLen),
        .pin_max = pin_len_of(ck.ulMaxPinLen),
    };
    padded_copy(info.label, sizeof(info.label), ck.label, sizeof(ck.label));
    padded_copy(info.serial, sizeof(info.serial), ck.serialNumber, sizeof(ck.serialNumber));
    padded_copy(info.manufacturer, sizeof(info.manufacturer), ck.manufacturerID,
                sizeof(ck.manufacturerID));
    padded_copy(info.model, sizeof(info.model), ck.model, sizeof(ck.model));
    snprintf(info.firmware, sizeof(info.firmware), "%u.%u", ck.firmwareVersion.major,
             ck.firmwareVersion.minor);
    snprintf(info.driver, sizeof(info.driver), "%s", m->driver);
    info.is_software = is_software(&info);
    *out = info;
    return CKR_OK;
}

static bool part_matches(const char *want, const char *have)
{
    return !want[0] || strcmp(want, have) == 0;
}

static bool info_matches(const struct token_where *w, const struct token_info *info)
{
    return part_matches(w->label, info->label) && part_matches(w->serial, info->serial) &&
           part_matches(w->manufacturer, info->manufacturer) && part_matches(w->model, info->model);
}

/* w NULL: all. slots may be NULL. *n counts those beyond cap too. */
static int tokens_find(const struct module *m, const struct token_where *w, struct token_info *out,
                       CK_SLOT_ID *slots_out, size_t cap, size_t *n, struct err *e)
{
    CK_SLOT_ID slots[SLOTS_MAX];
    size_t n_slots, n_found = 0;
    int r = module_slots(m, slots, &n_slots, e);
    if (r)
        return r;
    for (size_t i = 0; i < n_slots; i++) {
        struct token_info info;
        if (info_read(m, slots[i], &info) != CKR_OK || (w && !info_matches(w, &info)))
            continue;
        if (n_found < cap) {
            out[n_found] = info;
            if (slots_out)
                slots_out[n_found] = slots[i];
        }
        n_found++;
    }
    *n = n_found;
    return OK;
}

int token_list(const char *module, const char *softhsm_conf, struct token_info *out, size_t cap,
               size_t *n, struct err *e)
{
    AUTO_SPARE spare = SPARE_NONE;
    AUTO(module_closep) struct module m = {0};
    int r = spare_begin(softhsm_conf ? softhsm_conf : "", &spare, e);
    if (r || (r = module_open(module, softhsm_conf, &m, e)) != OK)
        return r;
    return tokens_find(&m, NULL, out, NULL, cap, n, e);
}

/* "'lab' (serial 01ab), 'two' (serial 02cd) and 3 more" */
static void tokens_text(char *out, size_t cap, const struct token_info *infos, size_t n)
{
    size_t at = 0, shown = n < SHOWN_MAX ? n : SHOWN_MAX;
    out[0] = 0;
    for (size_t i = 0; i < shown && at < cap; i++) {
        at += (size_t)snprintf(out + at, cap - at, "%s'%s' (serial %s)", i ? ", " : "",
                               infos[i].label, infos[i].serial[0] ? infos[i].serial : "not given");
    }
    if (n > shown && at < cap)
        snprintf(out + at, cap - at, " and %zu more", n - shown);
}

/* "token 'lab' serial 01ab manufacturer .. model ..", of the parts that were asked for. */
static void where_text(char *out, size_t cap, const struct token_where *w)
{
    const char *const parts[][2] = {{"label", w->label},
                                    {"serial", w->serial},
                                    {"manufacturer", w->manufacturer},
                                    {"model", w->model}};
    size_t at = (size_t)snprintf(out, cap, "no token");
    for (size_t i = 0; i < ARRAY_LEN(parts) && at < cap; i++) {
        if (parts[i][1][0])
            at += (size_t)snprintf(out + at, cap - at, "%s %s '%s'", at > 8 ? "," : " with",
                                   parts[i][0], parts[i][1]);
    }
}

static int none_found(const struct module *m, const struct token_where *w, struct err *e)
{
    struct token_info infos[SHOWN_MAX];
    char wanted[200], shown[400];
    size_t n = 0;
    int r = tokens_find(m, NULL, infos, NULL, SHOWN_MAX, &n, e);
    if (r)
        return r;
    where_text(wanted, sizeof(wanted), w);
    tokens_text(shown, sizeof(shown), infos, n);
    if (n == 0)
        err_set(e, ERR_NOT_FOUND, "%s is there: the driver shows none", wanted);
    else
        err_set(e, ERR_NOT_FOUND, "%s is there: the driver shows %s", wanted, shown);
    if (w->softhsm_conf[0] || strstr(w->module, "softhsm"))
        return err_hint(e, "a SoftHSM directory that is gone or that you may not read looks as if "
                           "it had no token: check it and SOFTHSM2_CONF");
    return err_hint(e, "plug the token in, and check that its driver and reader work");
}

static int several_found(const struct token_info *infos, size_t n, struct err *e)
{
    char shown[400];
    tokens_text(shown, sizeof(shown), infos, n);
    err_set(e, ERR_USAGE, "%zu tokens match: %s", n, shown);
    return err_hint(e, "add serial=... to the token URI to choose one");
}

struct token *token_lock(struct token *t)
{
    pthread_mutex_lock(&t->lock);
    return t;
}

void token_unlockp(struct token **t)
{
    pthread_mutex_unlock(&(*t)->lock);
}

int token_open(const struct token_where *w, struct token **out, struct err *e)
{
    struct token_info infos[SHOWN_MAX];
    CK_SLOT_ID slots[SHOWN_MAX];
    size_t n;
    AUTO_SPARE spare = SPARE_NONE;
    AUTO(module_closep) struct module m = {0};
    int r = spare_begin(w->softhsm_conf, &spare, e);
    if (r || (r = module_open(w->module, w->softhsm_conf, &m, e)) != OK)
        return r;
    r = tokens_find(&m, w, infos, slots, SHOWN_MAX, &n, e);
    if (r)
        return r;
    if (n != 1)
        return n ? several_found(infos, n, e) : none_found(&m, w, e);
    struct token *t = wipe_malloc(sizeof(*t));
    if (!t)
        return err_set(e, ERR_MEMORY, "out of memory");
    *t = (struct token){.mod = m, .slot = slots[0], .info = infos[0]};
    memcpy(t->softhsm_conf, w->softhsm_conf, sizeof(t->softhsm_conf));
    pthread_mutex_init(&t->lock, NULL);
    m.fn = NULL; /* t closes it */
    *out = t;
    return OK;
}

void token_close(struct token *t)
{
    if (!t)
        return;
    if (t->session != CK_INVALID_HANDLE) {
        if (t->is_login_ours)
            t->mod.fn->C_Logout(t->session);
        t->mod.fn->C_CloseSession(t->session);
    }
    module_close(&t->mod);
    pthread_mutex_destroy(&t->lock);
    wipe_free(t);
}

void token_closep(struct token **t)
{
    token_close(*t);
}

const struct token_info *token_info(const struct token *t)
{
    return &t->info;
}

int token_refresh(struct token *t, struct err *e)
{
    CK_RV rv = info_read(&t->mod, t->slot, &t->info);
    return rv == CKR_OK ? OK : rv_err(e, rv, "token '%s'", t->info.label);
}

void token_settle(const struct token *t)
{
    if (t->info.is_software)
        sync();
}

int session_open(struct token *t, bool is_rw, CK_SESSION_HANDLE *out, struct err *e)
{
    CK_FLAGS flags = CKF_SERIAL_SESSION | (is_rw ? CKF_RW_SESSION : 0);
    CK_SESSION_HANDLE h = CK_INVALID_HANDLE;
    CK_RV rv = t->mod.fn->C_OpenSession(t->slot, flags, NULL, NULL, &h);
    if (rv != CKR_OK)
        return rv_err(e, rv, "open a session with token '%s'", t->info.label);
    *out = h;
    return OK;
}

int session_need(struct token *t, struct err *e)
{
    return t->session != CK_INVALID_HANDLE ? OK : session_open(t, false, &t->session, e);
}

int session_renew(struct token *t, struct err *e)
{
    struct err first;
    CK_SESSION_HANDLE fresh = CK_INVALID_HANDLE;
    int r = session_open(t, false, &fresh, &first);
    if (t->session != CK_INVALID_HANDLE)
        t->mod.fn->C_CloseSession(t->session);
    t->session = fresh;
    /* A token with room for one session only gives the next when the old one has gone. */
    return r ? session_open(t, false, &t->session, e) : OK;
}
