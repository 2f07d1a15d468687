/* SPDX-License-Identifier: Apache-2.0 */
/* The printing of output.h, but for tables. No other file than these two writes to stdout or
 * stderr. */
#include "cli/output.h"

#include "base/text.h"
#include "cli/command.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_LEN 4096u

/* Whether a line named a command that acts on a vault. Of the process, as stdout and stderr are. */
static bool has_named_command;

bool term_has_sequences(void)
{
    const char *term = getenv("TERM");

    return term && term[0] && strcmp(term, "dumb") != 0;
}

void out_open(struct out *o, bool is_json, bool is_quiet)
{
    const char *no_color = getenv("NO_COLOR");

    *o = (struct out){.is_json = is_json, .is_quiet = is_quiet};
    o->has_color = isatty(STDOUT_FILENO) && !(no_color && no_color[0]) && term_has_sequences();
}

void out_close(struct out *o)
{
    cJSON_Delete(o->json);
    o->json = NULL;
}

/* Of the commands these look at no vault. */
static bool needs_vault(const char *word)
{
    static const char *const apart[] = {"help", "tokens", "connectors"};

    for (size_t i = 0; i < ARRAY_LEN(apart); i++)
        if (strcmp(word, apart[i]) == 0)
            return false;
    return command_find(word) != NULL;
}

/* "coffer", then a command's name, as a person would type it. */
static void note_command(const char *line)
{
    static const char us[] = "coffer ";
    char word[16];

    if (strncmp(line, "usage: ", 7) == 0)
        return;
    for (const char *p = line; (p = strstr(p, us)) != NULL;) {
        bool is_start = p == line || p[-1] == ' ' || p[-1] == '\'';
        p += sizeof(us) - 1;
        size_t n = strspn(p, "abcdefghijklmnopqrstuvwxyz");
        if (is_start && text_copy(word, sizeof(word), bytes_of(p, n)) && needs_vault(word))
            has_named_command = true;
    }
}

static void PRINTF(3, 0) put(FILE *to, const char *before, const char *fmt, va_list ap)
{
    char raw[LINE_MAX_LEN], clean[LINE_MAX_LEN * 2];

    vsnprintf(raw, sizeof(raw), fmt, ap);
    text_clean(clean, sizeof(clean), bytes_str(raw));
    fprintf(to, "%s%s\n", before, clean);
}

/* What tells a person what to do next. */
static void PRINTF(3, 0) put_told(FILE *to, const char *before, const char *fmt, va_list ap)
{
    char raw[LINE_MAX_LEN];
    va_list again;

    va_copy(again, ap);
    vsnprintf(raw, sizeof(raw), fmt, again);
    va_end(again);
    note_command(raw);
    put(to, before, fmt, ap);
}

void out_line(struct out *o, const char *fmt, ...)
{
    va_list ap;

    if (o->is_json)
        return;
    va_start(ap, fmt);
    put_told(stdout, "", fmt, ap);
    va_end(ap);
}

void out_bad(struct out *o, const char *fmt, ...)
{
    va_list ap;

    if (o->is_json)
        return;
    va_start(ap, fmt);
    if (o->has_color)
        fputs("\033[1;31m", stdout);
    put_told(stdout, "", fmt, ap);
    if (o->has_color)
        fputs("\033[0m", stdout);
    va_end(ap);
}

void out_progress(const struct out *o, const char *what, size_t n_done, size_t n)
{
    if (o->is_json || o->is_quiet || !isatty(STDERR_FILENO))
        return;
    fflush(stdout);
    fprintf(stderr, "\r%s %zu of %zu%s", what, n_done, n, n_done == n ? "\r\033[K" : "");
    fflush(stderr);
}

void out_note(struct out *o, const char *fmt, ...)
{
    va_list ap;

    if (o->is_json || o->is_quiet)
        return;
    va_start(ap, fmt);
    put_told(stdout, "", fmt, ap);
    va_end(ap);
}

void out_raw(struct bytes v)
{
    fwrite(v.p, 1, v.n, stdout);
}

void out_warn(const char *fmt, ...)
{
    va_list ap;

    fflush(stdout);
    va_start(ap, fmt);
    put(stderr, "coffer: warning: ", fmt, ap);
    va_end(ap);
}

void out_hint(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    put_told(stderr, "hint: ", fmt, ap);
    va_end(ap);
}

void out_advice(const struct out *o, const char *fmt, ...)
{
    va_list ap;

    if (o->is_quiet)
        return;
    va_start(ap, fmt);
    put_told(stderr, "hint: ", fmt, ap);
    va_end(ap);
}

static void PRINTF(1, 2) say_error(const char *fmt, ...)
{
    va_list ap;

    fflush(stdout);
    va_start(ap, fmt);
    put(stderr, "coffer: ", fmt, ap);
    va_end(ap);
}

void out_error(const struct err *e)
{
    say_error("%s", e->msg);
    for (unsigned i = 0; i < e->n_hints; i++)
        out_hint("%s", e->hints[i]);
}

cJSON *out_json(struct out *o)
{
    if (!o->json)
        o->json = cJSON_CreateObject();
    return o->json;
}

void json_text(cJSON *to, const char *name, const char *v)
{
    char clean[LINE_MAX_LEN];

    if (!text_is_utf8(bytes_str(v))) {
        text_clean(clean, sizeof(clean), bytes_str(v));
        v = clean;
    }
    cJSON_AddStringToObject(to, name, v);
}

void json_list_text(cJSON *list, const char *v)
{
    char clean[LINE_MAX_LEN];

    if (!list)
        return;
    if (!text_is_utf8(bytes_str(v))) {
        text_clean(clean, sizeof(clean), bytes_str(v));
        v = clean;
    }
    cJSON_AddItemToArray(list, cJSON_CreateString(v));
}

void json_number(cJSON *to, const char *name, uint64_t v)
{
    char text[24];

    /* cJSON keeps numbers as floating point; the digits go out as they are. */
    snprintf(text, sizeof(text), "%llu", (unsigned long long)v);
    cJSON_AddRawToObject(to, name, text);
}

void json_bool_member(cJSON *to, const char *name, bool v)
{
    cJSON_AddBoolToObject(to, name, v);
}

static cJSON *attach(cJSON *to, const char *name, cJSON *v)
{
    cJSON_bool is_in = name ? cJSON_AddItemToObject(to, name, v) : cJSON_AddItemToArray(to, v);

    if (is_in)
        return v;
    cJSON_Delete(v);
    return NULL;
}

cJSON *json_object(cJSON *to, const char *name)
{
    return attach(to, name, cJSON_CreateObject());
}

cJSON *json_array(cJSON *to, const char *name)
{
    return attach(to, name, cJSON_CreateArray());
}

void json_error(cJSON *to, const struct err *e)
{
    cJSON *error = json_object(to, "error");

    json_text(error, "code", err_name(e->code));
    json_text(error, "message", e->msg);
    cJSON *hints = json_array(error, "hints");
    for (unsigned i = 0; i < e->n_hints; i++)
        json_list_text(hints, e->hints[i]);
}

/* A character of JSON text, which has them in strings only, that could move a terminal's cursor or
 * reorder the line for the reader; 0 for another. p starts with a sequence of n bytes. */
static unsigned risky(const uint8_t *p, size_t n)
{
    unsigned c = p[0];

    if (n == 2)
        c = (c & 0x1fu) << 6 | (p[1] & 0x3fu);
    else if (n == 3)
        c = (c & 0x0fu) << 12 | (p[1] & 0x3fu) << 6 | (p[2] & 0x3fu);
    bool is_risky = n > 0 && n < 4 &&
                    ((c >= 0x7f && c < 0xa0) || c == 0x061c || c == 0x200e || c == 0x200f ||
                     (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069));
    return is_risky ? c : 0;
}

/* cJSON leaves them as they are; as escapes they have the same value. */
static void put_json(struct bytes text)
{
    for (size_t n; text.n > 0; text = bytes_of(text.p + n, text.n - n)) {
        size_t step = text_utf8_step(text);
        unsigned c = risky(text.p, step);
        n = step > 0 ? step : 1;
        if (c)
            printf("\\u%04x", c);
        else
            fwrite(text.p, 1, n, stdout);
    }
}

static bool print_json(struct out *o)
{
    char *text = cJSON_PrintUnformatted(o->json);

    if (!text)
        return false;
    put_json(bytes_str(text));
    fputc('\n', stdout);
    cJSON_free(text);
    return true;
}

/* As a shell takes it: in quotes unless it is plain. */
static void say_vault(const struct out *o)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "/._-+,@%:";
    char quoted[LINE_MAX_LEN];
    size_t n = 0;

    if (!o->vault || !has_named_command || o->is_json)
        return;
    if (o->vault[0] && o->vault[strspn(o->vault, plain)] == 0) {
        out_hint("these commands need --vault %s too", o->vault);
        return;
    }
    for (const char *p = o->vault; *p && n + 5 < sizeof(quoted); p++)
        if (*p == '\'')
            n += (size_t)snprintf(quoted + n, sizeof(quoted) - n, "'\\''");
        else
            quoted[n++] = *p;
    quoted[n] = 0;
    out_hint("these commands need --vault '%s' too", quoted);
}

int out_end(struct out *o, const struct err *e, int status)
{
    bool is_ok = true;

    if (e->code) {
        out_error(e);
        if (o->is_json) {
            out_close(o);
            json_error(out_json(o), e);
        }
        status = err_exit(e->code);
    }
    if (o->is_json && o->json)
        is_ok = print_json(o);
    if (fflush(stdout) || ferror(stdout))
        is_ok = false;
    say_vault(o);
    out_close(o);
    if (!is_ok) {
        say_error("the output could not be written");
        return status ? status : 1;
    }
    return status;
}

void date_text(uint64_t unix_ms, char out[DATE_TEXT])
{
    time_t s = (time_t)(unix_ms / 1000);
    struct tm tm;

    if (unix_ms == 0 || !gmtime_r(&s, &tm) || !strftime(out, DATE_TEXT, "%Y-%m-%d %H:%M", &tm))
        memcpy(out, "-", 2);
}
