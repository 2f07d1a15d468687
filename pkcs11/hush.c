/* SPDX-License-Identifier: Apache-2.0 */
/* Drivers of TPMs, which write on stderr what they do not find, also where that is expected: asked
 * to be quiet by the environment, and not heard while the expected happens. Whoever asks for a
 * higher level of their log hears all. */
#include "pkcs11/internal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static const char level_name[] = "TPM2_PKCS11_LOG_LEVEL";

/* Two at a time would leave stderr where it was put for a moment. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

bool hush_prepare(const char *path)
{
    const char *level = getenv(level_name);
    bool is_wished_for = level && strcmp(level, "0") != 0;
    setenv("TSS2_LOG", "all+NONE", 0);
    setenv(level_name, "0", 0);
    return !is_wished_for && strstr(path, "tpm2_pkcs11");
}

int hush_begin(bool is_noisy)
{
    if (!is_noisy)
        return -1;
    pthread_mutex_lock(&lock);
    int saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    int nowhere = saved < 0 ? -1 : open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (nowhere >= 0 && dup2(nowhere, STDERR_FILENO) >= 0) {
        close(nowhere);
        return saved;
    }
    if (nowhere >= 0)
        close(nowhere);
    if (saved >= 0)
        close(saved);
    pthread_mutex_unlock(&lock);
    return -1;
}

void hush_end(int saved)
{
    if (saved < 0)
        return;
    dup2(saved, STDERR_FILENO);
    close(saved);
    pthread_mutex_unlock(&lock);
}
