/* SPDX-License-Identifier: Apache-2.0 */
/* Menus of letters. What the letters lead to is the caller's. */
#include "cli/choose.h"

#include "base/ask.h"
#include "base/text.h"

#include <stdio.h>

#define TRIES 3

/* "Please answer a, r or g: " */
static void name_letters(const struct choice *list, char *out, size_t cap)
{
    size_t n = (size_t)snprintf(out, cap, "Please answer ");

    for (const struct choice *c = list; c->letter && n < cap; c++)
        n += (size_t)snprintf(out + n, cap - n, "%c%s", c->letter,
                              !c[1].letter ? ": " : !c[2].letter ? " or " : ", ");
}

int choose(const char *question, const struct choice *list, char *picked, struct err *e)
{
    char prompt[640], again[80], answer[16];
    int n = snprintf(prompt, sizeof(prompt), "%s\n", question);

    name_letters(list, again, sizeof(again));

    for (const struct choice *c = list; c->letter && n > 0 && (size_t)n < sizeof(prompt); c++)
        n += snprintf(prompt + n, sizeof(prompt) - (size_t)n, "  %c  %s\n", c->letter, c->text);
    if (n < 0 || (size_t)n + 3 > sizeof(prompt))
        return err_set(e, ERR_LIMIT, "the question is too long");
    snprintf(prompt + n, sizeof(prompt) - (size_t)n, "? ");
    for (int i = 0; i < TRIES; i++) {
        int rc = ask_line(i ? again : prompt, NULL, answer, sizeof(answer), e);
        if (rc && rc != ERR_LIMIT)
            return rc;
        struct bytes v = rc ? (struct bytes){0} : text_trim(bytes_str(answer));
        for (const struct choice *c = list; c->letter; c++) {
            if (v.n != 1 || !text_eq_nocase(v, bytes_of((const uint8_t *)&c->letter, 1)))
                continue;
            *picked = c->letter;
            return OK;
        }
    }
    return err_set(e, ERR_PERSON, "none of the letters was answered");
}

int choose_reason(const char *question, char out[256], struct err *e)
{
    char line[256];
    int rc = ask_line(question, NULL, line, sizeof(line), e);

    if (rc)
        return rc;
    struct bytes v = text_trim(bytes_str(line));
    if (!text_is_utf8(v) || !text_copy(out, 256, v))
        return err_set(e, ERR_USAGE, "the reason is not text");
    return OK;
}
