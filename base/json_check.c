/* SPDX-License-Identifier: Apache-2.0 */
/* json_check: the one pass over a foreign text, without recursion. What passes it may be walked
 * by json.c without another look at its form. */
#include "base/json.h"

#include "base/json_text.h"
#include "base/text.h"
#include "base/wipe.h"

#define DEPTH_MAX 64u
#define KEYS_INLINE 256u

struct key {
    uint32_t hash;
    uint32_t at; /* offset of its opening quote */
    uint32_t n;  /* with its quotes */
};

struct frame {
    bool is_object;
    unsigned n_members;
    size_t first_key; /* this object's keys are keys[first_key..n_keys) */
};

struct check {
    const uint8_t *start, *p, *end;
    const struct json_limits *lim;
    struct err *e;
    struct key *keys; /* of all open objects; here below until there are too many */
    size_t n_keys, cap_keys;
    unsigned n_frames;
    struct frame frames[DEPTH_MAX];
    struct key room[KEYS_INLINE];
};

static int malformed(struct check *c)
{
    return err_set(c->e, ERR_FORMAT, "malformed JSON at byte %zu", (size_t)(c->p - c->start));
}

static void skip_blanks(struct check *c)
{
    while (c->p < c->end && json_is_blank(*c->p))
        c->p++;
}

static uint32_t hash_more(uint32_t h, struct bytes v)
{
    for (size_t i = 0; i < v.n; i++)
        h = (h ^ v.p[i]) * 16777619u;
    return h;
}

/* p at the opening quote. hash: NULL, or gets the hash of the unescaped text. */
static int check_string(struct check *c, uint32_t *hash)
{
    uint32_t h = 2166136261u;

    c->p++;
    for (;;) {
        uint8_t out[4];
        size_t n = json_plain_run(c->p, c->end);
        if (hash)
            h = hash_more(h, bytes_of(c->p, n));
        c->p += n;
        if (c->p == c->end || *c->p < 0x20)
            return malformed(c);
        if (*c->p == '"')
            break;
        if (*c->p == '\\') {
            const uint8_t *q = c->p + 1;
            n = json_take_escape(&q, c->end, out);
            if (n == 0)
                return malformed(c);
            c->p = q;
        } else {
            n = text_utf8_step(bytes_of(c->p, (size_t)(c->end - c->p)));
            if (n == 0)
                return malformed(c);
            memcpy(out, c->p, n);
            c->p += n;
        }
        if (hash)
            h = hash_more(h, bytes_of(out, n));
    }
    c->p++;
    if (hash)
        *hash = h;
    return OK;
}

static bool take_digits(struct check *c)
{
    const uint8_t *from = c->p;

    while (c->p < c->end && *c->p >= '0' && *c->p <= '9')
        c->p++;
    return c->p > from;
}

static int check_number(struct check *c)
{
    if (*c->p == '-')
        c->p++;
    if (c->p < c->end && *c->p == '0')
        c->p++;
    else if (!take_digits(c))
        return malformed(c);
    if (c->p < c->end && *c->p == '.') {
        c->p++;
        if (!take_digits(c))
            return malformed(c);
    }
    if (c->p < c->end && (*c->p | 0x20) == 'e') {
        c->p++;
        if (c->p < c->end && (*c->p == '+' || *c->p == '-'))
            c->p++;
        if (!take_digits(c))
            return malformed(c);
    }
    return OK;
}

static int check_word(struct check *c, const char *word)
{
    if (!text_starts(bytes_of(c->p, (size_t)(c->end - c->p)), word))
        return malformed(c);
    c->p += strlen(word);
    return OK;
}

static int grow_keys(struct check *c)
{
    size_t cap = c->cap_keys * 2;
    struct key *keys = wipe_malloc(cap * sizeof(*keys));

    if (!keys)
        return err_set(c->e, ERR_MEMORY, "out of memory for JSON");
    memcpy(keys, c->keys, c->n_keys * sizeof(*keys));
    if (c->keys != c->room)
        wipe_free(c->keys);
    c->keys = keys;
    c->cap_keys = cap;
    return OK;
}

/* A member's name and colon: noted, and compared with the object's earlier names. */
static int check_key(struct check *c, struct frame *f)
{
    struct key k = {.at = (uint32_t)(c->p - c->start)};

    if (c->p == c->end || *c->p != '"')
        return malformed(c);
    int r = check_string(c, &k.hash);
    if (r)
        return r;
    k.n = (uint32_t)((size_t)(c->p - c->start) - k.at);
    for (size_t i = f->first_key; i < c->n_keys; i++) {
        const struct key *o = &c->keys[i];
        if (o->hash == k.hash &&
            json_same_text(json_inside(c->start + o->at, o->n), json_inside(c->start + k.at, k.n)))
            return err_set(c->e, ERR_FORMAT, "JSON member given twice at byte %u", k.at);
    }
    if (c->n_keys == c->cap_keys) {
        r = grow_keys(c);
        if (r)
            return r;
    }
    c->keys[c->n_keys++] = k;
    skip_blanks(c);
    if (c->p == c->end || *c->p != ':')
        return malformed(c);
    c->p++;
    skip_blanks(c);
    return OK;
}

/* p is where a member or element of the innermost container starts. */
static int enter_member(struct check *c)
{
    struct frame *f = &c->frames[c->n_frames - 1];

    if (!f->is_object)
        return OK;
    if (f->n_members++ == c->lim->max_members)
        return err_set(c->e, ERR_LIMIT, "a JSON object has more than %u members",
                       c->lim->max_members);
    return check_key(c, f);
}

static bool closes(const struct check *c)
{
    uint8_t want = c->frames[c->n_frames - 1].is_object ? '}' : ']';
    return c->p < c->end && *c->p == want;
}

static void leave(struct check *c)
{
    c->p++;
    c->n_keys = c->frames[--c->n_frames].first_key;
}

/* *opened: a container with something in it was entered, and p is at its first value. */
static int check_value(struct check *c, bool *opened)
{
    unsigned max_depth = c->lim->max_depth < DEPTH_MAX ? c->lim->max_depth : DEPTH_MAX;

    *opened = false;
    if (c->n_frames >= max_depth)
        return err_set(c->e, ERR_LIMIT, "JSON is nested deeper than %u levels", max_depth);
    if (c->p == c->end)
        return malformed(c);
    switch (*c->p) {
    case '"':
        return check_string(c, NULL);
    case 't':
        return check_word(c, "true");
    case 'f':
        return check_word(c, "false");
    case 'n':
        return check_word(c, "null");
    case '{':
    case '[':
        c->frames[c->n_frames++] = (struct frame){*c->p == '{', 0, c->n_keys};
        c->p++;
        skip_blanks(c);
        if (closes(c)) {
            leave(c);
            return OK;
        }
        *opened = true;
        return enter_member(c);
    default:
        return check_number(c);
    }
}

/* Behind a value: closes what it ends, or goes on to the next member. */
static int check_after(struct check *c)
{
    for (;;) {
        skip_blanks(c);
        if (c->n_frames == 0)
            return c->p == c->end ? OK : malformed(c);
        if (!closes(c))
            break;
        leave(c);
    }
    if (c->p == c->end || *c->p != ',')
        return malformed(c);
    c->p++;
    skip_blanks(c);
    return enter_member(c);
}

static int check_all(struct check *c)
{
    int r;
    bool opened;

    skip_blanks(c);
    do {
        r = check_value(c, &opened);
        if (!r && !opened)
            r = check_after(c);
    } while (!r && c->n_frames > 0);
    return r;
}

int json_check(struct bytes text, const struct json_limits *lim, struct json *root, struct err *e)
{
    struct check c;

    if (text.n > lim->max_bytes || text.n > UINT32_MAX)
        return err_set(e, ERR_LIMIT, "JSON is over %zu bytes", lim->max_bytes);
    if (text.n == 0)
        return err_set(e, ERR_FORMAT, "malformed JSON at byte 0");
    c.start = c.p = text.p;
    c.end = text.p + text.n;
    c.lim = lim;
    c.e = e;
    c.keys = c.room;
    c.cap_keys = KEYS_INLINE;
    c.n_keys = 0;
    c.n_frames = 0;
    int r = check_all(&c);
    if (c.keys != c.room)
        wipe_free(c.keys);
    if (r)
        return r;
    while (json_is_blank(*text.p))
        text.p++, text.n--;
    while (json_is_blank(text.p[text.n - 1]))
        text.n--;
    *root = (struct json){text.p, text.n, json_type_of(text.p[0])};
    return OK;
}
