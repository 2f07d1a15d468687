/* SPDX-License-Identifier: Apache-2.0 */
/* From words and options to a wish. It is judged by agent/prepare.c. */
#include "cli/wish_args.h"

#include "base/file.h"

int wish_read(const char *path, size_t max, const char *what, struct buf *out, struct err *e)
{
    int rc = file_read_user(path, max, out, e);

    if (rc == ERR_LIMIT)
        return err_set(e, ERR_USAGE, "%s is longer than %zu bytes", what, max);
    return rc;
}

int wish_from_words(const struct args *a, struct wish *w, struct buf *text, struct err *e)
{
    const char *data = a->value[OPT_DATA];

    w->method = bytes_str(a->words[1]);
    w->url = bytes_str(a->words[2]);
    for (size_t i = 0; i < a->n_repeated; i++)
        if (a->repeated_id[i] == OPT_HEADER && wish_header(w, bytes_str(a->repeated[i]), e))
            return e->code;
    if (data && data[0] == '@') {
        if (wish_read(data + 1, BODY_MAX, "the body", text, e))
            return e->code;
        w->body = buf_bytes(text);
    } else if (data) {
        w->body = bytes_str(data);
    }
    return OK;
}
