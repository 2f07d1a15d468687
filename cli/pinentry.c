/* SPDX-License-Identifier: Apache-2.0 */
/* What is said to a pinentry, and how its answer is taken: strictly, and into locked memory alone.
 * It is never told that it may keep the PIN, so no desktop's keyring gets it. */
#include "cli/pinentry.h"

#include "base/env.h"
#include "base/text.h"
#include "cli/assuan.h"
#include "cli/pin_source.h"
#include "cli/pinentry_talk.h"

#include <stdio.h>

#define START_MS 10000u /* for all but the person's answer */
#define PERSON_S 300u

/* Causes of its errors. */
#define CAUSE_TIMEOUT 62u
#define CAUSE_CANCELED 99u
#define CAUSE_NOT_CONFIRMED 114u
#define CAUSE_FULLY_CANCELED 198u

static int nonsense(const struct talk *t, struct err *e)
{
    return talk_fault(t, e, "answers what no pinentry should");
}

/* Of what sets the scene. *code: 0, or its error. */
static int answer(struct talk *t, uint64_t until, unsigned *code, struct err *e)
{
    uint8_t *line;
    size_t n;

    for (*code = 0;;) {
        int rc = talk_line(t, until, &line, &n, e);
        if (rc)
            return rc == ERR_LIMIT ? (e->code = ERR_FAILED) : rc;
        switch (assuan_judge(bytes_of(line, n), code)) {
        case ASSUAN_OK:
        case ASSUAN_ERR:
            return OK;
        case ASSUAN_NOTE:
            break;
        default:
            return nonsense(t, e);
        }
    }
}

/* A pinentry that does not know an option or a text still asks; only what it says counts. */
static int set(struct talk *t, uint64_t until, const char *command, const char *text, struct err *e)
{
    char line[ASSUAN_LINE_MAX + 2];
    unsigned ignored;

    assuan_print(line, command, text);
    int rc = talk_say(t, line, e);
    return rc ? rc : answer(t, until, &ignored, e);
}

/* Values that need an escape have none in an option, and are of no use. */
static int option(struct talk *t, uint64_t until, const char *name, const char *value,
                  struct err *e)
{
    char text[256];

    for (const char *p = value; *p; p++)
        if ((unsigned char)*p <= 0x20 || *p == '%' || *p == 0x7f)
            return OK;
    int n = snprintf(text, sizeof(text), "%s=%s", name, value);
    return value[0] && n > 0 && (size_t)n < sizeof(text) ? set(t, until, "OPTION", text, e) : OK;
}

static int begin(struct talk *t, const char *text, struct err *e)
{
    uint64_t until = ticks_ms() + START_MS;
    struct talk_place place;
    char seconds[16];
    unsigned code;

    int rc = answer(t, until, &code, e);
    if (rc)
        return rc;
    if (code)
        return talk_fault(t, e, "refuses to start");
    talk_place(&place);
    snprintf(seconds, sizeof(seconds), "%u", PERSON_S);
    if (option(t, until, "ttyname", place.tty, e) || option(t, until, "ttytype", place.type, e) ||
        option(t, until, "lc-ctype", place.ctype, e) || set(t, until, "SETTITLE", "coffer", e) ||
        set(t, until, "SETDESC", text, e))
        return e->code;
    return set(t, until, "SETTIMEOUT", seconds, e);
}

static int refusal(const struct talk *t, unsigned code, const char *nothing, struct err *e)
{
    char what[40];

    if (code == CAUSE_TIMEOUT)
        return err_set(e, ERR_PERSON, "%s: nobody answered for %u minutes", nothing, PERSON_S / 60);
    if (code == CAUSE_CANCELED || code == CAUSE_NOT_CONFIRMED || code == CAUSE_FULLY_CANCELED)
        return err_set(e, ERR_PERSON, "%s", nothing);
    snprintf(what, sizeof(what), "cannot ask (error %u)", code);
    return talk_fault(t, e, what);
}

/* A piece of the PIN, where it stands. *is_long: pieces are dropped since there are too many. */
static int take(struct talk *t, uint8_t *p, size_t n, struct secret *pin, bool *is_long,
                struct err *e)
{
    if (!assuan_decode(p, &n))
        return nonsense(t, e);
    *is_long = *is_long || pin->n + n > NEW_PIN_MAX;
    return *is_long ? OK : secret_append(pin, bytes_of(p, n), e);
}

/* The person's answer to line. pin NULL: it holds no data. */
static int ask(struct talk *t, const char *command, const char *nothing, struct secret *pin,
               struct err *e)
{
    uint64_t until = ticks_ms() + 1000u * PERSON_S + START_MS;
    bool is_long = false;
    unsigned code = 0;
    uint8_t *line;
    size_t n;

    int rc = talk_say(t, command, e);
    while (!rc) {
        rc = talk_line(t, until, &line, &n, e);
        if (rc == ERR_LIMIT)
            return refusal(t, CAUSE_TIMEOUT, nothing, e);
        if (rc)
            return rc;
        switch (assuan_judge(bytes_of(line, n), &code)) {
        case ASSUAN_OK:
            t->is_content = true;
            return is_long ? err_set(e, ERR_PIN, "the PIN is longer than %u bytes", NEW_PIN_MAX)
                           : OK;
        case ASSUAN_ERR:
            t->is_content = true;
            return refusal(t, code, nothing, e);
        case ASSUAN_DATA:
            rc = pin ? take(t, line + 2, n - 2, pin, &is_long, e) : nonsense(t, e);
            break;
        case ASSUAN_NOTE:
            break;
        case ASSUAN_CACHED: /* nobody typed it, so it must not pass as typed */
            return talk_fault(t, e, "gives a PIN from a cache");
        default:
            return nonsense(t, e);
        }
    }
    return rc;
}

/* Labels are foreign text. */
static void describe(const struct pinentry_question *q, char *out, size_t cap)
{
    char label[160], serial[80];

    text_clean(label, sizeof(label), bytes_str(q->label));
    text_clean(serial, sizeof(serial), bytes_str(q->serial));
    snprintf(out, cap, "Please enter the PIN of token '%s'%s%s%s%s%s.%s%s", label,
             serial[0] ? " (serial " : "", serial, serial[0] ? ")" : "", q->why[0] ? "\n" : "",
             q->why, q->tries[0] ? "\n" : "", q->tries);
}

static int get_pin(struct talk *t, const struct pinentry_question *q, struct secret *pin,
                   struct err *e)
{
    char text[ASSUAN_LINE_MAX];
    uint64_t until;

    describe(q, text, sizeof(text));
    if (begin(t, text, e))
        return e->code;
    until = ticks_ms() + START_MS;
    if (set(t, until, "SETPROMPT", "PIN:", e) ||
        (q->wrong[0] && set(t, until, "SETERROR", q->wrong, e)))
        return e->code;
    if (ask(t, "GETPIN\n", "no PIN was given", pin, e))
        return e->code;
    return pin->n ? OK : err_set(e, ERR_PERSON, "no PIN was given");
}

int pinentry_pin(const char *program, const struct pinentry_question *q, struct secret *out,
                 struct err *e)
{
    AUTO(talk_end) struct talk t;
    AUTO_SECRET pin = {0};

    int rc = talk_start(&t, program, e);
    if (!rc)
        rc = secret_new(&pin, NEW_PIN_MAX, e);
    if (!rc)
        rc = get_pin(&t, q, &pin, e);
    return rc ? rc : secret_copy(out, secret_bytes(&pin), e);
}

int pinentry_confirm(const char *program, const char *text, const char *go_on, struct err *e)
{
    AUTO(talk_end) struct talk t;

    int rc = talk_start(&t, program, e);
    if (!rc)
        rc = begin(&t, text, e);
    uint64_t until = ticks_ms() + START_MS;
    if (!rc)
        rc = set(&t, until, "SETOK", go_on, e);
    if (!rc)
        rc = set(&t, until, "SETCANCEL", "Stop", e);
    return rc ? rc : ask(&t, "CONFIRM\n", "the last try was not used", NULL, e);
}
