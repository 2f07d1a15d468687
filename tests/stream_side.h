/* SPDX-License-Identifier: Apache-2.0 */
/* The two ends of a stream under test: its owner, who notes what is called and does as he is told,
 * and the far end, a plain socket. */
#ifndef TESTS_STREAM_SIDE_H
#define TESTS_STREAM_SIDE_H

#include "base/stream.h"

#define IN_MAX 5000u
#define OUT_MAX (1024u * 1024u)

/* What the owner of the stream under test sees and does. */
struct side {
    struct event_base *loop;
    struct stream *s;
    int far; /* the other end */
    unsigned n_input, n_ended, n_drained;
    size_t seen;      /* bytes waiting at the last input */
    size_t pauses_at; /* that many; 0: never */
    bool takes_all, frees_on_input, frees_on_end, finishes, answers;
};

extern const struct stream_calls side_calls; /* their ctx is a struct side */

void side_begin(struct side *t, unsigned fds);
void side_finish(struct side *t);
void side_turn(struct side *t);                  /* of the loop */
void side_say(struct side *t, const char *text); /* from the far end; and a turn */
/* Everything that has come to the far end: how much, and its start. */
size_t side_hear(struct side *t, char *first, size_t cap);

#endif
