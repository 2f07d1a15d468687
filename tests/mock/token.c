/* SPDX-License-Identifier: Apache-2.0 */
/* The mock's slots, token, sessions and PIN. As real tokens do, it logs out with the last session.
 */
#include "tests/mock/mock.h"

#include <string.h>
#include <stdlib.h>

#define SESSIONS_MAX 64u
#define FIRST_SLOT 7u
#define PIN_MIN 4u
#define PIN_MAX 255u

static struct session sessions[SESSIONS_MAX];
static CK_SESSION_HANDLE last_handle = 0x100;
static bool is_user_in;

struct session *session_of(CK_SESSION_HANDLE h)
{
    for (size_t i = 0; h && i < SESSIONS_MAX; i++)
        if (sessions[i].h == h)
            return &sessions[i];
    return NULL;
}

bool is_logged_in(void)
{
    return is_user_in;
}

CK_RV slot_list(CK_BBOOL present, CK_SLOT_ID *list, CK_ULONG *n)
{
    CK_ULONG there = set.n_slots, room = *n;
    (void)present;
    if (set.slots_mode == SLOTS_GROW)
        set.n_slots++;
    else if (set.slots_mode == SLOTS_SHRINK && set.n_slots > 0)
        set.n_slots--;
    *n = there;
    if (list && room < there)
        return CKR_BUFFER_TOO_SMALL;
    for (CK_ULONG i = 0; list && i < there; i++)
        list[i] = FIRST_SLOT + i;
    return CKR_OK;
}

void info_field(unsigned char *out, size_t n, const char *plain, const struct field *bent)
{
    memset(out, ' ', n);
    if (bent->is_set)
        memcpy(out, bent->v, n);
    else
        memcpy(out, plain, strlen(plain));
}

static CK_FLAGS pin_flags(void)
{
    CK_FLAGS f = 0;
    if (KEEP(pin_left) == 0)
        f |= CKF_USER_PIN_LOCKED;
    else if (KEEP(pin_left) == 1)
        f |= CKF_USER_PIN_FINAL_TRY;
    if (KEEP(pin_left) < state->pin_max)
        f |= CKF_USER_PIN_COUNT_LOW;
    return f;
}

CK_RV token_read(CK_SLOT_ID slot, CK_TOKEN_INFO *out)
{
    char serial[] = "0000000000000001";
    if (slot < FIRST_SLOT)
        return CKR_SLOT_ID_INVALID;
    for (CK_ULONG i = slot - FIRST_SLOT, at = 14; i > 0; i /= 10, at--)
        serial[at] = (char)('0' + i % 10);
    *out = (CK_TOKEN_INFO){0};
    info_field(out->label, sizeof(out->label), slot == FIRST_SLOT ? "mock" : "other", &set.label);
    info_field(out->serialNumber, sizeof(out->serialNumber), serial, &set.serial);
    info_field(out->manufacturerID, sizeof(out->manufacturerID), "Tests", &set.manufacturer);
    info_field(out->model, sizeof(out->model), "Mock", &set.model);
    memset(out->utcTime, '0', sizeof(out->utcTime));
    out->flags = CKF_RNG | CKF_LOGIN_REQUIRED | CKF_USER_PIN_INITIALIZED | CKF_TOKEN_INITIALIZED |
                 set.flags | pin_flags();
    out->ulMinPinLen = PIN_MIN;
    out->ulMaxPinLen = PIN_MAX;
    out->ulMaxSessionCount = set.n_sessions;
    out->ulMaxRwSessionCount = set.n_sessions;
    out->firmwareVersion.major = 1;
    return CKR_OK;
}

CK_RV session_start(CK_SLOT_ID slot, CK_FLAGS flags, CK_SESSION_HANDLE *out)
{
    if (slot != FIRST_SLOT)
        return CKR_SLOT_ID_INVALID;
    if (!(flags & CKF_SERIAL_SESSION))
        return CKR_SESSION_PARALLEL_NOT_SUPPORTED;
    for (size_t i = 0; i < SESSIONS_MAX && KEEP(sessions) < set.n_sessions; i++) {
        if (sessions[i].h)
            continue;
        sessions[i] = (struct session){.h = ++last_handle, .is_rw = (flags & CKF_RW_SESSION) != 0};
        KEEP(sessions)++;
        *out = sessions[i].h;
        return CKR_OK;
    }
    return CKR_SESSION_COUNT;
}

void session_clear(struct session *s)
{
    free(s->found);
    *s = (struct session){0};
}

CK_RV session_stop(CK_SESSION_HANDLE h)
{
    struct session *s = session_of(h);
    if (!s)
        return CKR_SESSION_HANDLE_INVALID;
    secrets_drop(h);
    session_clear(s);
    if (--KEEP(sessions) == 0)
        is_user_in = false;
    return CKR_OK;
}

void sessions_end(void)
{
    for (size_t i = 0; i < SESSIONS_MAX; i++)
        if (sessions[i].h)
            session_stop(sessions[i].h);
    is_user_in = false;
}

/* The one place that compares: each comparison is counted, also one of a PIN that is right. */
static CK_RV pin_check(const unsigned char *pin, CK_ULONG n)
{
    if (KEEP(pin_left) == 0)
        return CKR_PIN_LOCKED;
    if (!pin || n < PIN_MIN || n > PIN_MAX)
        return CKR_PIN_LEN_RANGE;
    KEEP(pin_tried)++;
    if (n == strlen(state->pin) && memcmp(pin, state->pin, n) == 0) {
        KEEP(pin_left) = state->pin_max;
        return CKR_OK;
    }
    KEEP(pin_wrong)++;
    KEEP(pin_left)--;
    return KEEP(pin_left) == 0 ? CKR_PIN_LOCKED : CKR_PIN_INCORRECT;
}

CK_RV log_in(CK_SESSION_HANDLE h, CK_USER_TYPE user, const unsigned char *pin, CK_ULONG n)
{
    if (!session_of(h))
        return CKR_SESSION_HANDLE_INVALID;
    if (user != CKU_USER)
        return CKR_USER_TYPE_INVALID;
    if (is_user_in)
        return CKR_USER_ALREADY_LOGGED_IN;
    CK_RV rv = pin_check(pin, n);
    is_user_in = rv == CKR_OK;
    return rv;
}

CK_RV log_out(CK_SESSION_HANDLE h)
{
    if (!session_of(h))
        return CKR_SESSION_HANDLE_INVALID;
    if (!is_user_in)
        return CKR_USER_NOT_LOGGED_IN;
    is_user_in = false;
    return CKR_OK;
}

CK_RV change_pin(CK_SESSION_HANDLE h, const unsigned char *a, CK_ULONG n, const unsigned char *b,
                 CK_ULONG m)
{
    const struct session *s = session_of(h);
    if (!s)
        return CKR_SESSION_HANDLE_INVALID;
    if (!s->is_rw)
        return CKR_SESSION_READ_ONLY;
    if (!b || m < PIN_MIN || m > PIN_MAX)
        return CKR_PIN_LEN_RANGE;
    CK_RV rv = pin_check(a, n);
    if (rv != CKR_OK)
        return rv;
    memcpy(state->pin, b, m);
    state->pin[m] = 0;
    return CKR_OK;
}
