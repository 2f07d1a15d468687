/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of output.h: collected cell by cell, printed when every width is known. */
#include "cli/output.h"

#include "base/text.h"
#include "base/wipe.h"

#include <stdio.h>

#define CELL_MAX 4096u

/* Code points, which is what a terminal shows for the text that stands in tables. */
static size_t text_width(const char *s)
{
    size_t n = 0;

    for (; *s; s++)
        n += ((unsigned char)*s & 0xc0) != 0x80;
    return n;
}

static char *cell_copy(const char *text)
{
    char clean[CELL_MAX];

    text_clean(clean, sizeof(clean), bytes_str(text));
    size_t n = strlen(clean) + 1;
    char *copy = wipe_malloc(n);
    if (copy)
        memcpy(copy, clean, n);
    return copy;
}

static bool table_grow(struct table *t)
{
    if ((t->n_rows + 1) * TABLE_COLUMNS <= t->cap)
        return true;
    size_t cap = t->cap ? t->cap * 2 : 16 * TABLE_COLUMNS;
    char **cells = wipe_realloc(t->cells, cap * sizeof(*cells));
    if (!cells)
        return false;
    t->cells = cells;
    t->cap = cap;
    return true;
}

void table_row(struct table *t, const char *const *cells, size_t n)
{
    if (t->has_failed || !table_grow(t)) {
        t->has_failed = true;
        return;
    }
    char **row = t->cells + t->n_rows * TABLE_COLUMNS;
    memset(row, 0, TABLE_COLUMNS * sizeof(*row));
    t->n_rows++;
    for (size_t i = 0; i < n && i < TABLE_COLUMNS; i++) {
        row[i] = cell_copy(cells[i]);
        if (!row[i]) {
            t->has_failed = true;
            return;
        }
        size_t width = text_width(row[i]);
        if (width > t->width[i])
            t->width[i] = width;
    }
    if (n > t->n_columns)
        t->n_columns = n;
}

void table_print(struct out *o, const struct table *t)
{
    if (o->is_json)
        return;
    for (size_t r = 0; r < t->n_rows; r++) {
        char *const *row = t->cells + r * TABLE_COLUMNS;
        size_t last = t->n_columns;
        while (last > 0 && (!row[last - 1] || !row[last - 1][0]))
            last--;
        for (size_t i = 0; i < last; i++) {
            size_t pad = i + 1 < last ? t->width[i] - text_width(row[i]) + 2 : 0;
            printf("%s%*s", row[i], (int)pad, "");
        }
        printf("\n");
    }
    if (t->has_failed)
        out_warn("out of memory: the table is not complete");
}

void table_free(struct table *t)
{
    for (size_t i = 0; i < t->n_rows * TABLE_COLUMNS; i++)
        wipe_free(t->cells[i]);
    wipe_free(t->cells);
    *t = (struct table){0};
}
