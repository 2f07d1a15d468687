/* SPDX-License-Identifier: Apache-2.0 */
/* Bringing a new credential in, trying it, and getting rid of the file that it came from. What is
 * made of the result is the commands' own. */
#include "cli/candidate.h"

#include "base/ask.h"
#include "base/file.h"
#include "cli/fields.h"
#include "cli/page.h"
#include "connectors/credential.h"
#include "connectors/guide.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <unistd.h>

void candidate_init(struct candidate *d)
{
    memset(d, 0, sizeof(*d));
    record_info_init(&d->info);
}

static void drop(struct candidate *d)
{
    fields_free(d->typed);
    fields_free(d->fields);
    record_free(d->draft);
    d->draft = NULL;
    memset(&d->source, 0, sizeof(d->source));
    memset(&d->checkup, 0, sizeof(d->checkup));
}

void candidate_close(struct candidate *d)
{
    drop(d);
    record_info_free(&d->info);
}

bool candidate_is_typed(const struct cli *c)
{
    return !c->args->given[OPT_FROM_JSON] && !c->args->given[OPT_FROM_FD] && ask_possible();
}

/* A link would be removed and its target left, a pipe cannot be wiped. */
int candidate_check(const struct cli *c, struct err *e)
{
    const struct args *a = c->args;
    const char *path = a->value[OPT_FROM_JSON];
    struct stat st;

    if (!a->given[OPT_REMOVE_SOURCE])
        return fields_check(c, e);
    if (!a->given[OPT_FROM_JSON] || strcmp(path, "-") == 0)
        return err_set(e, ERR_USAGE, "--remove-source needs --from-json FILE");
    if (fields_check(c, e))
        return e->code;
    if (lstat(path, &st))
        return err_sys(e, errno, "look at '%s'", path);
    if (!S_ISREG(st.st_mode)) {
        err_set(e, ERR_USAGE, "'%s' is not a regular file, so it cannot be wiped", path);
        return err_hint(e, "give the file itself, or leave --remove-source away");
    }
    if (access(path, W_OK)) {
        err_set(e, ERR_USAGE, "'%s' cannot be written, so it cannot be wiped", path);
        return err_hint(e, "chmod u+w that file, or leave --remove-source away");
    }
    return OK;
}

/* The boxes themselves, without what is said of each: "'Enable Reading', 'Enable Futures'". */
static void join_boxes(const char *const *list, char *out, size_t cap)
{
    size_t n = 0;

    out[0] = 0;
    for (; list && *list && n < cap; list++) {
        size_t len = strcspn(*list, ":");
        while (len > 0 && ((*list)[len - 1] == '.' || (*list)[len - 1] == ' '))
            len--;
        n += (size_t)snprintf(out + n, cap - n, "%s%.*s", n ? "; " : "", (int)len, *list);
    }
}

/* Up to its first stop. */
static void first_sentence(const char *text, char *out, size_t cap)
{
    const char *end = strstr(text, ". ");

    snprintf(out, cap, "%.*s", end ? (int)(end - text) : (int)strlen(text), text);
}

void candidate_show_guide(struct cli *c, const struct candidate *d)
{
    const struct guide *g = d->k->checks ? d->k->checks->guide : NULL;
    struct out *o = &c->out;
    char text[400];

    if (!g || o->is_quiet || c->args->given[OPT_FROM_JSON] || c->args->given[OPT_FROM_FD])
        return;
    out_note(o, "%s", "");
    if (g->where)
        page_line(o, false, "make it at ", g->where);
    join_boxes(g->tick, text, sizeof(text));
    page_line(o, false, "tick       ", text);
    join_boxes(g->never, text, sizeof(text));
    page_line(o, false, "never      ", text);
    if (g->ip)
        first_sentence(g->ip, text, sizeof(text));
    if (g->ip)
        page_line(o, false, "IP list    ", text);
    out_note(o, "Step by step: coffer guide %s", d->k->name);
    out_note(o, "%s", "");
}

static bool is_same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* Looked at before and after, so that what is wiped later is what was read. */
static int read_fields(struct cli *c, struct candidate *d, struct err *e)
{
    const char *path = c->args->value[OPT_FROM_JSON];
    struct stat before, after;
    int rc;

    if (!c->args->given[OPT_REMOVE_SOURCE])
        return fields_read(c, d->k, d->typed, e);
    if (lstat(path, &before))
        return err_sys(e, errno, "look at '%s'", path);
    rc = fields_read(c, d->k, d->typed, e);
    if (!rc && lstat(path, &after) == 0 && is_same_file(&before, &after))
        d->source = before;
    return rc;
}

/* Which of many files it was. */
static int name_source(const struct cli *c, struct err *e)
{
    const char *path = c->args->value[OPT_FROM_JSON];

    if (e->code == ERR_USAGE && c->args->given[OPT_FROM_JSON] && strcmp(path, "-") != 0)
        return err_wrap(e, "'%.200s'", path);
    return e->code;
}

int candidate_read(struct cli *c, struct candidate *d, struct err *e)
{
    char mask[32];

    drop(d);
    if (read_fields(c, d, e) || credential_normalise(d->k, d->typed, d->fields, &d->info.key, e))
        return name_source(c, e);
    fields_free(d->typed);
    credential_mask(secret_bytes(&d->fields[FIELD_API_KEY]), mask);
    snprintf(d->info.key_mask, sizeof(d->info.key_mask), "%s", mask);
    return record_draft(&d->info, d->fields, &d->draft, e);
}

int candidate_try(struct cli *c, struct courier *courier, struct candidate *d, struct err *e)
{
    AUTO(errand_freep) struct errand *r = NULL;
    uint64_t now_us;

    memset(&d->checkup, 0, sizeof(d->checkup));
    r = errand_new(PURPOSE_VERIFY, record_info(d->draft), record_signer(d->draft), e);
    if (!r)
        return e->code;
    r->talk.wants_account = true;
    out_note(&c->out, "trying the key at %s ...", d->k->title);
    if (errands_run(courier, &r, 1, &c->where, c->env, NULL, NULL, e) ||
        c->env->now_us(c->env, &now_us, e))
        return e->code;
    errand_checkup(r, now_us / 1000, &d->checkup);
    return OK;
}

static int overwrite(int fd, off_t size)
{
    static const uint8_t zeros[4096];

    for (off_t at = 0; at < size;) {
        size_t n = size - at < (off_t)sizeof(zeros) ? (size_t)(size - at) : sizeof(zeros);
        ssize_t done = pwrite(fd, zeros, n, at);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return -1;
        at += done;
    }
    return fsync(fd);
}

/* NULL, or why not; errno belongs to it where it is set. */
static const char *wipe_file(int dir, const char *name, const struct stat *as_read)
{
    struct stat st, now;

    errno = 0;
    AUTO(fd_closep) int fd = openat(dir, name, O_WRONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st))
        return "it cannot be opened";
    if (!S_ISREG(st.st_mode) || !is_same_file(&st, as_read))
        return "it is not the file any more that was read";
    if (overwrite(fd, st.st_size) || ftruncate(fd, 0))
        return "it cannot be overwritten";
    /* The name may have been given to another file meanwhile. */
    if (fstatat(dir, name, &now, AT_SYMLINK_NOFOLLOW) || now.st_ino != st.st_ino ||
        now.st_dev != st.st_dev)
        return "it was overwritten, but its name belongs to another file now";
    if (unlinkat(dir, name, 0))
        return "it was overwritten, but cannot be removed";
    return fsync(dir) ? "its removal could not be synced to the disk" : NULL;
}

void candidate_remove_source(struct cli *c, const struct candidate *d)
{
    const char *path = c->args->value[OPT_FROM_JSON], *why;
    char for_dir[4096], for_name[4096];

    if (!c->args->given[OPT_REMOVE_SOURCE])
        return;
    int n = snprintf(for_dir, sizeof(for_dir), "%s", path);
    snprintf(for_name, sizeof(for_name), "%s", path);
    errno = 0;
    AUTO(fd_closep) int dir = -1;
    if (n > 0 && (size_t)n < sizeof(for_dir))
        dir = open(dirname(for_dir), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        why = "its directory cannot be opened";
    else if (d->source.st_ino == 0)
        why = "it changed while it was read";
    else
        why = wipe_file(dir, basename(for_name), &d->source);
    json_bool_member(c->out.is_json ? out_json(&c->out) : NULL, "source_removed", !why);
    if (why) {
        out_warn("'%s' is not removed: %s%s%s", path, why, errno ? ": " : "",
                 errno ? strerror(errno) : "");
        out_hint("remove it yourself: it may still hold the key");
        return;
    }
    out_note(&c->out,
             "'%s' is overwritten and removed. That reaches no copies: backups, snapshots, "
             "an editor's or a browser's own, and what an SSD keeps aside.",
             path);
}
