/* SPDX-License-Identifier: Apache-2.0 */
/* A driver that tries what none has to: its one token's label has a letter for each attempt that
 * the system did not refuse. Nothing comes of what succeeds. Beside the module: FILE.port, to which
 * port of this machine it connects; FILE.out is what it writes.
 *
 *   u Unix socket  i TCP socket  d UDP socket  n netlink  c connected  l listens  f fork  x exec
 *   k signal to the parent  t trace  v other's memory  h $HOME/secret read  w $HOME/made written
 *   o FILE.out written  e /etc/passwd read  p /proc/self/maps  m memory written and run  r made
 *   runnable
 */
#include <p11-kit/pkcs11.h>

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list);

static CK_FUNCTION_LIST ours;
static char found[33];

static void note(char letter, bool is_done)
{
    size_t n = strlen(found);

    if (is_done && n + 1 < sizeof(found))
        found[n] = letter;
}

static bool opens(const char *dir, const char *name, int flags)
{
    char path[PATH_MAX];

    snprintf(path, sizeof(path), "%s%s", dir, name);
    int fd = open(path, flags | O_CLOEXEC, 0600);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static bool has_socket(int family, int type)
{
    int fd = socket(family, type | SOCK_CLOEXEC, 0);

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static bool connects(const char *self)
{
    const char *port = strrchr(self, '-');
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (port)
        to.sin_port = htons((uint16_t)strtoul(port + 1, NULL, 10));
    bool is_done = fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0;
    if (fd >= 0)
        close(fd);
    return is_done;
}

static bool listens(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool is_done = listen(fd >= 0 ? fd : 0, 1) == 0;

    if (fd >= 0)
        close(fd);
    return is_done;
}

static bool forks(void)
{
    long pid = syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);

    if (pid == 0)
        _exit(0);
    if (pid > 0)
        waitpid((pid_t)pid, NULL, 0);
    return pid > 0;
}

static bool is_refused(void)
{
    return errno == EPERM || errno == EACCES || errno == ENOSYS;
}

static bool executes(void)
{
    char *const argv[] = {(char[]){"none"}, NULL}, *const env[] = {NULL};

    return execve("/nowhere/none", argv, env) < 0 && !is_refused();
}

static bool reads_other(void)
{
    char byte;
    struct iovec mine = {&byte, 1}, theirs = {(void *)&found, 1};

    return process_vm_readv(getppid(), &mine, 1, &theirs, 1, 0) >= 0 || !is_refused();
}

static void pry(const char *self)
{
    const char *home = getenv("HOME");
    void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    memset(found, 0, sizeof(found));
    note('u', has_socket(AF_UNIX, SOCK_STREAM));
    note('i', has_socket(AF_INET, SOCK_STREAM));
    note('d', has_socket(AF_INET6, SOCK_DGRAM));
    note('n', has_socket(AF_NETLINK, SOCK_RAW));
    note('c', connects(self));
    note('l', listens());
    note('f', forks());
    note('x', executes());
    note('k', kill(getppid(), 0) == 0);
    note('t', ptrace(PTRACE_PEEKDATA, 1, NULL, NULL) == 0 || !is_refused());
    note('v', reads_other());
    note('h', home && opens(home, "/secret", O_RDONLY));
    note('w', home && opens(home, "/made", O_WRONLY | O_CREAT));
    note('o', opens(self, ".out", O_WRONLY | O_CREAT));
    note('e', opens("/etc/passwd", "", O_RDONLY));
    note('p', opens("/proc/self/maps", "", O_RDONLY));
    note('m', mmap(NULL, 4096, PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
                  MAP_FAILED);
    note('r', mprotect(p, 4096, PROT_READ | PROT_EXEC) == 0);
    if (!found[0])
        found[0] = '-';
}

static CK_RV initialize(void *args)
{
    Dl_info info;

    (void)args;
    if (dladdr(&ours, &info))
        pry(info.dli_fname);
    return CKR_OK;
}

static CK_RV finalize(void *reserved)
{
    (void)reserved;
    return CKR_OK;
}

static CK_RV get_info(CK_INFO *info)
{
    memset(info, 0, sizeof(*info));
    memset(info->libraryDescription, ' ', sizeof(info->libraryDescription));
    info->cryptokiVersion.major = 2;
    return CKR_OK;
}

static CK_RV get_slots(CK_BBOOL with_token, CK_SLOT_ID *slots, CK_ULONG *n)
{
    (void)with_token;
    if (slots && *n > 0)
        slots[0] = 1;
    *n = 1;
    return CKR_OK;
}

static CK_RV get_token(CK_SLOT_ID slot, CK_TOKEN_INFO *info)
{
    (void)slot;
    memset(info, 0, sizeof(*info));
    memset(info->label, ' ', sizeof(info->label));
    memcpy(info->label, found, strlen(found));
    memset(info->serialNumber, '1', sizeof(info->serialNumber));
    memset(info->manufacturerID, 'x', sizeof(info->manufacturerID));
    memset(info->model, 'x', sizeof(info->model));
    info->flags = CKF_TOKEN_INITIALIZED | CKF_USER_PIN_INITIALIZED;
    return CKR_OK;
}

CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list)
{
    ours = (CK_FUNCTION_LIST){
        .version = {2, 40},
        .C_Initialize = initialize,
        .C_Finalize = finalize,
        .C_GetInfo = get_info,
        .C_GetFunctionList = C_GetFunctionList,
        .C_GetSlotList = get_slots,
        .C_GetTokenInfo = get_token,
    };
    *list = &ours;
    return CKR_OK;
}
