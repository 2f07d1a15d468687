/* SPDX-License-Identifier: Apache-2.0 */
/* The sockets that the spawner listens on; for agent/spawner*.c. */
#ifndef AGENT_LISTEN_H
#define AGENT_LISTEN_H

#include "base/attr.h"
#include "base/err.h"

#include <stdbool.h>
#include <sys/types.h>
#include <time.h>

#define LISTEN_TEXT 64u

/* A socket's file as it was made: numbers alone are soon used again. */
struct listen_file {
    dev_t dev;
    ino_t ino;
    struct timespec made;
};
/* Whether it still lies there. */
bool listen_is_there(const char *path, const struct listen_file *f);

/* A listening Unix socket of mode `mode`, the caller's to close. A stale one of ours is replaced;
 * whatever else lies there is an error that says what to do. dir: open; dir_name: its path. */
int listen_unix(int dir, const char *dir_name, const char *name, mode_t mode, int *fd,
                struct listen_file *file, struct err *e) MUST_USE;
/* text: "127.0.0.1:PORT" or "[::1]:PORT", whose port may be 0. real: the same with the port that it
 * got. ERR_USAGE: no address of this machine alone. */
int listen_tcp(const char *text, int *fd, unsigned *port, char real[LISTEN_TEXT],
               struct err *e) MUST_USE;

#endif
