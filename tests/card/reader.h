/* SPDX-License-Identifier: Apache-2.0 */
/* What carries the card: the TCP connection to vpcd's reader (its end is the card being pulled) and
 * the control socket of the test. One thread: a touch is waited for with the control socket open.
 */
#ifndef TESTS_CARD_READER_H
#define TESTS_CARD_READER_H

#include "tests/card/card.h"

#define CLIENTS_MAX 8u
#define LINE_LEN 128u
#define FRAME_MAX 65537u

struct client {
    int fd; /* -1: free */
    char line[LINE_LEN];
    size_t n;
};

struct reader {
    struct card *card;
    uint16_t port;
    int fd, listener; /* -1: none */
    bool is_in, stops;
    struct client clients[CLIENTS_MAX];
    uint8_t frame[FRAME_MAX];
    size_t n;
};

/* False: the socket cannot be made. */
bool control_open(struct reader *r, const char *path);
void control_accept(struct reader *r);
void control_read(struct reader *r, struct client *cl);

void reader_eject(struct reader *r);
/* Serves until 'quit'. */
void reader_serve(struct reader *r);

/* selftest.c: 0 when the card came through n random commands. */
int selftest(unsigned long n, unsigned long seed);
/* main.c: "5.4.3", each part below 256. */
bool firmware_set(struct card *c, const char *arg);
/* control.c: digits only, at most max. */
bool number(const char *s, unsigned long max, unsigned long *out);

#endif
