/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of the test card.
 *
 * card --dir DIR --control SOCKET [--port N] [--serial N] [--firmware X.Y.Z] [--key
 * SLOT=ALG[,pin=P][,touch=T]]... card --selftest N [SEED] DIR is made when missing; what it holds
 * is used, keys are made where a slot is empty. ALG: rsa2048, p256, p384. P: never, once, always.
 * T: never, always, cached. Prints 'ready' when the control socket is there; ends with the process
 * that started it. */
#include "tests/card/reader.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define VPCD_PORT 35963

static struct card card;
static struct reader reader = {
    .card = &card, .port = VPCD_PORT, .fd = -1, .listener = -1, .is_in = true};

bool firmware_set(struct card *c, const char *arg)
{
    char text[16], *at = text;
    uint8_t v[3];
    if (strlen(arg) >= sizeof(text))
        return false;
    memcpy(text, arg, strlen(arg) + 1);
    for (size_t i = 0; i < 3; i++) {
        unsigned long n;
        char *dot = strchr(at, '.');
        if ((i < 2) != (dot != NULL))
            return false;
        if (dot)
            *dot = 0;
        if (!number(at, 255, &n))
            return false;
        v[i] = (uint8_t)n;
        at = dot ? dot + 1 : at;
    }
    memcpy(c->kept.firmware, v, sizeof(v));
    state_save(c);
    return true;
}

static int choose(const char *s, size_t n, const char *const *names)
{
    for (int i = 0; names[i]; i++)
        if (strlen(names[i]) == n && memcmp(names[i], s, n) == 0)
            return i;
    return -1;
}

static bool read_slot(const char *s, unsigned *slot)
{
    char name[8];
    for (size_t i = 0; i < N_SLOTS; i++) {
        *slot = slot_number(i);
        snprintf(name, sizeof(name), "%02x=", *slot);
        if (strncmp(s, name, 3) == 0)
            return true;
    }
    return false;
}

/* 9d=p256,touch=always */
static bool make_key(struct card *c, const char *s)
{
    static const char *const algs[] = {"rsa2048", "p256", "p384", NULL};
    static const uint8_t alg_of[] = {ALG_RSA2048, ALG_P256, ALG_P384};
    static const char *const pins[] = {"pin=never", "pin=once", "pin=always", NULL};
    static const char *const touches[] = {"touch=never", "touch=always", "touch=cached", NULL};
    unsigned slot;
    int alg = -1, pin = -1, touch = -1;
    if (!read_slot(s, &slot))
        return false;
    for (s += 3;; s++) {
        size_t n = strcspn(s, ",");
        int a = choose(s, n, algs), p = choose(s, n, pins), t = choose(s, n, touches);
        if (a < 0 && p < 0 && t < 0)
            return false;
        alg = a >= 0 ? a : alg;
        pin = p >= 0 ? p : pin;
        touch = t >= 0 ? t : touch;
        s += n;
        if (!*s)
            break;
    }
    if (alg < 0)
        return false;
    return c->keys[slot_index(slot)] ||
           slot_fill(c, slot, alg_of[alg], (uint8_t)(pin + 1), (uint8_t)(touch + 1));
}

static void bad(const char *what)
{
    fprintf(stderr, "card: %s\n", what);
    exit(2);
}

/* Options that say how the card is, in two passes: where it is kept, then the rest. */
static const char *options(int argc, char **argv, bool is_first)
{
    const char *control = NULL;
    unsigned long n;
    for (int i = 1; i + 1 < argc; i += 2) {
        const char *name = argv[i], *v = argv[i + 1];
        bool ok = true;
        if (strcmp(name, "--dir") == 0)
            card.dir = v;
        else if (strcmp(name, "--control") == 0)
            control = v;
        else if (strcmp(name, "--port") == 0)
            ok = number(v, 65535, &n) && (reader.port = (uint16_t)n) != 0;
        else if (strcmp(name, "--serial") == 0)
            ok = number(v, 0xffffffff, &n) && (is_first || (card.kept.serial = (uint32_t)n) != 0);
        else if (strcmp(name, "--firmware") == 0)
            ok = is_first || firmware_set(&card, v);
        else if (strcmp(name, "--key") == 0)
            ok = is_first || make_key(&card, v);
        else
            ok = false;
        if (!ok)
            bad(name);
    }
    return control;
}

int main(int argc, char **argv)
{
    unsigned long n, seed = 1;
    pid_t parent = getppid();
    if (argc >= 3 && argc <= 4 && strcmp(argv[1], "--selftest") == 0) {
        if (!number(argv[2], 100000000, &n) || (argc == 4 && !number(argv[3], 1u << 30, &seed)))
            bad("--selftest N [SEED]");
        return selftest(n, seed);
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        return 0;
    const char *control = options(argc, argv, true);
    if (argc % 2 == 0 || !card.dir || !control)
        bad("--dir DIR --control SOCKET are needed");
    if (mkdir(card.dir, 0700) != 0 && errno != EEXIST)
        bad(card.dir);
    if (!state_load(&card))
        bad("the directory's files are not this card's");
    options(argc, argv, false);
    if (!card.keys[slot_index(SLOT_ATTEST)] &&
        !slot_fill(&card, SLOT_ATTEST, ALG_RSA2048, PIN_ONCE, TOUCH_NEVER))
        bad("cannot make the attesting key");
    state_save(&card);
    for (size_t i = 0; i < CLIENTS_MAX; i++)
        reader.clients[i].fd = -1;
    if (!control_open(&reader, control))
        bad(control);
    puts("ready");
    fflush(stdout);
    reader_serve(&reader);
    unlink(control);
    return 0;
}
