/* SPDX-License-Identifier: Apache-2.0 */
/* The floor of a listing: reads each file of a directory, hashes it, and prints its name. No
 * format, no checks. floor_read DIRECTORY */
#include <dirent.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void must(int ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "floor_read: %s\n", what);
        exit(1);
    }
}

int main(int argc, char **argv)
{
    static unsigned char text[1 << 20];
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n_files = 0;
    struct dirent *d;

    must(argc == 2, "usage: floor_read DIRECTORY");
    DIR *dir = opendir(argv[1]);
    must(dir != NULL, argv[1]);
    EVP_MD *sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    while ((d = readdir(dir)) != NULL) {
        if (d->d_name[0] == '.')
            continue;
        int fd = openat(dirfd(dir), d->d_name, O_RDONLY);
        ssize_t n = read(fd, text, sizeof(text));
        must(fd >= 0 && n > 0 && n < (ssize_t)sizeof(text), d->d_name);
        must(EVP_DigestInit_ex2(ctx, sha256, NULL) == 1 &&
                 EVP_DigestUpdate(ctx, text, (size_t)n) == 1 &&
                 EVP_DigestFinal_ex(ctx, digest, NULL) == 1,
             "SHA-256");
        close(fd);
        printf("%s %02x\n", d->d_name, digest[0]);
        n_files++;
    }
    EVP_MD_CTX_free(ctx);
    EVP_MD_free(sha256);
    closedir(dir);
    must(n_files > 0, "no files");
    return 0;
}
