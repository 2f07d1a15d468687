/* SPDX-License-Identifier: Apache-2.0 */
/* An embedded token whose file SoftHSM left empty, cut or removed opens again; a changed PIN is
 * what comes back; many processes log in at once. */
#include "pkcs11/spare.h"
#include "tests/token_fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char object_path[600];

/* The one token.object below DIR/tokens. */
static void find_object(const char *dir)
{
    char path[320];
    snprintf(path, sizeof(path), "%s/tokens", dir);
    DIR *d = opendir(path);
    for (struct dirent *f; d && (f = readdir(d));)
        if (f->d_name[0] != '.')
            snprintf(object_path, sizeof(object_path), "%s/%.200s/token.object", path, f->d_name);
    closedir(d);
}

static int opens(const struct secret *with)
{
    struct token *t = NULL;
    struct err e;
    int rc = token_open(&lab, &t, &e);
    if (!rc)
        rc = token_login(t, with, false, &e);
    token_close(t);
    return rc;
}

static void damaged_is_put_back(void)
{
    struct stat whole, now;
    EQ_INT(stat(object_path, &whole), 0);
    EQ_INT(truncate(object_path, 0), 0);
    EQ_INT(opens(&pin), OK);
    EQ_INT(truncate(object_path, 100), 0);
    EQ_INT(opens(&pin), OK);
    EQ_INT(unlink(object_path), 0);
    EQ_INT(opens(&pin), OK);
    EQ_INT(stat(object_path, &now), 0);
    EQ_INT(now.st_size, whole.st_size);
}

/* Without the copies a token is taken as it is: this test would notice a guard that does
 * nothing. */
static void without_copies_it_is_gone(void)
{
    char cmd[3][400];
    struct token_where w;
    struct token *t = NULL;
    struct err e;
    char keep[sizeof(object_path)];
    memcpy(keep, object_path, sizeof(keep));
    OK_CALL(softhsm_create(sub_dir("bare"), "bare", &pin, &env_real, &w, &e), &e);
    snprintf(cmd[0], sizeof(cmd[0]), "%s/spare", sub_dir("bare"));
    snprintf(cmd[1], sizeof(cmd[1]), "%s/moved", sub_dir("bare"));
    EQ_INT(rename(cmd[0], cmd[1]), 0);
    find_object(sub_dir("bare"));
    EQ_INT(truncate(object_path, 0), 0);
    EQ_INT(token_open(&w, &t, &e), ERR_NOT_FOUND);
    EQ_INT(rename(cmd[1], cmd[0]), 0);
    OK_CALL(token_open(&w, &t, &e), &e);
    token_close(t);
    memcpy(object_path, keep, sizeof(keep));
}

static void changed_pin_is_kept(void)
{
    struct secret next = secret_str("another PIN 77");
    struct token *t = NULL;
    struct err e;
    OK_CALL(token_open(&lab, &t, &e), &e);
    OK_CALL(token_set_pin(t, &pin, &next, &e), &e);
    token_close(t);
    EQ_INT(truncate(object_path, 0), 0);
    EQ_INT(opens(&pin), ERR_PIN);
    EQ_INT(opens(&next), OK);
    secret_free(&pin);
    pin = next;
}

static void many_at_once(void)
{
    enum { KIDS = 8, EACH = 12 };
    for (int k = 0; k < KIDS; k++)
        if (fork() == 0) {
            /* the arena is not inherited */
            struct err e;
            int rc = secret_arena_open(&e);
            struct secret mine = {0};
            if (!rc)
                rc = secret_copy(&mine, BYTES_LIT("another PIN 77"), &e);
            for (int i = 0; i < EACH && !rc; i++)
                rc = opens(&mine);
            _exit(rc ? 1 : 0);
        }
    for (int k = 0; k < KIDS; k++) {
        int status = 1;
        wait(&status);
        EQ_INT(status, 0);
    }
}

int main(void)
{
    char module[TOKEN_PATH_MAX];
    struct err e;
    if (softhsm_module(module, &e)) {
        RUN(no_softhsm);
        return harness_end();
    }
    pin = secret_str("correct horse 9");
    OK_CALL(softhsm_create(sub_dir("lab"), "lab", &pin, &env_real, &lab, &e), &e);
    find_object(sub_dir("lab"));
    RUN(damaged_is_put_back);
    RUN(without_copies_it_is_gone);
    RUN(changed_pin_is_kept);
    RUN(many_at_once);
    return harness_end();
}
