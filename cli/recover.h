/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of coffer recover: the way (recover.c), its questions (recover_ask.c), what it says
 * (recover_text.c). */
#ifndef CLI_RECOVER_H
#define CLI_RECOVER_H

#include "cli/new_token.h"
#include "cli/recipients.h"
#include "cli/session.h"

#define URI_TYPED 1100u

struct recovery {
    struct vault *v;
    struct recipients_shown shown;
    bool is_guided; /* a person is at the terminal and may be asked */
    struct recipient lost;
    bool was_here;                  /* this machine opened the vault by it */
    struct local_token lost_entry;  /* if so */
    char trusts[FINGERPRINT_TYPED]; /* "": this machine trusts the vault already */
    struct way_in in;
    char to_text[URI_TYPED]; /* the new token's URI; "": none now */
    struct token_uri uri;
    struct token_where where;
    bool makes_key;
    const char *kind; /* of the key that was asked for; NULL: as --generate says */
    bool types_words; /* the way in is paper, whose words are asked for after the new token */
    struct new_token to;
    char old_fingerprint[FINGERPRINT_TEXT];
    bool was_unlocked; /* an agent that runs */
};

/* -- recover_ask.c, recover_new.c -- */
/* Each fills its part of r from the options, or asks. stops: the person wants to do something else
 * first; nothing was changed. */
int recover_which(struct cli *c, struct recovery *r, bool *stops, struct err *e) MUST_USE;
int recover_way(struct cli *c, struct recovery *r, struct err *e) MUST_USE;
int recover_new(struct cli *c, struct recovery *r, struct err *e) MUST_USE;
/* The questions of recover_new again: the new token that was named failed. */
int recover_new_again(struct recovery *r, struct err *e) MUST_USE;
/* The words, where they are typed. */
int recover_words(struct cli *c, struct recovery *r, struct err *e) MUST_USE;
/* Where this machine has no pin of the vault a person has to bring its fingerprint. */
int recover_trust(struct cli *c, struct recovery *r, struct err *e) MUST_USE;

/* -- recover_text.c -- */
int recover_confirm(struct cli *c, const struct recovery *r, struct err *e) MUST_USE;
int recover_report(struct cli *c, struct recovery *r, struct err *e) MUST_USE;
/* Nothing else opens the vault: what is lost, and what to do. ERR_FAILED. */
int recover_nothing_left(struct cli *c, const struct recovery *r, struct err *e);
/* How a locked PIN is unlocked. */
void recover_say_unlock(struct cli *c, const struct recovery *r);

#endif
