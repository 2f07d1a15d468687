/* SPDX-License-Identifier: Apache-2.0 */
/* The copies of token.object: DIR/spare/TOKEN, beside DIR/tokens/TOKEN/token.object. */
#include "pkcs11/spare.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/text.h"
#include "pkcs11/uri.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#define SPARE_DIR "spare"
#define TOKENS_DIR "tokens"
#define LOCK_FILE "lock"
#define OBJECT_FILE "token.object"
#define OBJECT_MAX 65536u
#define LOCK_MS 30000u

/* The directory that holds the configuration; false when there is none. */
static bool own_dir(const char *conf, char out[TOKEN_PATH_MAX])
{
    const char *slash = strrchr(conf, '/');
    return slash && text_copy(out, TOKEN_PATH_MAX, bytes_of(conf, (size_t)(slash - conf)));
}

static int tokens_open(int dir, int *fd, struct err *e)
{
    AUTO(fd_closep) int up = openat(dir, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (up < 0)
        return err_set(e, ERR_IO, "the token's directory cannot be opened");
    return dir_open_at(up, TOKENS_DIR, 0, fd, e);
}

/* One length says enough: the driver cuts the file to nothing and writes it in one piece. */
static bool is_whole(int tokens, const char *token, size_t want)
{
    AUTO(fd_closep) int fd = openat(tokens, token, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct stat st;
    return fd < 0 || (fstatat(fd, OBJECT_FILE, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
                      st.st_size == (off_t)want);
}

static int put_back(int tokens, const char *token, struct bytes text, struct err *e)
{
    AUTO(fd_closep) int fd = -1;
    int rc = dir_open_at(tokens, token, 0, &fd, e);
    return rc ? rc : file_replace_at(fd, OBJECT_FILE, text, e);
}

static int restore_one(int spare, int tokens, const char *token, struct err *e)
{
    AUTO_BUF text = BUF_INIT(OBJECT_MAX);
    int rc = file_read_at(spare, token, OBJECT_MAX, 0, &text, e);
    if (rc || text.n == 0 || is_whole(tokens, token, text.n))
        return rc;
    rc = put_back(tokens, token, buf_bytes(&text), e);
    if (rc) {
        err_wrap(e, "put back the token file that SoftHSM left damaged");
        err_hint(e, "nothing is lost: its copy is in the directory '" SPARE_DIR "' beside it");
    }
    return rc;
}

/* Calls one(from, to, name) for each entry that is no dot file and no lock. */
static int each(int from, int to, int (*one)(int, int, const char *, struct err *), struct err *e)
{
    int fd = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = OK;
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    struct dirent *f;
    if (!d) {
        fd_closep(&fd);
        return err_set(e, ERR_IO, "the token's directory cannot be read");
    }
    while (!rc && (f = readdir(d)))
        if (f->d_name[0] != '.' && strcmp(f->d_name, LOCK_FILE) != 0)
            rc = one(from, to, f->d_name, e);
    closedir(d);
    return rc;
}

static int restore(const struct spare *s, struct err *e)
{
    AUTO(fd_closep) int tokens = -1;
    int rc = tokens_open(s->dir, &tokens, e);
    return rc ? rc : each(s->dir, tokens, restore_one, e);
}

static void hold_signals(sigset_t *before)
{
    sigset_t ends;
    sigemptyset(&ends);
    static const int those[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};
    for (size_t i = 0; i < ARRAY_LEN(those); i++)
        sigaddset(&ends, those[i]);
    pthread_sigmask(SIG_BLOCK, &ends, before);
}

int spare_begin(const char *softhsm_conf, struct spare *s, struct err *e)
{
    char path[TOKEN_PATH_MAX];
    AUTO(fd_closep) int top = -1;
    struct spare n = SPARE_NONE;
    struct err quiet;
    *s = n;
    if (!own_dir(softhsm_conf, path) || dir_open(path, 0, &top, &quiet) ||
        dir_open_at(top, SPARE_DIR, 0, &n.dir, &quiet))
        return OK;
    /* where nothing can be written, the driver cannot damage anything either */
    if (faccessat(n.dir, ".", W_OK, AT_EACCESS) != 0) {
        close(n.dir);
        return OK;
    }
    int rc = file_lock_at(n.dir, LOCK_FILE, LOCK_MS, &n.lock, e);
    if (rc) {
        close(n.dir);
        return err_wrap(e, "wait for the token");
    }
    hold_signals(&n.before);
    *s = n;
    rc = restore(s, e);
    if (rc)
        spare_end(s);
    return rc;
}

void spare_end(struct spare *s)
{
    struct err quiet;
    if (s->dir < 0)
        return;
    /* what cannot be put back now (no space) is put back by the next that looks */
    if (restore(s, &quiet) == OK)
        quiet.code = OK;
    fd_closep(&s->lock);
    fd_closep(&s->dir);
    pthread_sigmask(SIG_SETMASK, &s->before, NULL);
}

static int keep_one(int tokens, int spare, const char *token, struct err *e)
{
    AUTO_BUF text = BUF_INIT(OBJECT_MAX);
    AUTO(fd_closep) int fd = openat(tokens, token, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return OK;
    int rc = file_read_at(fd, OBJECT_FILE, OBJECT_MAX, 0, &text, e);
    if (rc || text.n == 0)
        return rc;
    return file_replace_at(spare, token, buf_bytes(&text), e);
}

int spare_keep(const char *softhsm_conf, struct err *e)
{
    char path[TOKEN_PATH_MAX];
    AUTO(fd_closep) int top = -1;
    AUTO(fd_closep) int spare = -1;
    AUTO(fd_closep) int tokens = -1;
    if (!own_dir(softhsm_conf, path))
        return OK;
    int rc = dir_open(path, 0, &top, e);
    if (!rc && mkdirat(top, SPARE_DIR, 0700) == 0)
        rc = dir_sync(top, path, e);
    if (!rc)
        rc = dir_open_at(top, SPARE_DIR, 0, &spare, e);
    if (!rc)
        rc = dir_open_at(top, TOKENS_DIR, 0, &tokens, e);
    return rc ? rc : each(tokens, spare, keep_one, e);
}
