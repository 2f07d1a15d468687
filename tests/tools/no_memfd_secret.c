/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a command with the system call memfd_secret refused (ENOSYS), as on a kernel without it. */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_memfd_secret
#define SYS_memfd_secret 447 /* the same number on every architecture that has it */
#endif

/* A system call of another architecture cannot be told apart by its number alone; nothing here
 * makes one, so all of them pass. */
static int refuse(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_memfd_secret, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog prog = {sizeof(code) / sizeof(code[0]), code};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog);
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--probe") == 0) {
        int fd = (int)syscall(SYS_memfd_secret, 0);
        puts(fd >= 0 ? "memfd_secret is given" : "memfd_secret is not given");
        return fd >= 0 ? 0 : 1;
    }
    if (argc < 2) {
        fputs("usage: no_memfd_secret --probe | COMMAND [ARGUMENT...]\n", stderr);
        return 2;
    }
    if (refuse()) {
        printf("not run: no seccomp filter can be set: %s\n", strerror(errno));
        return 77;
    }
    execvp(argv[1], argv + 1);
    fprintf(stderr, "no_memfd_secret: %s: %s\n", argv[1], strerror(errno));
    return 127;
}
