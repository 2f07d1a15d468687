/* SPDX-License-Identifier: Apache-2.0 */
/* How long a record stays open, as its header says it. */
#include "agent/keyring_inside.h"

static int unclear(struct bytes text, struct err *e)
{
    err_set(e, ERR_USAGE, "'%.*s' does not say how long a key stays open",
            (int)(text.n < 40 ? text.n : 40), (const char *)text.p);
    return err_hint(e, "say each-use, session, or a time such as 90s, 15m or 8h");
}

static uint64_t unit_s(uint8_t unit)
{
    return unit == 's' ? 1 : unit == 'm' ? 60 : unit == 'h' ? 3600 : 0;
}

static bool duration(struct bytes text, uint64_t *s)
{
    uint64_t n = 0, unit = text.n >= 2 && text.n <= 8 ? unit_s(text.p[text.n - 1]) : 0;
    for (size_t i = 0; i + 1 < text.n && unit; i++) {
        if (text.p[i] < '0' || text.p[i] > '9' || (i == 0 && text.p[i] == '0'))
            return false;
        n = n * 10 + (uint64_t)(text.p[i] - '0');
    }
    *s = n * unit;
    return unit > 0;
}

int unseal_parse(struct bytes text, struct unseal *out, struct err *e)
{
    uint64_t s = 0;
    if (text.n == 0) {
        *out = (struct unseal){UNSEAL_DEFAULT, 0};
    } else if (bytes_eq_str(text, "each-use")) {
        *out = (struct unseal){UNSEAL_EACH_USE, 0};
    } else if (bytes_eq_str(text, "session")) {
        *out = (struct unseal){UNSEAL_SESSION, 0};
    } else if (!duration(text, &s)) {
        return unclear(text, e);
    } else if (s > UNSEAL_MAX_S) {
        err_set(e, ERR_USAGE, "a key may stay open for %u h, not for longer", UNSEAL_MAX_S / 3600);
        return err_hint(e, "'session' keeps it open until the agent is locked");
    } else {
        *out = (struct unseal){UNSEAL_FOR, s * 1000};
    }
    return OK;
}

struct unseal unseal_of(const char *text)
{
    struct unseal u = {UNSEAL_EACH_USE, 0};
    struct err quiet;
    (void)!unseal_parse(bytes_str(text), &u, &quiet);
    return u;
}
