/* SPDX-License-Identifier: Apache-2.0 */
/* A command's connection as net/frames*.c see it: net/frames.c its life and what is asked,
 * net/frames_reply.c what it is answered. */
#ifndef NET_FRAMES_PARTS_H
#define NET_FRAMES_PARTS_H

#include "net/frames.h"
#include "net/work.h"

#define ASKS_MAX 16u /* under way, of one connection */
#define IN_STEP 65536u
#define OUT_STEP (256u * 1024)

struct ask {
    struct frames *frames;
    struct job *job;
    uint32_t id; /* the command's */
    unsigned status;
    size_t n_headers, names[WIRE_HEADERS_MAX], values[WIRE_HEADERS_MAX]; /* lengths, in head */
    struct buf head, body;
};

struct frames {
    struct frames *next;
    struct gate *gate;
    struct stream *stream;
    struct event *idle; /* while nothing is asked */
    uint32_t uid, pid;
    struct buf in, out;
    size_t n_given; /* of out */
    struct ask *asks[ASKS_MAX];
    unsigned n_asks;
    bool is_over, is_taking;
};

/* Its job is gone. */
void frames_let_go(struct ask *a);
/* From anywhere: nothing is freed under a caller. */
void frames_give_up(struct frames *f);
/* Begins what is whole and has room. */
void frames_take(struct frames *f);
/* Hands on what waits for the command to read. */
void frames_feed(struct frames *f);
void frames_refuse(struct frames *f, uint32_t id, unsigned status, const struct err *why);
extern const struct job_calls frames_job_calls;

#endif
