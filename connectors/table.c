/* SPDX-License-Identifier: Apache-2.0 */
/* The list of exchanges: names, aliases, words for classes and environments, and the pattern match
 * that gives a request its class. What the patterns are is in the exchanges' own files. */
#include "connectors/connector.h"

#include "base/text.h"

#include <stdio.h>

#define X(c) &connector_##c,
const struct connector *const connectors[] = {CONNECTORS(X) NULL};
#undef X

static const char *const class_names[CLASS_COUNT] = {
    [CLASS_PUBLIC] = "public",     [CLASS_READ] = "read",       [CLASS_TRADE] = "trade",
    [CLASS_CANCEL] = "cancel",     [CLASS_ACCOUNT] = "account", [CLASS_TRANSFER] = "transfer",
    [CLASS_WITHDRAW] = "withdraw", [CLASS_KEYS] = "keys",       [CLASS_SESSION] = "session",
    [CLASS_UNKNOWN] = "unknown",
};

static const char *const environment_names[ENV_COUNT] = {
    [ENV_LIVE] = "live",
    [ENV_TEST] = "test",
    [ENV_DEMO] = "demo",
};

const char *class_name(enum req_class c)
{
    return (unsigned)c < CLASS_COUNT ? class_names[c] : "unknown";
}

bool class_by_name(struct bytes name, enum req_class *out)
{
    for (unsigned i = 0; i < CLASS_COUNT; i++)
        if (bytes_eq_str(name, class_names[i])) {
            *out = (enum req_class)i;
            return true;
        }
    return false;
}

const char *environment_name(enum environment v)
{
    return (unsigned)v < ENV_COUNT ? environment_names[v] : "unknown";
}

bool environment_by_name(struct bytes name, enum environment *out)
{
    for (unsigned i = 0; i < ENV_COUNT; i++)
        if (bytes_eq_str(name, environment_names[i])) {
            *out = (enum environment)i;
            return true;
        }
    return false;
}

static char fold(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (char)(c + ('a' - 'A'));
    return c == '-' ? '_' : c;
}

static bool name_eq(const char *a, const char *b)
{
    while (*a && fold(*a) == fold(*b))
        a++, b++;
    return fold(*a) == fold(*b);
}

const struct connector *connector_find(const char *name)
{
    for (const struct connector *const *c = connectors; *c; c++) {
        if (name_eq(name, (*c)->name))
            return *c;
        for (const char *const *a = (*c)->aliases; *a; a++)
            if (name_eq(name, *a))
                return *c;
    }
    return NULL;
}

#define NEAR_MAX 2u

/* Few changes, and most letters the same: else any short name resembles any other. */
static void nearest(const char *name, const char *candidate, const char **best, unsigned *distance)
{
    unsigned d = text_distance(name, candidate, NEAR_MAX);
    size_t a = strlen(name), b = strlen(candidate);
    if (d < *distance && d <= NEAR_MAX && 2 * (size_t)d < (a > b ? a : b)) {
        *distance = d;
        *best = candidate;
    }
}

void connector_names(char *out, size_t cap)
{
    size_t n = 0;

    out[0] = 0;
    for (const struct connector *const *c = connectors; *c && n < cap; c++)
        n += (size_t)snprintf(out + n, cap - n, "%s%s", n ? ", " : "", (*c)->name);
}

int connector_unknown(const char *name, struct err *e)
{
    char folded[64];
    const char *best = NULL;
    unsigned distance = NEAR_MAX + 1;
    size_t n = 0;
    for (; name[n] && n + 1 < sizeof(folded); n++)
        folded[n] = fold(name[n]);
    folded[n] = 0;
    for (const struct connector *const *c = connectors; *c; c++) {
        nearest(folded, (*c)->name, &best, &distance);
        for (const char *const *a = (*c)->aliases; *a; a++)
            nearest(folded, *a, &best, &distance);
    }
    char names[256];
    connector_names(names, sizeof(names));
    err_set(e, ERR_USAGE, "coffer does not know the exchange '%s'", name);
    if (best)
        err_hint(e, "did you mean '%s'?", best);
    return err_hint(e, "it knows %s", names);
}

/* One pattern against a path. A star never matches an escaped character: what a server would make
 * of it is not known here, and unknown is refused. */
static bool glob(const char *pat, struct bytes s)
{
    size_t i = 0, mark = 0;
    const char *star = NULL;
    for (;;) {
        if (*pat == '*' && pat[1] == '*') {
            for (; i < s.n; i++)
                if (s.p[i] == '%')
                    return false;
            return true;
        }
        if (*pat == '*') {
            star = ++pat;
            mark = i;
            continue;
        }
        if (i == s.n && !*pat)
            return true;
        if (i < s.n && *pat && s.p[i] == (uint8_t)*pat) {
            i++;
            pat++;
            continue;
        }
        if (!star || mark >= s.n || s.p[mark] == '/' || s.p[mark] == '%')
            return false;
        i = ++mark;
        pat = star;
    }
}

/* A table has hundreds of rows: most differ in the first character. */
static bool is_word(struct bytes v, const char *word)
{
    for (size_t i = 0; i < v.n; i++)
        if (word[i] == 0 || v.p[i] != (uint8_t)word[i])
            return false;
    return word[v.n] == 0;
}

static bool matches(const struct endpoint *p, const struct call *c)
{
    if (p->exact > 0 && (p->exact != c->path.n || memcmp(p->path, c->path.p, p->exact) != 0))
        return false;
    if (p->method[0] != '*' && !is_word(c->method, p->method))
        return false;
    if (p->host && !is_word(c->host, p->host))
        return false;
    return p->exact > 0 || glob(p->path, c->path);
}

static const struct endpoint *find_endpoint(const struct call *c)
{
    for (const struct endpoint *p = c->conn->endpoints; p->method; p++)
        if (matches(p, c))
            return p;
    return NULL;
}

enum req_class connector_path_class(const struct call *c)
{
    const struct endpoint *p = find_endpoint(c);

    return p ? p->cls : CLASS_UNKNOWN;
}

enum req_class connector_classify(const struct call *c)
{
    const struct endpoint *p = find_endpoint(c);

    if (!p)
        return CLASS_UNKNOWN;
    return c->conn->raise_class ? c->conn->raise_class(c, p->cls) : p->cls;
}
