/* SPDX-License-Identifier: Apache-2.0 */
/* The mock's script and its state file. A line that is not understood ends the process aloud: a
 * test that bends nothing would pass. */
#include "tests/mock/mock.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define RULES_MAX 64u
#define DEFAULT_PIN "correct horse 9 battery"

enum rule_on { ON_CALL, ON_ATTR, ON_Z, ON_PLAIN };

struct rule {
    enum rule_on on;
    enum count call;
    CK_ATTRIBUTE_TYPE type;
    CK_OBJECT_CLASS of; /* CK_UNAVAILABLE_INFORMATION: any */
    struct bend bend;
    unsigned long after, times, n_seen;
    char mark[16]; /* only while that file is there */
};

struct settings set;
struct state *state;
static struct rule rules[RULES_MAX];
static size_t n_rules;
static bool is_read; /* the file, or a text of mock_script: a new start counts on */
static char first_pin[256];
static unsigned long first_tries;

static const char *const count_names[] = {
#define X(name) [N_##name] = #name,
    CALLS(X) NOTES(X)
#undef X
};

static const struct {
    const char *name;
    CK_ATTRIBUTE_TYPE type;
} attr_names[] = {
#define A(name)                                                                                    \
    {                                                                                              \
#name, name                                                                                \
    }
    A(CKA_CLASS),     A(CKA_KEY_TYPE),        A(CKA_LABEL),     A(CKA_ID),       A(CKA_EXTRACTABLE),
    A(CKA_SENSITIVE), A(CKA_PRIVATE),         A(CKA_EC_PARAMS), A(CKA_EC_POINT), A(CKA_MODULUS),
    A(CKA_VALUE),     A(CKA_PUBLIC_EXPONENT), A(CKA_VALUE_LEN), A(CKA_TOKEN),
    A(CKA_ALWAYS_AUTHENTICATE),
#undef A
};

static const struct {
    const char *name;
    CK_FLAGS flag;
} flag_names[] = {
    {"FINAL_TRY", CKF_USER_PIN_FINAL_TRY},
    {"COUNT_LOW", CKF_USER_PIN_COUNT_LOW},
    {"LOCKED", CKF_USER_PIN_LOCKED},
    {"TO_BE_CHANGED", CKF_USER_PIN_TO_BE_CHANGED},
    {"WRITE_PROTECTED", CKF_WRITE_PROTECTED},
    {"PROTECTED_PATH", CKF_PROTECTED_AUTHENTICATION_PATH},
    {"ALL", ~(CK_FLAGS)0},
};

const char *mock_path(const char *end)
{
    static char path[PATH_MAX];
    Dl_info info;
    if (!dladdr((void *)&state, &info) || !info.dli_fname)
        return "";
    size_t n = strlen(info.dli_fname);
    n -= n > 3 && strcmp(info.dli_fname + n - 3, ".so") == 0 ? 3 : 0;
    snprintf(path, sizeof(path), "%.*s%s", (int)n, info.dli_fname, end);
    return path;
}

static size_t hex_read(const char *text, uint8_t *out, size_t cap)
{
    size_t n = 0;
    for (; n < cap && text[2 * n] && text[2 * n + 1]; n++) {
        char two[3] = {text[2 * n], text[2 * n + 1], 0};
        out[n] = (uint8_t)strtoul(two, NULL, 16);
    }
    return n;
}

static bool option(const char *word, const char *name, unsigned long *out)
{
    size_t n = strlen(name);
    if (strncmp(word, name, n) != 0 || word[n] != '=')
        return false;
    *out = strtoul(word + n + 1, NULL, 0);
    return true;
}

static bool rule_word(struct rule *r, const char *word)
{
    unsigned long n = 0;
    if (option(word, "times", &r->times) || option(word, "after", &r->after))
        return true;
    if (option(word, "rv", &r->bend.rv)) {
        r->bend.how = BEND_RV;
    } else if (option(word, "len", &r->bend.n)) {
        r->bend.how = BEND_LEN;
    } else if (option(word, "sleep", &n)) {
        r->bend.ms = (unsigned)n;
    } else if (strncmp(word, "hex=", 4) == 0) {
        r->bend.how = BEND_HEX;
        r->bend.n = hex_read(word + 4, r->bend.hex, sizeof(r->bend.hex));
    } else if (strcmp(word, "wrong") == 0 || strcmp(word, "garbage") == 0) {
        r->bend.how = BEND_WRONG;
    } else if (strcmp(word, "absent") == 0) {
        r->bend.how = BEND_ABSENT;
    } else if (strcmp(word, "late") == 0) {
        r->bend.is_late = true;
    } else if (strcmp(word, "hang") == 0) {
        r->bend.is_hung = true;
    } else if (strncmp(word, "while=", 6) == 0) {
        snprintf(r->mark, sizeof(r->mark), ".%s", word + 6);
    } else if (strncmp(word, "of=", 3) == 0) {
        r->of = strcmp(word + 3, "private") == 0  ? CKO_PRIVATE_KEY
                : strcmp(word + 3, "public") == 0 ? CKO_PUBLIC_KEY
                                                  : CKO_SECRET_KEY;
    } else {
        return false;
    }
    return true;
}

static bool rule_line(enum rule_on on, const char *what, char **save)
{
    struct rule r = {
        .on = on, .times = ULONG_MAX, .of = CK_UNAVAILABLE_INFORMATION, .bend.how = BEND_NONE};
    bool is_known = on == ON_Z || on == ON_PLAIN;
    for (size_t i = 0; on == ON_CALL && i < N_CALLS; i++)
        if (strcmp(what, count_names[i]) == 0)
            is_known = true, r.call = (enum count)i;
    for (size_t i = 0; on == ON_ATTR && what && i < COUNT(attr_names); i++)
        if (strcmp(what, attr_names[i].name) == 0)
            is_known = true, r.type = attr_names[i].type;
    for (char *w; is_known && (w = strtok_r(NULL, " ", save)) != NULL;)
        is_known = rule_word(&r, w);
    if (!is_known || n_rules == RULES_MAX)
        return false;
    rules[n_rules++] = r;
    return true;
}

static bool flags_line(char **save)
{
    for (char *w; (w = strtok_r(NULL, " ", save)) != NULL;) {
        CK_FLAGS f = 0;
        for (size_t i = 0; i < COUNT(flag_names); i++)
            f |= strcmp(w, flag_names[i].name) == 0 ? flag_names[i].flag : 0;
        if (!f)
            return false;
        set.flags |= f;
    }
    return true;
}

static bool set_line(const char *name)
{
    struct {
        const char *name;
        bool *at;
    } rows[] = {{"twin", &set.twin},
                {"liar", &set.liar},
                {"stuck", &set.stuck},
                {"shared", &set.shared},
                {"no-public", &set.no_public}};
    for (size_t i = 0; name && i < COUNT(rows); i++)
        if (strcmp(name, rows[i].name) == 0)
            return *rows[i].at = true;
    return false;
}

static bool field_line(const char *word, const char *hex)
{
    struct {
        const char *name;
        struct field *at;
    } rows[] = {{"label", &set.label},
                {"serial", &set.serial},
                {"manufacturer", &set.manufacturer},
                {"model", &set.model},
                {"description", &set.description}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (strcmp(word, rows[i].name) != 0)
            continue;
        memset(rows[i].at->v, ' ', sizeof(rows[i].at->v));
        hex_read(hex ? hex : "", rows[i].at->v, sizeof(rows[i].at->v));
        return rows[i].at->is_set = true;
    }
    return false;
}

static bool slots_line(const char *how)
{
    if (!how)
        return false;
    set.slots_mode = strcmp(how, "grow") == 0     ? SLOTS_GROW
                     : strcmp(how, "shrink") == 0 ? SLOTS_SHRINK
                                                  : SLOTS_FIXED;
    set.n_slots = set.slots_mode == SLOTS_FIXED ? strtoul(how, NULL, 0) : 3;
    return true;
}

static bool number_line(const char *text, CK_ULONG *out)
{
    *out = text ? strtoul(text, NULL, 0) : 0;
    return text != NULL;
}

static bool line_read(char *line)
{
    char *save = NULL, *w = strtok_r(line, " ", &save);
    if (!w || w[0] == '#')
        return true;
    if (strncmp(w, "C_", 2) == 0)
        return rule_line(ON_CALL, w, &save);
    if (strcmp(w, "attr") == 0)
        return rule_line(ON_ATTR, strtok_r(NULL, " ", &save), &save);
    if (strcmp(w, "z") == 0 || strcmp(w, "plain") == 0)
        return rule_line(w[0] == 'z' ? ON_Z : ON_PLAIN, w, &save);
    if (strcmp(w, "flags") == 0)
        return flags_line(&save);
    if (strcmp(w, "pin") == 0)
        return snprintf(first_pin, sizeof(first_pin), "%s", save) > 0;
    char *v = strtok_r(NULL, " ", &save);
    if (strcmp(w, "set") == 0)
        return set_line(v);
    if (strcmp(w, "slots") == 0)
        return slots_line(v);
    if (strcmp(w, "objects") == 0)
        return number_line(v, &set.n_objects);
    if (strcmp(w, "sessions") == 0)
        return number_line(v, &set.n_sessions);
    if (strcmp(w, "tries") == 0)
        return number_line(v, &first_tries);
    return field_line(w, v);
}

static bool script_take(const char *text)
{
    char *copy = strdup(text), *save = NULL;
    bool is_good = copy != NULL;
    set = (struct settings){.n_slots = 1, .n_sessions = 16};
    n_rules = 0;
    first_tries = 8;
    snprintf(first_pin, sizeof(first_pin), "%s", DEFAULT_PIN);
    for (char *l = strtok_r(copy, "\n", &save); l && is_good; l = strtok_r(NULL, "\n", &save))
        is_good = line_read(l);
    free(copy);
    keys_forget();
    return is_good;
}

bool mock_script(const char *text)
{
    is_read = true;
    bool is_good = script_take(text);
    state_open();
    return is_good;
}

void script_read(void)
{
    static char text[8192];
    if (is_read)
        return;
    is_read = true;
    FILE *f = fopen(mock_path(".conf"), "re");
    size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;
    if (f)
        fclose(f);
    text[n] = 0;
    if (!script_take(text)) {
        fprintf(stderr, "mock: a line of %s is not understood\n", mock_path(".conf"));
        abort();
    }
}

void mock_reset(void)
{
    for (size_t i = 0; i < N_COUNTS; i++) {
        snprintf(state->count[i].name, sizeof(state->count[i].name), "%s", count_names[i]);
        state->count[i].n = 0;
    }
    memcpy(state->pin, first_pin, sizeof(state->pin));
    memset(state->made, 0, sizeof(state->made));
    state->pin_max = KEEP(pin_left) = first_tries;
    keys_forget();
}

/* A shared mapping, so that what a process that is killed has done is known too. */
void state_open(void)
{
    if (state)
        return;
    int fd = open(mock_path(".state"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    off_t before = fd >= 0 ? lseek(fd, 0, SEEK_END) : 0;
    void *p = MAP_FAILED;
    if (fd >= 0 && (before == sizeof(*state) || ftruncate(fd, sizeof(*state)) == 0))
        p = mmap(NULL, sizeof(*state), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED) {
        fprintf(stderr, "mock: no state in %s\n", mock_path(".state"));
        abort();
    }
    close(fd);
    state = p;
    if (before != sizeof(*state))
        mock_reset();
}

unsigned long mock_count(const char *name)
{
    for (size_t i = 0; state && i < N_COUNTS; i++)
        if (strcmp(name, count_names[i]) == 0)
            return state->count[i].n;
    return 0;
}

static bool rule_hits(struct rule *r)
{
    if (r->mark[0] && access(mock_path(r->mark), F_OK) != 0)
        return false;
    unsigned long n = r->n_seen++;
    return n >= r->after && n - r->after < r->times;
}

static struct bend bend_by(enum rule_on on, enum count call, CK_ATTRIBUTE_TYPE type,
                           CK_OBJECT_CLASS of)
{
    struct bend out = {.how = BEND_NONE};
    for (size_t i = 0; i < n_rules; i++) {
        struct rule *r = &rules[i];
        bool is_it = r->on == on && (on != ON_CALL || r->call == call) &&
                     (on != ON_ATTR ||
                      (r->type == type && (r->of == CK_UNAVAILABLE_INFORMATION || r->of == of)));
        if (is_it && rule_hits(r) && out.how == BEND_NONE)
            out = r->bend;
    }
    return out;
}

struct bend bend_call(enum count call)
{
    return bend_by(ON_CALL, call, 0, 0);
}

struct bend bend_attr(CK_ATTRIBUTE_TYPE type, CK_OBJECT_CLASS of)
{
    return bend_by(ON_ATTR, N_C_Initialize, type, of);
}

struct bend bend_value(bool is_z)
{
    return bend_by(is_z ? ON_Z : ON_PLAIN, N_C_Initialize, 0, 0);
}
