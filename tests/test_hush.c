/* SPDX-License-Identifier: Apache-2.0 */
/* What a TPM's driver writes on stderr: for whom it is silenced, and that stderr comes back. */
#include "pkcs11/internal.h"
#include "tests/harness.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char tpm[] = "/usr/lib/x86_64-linux-gnu/libtpm2_pkcs11.so.1.9.0";

static void only_such_a_driver_is_asked_to_be_quiet(void)
{
    unsetenv("TSS2_LOG");
    unsetenv("TPM2_PKCS11_LOG_LEVEL");
    CHECK(hush_prepare(tpm));
    EQ_STR(getenv("TSS2_LOG"), "all+NONE");
    EQ_STR(getenv("TPM2_PKCS11_LOG_LEVEL"), "0");
    CHECK(hush_prepare(tpm)); /* by what stands there now */
    CHECK(!hush_prepare("/usr/lib/softhsm/libsofthsm2.so"));
}

static void who_asks_for_its_log_gets_it(void)
{
    setenv("TSS2_LOG", "all+debug", 1);
    setenv("TPM2_PKCS11_LOG_LEVEL", "2", 1);
    CHECK(!hush_prepare(tpm));
    EQ_STR(getenv("TSS2_LOG"), "all+debug");
    EQ_STR(getenv("TPM2_PKCS11_LOG_LEVEL"), "2");
}

/* Writes on stderr as a driver does; what arrived, by its size. */
static off_t arrived(int file, bool is_noisy)
{
    struct stat st = {0};
    int saved = hush_begin(is_noisy);
    CHECK(write(STDERR_FILENO, "ERROR\n", 6) == 6);
    hush_end(saved);
    CHECK(fstat(file, &st) == 0);
    return st.st_size;
}

static void stderr_goes_nowhere_for_a_while(void)
{
    int real = dup(STDERR_FILENO);
    FILE *f = tmpfile();
    CHECK(f && real >= 0 && dup2(fileno(f), STDERR_FILENO) == STDERR_FILENO);
    off_t quiet = arrived(fileno(f), true), quiet_again = arrived(fileno(f), true);
    off_t loud = arrived(fileno(f), false);
    dup2(real, STDERR_FILENO);
    close(real);
    fclose(f);
    EQ_INT(quiet, 0);
    EQ_INT(quiet_again, 0);
    EQ_INT(loud, 6);
}

int main(void)
{
    RUN(only_such_a_driver_is_asked_to_be_quiet);
    RUN(who_asks_for_its_log_gets_it);
    RUN(stderr_goes_nowhere_for_a_while);
    return harness_end();
}
