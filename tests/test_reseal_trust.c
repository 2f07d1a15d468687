/* SPDX-License-Identifier: Apache-2.0 */
/* Who trusts a vault that was sealed anew: this machine, whenever it was killed; another one after
 * `trust`; and those that had it open meanwhile are told the truth. */
#include "tests/harness.h"
#include "tests/vault_steps.h"

#include "vault/commit.h"

#include <stdio.h>
#include <string.h>

static void test_other_machine(void)
{
    struct err e;
    struct world o, far;
    struct softkey to;
    struct vault *v = NULL;
    char fp[FINGERPRINT_TEXT];
    world_new(&o, "P-256", SCHEME_ECDH_P256);
    far = o;
    snprintf(far.w.state, sizeof(far.w.state), "%.480s-far", o.w.state);
    uint64_t g;
    step_fingerprint(&o, fp, &g);
    OK_CALL(vault_load(&far.w, &env_real, &v, &e), &e);
    OK_CALL(vault_trust(v, &o.key.opener, fp, &e), &e);
    vault_freep(&v);
    softkey_new(&to, "P-256", SCHEME_ECDH_P256, "new");
    OK_CALL(step_reseal(&o, &to, &e), &e);
    step_take_key(&o, &to);
    OK_CALL(vault_load(&far.w, &env_real, &v, &e), &e);
    EQ_INT(vault_open(v, &o.key.opener, &e), ERR_TRUST);
    step_fingerprint(&o, fp, &g);
    OK_CALL(vault_trust(v, &o.key.opener, fp, &e), &e);
    vault_freep(&v);
    OK_CALL(vault_load(&far.w, &env_real, &v, &e), &e);
    OK_CALL(vault_open(v, &o.key.opener, &e), &e);
    vault_free(v);
    softkey_free(&o.key);
}

static struct world *busy;
static struct softkey *busy_to;

static int busy_decap(void *ctx, enum scheme s, struct bytes ct, struct secret *z, struct err *e)
{
    const struct opener *real = ctx;
    struct world *o = busy;
    busy = NULL;
    if (o)
        OK_CALL(step_reseal(o, busy_to, e), e);
    return real->decap(real->ctx, s, ct, z, e);
}

/* Others that have the vault open meanwhile are told the truth, or open it under its new key. */
static void test_overtaken(void)
{
    struct err e;
    struct world o;
    struct softkey to, spare;
    struct vault *v = NULL, *w = NULL;
    struct record *r = NULL;
    for (int by_record = 0; by_record < 2; by_record++) {
        world_new(&o, "P-256", SCHEME_ECDH_P256);
        step_add_recipient(&o, &spare);
        OK_CALL(step_add(&o, "a", "a1", &e), &e);
        softkey_new(&to, "P-256", SCHEME_ECDH_P256, "new");
        OK_CALL(vault_load(&o.w, &env_real, &w, &e), &e);
        OK_CALL(vault_open(w, &o.key.opener, &e), &e);
        struct opener slow = spare.opener;
        slow.decap = busy_decap;
        slow.ctx = &spare.opener;
        busy = &o;
        busy_to = &to;
        OK_CALL(vault_load(&o.w, &env_real, &v, &e), &e);
        if (by_record)
            OK_CALL(vault_open_record(v, &slow, "a", &r, &e), &e);
        else
            OK_CALL(vault_open(v, &slow, &e), &e);
        EQ_INT(vault_trust_state(v), TRUST_PINNED);
        record_freep(&r);
        vault_freep(&v);
        EQ_INT(vault_lock(w, &e), ERR_FAILED);
        CHECK(strstr(e.msg, "sealed anew meanwhile") != NULL);
        vault_freep(&w);
        /* bytes that this machine never saw are still called what they are */
        char vj[WHERE_MAX + 16];
        AUTO_BUF t = BUF_INIT(1 << 20);
        step_take_key(&o, &to);
        OK_CALL(step_begin(&o, &v, &e), &e);
        vault_unlock(v);
        snprintf(vj, sizeof(vj), "%s/vault.json", o.w.vault);
        read_all(vj, &t);
        t.p[t.n - 3] ^= 1;
        write_all(vj, buf_bytes(&t));
        EQ_INT(vault_lock(v, &e), ERR_TAMPERED);
        vault_freep(&v);
        softkey_free(&spare);
        softkey_free(&o.key);
    }
}

/* Killed on either side of the commit: the pin knows both states, and of these the first that is
 * seen to go on is the only one afterwards. */
static void test_killed_at_pin(void)
{
    struct err e;
    struct world o, after;
    struct softkey to;
    struct vault *v = NULL, *w = NULL;
    char vj[WHERE_MAX + 16], pin[WHERE_MAX + 64], hex[VAULT_ID_HEX], fp[FINGERPRINT_TEXT];
    char look[FINGERPRINT_TEXT] = "";
    enum trust_state t;
    uint64_t g;
    AUTO_BUF old_vj = BUF_INIT(1 << 20), new_vj = BUF_INIT(1 << 20), both = BUF_INIT(4096);
    AUTO_BUF old_pin = BUF_INIT(4096), now = BUF_INIT(4096);
    world_new(&o, "P-256", SCHEME_ECDH_P256); /* no records: the files do not matter here */
    where_id_hex(o.id, hex);
    snprintf(vj, sizeof(vj), "%s/vault.json", o.w.vault);
    snprintf(pin, sizeof(pin), "%.400s/%s/pin.json", o.w.state, hex);
    read_all(vj, &old_vj);
    read_all(pin, &old_pin);
    OK_CALL(step_begin(&o, &v, &e), &e);
    struct sighting s_old = vault_sighting(v);
    uint8_t fp_old[FINGERPRINT_LEN], sha_old[SHA256_LEN];
    memcpy(fp_old, s_old.fingerprint, sizeof(fp_old));
    memcpy(sha_old, s_old.sha, sizeof(sha_old));
    s_old.fingerprint = fp_old;
    s_old.sha = sha_old;
    softkey_new(&to, "P-256", SCHEME_ECDH_P256, "new");
    const struct rewrap r = {.from = &o.key.opener,
                             .add = &to.recipient,
                             .prove = &to.opener,
                             .drop = o.key.recipient.rid,
                             .n_drop = 1};
    OK_CALL(vault_rewrap(v, &r, &e), &e);
    struct sighting s_new = vault_sighting(v);
    vault_unlock(v);
    read_all(vj, &new_vj);
    after = o;
    after.key = to;
    after.key.opener.ctx = &after.key;
    /* the pin as it is between announcement and commit */
    write_all(pin, buf_bytes(&old_pin));
    OK_CALL(trust_announce(&s_old, &s_new, &e), &e);
    read_all(pin, &both);
    CHECK(!bytes_eq(buf_bytes(&both), buf_bytes(&old_pin)));
    CHECK(trust_knows(&s_old) && trust_knows(&s_new));
    /* killed before the commit: the old one opens, and can be written */
    write_all(vj, buf_bytes(&old_vj));
    step_fingerprint(&o, fp, &g);
    read_all(pin, &now);
    EQ_MEM(buf_bytes(&now), buf_bytes(&both));
    OK_CALL(step_add(&o, "x", "x1", &e), &e);
    CHECK(!trust_knows(&s_new)); /* that ended it: the new one is another vault now */
    write_all(vj, buf_bytes(&new_vj));
    OK_CALL(vault_load(&o.w, &env_real, &w, &e), &e);
    EQ_INT(vault_open(w, &after.key.opener, &e), ERR_TRUST);
    vault_freep(&w);
    /* killed after it: the new one opens, which moves the pin; then the old one is refused */
    write_all(pin, buf_bytes(&both));
    OK_CALL(vault_load(&o.w, &env_real, &w, &e), &e);
    OK_CALL(vault_pin_look(w, look, &t, &e), &e);
    step_fingerprint(&after, fp, &g);
    EQ_STR(look, fp);
    vault_freep(&w);
    CHECK(!trust_knows(&s_old) && trust_knows(&s_new));
    write_all(vj, buf_bytes(&old_vj));
    OK_CALL(vault_load(&o.w, &env_real, &w, &e), &e);
    EQ_INT(vault_open(w, &o.key.opener, &e), ERR_TRUST);
    vault_freep(&w);
    /* withdrawn */
    write_all(pin, buf_bytes(&both));
    trust_withdraw(&s_old);
    now.n = 0;
    read_all(pin, &now);
    EQ_MEM(buf_bytes(&now), buf_bytes(&old_pin));
    vault_free(v);
    softkey_free(&to);
    softkey_free(&o.key);
}

int main(void)
{
    RUN(test_other_machine);
    RUN(test_overtaken);
    RUN(test_killed_at_pin);
    return harness_end();
}
