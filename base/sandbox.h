/* SPDX-License-Identifier: Apache-2.0 */
/* What a process can no longer do once it has begun: files and ports by landlock, system calls by
 * seccomp. The profile is each program's own table (net/, agent/, helper/); how it is applied, and
 * what every program needs, is here. Linked only where libseccomp is. */
#ifndef BASE_SANDBOX_H
#define BASE_SANDBOX_H

#include "base/attr.h"
#include "base/err.h"

#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>

enum { SANDBOX_READ = 1, SANDBOX_WRITE = 2, SANDBOX_EXECUTE = 4 };

/* Where libraries are, and where the dynamic loader looks for them: for a table of paths. */
#define SANDBOX_LIBRARIES                                                                          \
    "/usr", "/lib", "/lib64", "/nix/store", "/gnu/store", "/etc/ld.so.cache", "/etc/ld.so.conf",   \
        "/etc/ld.so.conf.d", "/etc/alternatives"

struct sandbox_path {
    const char *path; /* what is below it too; NULL, or a path that is not there, is skipped */
    unsigned access;  /* of SANDBOX_*; writing: making, changing and removing files and folders,
                       * and a device's requests */
};

struct sandbox_files {
    const struct sandbox_path *paths;
    size_t n_paths;
    const unsigned *ports; /* of TCP, to connect to */
    size_t n_ports;
};

/* Signals and abstract sockets: none outside, as far as the kernel can. A kernel without landlock
 * is no error. *abi: NULL, or gets landlock's version, 0: none; under 4 it has no rules for ports.
 * After process_harden. */
int sandbox_landlock(const struct sandbox_files *f, long *abi, struct err *e) MUST_USE;

#define SANDBOX_IS(n, v)                                                                           \
    {                                                                                              \
        (n), SCMP_CMP_EQ, (scmp_datum_t)(v), 0                                                     \
    }
#define SANDBOX_HAS(n, mask, v)                                                                    \
    {                                                                                              \
        (n), SCMP_CMP_MASKED_EQ, (mask), (v)                                                       \
    }
#define SANDBOX_SOCKET_TYPE 0xfu /* of socket(2)'s second argument, without its flags */
/* Rules for a sandbox_calls.rules: files are opened to be read only; threads are started. */
#define SANDBOX_NO_WRITE (O_ACCMODE | O_CREAT | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY))
#define SANDBOX_OPEN_TO_READ                                                                       \
    {"open", SANDBOX_HAS(1, SANDBOX_NO_WRITE, O_RDONLY)},                                          \
    {                                                                                              \
        "openat", SANDBOX_HAS(2, SANDBOX_NO_WRITE, O_RDONLY)                                       \
    }
#define SANDBOX_THREADS                                                                            \
    {                                                                                              \
        "clone", SANDBOX_HAS(0, CLONE_THREAD, CLONE_THREAD)                                        \
    }

struct sandbox_rule {
    const char *name;
    struct scmp_arg_cmp arg;
};
struct sandbox_calls {
    const char *const *allowed;       /* lines of names with blanks between, ends with NULL */
    const char *const *denied;        /* EPERM: those that a kernel never lacks; may be NULL */
    const struct sandbox_rule *rules; /* allowed with this argument; ends with name NULL; or NULL */
    int (*more)(scmp_filter_ctx c);   /* whatever needs several arguments; or NULL */
};
/* Besides these, always: memory that is not both written and run, descriptors one has, waiting,
 * time, who one is, signals to oneself, the end; programs, processes, signals to others and their
 * memory are denied. All else is answered as by a kernel that lacks it, so that libraries fall
 * back; another architecture's calls kill. Not under sanitizers. Before threads start. A call may
 * be named twice, but not be both allowed and denied. */
int sandbox_seccomp(const struct sandbox_calls *calls, struct err *e) MUST_USE;
/* For `more`: 0, also for a call that this architecture does not have, or -errno. */
int sandbox_call(scmp_filter_ctx c, uint32_t action, const char *name, unsigned n,
                 const struct scmp_arg_cmp *args) MUST_USE;
/* For `more`: a line of names, with one action. */
int sandbox_line(scmp_filter_ctx c, uint32_t action, const char *line) MUST_USE;

#endif
