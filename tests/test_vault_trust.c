/* SPDX-License-Identifier: Apache-2.0 */
/* Which state of a vault a machine accepts: not one that is forged, rolled back or forked, and what
 * an unpinned machine may do. */
#include "tests/harness.h"
#include "tests/vault_world.h"

#include "vault/commit.h"

#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

static void test_rollback_and_fork(void)
{
    struct err e;
    struct world o;
    world_new(&o, "P-256", SCHEME_ECDH_P256);
    char vj[WHERE_MAX + 16], old[WHERE_MAX + 16], other[WHERE_MAX + 16];
    struct record *r = NULL;
    struct vault *v = NULL;
    snprintf(vj, sizeof(vj), "%s/vault.json", o.w.vault);
    snprintf(old, sizeof(old), "%s/../old", o.w.vault);
    snprintf(other, sizeof(other), "%s/../other", o.w.vault);
    OK_CALL(world_add(&o, "a", &e), &e);
    copy_file(vj, old);
    OK_CALL(world_add(&o, "b", &e), &e);
    copy_file(vj, other);
    copy_file(old, vj); /* an older generation */
    EQ_INT(world_open(&o, "a", &r, &e), ERR_TRUST);
    EQ_INT(world_add(&o, "x", &e), ERR_TRUST);
    EQ_INT(err_exit(e.code), 3);
    /* the same generation with other bytes: made by a machine that did not see ours */
    char state[WHERE_MAX];
    memcpy(state, o.w.state, sizeof(state));
    snprintf(o.w.state, sizeof(o.w.state), "%.400s-2", state);
    OK_CALL(vault_load(&o.w, &env_real, &v, &e), &e);
    OK_CALL(vault_open(v, &o.key.opener, &e), &e);
    EQ_INT(vault_trust_state(v), TRUST_NO_PIN);
    char fp[FINGERPRINT_TEXT];
    OK_CALL(vault_fingerprint(v, fp, &e), &e);
    EQ_INT(vault_trust(v, &o.key.opener, "0000", &e), ERR_TRUST);
    OK_CALL(vault_trust(v, &o.key.opener, fp, &e), &e);
    vault_freep(&v);
    OK_CALL(world_add(&o, "c", &e), &e);
    memcpy(o.w.state, state, sizeof(state));
    EQ_INT(world_open(&o, "a", &r, &e), ERR_TRUST);
    CHECK(strstr(e.msg, "forked") != NULL);
    copy_file(other, vj); /* our own again */
    world_signs(&o, "a");
    softkey_free(&o.key);
}

static void test_unpinned(void)
{
    struct err e;
    struct world o;
    world_new(&o, "P-256", SCHEME_ECDH_P256);
    OK_CALL(world_add(&o, "a", &e), &e);
    strcat(o.w.state, "-elsewhere"); /* another machine */
    world_signs(&o, "a");
    EQ_INT(world_add(&o, "b", &e), ERR_TRUST);
    EQ_INT(err_exit(e.code), 3);
    softkey_free(&o.key);
}

/* A vault made with the same id by somebody who has public keys only. */
static void test_forged(void)
{
    struct err e;
    struct world o, forged;
    world_new(&o, "P-256", SCHEME_ECDH_P256);
    forged = o;
    struct vault *v = NULL;
    struct record *r = NULL;
    OK_CALL(world_add(&o, "a", &e), &e);
    snprintf(forged.w.vault, sizeof(forged.w.vault), "%.480s-forged", o.w.vault);
    snprintf(forged.w.state, sizeof(forged.w.state), "%.480s-forger", o.w.state);
    OK_CALL(vault_create(&forged.w, o.id, &o.key.recipient, &o.key.opener, &env_real, &v, &e), &e);
    vault_freep(&v);
    OK_CALL(world_add(&forged, "a", &e), &e);
    memcpy(forged.w.state, o.w.state, sizeof(o.w.state)); /* seen by the victim's machine */
    EQ_INT(world_open(&forged, "a", &r, &e), ERR_TRUST);
    EQ_INT(world_add(&forged, "b", &e), ERR_TRUST);
    CHECK(strstr(e.msg, "fingerprint") != NULL);
    softkey_free(&o.key);
}

/* The bytes are those that were opened, but the pin has gone on. */
static void test_old_state_under_lock(void)
{
    struct err e;
    struct world o;
    struct vault *v = NULL;
    char vj[WHERE_MAX + 16];
    AUTO_BUF old = BUF_INIT(1 << 20);
    world_new(&o, "P-256", SCHEME_ECDH_P256);
    snprintf(vj, sizeof(vj), "%s/vault.json", o.w.vault);
    OK_CALL(vault_load(&o.w, &env_real, &v, &e), &e);
    OK_CALL(vault_open(v, &o.key.opener, &e), &e);
    read_all(vj, &old);
    OK_CALL(world_add(&o, "a", &e), &e);
    write_all(vj, buf_bytes(&old));
    EQ_INT(vault_lock(v, &e), ERR_TRUST);
    EQ_INT(commit_allowed(v, &e), ERR_FAILED);
    vault_free(v);
    softkey_free(&o.key);
}

/* A reader that is overtaken while it moves the pin does not move it back. */
static void test_pin_overtaken(void)
{
    struct err e;
    struct world o;
    enum trust_state t;
    int dir = -1, status = 1;
    uint8_t fp[FINGERPRINT_LEN] = {1}, sha[SHA256_LEN] = {2};
    char pin[WHERE_MAX + 64], hex[VAULT_ID_HEX];
    AUTO_BUF eight = BUF_INIT(4096);
    AUTO_BUF now = BUF_INIT(4096);
    world_new(&o, "P-256", SCHEME_ECDH_P256);
    where_id_hex(o.id, hex);
    snprintf(pin, sizeof(pin), "%.400s/%s/pin.json", o.w.state, hex);
    struct sighting s = {&o.w, o.id, fp, 8, sha};
    OK_CALL(trust_set(&s, &e), &e);
    read_all(pin, &eight);
    s.generation = 6;
    OK_CALL(trust_set(&s, &e), &e);
    s.generation = 7;
    OK_CALL(state_dir(&o.w, o.id, false, &dir, &e), &e);
    EQ_INT(flock(dir, LOCK_EX), 0);
    pid_t kid = fork();
    if (kid == 0) {
        close(dir); /* a lock goes with its last copy */
        _exit(trust_check(&s, &t, &e) == ERR_TRUST ? 0 : 1);
    }
    usleep(100000);
    write_all(pin, buf_bytes(&eight));
    close(dir);
    waitpid(kid, &status, 0);
    EQ_INT(status, 0);
    read_all(pin, &now);
    EQ_MEM(buf_bytes(&now), buf_bytes(&eight));
    softkey_free(&o.key);
}

/* Without a key: the pinned fingerprint, and a vault older than the pin is told from a newer. */
static void test_pin_look(void)
{
    struct err e;
    struct world o;
    world_new(&o, "P-256", SCHEME_ECDH_P256);
    char vj[WHERE_MAX + 16], fp[FINGERPRINT_TEXT] = "", want[FINGERPRINT_TEXT];
    enum trust_state state = TRUST_NOT_CHECKED;
    struct vault *v = NULL;
    AUTO_BUF first = BUF_INIT(1 << 20);
    snprintf(vj, sizeof(vj), "%s/vault.json", o.w.vault);
    read_all(vj, &first);
    OK_CALL(vault_load(&o.w, &env_real, &v, &e), &e);
    OK_CALL(vault_open(v, &o.key.opener, &e), &e);
    OK_CALL(vault_fingerprint(v, want, &e), &e);
    vault_freep(&v);
    OK_CALL(vault_load(&o.w, &env_real, &v, &e), &e);
    OK_CALL(vault_pin_look(v, fp, &state, &e), &e);
    EQ_INT(state, TRUST_PINNED);
    EQ_STR(fp, want);
    vault_freep(&v);
    OK_CALL(world_add(&o, "a", &e), &e);
    write_all(vj, buf_bytes(&first));
    OK_CALL(vault_load(&o.w, &env_real, &v, &e), &e);
    EQ_INT(vault_pin_look(v, fp, &state, &e), ERR_TRUST);
    strcat(v->where.state, "-elsewhere");
    OK_CALL(vault_pin_look(v, fp, &state, &e), &e);
    EQ_INT(state, TRUST_NO_PIN);
    vault_freep(&v);
    softkey_free(&o.key);
}

/* Changed elsewhere: without a key nobody knows whether it still is the vault that was trusted. */
static void test_look_newer(void)
{
    struct err e;
    struct world o;
    world_new(&o, "P-256", SCHEME_ECDH_P256);
    char hex[VAULT_ID_HEX], pin[WHERE_MAX + 64], old[WHERE_MAX + 64], fp[FINGERPRINT_TEXT] = "";
    enum trust_state state = TRUST_NOT_CHECKED;
    struct vault *v = NULL;
    where_id_hex(o.id, hex);
    snprintf(pin, sizeof(pin), "%s/%s/pin.json", o.w.state, hex);
    snprintf(old, sizeof(old), "%s/old-pin.json", harness_dir());
    copy_file(pin, old);
    OK_CALL(world_add(&o, "a", &e), &e);
    OK_CALL(vault_load(&o.w, &env_real, &v, &e), &e);
    OK_CALL(vault_pin_look(v, fp, &state, &e), &e);
    EQ_INT(state, TRUST_PINNED);
    copy_file(old, pin);
    OK_CALL(vault_pin_look(v, fp, &state, &e), &e);
    EQ_INT(state, TRUST_NEWER);
    EQ_INT(strlen(fp), FINGERPRINT_TEXT - 1);
    OK_CALL(vault_open(v, &o.key.opener, &e), &e);
    OK_CALL(vault_pin_look(v, fp, &state, &e), &e);
    EQ_INT(state, TRUST_PINNED);
    vault_freep(&v);
    softkey_free(&o.key);
}

int main(void)
{
    RUN(test_rollback_and_fork);
    RUN(test_unpinned);
    RUN(test_look_newer);
    RUN(test_forged);
    RUN(test_old_state_under_lock);
    RUN(test_pin_overtaken);
    RUN(test_pin_look);
    return harness_end();
}
