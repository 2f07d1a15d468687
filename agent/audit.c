/* SPDX-License-Identifier: Apache-2.0 */
/* The file of the audit log: opened once, noticed when somebody moved it away, and written in one
 * piece a turn. What a line says is audit_text.c's; nothing here renames or removes it. */
#include "agent/audit.h"

#include "agent/audit_text.h"
#include "base/file.h"
#include "base/wipe.h"
#include "vault/trust.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOG "audit.log"
#define WAITING_MAX (8u * 1024 * 1024) /* of one turn */
#define KEPT_MAX (256u * 1024)         /* room that is kept for the next turn */
#define LOOK_MS 1000u                  /* how often the name is looked up again */

struct audit {
    const struct env *env;
    int dir, fd;
    dev_t dev;
    ino_t ino;
    uint64_t looked_ms;
    bool is_torn;     /* the last line in the file has no end */
    struct buf lines; /* of this turn */
    size_t n_lines;
    size_t n_lost; /* that were not written since it fails */
    struct err failure;
    struct audit_clock clock;
};

static int check_file(const struct stat *st, struct err *e)
{
    if (!S_ISREG(st->st_mode) || st->st_nlink > 1)
        return err_set(e, ERR_IO, "'" LOG "' is not a plain file with one name");
    if (st->st_uid != geteuid())
        return err_set(e, ERR_IO, "'" LOG "' belongs to user %u", (unsigned)st->st_uid);
    if (st->st_mode & 077) {
        err_set(e, ERR_IO, "'" LOG "' is open to others (mode %04o)", st->st_mode & 07777u);
        return err_hint(e, "chmod 0600 on it, below the state directory");
    }
    return OK;
}

/* A line that an earlier run, or a full disk, left without its end. */
static int look_at_end(struct audit *u, const struct stat *st, struct err *e)
{
    char last = '\n';

    if (st->st_size > 0 && pread(u->fd, &last, 1, st->st_size - 1) != 1)
        return err_sys(e, errno ? errno : EIO, "read '" LOG "'");
    u->is_torn = last != '\n';
    return OK;
}

static int open_file(struct audit *u, struct err *e)
{
    struct stat st;

    fd_closep(&u->fd);
    u->fd = openat(u->dir, LOG, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
                   0600);
    if (u->fd < 0)
        return err_sys(e, errno, "open '" LOG "'");
    int rc = fstat(u->fd, &st) ? err_sys(e, errno, "look at '" LOG "'") : check_file(&st, e);
    if (!rc)
        rc = look_at_end(u, &st, e);
    if (rc) {
        fd_closep(&u->fd);
        return rc;
    }
    u->dev = st.st_dev;
    u->ino = st.st_ino;
    u->looked_ms = ticks_ms();
    return OK;
}

/* Whoever rotates logs renames or removes the file under us. */
static bool is_moved(struct audit *u)
{
    uint64_t now = ticks_ms();
    struct stat st;

    if (now - u->looked_ms < LOOK_MS)
        return false;
    u->looked_ms = now;
    return fstatat(u->dir, LOG, &st, AT_SYMLINK_NOFOLLOW) || st.st_dev != u->dev ||
           st.st_ino != u->ino;
}

int audit_open(struct agent *a, struct err *e)
{
    struct audit *u = wipe_malloc(sizeof(*u));

    if (!u)
        return err_set(e, ERR_MEMORY, "out of memory");
    *u = (struct audit){.env = a->env,
                        .dir = -1,
                        .fd = -1,
                        .lines = BUF_INIT(WAITING_MAX),
                        .failure = {.code = OK}};
    int rc = state_dir(&a->where, a->vault_id, true, &u->dir, e);
    if (!rc)
        rc = open_file(u, e);
    if (rc) {
        fd_closep(&u->dir);
        wipe_free(u);
        return err_wrap(e, "the audit log below '%s'", a->where.state);
    }
    a->audit = u;
    return OK;
}

void audit_close(struct agent *a)
{
    struct audit *u = a->audit;

    if (!u)
        return;
    a->audit = NULL;
    fd_closep(&u->fd);
    fd_closep(&u->dir);
    buf_free(&u->lines);
    wipe_free(u);
}

const struct err *audit_failure(const struct agent *a)
{
    return &a->audit->failure;
}

/* What got there of a write that failed is taken away again, or else ended later: the lines of a
 * turn count together or not at all. */
static void take_back(struct audit *u, size_t n)
{
    struct stat st;

    if (n == 0)
        return;
    if (fstat(u->fd, &st) || st.st_size < (off_t)n || ftruncate(u->fd, st.st_size - (off_t)n))
        u->is_torn = true;
}

static int write_lines(struct audit *u, struct bytes v, struct err *e)
{
    size_t n = 0;
    int err_no = 0;

    if ((u->fd < 0 || is_moved(u)) && open_file(u, e))
        return e->code;
    if (u->is_torn && write(u->fd, "\n", 1) != 1)
        return err_sys(e, errno, "write '" LOG "'");
    u->is_torn = false;
    while (n < v.n && !err_no) {
        ssize_t got = write(u->fd, v.p + n, v.n - n);
        if (got > 0)
            n += (size_t)got;
        else if (got == 0 || errno != EINTR)
            err_no = got < 0 ? errno : ENOSPC;
    }
    if (!err_no)
        return OK;
    take_back(u, n);
    return err_sys(e, err_no, "write '" LOG "'");
}

static int fail(struct audit *u, struct err *e)
{
    err_wrap(e, "the audit log cannot be written, so nothing is signed");
    err_hint(e, "it is below the state directory (XDG_STATE_HOME): is there room, and may it be "
                "written?");
    e->code = ERR_IO;
    u->failure = *e;
    fd_closep(&u->fd); /* whatever it was, the next try starts from the name */
    return e->code;
}

static const char *now_text(struct audit *u)
{
    struct err quiet;
    uint64_t us = 0;

    (void)!u->env->now_us(u->env, &us, &quiet);
    return audit_time(&u->clock, us);
}

/* While it fails, each decision tries anew with a line that says how many are missing. */
static int resume(struct audit *u, struct err *e)
{
    AUTO_BUF line = BUF_INIT(256);

    buf_addf(&line, "{\"time\":\"%s\",\"op\":\"log\",\"outcome\":\"resumed\",\"lost\":%zu}\n",
             now_text(u), u->n_lost);
    if (buf_check(&line, "the audit line", e) || write_lines(u, buf_bytes(&line), e))
        return fail(u, e);
    u->failure.code = OK;
    u->n_lost = 0;
    return OK;
}

int audit_add(struct agent *a, const struct audit_line *l, struct err *e)
{
    struct audit *u = a->audit;
    size_t before = u->lines.n;

    if (u->failure.code != OK && resume(u, e)) {
        u->n_lost++;
        return e->code;
    }
    audit_text(l, now_text(u), &u->lines);
    if (u->lines.failed) {
        int rc = buf_check(&u->lines, "the audit log's lines", e);
        u->lines.failed = OK;
        buf_cut(&u->lines, before);
        return rc;
    }
    u->n_lines++;
    return OK;
}

int audit_commit(struct agent *a, struct err *e)
{
    struct audit *u = a->audit;
    int rc = OK;

    if (u->lines.n == 0)
        return OK;
    if (write_lines(u, buf_bytes(&u->lines), e)) {
        rc = fail(u, e);
        u->n_lost += u->n_lines;
    }
    if (u->lines.cap > KEPT_MAX)
        buf_free(&u->lines);
    else
        buf_reset(&u->lines);
    u->n_lines = 0;
    return rc;
}
