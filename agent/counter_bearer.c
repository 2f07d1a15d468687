/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of counter_bearer.h. What a bearer is, and whose, is bearers.c's. */
#include "agent/counter_bearer.h"

#include "agent/bearers.h"
#include "agent/keyring.h"
#include "base/text.h"
#include "connectors/connector.h"

#define LINES_A_SECOND 10u /* of the log, for those who are not let in */

/* In whichever header one of the exchanges has its key: which of them the record is for need not be
 * known here. */
static bool is_key_header(struct bytes name)
{
    for (const struct connector *const *k = connectors; *k; k++)
        for (const char *const *h = (*k)->auth_headers; *h; h++)
            if (text_eq_nocase(name, bytes_str(*h)))
                return true;
    return false;
}

struct shown {
    struct bytes bearer; /* empty: none */
    bool is_wrong;       /* of another name, or two that differ */
};

static struct shown find_bearer(const struct wire_ask *ask)
{
    struct shown s = {.bearer = ask->bearer};
    struct bytes name, bearer;

    for (uint32_t i = 0; i < ask->n_headers; i++) {
        const struct wire_header *h = &ask->headers[i];
        if (!bearer_from_key(h->value, &name, &bearer) || !is_key_header(h->name))
            continue;
        if (!bytes_eq(name, ask->record) || (s.bearer.n > 0 && !bytes_eq(s.bearer, bearer)))
            s.is_wrong = true;
        s.bearer = bearer;
    }
    return s;
}

static int not_let_in(const char *record, struct err *e)
{
    err_set(e, ERR_POLICY, "the request shows no bearer that is good for '%s'", record);
    return err_hint(e,
                    "it goes into the path, /NAME~BEARER/https://..., or is the API key, "
                    "coffer_NAME_BEARER; 'coffer bearer %s add CLIENT' makes one",
                    record);
}

static int check(struct agent *a, struct bytes bearer, const char *record, struct asker *who,
                 struct err *e)
{
    uint8_t rec_id[REC_ID_LEN], hash[32];

    /* who guesses makes nobody read a file */
    if (!bearers_is_known(a, bearer, hash))
        return not_let_in(record, e);
    if (keyring_rec_id(a, record, rec_id, e))
        return e->code == ERR_NOT_FOUND ? not_let_in(record, e) : e->code;
    if (bearers_check_hash(a, hash, rec_id, who->client, e))
        return e->code == ERR_POLICY ? not_let_in(record, e) : e->code;
    /* The header may be forged: whether the record is this one is seen again when it is open. */
    who->is_bound = true;
    memcpy(who->rec_id, rec_id, REC_ID_LEN);
    return OK;
}

static void log_it(struct agent *a, struct knocks *k, const struct asker *who, const char *record)
{
    static const struct gist none;
    struct err quiet;
    struct audit_line l = {
        .who = who, .record = record, .op = "request", .gist = &none, .outcome = "bearer"};

    uint64_t second = ticks_ms() / 1000;

    if (second != k->second)
        *k = (struct knocks){.second = second};
    if (k->n++ < LINES_A_SECOND)
        (void)!audit_add(a, &l, &quiet);
}

int bearer_let_in(struct agent *a, const struct wire_ask *ask, char record[NAME_MAX_LEN + 1],
                  struct asker *who, struct knocks *k, struct err *e)
{
    struct shown s = find_bearer(ask);

    if (!record_name_ok(ask->record) || !text_copy(record, NAME_MAX_LEN + 1, ask->record)) {
        err_set(e, ERR_NOT_FOUND, "the path names no record");
        return err_hint(e, "it begins with /NAME/https://, and 'coffer list' shows the names");
    }
    if (!ask->is_tcp && s.bearer.n == 0 && !s.is_wrong)
        return OK;
    int rc =
        s.is_wrong || s.bearer.n == 0 ? not_let_in(record, e) : check(a, s.bearer, record, who, e);
    if (rc == ERR_POLICY)
        log_it(a, k, who, record);
    return rc;
}
