/* SPDX-License-Identifier: Apache-2.0 */
/* Wrapping of text into lines. Width is counted in characters, not bytes. */
#include "cli/page.h"

#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define LINE_ROOM 512u
#define NO_TERMINAL_WIDTH 100u
#define NARROWEST 40u
#define WIDEST 200u

struct line {
    char text[LINE_ROOM];
    size_t n, width, indent; /* indent: of the lines after the first */
    size_t max;
    bool has_word, is_bad;
};

static size_t width_of(const char *s, size_t n)
{
    size_t w = 0;

    for (size_t i = 0; i < n; i++)
        w += ((unsigned char)s[i] & 0xc0) != 0x80;
    return w;
}

static void add(struct line *l, const char *s, size_t n)
{
    if (l->n + n >= sizeof(l->text))
        n = sizeof(l->text) - 1 - l->n;
    memcpy(l->text + l->n, s, n);
    l->n += n;
    l->text[l->n] = 0;
    l->width += width_of(s, n);
}

static void put_line(struct out *o, const struct line *l)
{
    if (l->is_bad)
        out_bad(o, "%s", l->text);
    else
        out_line(o, "%s", l->text);
}

static void next_line(struct out *o, struct line *l)
{
    put_line(o, l);
    l->n = l->width = 0;
    l->text[0] = 0;
    l->has_word = false;
    while (l->n < l->indent)
        add(l, " ", 1);
}

static void add_word(struct out *o, struct line *l, const char *s, size_t n)
{
    if (l->has_word && (l->width + 1 + width_of(s, n) > l->max || l->n + n + 2 > LINE_ROOM))
        next_line(o, l);
    if (l->has_word)
        add(l, " ", 1);
    add(l, s, n);
    l->has_word = true;
}

static void fill(struct out *o, struct line *l, const char *prefix, const char *text)
{
    add(l, prefix, strlen(prefix));
    l->indent = l->width;
    while (*text) {
        text += strspn(text, " \n");
        size_t n = strcspn(text, " \n");
        if (n > 0)
            add_word(o, l, text, n);
        text += n;
    }
    put_line(o, l);
}

void page_text(struct out *o, const char *prefix, const char *text)
{
    struct line l = {.max = PAGE_WIDTH};

    fill(o, &l, prefix, text);
}

static size_t terminal_width(void)
{
    struct winsize w;

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) || w.ws_col == 0)
        return NO_TERMINAL_WIDTH;
    return w.ws_col < NARROWEST ? NARROWEST : w.ws_col > WIDEST ? WIDEST : w.ws_col;
}

void page_line(struct out *o, bool is_bad, const char *prefix, const char *text)
{
    struct line l = {.max = terminal_width(), .is_bad = is_bad};

    fill(o, &l, prefix, text);
}

void page_head(struct out *o, const char *text)
{
    out_line(o, "%s", "");
    out_line(o, "%s", text);
}

void page_list(struct out *o, const char *const *list, unsigned first)
{
    char prefix[16];

    for (unsigned i = 0; list && list[i]; i++) {
        if (first)
            snprintf(prefix, sizeof(prefix), "%3u. ", first + i);
        else
            snprintf(prefix, sizeof(prefix), "  * ");
        page_text(o, prefix, list[i]);
    }
}
