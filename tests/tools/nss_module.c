/* SPDX-License-Identifier: Apache-2.0 */
/* A driver in front of NSS's softokn, which wants the place of its database in a non-standard field
 * of C_Initialize's arguments. This one reads it from a file beside itself, its own path with
 * '.dir' added: one line, the directory that certutil -N made. What the functions do is softokn's
 * alone. */
#include <p11-kit/pkcs11.h>

#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list);

/* As NSS has it: LibraryParameters comes before pReserved. */
struct nss_initialize_args {
    CK_C_INITIALIZE_ARGS standard; /* its pReserved stands where NSS reads LibraryParameters */
    void *reserved;
};

static CK_FUNCTION_LIST ours;
static CK_RV (*softokn_initialize)(void *args);
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* An environment variable would be the usual way, but a program may drop its environment. */
static int directory(char out[PATH_MAX])
{
    char name[PATH_MAX];
    Dl_info info;
    if (!dladdr(&ours, &info))
        return -1;
    int n = snprintf(name, sizeof(name), "%s.dir", info.dli_fname);
    if (n < 0 || (size_t)n >= sizeof(name))
        return -1;
    FILE *f = fopen(name, "re");
    if (!f)
        return -1;
    bool is_read = fgets(out, PATH_MAX, f) != NULL;
    fclose(f);
    if (!is_read)
        return -1;
    out[strcspn(out, "\n")] = 0;
    return 0;
}

static CK_RV initialize(void *args)
{
    char dir[PATH_MAX], parameters[PATH_MAX + 100];
    struct nss_initialize_args nss = {0};
    if (directory(dir))
        return CKR_ARGUMENTS_BAD;
    snprintf(parameters, sizeof(parameters),
             "configdir='sql:%s' certPrefix='' keyPrefix='' secmod='secmod.db' flags=", dir);
    if (args)
        nss.standard = *(CK_C_INITIALIZE_ARGS *)args;
    nss.standard.pReserved = parameters;
    return softokn_initialize(&nss);
}

static void load(void)
{
    CK_RV (*get)(CK_FUNCTION_LIST **) = NULL;
    CK_FUNCTION_LIST *real = NULL;
    void *lib = dlopen("libsoftokn3.so", RTLD_NOW);
    if (lib)
        *(void **)&get = dlsym(lib, "C_GetFunctionList");
    if (!get || get(&real) != CKR_OK || !real)
        return;
    ours = *real;
    softokn_initialize = real->C_Initialize;
    ours.C_Initialize = initialize;
    ours.C_GetFunctionList = C_GetFunctionList;
}

CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list)
{
    pthread_once(&once, load);
    if (!softokn_initialize)
        return CKR_GENERAL_ERROR;
    *list = &ours;
    return CKR_OK;
}
