/* SPDX-License-Identifier: Apache-2.0 */
/* What a record says of itself, all of it in clear and authenticated once the record is opened. */
#ifndef VAULT_RECORD_H
#define VAULT_RECORD_H

#include "base/attr.h"
#include "base/buf.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/field.h"
#include "vault/where.h"

#define NAME_MAX_LEN 64u
#define REC_ID_LEN 16u
#define RISKS_MAX 8u
#define RECORD_HOSTS_MAX 16u

enum custody { CUSTODY_SEALED, CUSTODY_INSIDE, CUSTODY_BORN };
const char *custody_name(enum custody c);

struct risk {
    char problem[64];
    char reason[256];
    uint64_t date_ms;
};

struct record_info {
    char name[NAME_MAX_LEN + 1];
    uint8_t rec_id[REC_ID_LEN];
    uint64_t version;
    uint8_t vault_id[VAULT_ID_LEN];
    char connector[33];
    char environment[9]; /* "live", "test", "demo" */
    char region[17];     /* empty: the exchange has one key space */
    enum custody custody;
    enum key_type key;
    char classes[160];               /* opened beyond the default, comma-separated; empty: none */
    char key_mask[33];               /* masked API key, for listings */
    uint64_t created_ms, rotated_ms; /* rotated 0: never */
    bool release, unverified;
    struct risk risks[RISKS_MAX];
    size_t n_risks;
    char hosts[RECORD_HOSTS_MAX][128]; /* narrows the connector's hosts; none: all of them */
    size_t n_hosts;
    char egress[128], connect_to[160], unseal[16];
    struct buf ca;     /* PEM text; owned */
    struct buf policy; /* JSON object text; owned; empty: none */
};

void record_info_init(struct record_info *r);
void record_info_free(struct record_info *r);
int record_info_copy(struct record_info *to, const struct record_info *from,
                     struct err *e) MUST_USE;
/* NAME: [A-Za-z0-9][A-Za-z0-9_-]{0,63}. ERR_USAGE that says what is wrong. */
bool record_name_ok(struct bytes name) MUST_USE;
int record_check_name(const char *name, struct err *e) MUST_USE;

#endif
