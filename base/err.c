/* SPDX-License-Identifier: Apache-2.0 */
/* Fills struct err. Prints nothing and takes no memory, so that it works when memory is out. */
#include "base/err.h"

#include "base/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

/* Room for a line before its odd bytes grow to four characters each. */
#define RAW_MAX 1024u

static void PRINTF(3, 0) clean_vf(char *out, size_t cap, const char *fmt, va_list ap)
{
    char raw[RAW_MAX];
    int n = vsnprintf(raw, sizeof(raw), fmt, ap);

    struct bytes v = bytes_of(raw, n < 0 ? 0 : strnlen(raw, sizeof(raw)));
    /* A cut in the middle of a character would show as stray bytes. */
    if (n >= (int)sizeof(raw))
        for (size_t i = 1; i < 4 && i <= v.n; i++)
            if (v.p[v.n - i] >= 0xc0) {
                if (text_utf8_step(bytes_of(v.p + v.n - i, i)) == 0)
                    v.n -= i;
                break;
            }
    text_clean(out, cap, v);
}

int err_set(struct err *e, enum err_code code, const char *fmt, ...)
{
    char msg[ERR_MSG_MAX];
    va_list ap;

    va_start(ap, fmt);
    clean_vf(msg, sizeof(msg), fmt, ap);
    va_end(ap);
    e->code = code;
    e->n_hints = 0;
    memcpy(e->msg, msg, strlen(msg) + 1);
    return code;
}

/* The C library's texts start with a capital; ours are lower-case lines. */
static void add_system_text(char *msg, size_t cap, int err_no)
{
    char room[128], text[128];
    const char *s = strerror_r(err_no, room, sizeof(room));
    size_t n = strlen(msg);

    text_clean(text, sizeof(text), bytes_str(s));
    bool is_word = text[0] >= 'A' && text[0] <= 'Z' && text[1] >= 'a' && text[1] <= 'z';
    if (is_word)
        text[0] = (char)(text[0] | 0x20);
    if (n + 3 < cap)
        snprintf(msg + n, cap - n, ": %s", text);
}

int err_sys(struct err *e, int err_no, const char *fmt, ...)
{
    char msg[ERR_MSG_MAX];
    va_list ap;

    va_start(ap, fmt);
    clean_vf(msg, sizeof(msg), fmt, ap);
    va_end(ap);
    add_system_text(msg, sizeof(msg), err_no);
    e->code = err_no == ENOMEM ? ERR_MEMORY : ERR_IO;
    e->n_hints = 0;
    memcpy(e->msg, msg, strlen(msg) + 1);
    return e->code;
}

int err_wrap(struct err *e, const char *fmt, ...)
{
    char msg[ERR_MSG_MAX], all[ERR_MSG_MAX * 2 + 2];
    va_list ap;

    va_start(ap, fmt);
    clean_vf(msg, sizeof(msg), fmt, ap);
    va_end(ap);
    snprintf(all, sizeof(all), "%s: %s", msg, e->msg);
    text_clean(e->msg, sizeof(e->msg), bytes_str(all));
    return e->code;
}

int err_hint(struct err *e, const char *fmt, ...)
{
    va_list ap;

    if (e->n_hints >= ERR_HINTS)
        return e->code;
    va_start(ap, fmt);
    clean_vf(e->hints[e->n_hints], ERR_HINT_MAX, fmt, ap);
    va_end(ap);
    e->n_hints++;
    return e->code;
}

static const struct {
    enum err_code code;
    int exit;
    const char *name;
} codes[] = {
    {ERR_FAILED, 1, "failed"},         {ERR_IO, 1, "io"},
    {ERR_MEMORY, 1, "memory"},         {ERR_FORMAT, 1, "format"},
    {ERR_LIMIT, 1, "limit"},           {ERR_NOT_FOUND, 1, "not_found"},
    {ERR_EXISTS, 1, "exists"},         {ERR_TAMPERED, 1, "tampered"},
    {ERR_TOKEN, 1, "token"},           {ERR_USAGE, 2, "usage"},
    {ERR_PERSON, 3, "person"},         {ERR_PIN, 3, "wrong_pin"},
    {ERR_PIN_LOCKED, 3, "pin_locked"}, {ERR_TRUST, 3, "trust"},
    {ERR_EXCHANGE, 4, "exchange"},     {ERR_POLICY, 5, "policy"},
};

int err_exit(enum err_code code)
{
    if (code == OK)
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(codes); i++)
        if (codes[i].code == code)
            return codes[i].exit;
    return 1;
}

const char *err_name(enum err_code code)
{
    if (code == OK)
        return "ok";
    for (size_t i = 0; i < ARRAY_LEN(codes); i++)
        if (codes[i].code == code)
            return codes[i].name;
    return "failed";
}
