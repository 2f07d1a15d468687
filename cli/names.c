/* SPDX-License-Identifier: Apache-2.0 */
/* The check of names.h. The form of a name is vault/record.h's. */
#include "cli/names.h"

#include "base/text.h"

int name_is_free(const struct vault *v, const char *name, const char *but, struct err *e)
{
    char other[NAME_MAX_LEN + 1];

    if (vault_has(v, name)) {
        err_set(e, ERR_EXISTS, "there is a key named '%s' already", name);
        return err_hint(e, "choose another name, or 'coffer rename' the one that is there");
    }
    for (size_t i = 0; vault_name(v, i, other); i++)
        if (text_eq_nocase(bytes_str(name), bytes_str(other)) &&
            !(but && strcmp(other, but) == 0)) {
            err_set(e, ERR_EXISTS, "'%s' differs from the key '%s' only in case", name, other);
            return err_hint(e, "choose a name that cannot be mistaken");
        }
    return OK;
}
