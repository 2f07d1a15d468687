/* SPDX-License-Identifier: Apache-2.0 */
/* Finding one token among those that a module shows, and its sessions. Tokens are told apart by
 * label and serial: slot numbers change. */
#include "pkcs11/internal.h"

#include "base/text.h"
#include "base/wipe.h"
#include "pkcs11/advice.h"

#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#define SHOWN_MAX 6u /* tokens that a message lists */

/* One character is shown as it is, or not at all: what base/text.h would escape. */
static bool is_shown(struct bytes c)
{
    char out[8];
    text_clean(out, sizeof(out), c);
    return strlen(out) == c.n && memcmp(out, c.p, c.n) == 0;
}

void field_copy(char *out, size_t cap, struct bytes field)
{
    size_t at = 0;
    while (field.n > 0 && at + 1 < cap) {
        size_t step = text_utf8_step(field);
        bool is_good = step > 0 && is_shown(bytes_of(field.p, step));
        step = step ? step : 1;
        if (is_good && at + step >= cap)
            break;
        memcpy(out + at, is_good ? (const char *)field.p : "?", is_good ? step : 1);
        at += is_good ? step : 1;
        field = bytes_of(field.p + step, field.n - step);
    }
    out[at] = 0;
}

void padded_copy(char *out, size_t cap, const unsigned char *field, size_t n)
{
    n = strnlen((const char *)field, n);
    while (n > 0 && field[n - 1] == ' ')
        n--;
    field_copy(out, cap, bytes_of(field, n));
}

static enum pin_state pin_state_of(CK_FLAGS flags)
{
    if (flags & CKF_USER_PIN_LOCKED)
        return PIN_LOCKED;
    if (flags & CKF_USER_PIN_FINAL_TRY) /* also where a driver forgets to say that there is a PIN */
        return PIN_FINAL_TRY;
    if (!(flags & CKF_USER_PIN_INITIALIZED))
        return PIN_UNSET;
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
           strncmp(info->manufacturer, "Mozilla", 7) == 0 ||
           strcmp(info->model, "SW   TPM") == 0; /* simulated, by swtpm for one */
}

/* Of PIV's user PIN, whatever the driver says: ykcs11 tells the length of the management key. */
static void limits_of_piv(struct token_info *info)
{
    enum token_family family = token_family(info);
    if (family != FAMILY_YUBIKEY && family != FAMILY_PIV)
        return;
    info->pin_min = 6;
    info->pin_max = 8;
}

/* CKR_TOKEN_NOT_PRESENT stands for an uninitialised one too. */
CK_RV info_read(const struct module *m, CK_SLOT_ID slot, struct token_info *out)
{
    CK_TOKEN_INFO ck = {0};
    CK_RV rv = m->fn->C_GetTokenInfo(slot, &ck);
    if (rv != CKR_OK)
        return rv;
    if (!(ck.flags & CKF_TOKEN_INITIALIZED))
        return CKR_TOKEN_NOT_PRESENT;
    struct token_info info = {
        .is_read_only = (ck.flags & CKF_WRITE_PROTECTED) != 0,
        .is_pin_default = (ck.flags & CKF_USER_PIN_TO_BE_CHANGED) != 0,
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
    limits_of_piv(&info);
    *out = info;
    return CKR_OK;
}

/* What is wanted may come as the token's own bytes or as it was shown: both match. */
static bool part_matches(const char *want, const char *have)
{
    char shown[TOKEN_LABEL_MAX + TOKEN_SERIAL_MAX];
    field_copy(shown, sizeof(shown), bytes_str(want));
    return !want[0] || strcmp(shown, have) == 0;
}

static bool info_matches(const struct token_where *w, const struct token_info *info)
{
    return part_matches(w->label, info->label) && part_matches(w->serial, info->serial) &&
           part_matches(w->manufacturer, info->manufacturer) && part_matches(w->model, info->model);
}

/* w NULL: all. slots may be NULL. *n counts those beyond cap too. A token that does not say what it
 * is may be the one that is sought: where none is found, its reason is the error. */
static int tokens_find(const struct module *m, const struct token_where *w, struct token_info *out,
                       CK_SLOT_ID *slots_out, size_t cap, size_t *n, struct err *e)
{
    CK_SLOT_ID slots[SLOTS_MAX];
    size_t n_slots, n_found = 0;
    CK_RV silent = CKR_OK;
    int r = module_slots(m, slots, &n_slots, e);
    if (r)
        return r;
    for (size_t i = 0; i < n_slots; i++) {
        struct token_info info;
        CK_RV rv = info_read(m, slots[i], &info);
        if (rv != CKR_OK && rv != CKR_TOKEN_NOT_PRESENT && rv != CKR_TOKEN_NOT_RECOGNIZED)
            silent = rv;
        if (rv != CKR_OK || (w && !info_matches(w, &info)))
            continue;
        if (n_found < cap) {
            out[n_found] = info;
            if (slots_out)
                slots_out[n_found] = slots[i];
        }
        n_found++;
    }
    if (n_found == 0 && silent != CKR_OK)
        return rv_err(e, silent, "ask a token what it is");
    *n = n_found;
    return OK;
}

/* A card that another process has just reset is not there for a moment, or does not answer: looked
 * for up to n_looks times, as long as the driver shows nothing that is. slots_out as infos. */
static int tokens_look(const struct module *m, const struct token_where *w,
                       struct token_info *infos, CK_SLOT_ID *slots_out, size_t cap,
                       unsigned n_looks, size_t *n, struct err *e)
{
    static const struct timespec pause = {0, 100000000};
    for (unsigned i = 1;; i++) {
        struct err ignored;
        size_t n_all = 0;
        int r = tokens_find(m, w, infos, slots_out, cap, n, e);
        if ((r == OK && *n > 0) || i >= n_looks)
            return r;
        if (i == 1)
            continue;
        if (r == OK && tokens_find(m, NULL, NULL, NULL, 0, &n_all, &ignored) == OK && n_all > 0)
            return OK;
        nanosleep(&pause, NULL);
    }
}

int token_list(const char *module, const char *softhsm_conf, struct token_info *out, size_t cap,
               size_t *n, struct err *e)
{
    AUTO_SPARE spare = SPARE_NONE;
    AUTO(module_closep) struct module *m = NULL;
    int r = spare_begin(softhsm_conf ? softhsm_conf : "", &spare, e);
    if (r || (r = module_open(module, softhsm_conf, &m, e)) != OK)
        return r;
    MODULE_LOCKED(m);
    return tokens_find(m, NULL, out, NULL, cap, n, e);
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
    if (strstr(w->module, "tpm2_pkcs11"))
        return err_hint(e, "tpm2-pkcs11 looks in TPM2_PKCS11_STORE, or in ~/.tpm2_pkcs11: is that "
                           "set as it was when the token was made?");
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
    module_lock(t->mod);
    t->rv = CKR_OK;
    t->is_login_refused = false;
    if (t->generation != t->mod->generation) { /* another token of the driver made it start again */
        t->generation = t->mod->generation;
        t->session = CK_INVALID_HANDLE;
        t->is_login_ours = false;
    }
    return t;
}

void token_unlockp(struct token **t)
{
    module_unlockp(&(*t)->mod);
}

static int token_new(struct module *m, const struct token_where *w, const struct token_info *info,
                     CK_SLOT_ID slot, struct token **out, struct err *e)
{
    struct token *t = wipe_malloc(sizeof(*t));
    if (!t)
        return err_set(e, ERR_MEMORY, "out of memory");
    memset(t, 0, sizeof(*t));
    t->mod = m;
    t->generation = m->generation;
    t->slot = slot;
    t->info = *info;
    memcpy(t->softhsm_conf, w->softhsm_conf, sizeof(t->softhsm_conf));
    watch_init(&t->watch);
    t->next = m->tokens;
    m->tokens = t;
    *out = t;
    return OK;
}

static int token_pick(struct module *m, const struct token_where *w, struct token **out,
                      struct err *e)
{
    struct token_info infos[SHOWN_MAX];
    CK_SLOT_ID slots[SHOWN_MAX];
    size_t n;
    MODULE_LOCKED(m);
    int r = tokens_look(m, w, infos, slots, SHOWN_MAX, 10, &n, e);
    if (r)
        return r;
    if (n != 1)
        return n ? several_found(infos, n, e) : none_found(m, w, e);
    return token_new(m, w, &infos[0], slots[0], out, e);
}

int token_open(const struct token_where *w, struct token **out, struct err *e)
{
    AUTO_SPARE spare = SPARE_NONE;
    AUTO(module_closep) struct module *m = NULL;
    int r = spare_begin(w->softhsm_conf, &spare, e);
    if (r || (r = module_open(w->module, w->softhsm_conf, &m, e)) != OK ||
        (r = token_pick(m, w, out, e)) != OK)
        return r;
    m = NULL; /* the token closes it */
    return OK;
}

/* The login is the process's: while another struct token has the same token, it goes over to that
 * one. True when it is to be ended. */
static bool login_give(struct token *t)
{
    for (struct token *o = t->mod->tokens; o && t->is_login_ours; o = o->next) {
        if (o->slot == t->slot && o->session != CK_INVALID_HANDLE &&
            o->generation == t->generation) {
            o->is_login_ours = true;
            return false;
        }
    }
    return t->is_login_ours;
}

void token_close(struct token *t)
{
    if (!t)
        return;
    token_lock(t);
    struct token **at = &t->mod->tokens;
    while (*at != t)
        at = &(*at)->next;
    *at = t->next;
    module_leave(t->mod, t->session, login_give(t));
    watch_end(&t->watch);
    secret_free(&t->pin);
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

/* Another token may have been put into the slot: its flags are no reason to give it the PIN. */
int token_refresh(struct token *t, struct err *e)
{
    struct token_info now;
    CK_RV rv = info_read(t->mod, t->slot, &now);
    if (rv == CKR_OK && !token_is_same(t, &now))
        rv = CKR_TOKEN_NOT_PRESENT;
    if (rv != CKR_OK)
        return token_err(t, e, rv, "token '%s'", t->info.label);
    t->info = now;
    return OK;
}

bool token_is_same(const struct token *t, const struct token_info *now)
{
    return strcmp(t->info.label, now->label) == 0 && strcmp(t->info.serial, now->serial) == 0 &&
           strcmp(t->info.manufacturer, now->manufacturer) == 0 &&
           strcmp(t->info.model, now->model) == 0;
}

int token_seek(struct token *t, unsigned n_looks, struct token_info *out, struct err *e)
{
    struct token_where w = {0};
    CK_SLOT_ID slot;
    size_t n = 0;
    memcpy(w.label, t->info.label, sizeof(w.label));
    memcpy(w.serial, t->info.serial, sizeof(w.serial));
    memcpy(w.manufacturer, t->info.manufacturer, sizeof(w.manufacturer));
    memcpy(w.model, t->info.model, sizeof(w.model));
    int r = tokens_look(t->mod, &w, out, &slot, 1, n_looks, &n, e);
    if (r)
        return r;
    if (n != 1)
        return rv_err(e, CKR_TOKEN_NOT_PRESENT, "token '%s'", t->info.label);
    t->slot = slot;
    return OK;
}

void token_settle(const struct token *t)
{
    if (t->info.is_software)
        sync();
}
