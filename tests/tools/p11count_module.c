/* SPDX-License-Identifier: Apache-2.0 */
/* A PKCS#11 module that passes every call on to SoftHSM and writes one line for each login and each
 * private-key operation: 'C_Login', 'C_DeriveKey', 'C_Decrypt', 'C_Sign', 'C_UnwrapKey'.
 * The lines go to $P11COUNT_FILE if that is set when the module is loaded, else to a file beside
 * the module, its own path with '.log' added: a program that drops its environment still finds it.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <p11-kit/pkcs11.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR list);

static const char *const modules[] = {
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib64/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
};

static CK_FUNCTION_LIST counted, *real;
static char log_path[PATH_MAX];

__attribute__((constructor)) static void start(void)
{
    const char *path = getenv("P11COUNT_FILE");
    Dl_info info;
    if (path)
        snprintf(log_path, sizeof(log_path), "%s", path);
    else if (dladdr(&counted, &info))
        snprintf(log_path, sizeof(log_path), "%s.log", info.dli_fname);
}

static void count(const char *call)
{
    char line[32];
    int n = snprintf(line, sizeof(line), "%s\n", call);
    int fd = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, line, (size_t)n) != n) {
        fprintf(stderr, "p11count: %s cannot be written\n", log_path);
        abort();
    }
    close(fd);
}

static CK_RV count_login(CK_SESSION_HANDLE s, CK_USER_TYPE who, CK_BYTE *pin, CK_ULONG n)
{
    count("C_Login");
    return real->C_Login(s, who, pin, n);
}

static CK_RV count_derive(CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_OBJECT_HANDLE key,
                          CK_ATTRIBUTE *t, CK_ULONG n, CK_OBJECT_HANDLE *out)
{
    count("C_DeriveKey");
    return real->C_DeriveKey(s, m, key, t, n, out);
}

static CK_RV count_unwrap(CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_OBJECT_HANDLE key, CK_BYTE *in,
                          CK_ULONG in_n, CK_ATTRIBUTE *t, CK_ULONG n, CK_OBJECT_HANDLE *out)
{
    count("C_UnwrapKey");
    return real->C_UnwrapKey(s, m, key, in, in_n, t, n, out);
}

/* Asking for the length alone is no operation. */
static CK_RV count_decrypt(CK_SESSION_HANDLE s, CK_BYTE *in, CK_ULONG in_n, CK_BYTE *out,
                           CK_ULONG *n)
{
    if (out)
        count("C_Decrypt");
    return real->C_Decrypt(s, in, in_n, out, n);
}

static CK_RV count_sign(CK_SESSION_HANDLE s, CK_BYTE *in, CK_ULONG in_n, CK_BYTE *out, CK_ULONG *n)
{
    if (out)
        count("C_Sign");
    return real->C_Sign(s, in, in_n, out, n);
}

static CK_RV self(CK_FUNCTION_LIST_PTR_PTR list)
{
    *list = &counted;
    return CKR_OK;
}

CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR list)
{
    void *so = NULL;
    for (size_t i = 0; !so && i < sizeof(modules) / sizeof(modules[0]); i++)
        so = dlopen(modules[i], RTLD_NOW | RTLD_LOCAL);
    CK_RV (*get)(CK_FUNCTION_LIST_PTR_PTR) = NULL;
    void *sym = so ? dlsym(so, "C_GetFunctionList") : NULL;
    if (!sym)
        return CKR_GENERAL_ERROR;
    memcpy(&get, &sym, sizeof(get)); /* POSIX's way round the missing cast */
    CK_RV rv = get(&real);
    if (rv != CKR_OK)
        return rv;
    counted = *real;
    counted.C_GetFunctionList = self;
    counted.C_Login = count_login;
    counted.C_DeriveKey = count_derive;
    counted.C_UnwrapKey = count_unwrap;
    counted.C_Decrypt = count_decrypt;
    counted.C_Sign = count_sign;
    return self(list);
}
