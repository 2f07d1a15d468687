/* SPDX-License-Identifier: Apache-2.0 */
/* agent/keyring*.c and vault/follow.c: what becomes of open records when others change the vault:
 * rightly, without its key, or by an older copy. */
#include "tests/fake_spawner.h"
#include "tests/harness.h"
#include "tests/keyring_scene.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void test_rotate(void)
{
    struct scene s;
    struct err e;
    scene_new(&s, 1);
    scene_add(&s, "main", "a1", "session");
    scene_add(&s, "other", "b1", "session");
    scene_opens(&s, "main", "a1");
    scene_opens(&s, "other", "b1");
    OK_CALL(step_rotate(&s.o, "main", "a2", &e), &e);
    scene_opens_at_once(&s, "other", "b1"); /* the same file: it is held on */
    EQ_INT(s.f.tokens[0].n_decaps, 2);
    EQ_INT(keyring_held(&s.f.a), 1);
    scene_opens(&s, "main", "a2");
    EQ_INT(s.f.tokens[0].n_decaps, 3);
    OK_CALL(step_drop(&s.o, "main", &e), &e); /* the index changes, the present file does not */
    scene_opens_at_once(&s, "main", "a2");
    scene_opens_at_once(&s, "other", "b1");
    EQ_INT(s.f.tokens[0].n_decaps, 3);
    scene_free(&s);
}

/* One look is for all that came in before it; what comes in after a change finds it. */
static void test_one_look_a_moment(void)
{
    struct scene s;
    struct err e;
    scene_new(&s, 1);
    scene_add(&s, "main", "a1", "session");
    scene_opens(&s, "main", "a1");
    s.f.a.moment = 1;
    OK_CALL(keyring_refresh(&s.f.a, &e), &e);
    OK_CALL(step_rotate(&s.o, "main", "a2", &e), &e);
    scene_opens_at_once(&s, "main", "a1");
    agent_moment(&s.f.a);
    scene_opens(&s, "main", "a2");
    /* what could not be read is looked at again */
    char file[WHERE_MAX + 32], kept[WHERE_MAX + 32];
    snprintf(file, sizeof(file), "%s/vault.json", s.o.w.vault);
    snprintf(kept, sizeof(kept), "%s/kept.json", s.o.w.vault);
    agent_moment(&s.f.a);
    CHECK(rename(file, kept) == 0);
    EQ_INT(keyring_refresh(&s.f.a, &e), ERR_IO);
    CHECK(rename(kept, file) == 0);
    OK_CALL(keyring_refresh(&s.f.a, &e), &e);
    /* without a loop each look is made */
    s.f.a.moment = 0;
    agent_moment(&s.f.a);
    EQ_INT(s.f.a.moment, 0);
    OK_CALL(step_drop(&s.o, "main", &e), &e);
    OK_CALL(step_rotate(&s.o, "main", "a3", &e), &e);
    scene_opens(&s, "main", "a3");
    scene_free(&s);
}

static void test_rename_and_remove(void)
{
    struct scene s;
    struct err e;
    scene_new(&s, 1);
    scene_add(&s, "main", "a1", "session");
    scene_add(&s, "other", "b1", "session");
    scene_opens(&s, "main", "a1");
    scene_opens(&s, "other", "b1");
    OK_CALL(step_rename(&s.o, "main", "second", &e), &e);
    scene_refused(&s, "main", ERR_NOT_FOUND);
    scene_opens(&s, "second", "a1");
    struct vault *v = NULL;
    OK_CALL(step_begin(&s.o, &v, &e), &e);
    OK_CALL(vault_remove(v, "other", &e), &e);
    vault_free(v);
    scene_refused(&s, "other", ERR_NOT_FOUND);
    EQ_INT(keyring_held(&s.f.a), 1);
    scene_opens_at_once(&s, "second", "a1");
    scene_free(&s);
}

static void test_rewrite(void)
{
    struct scene s;
    struct err e;
    scene_new(&s, 1);
    scene_add(&s, "main", "a1", "session");
    scene_opens(&s, "main", "a1");
    OK_CALL(step_rewrite(&s.o, "main", "transfer", &e), &e);
    struct asked x;
    scene_ask(&s, "main", "w", &x);
    fake_turn(&s.f, &x.is_done, 3000);
    EQ_STR(x.held ? held_info(x.held)->classes : "", "transfer");
    if (x.held)
        held_release(x.held);
    scene_free(&s);
}

static void test_recipient_added(void)
{
    struct scene s;
    struct softkey third;
    scene_new(&s, 1);
    scene_add(&s, "main", "a1", "session");
    scene_opens(&s, "main", "a1");
    step_add_recipient(&s.o, &third);
    scene_opens(&s, "main", "a1"); /* every file is a new one */
    EQ_INT(s.f.tokens[0].n_decaps, 2);
    scene_free(&s);
    softkey_free(&third);
}

/* The vault key changes: by this machine, whose pin knows it. */
static void test_sealed_anew(void)
{
    struct scene s;
    struct err e;
    scene_new(&s, 1);
    scene_add(&s, "main", "a1", "session");
    scene_opens(&s, "main", "a1");
    const struct rewrap r = {.from = &s.o.key.opener, .has_new_key = true};
    OK_CALL(step_rewrap(&s.o, &r, &e), &e);
    OK_CALL(keyring_refresh(&s.f.a, &e), &e);
    EQ_INT(keyring_held(&s.f.a), 0);
    scene_opens(&s, "main", "a1");
    EQ_INT(s.f.tokens[0].n_decaps, 2);
    scene_opens_at_once(&s, "main", "a1");
    EQ_INT(s.f.n_told[NOTICE_VAULT], 1);
    scene_free(&s);
}

/* Sealed anew elsewhere, and copied here: nothing goes before `trust`, and then all goes on. */
static void test_sealed_anew_elsewhere(void)
{
    struct scene s;
    struct err e;
    char fp[FINGERPRINT_TEXT];
    uint64_t generation;
    scene_new(&s, 1);
    scene_add(&s, "main", "a1", "session");
    scene_opens(&s, "main", "a1");
    struct world far = s.o;
    snprintf(far.w.state, sizeof(far.w.state), "%.480s-far", s.o.w.state);
    far.key.opener.ctx = &s.o.key;
    step_fingerprint(&s.o, fp, &generation);
    scene_trusts(&far, fp);
    const struct rewrap r = {.from = &far.key.opener, .has_new_key = true};
    OK_CALL(step_rewrap(&far, &r, &e), &e);
    scene_refused(&s, "main", ERR_TRUST);
    EQ_INT(keyring_held(&s.f.a), 0);
    unsigned n = s.f.tokens[0].n_decaps;
    scene_refused_at_once(&s, "main", ERR_TRUST); /* the token is not asked again for nothing */
    EQ_INT(keyring_refresh(&s.f.a, &e), ERR_TRUST);
    EQ_INT(s.f.tokens[0].n_decaps, n);
    step_fingerprint(&far, fp, &generation);
    scene_trusts(&s.o, fp);
    scene_opens(&s, "main", "a1");
    scene_opens_at_once(&s, "main", "a1");
    scene_free(&s);
}

/* The token that opened it is no recipient any more: another one opens it. */
static void test_recipient_dropped(void)
{
    struct scene s;
    struct err e;
    scene_new(&s, 2);
    scene_add(&s, "main", "a1", "session");
    scene_opens(&s, "main", "a1");
    EQ_INT(s.f.tokens[0].n_decaps, 1);
    const struct rewrap r = {.from = &s.spare.opener, .drop = s.o.key.recipient.rid, .n_drop = 1};
    OK_CALL(step_rewrap(&s.o, &r, &e), &e);
    scene_opens(&s, "main", "a1");
    EQ_INT(s.f.tokens[0].n_decaps, 1);
    EQ_INT(s.f.tokens[1].n_decaps, 1);
    tokens_lock(&s.f.a);
    fake_settle(&s.f);
    CHECK(fake_unlock(&s.f, 0));
    scene_opens_at_once(&s, "main", "a1"); /* the tokens are locked, what is open is open */
    keyring_lock(&s.f.a);
    scene_refused_at_once(&s, "main", ERR_PERSON);
    scene_free(&s);
}

/* Made with public keys alone, under the vault's id and with a higher generation. */
static void test_forged(void)
{
    struct scene s;
    struct err e;
    scene_new(&s, 1);
    scene_add(&s, "main", "a1", "session");
    scene_opens(&s, "main", "a1");
    struct world forged;
    scene_forge(&s, &forged);
    scene_replace_vault(&s.o, &forged);
    scene_refused(&s, "main", ERR_TRUST);
    EQ_INT(keyring_held(&s.f.a), 0);
    EQ_INT(keyring_refresh(&s.f.a, &e), ERR_TRUST);
    unsigned n = s.f.tokens[0].n_decaps;
    scene_refused_at_once(&s, "main", ERR_TRUST);
    EQ_INT(s.f.tokens[0].n_decaps, n);
    softkey_free(&forged.key);
    scene_free(&s);
}

static void edit(struct buf *text, const char *what, char to)
{
    char *at = strstr((char *)text->p, what);
    if (CHECK(at != NULL))
        at[strlen(what)] = to;
}

/* Changed by somebody who holds no key, in the line that the MAC covers. */
static void test_changed_without_a_key(void)
{
    struct scene s;
    scene_new(&s, 1);
    scene_add(&s, "main", "a1", "session");
    scene_opens(&s, "main", "a1");
    struct vault_copy good;
    scene_copy_take(&s.o, &good);
    AUTO_BUF bad = BUF_INIT(1 << 20);
    buf_add(&bad, buf_bytes(&good.text));
    buf_addc(&bad, 0);
    bad.n--;
    unsigned n = s.f.tokens[0].n_decaps;
    edit(&bad, "\"label\":\"", 'T');
    scene_copy_put(&s.o, buf_bytes(&bad));
    scene_refused_at_once(&s, "main", ERR_TRUST); /* of the same generation, with other bytes */
    EQ_INT(keyring_held(&s.f.a), 0);
    EQ_INT(s.f.tokens[0].n_decaps, n);
    edit(&bad, "\"generation\":", '9');
    scene_copy_put(&s.o, buf_bytes(&bad));
    scene_refused(&s, "main", ERR_TAMPERED);
    scene_copy_put(&s.o, buf_bytes(&good.text));
    scene_opens(&s, "main", "a1");
    buf_free(&good.text);
    scene_free(&s);
}

static void test_older(void)
{
    struct scene s;
    struct err e;
    struct vault_copy old, now;
    scene_new(&s, 1);
    scene_add(&s, "main", "a1", "session");
    scene_copy_take(&s.o, &old);
    scene_add(&s, "other", "b1", "session");
    scene_copy_take(&s.o, &now);
    scene_opens(&s, "main", "a1");
    scene_copy_put(&s.o, buf_bytes(&old.text));
    unsigned n = s.f.tokens[0].n_decaps;
    scene_refused_at_once(&s, "main", ERR_TRUST);
    scene_refused_at_once(&s, "main", ERR_TRUST);
    EQ_INT(keyring_held(&s.f.a), 0);
    EQ_INT(s.f.tokens[0].n_decaps, n); /* no token was needed to see it */
    struct record_info info;
    record_info_init(&info);
    OK_CALL(keyring_peek(&s.f.a, "main", &info, &e), &e); /* list goes on */
    record_info_free(&info);
    scene_copy_put(&s.o, buf_bytes(&now.text));
    scene_opens(&s, "main", "a1");
    /* and when the agent is locked */
    scene_copy_put(&s.o, buf_bytes(&old.text));
    keyring_lock(&s.f.a);
    n = s.f.tokens[0].n_decaps;
    scene_refused_at_once(&s, "main", ERR_TRUST);
    EQ_INT(s.f.tokens[0].n_decaps, n);
    buf_free(&old.text);
    buf_free(&now.text);
    scene_free(&s);
}

/* The same file put back, as a link to it that somebody kept: same inode, size and time. */
static void test_older_by_a_kept_link(void)
{
    struct scene s;
    struct err e;
    char file[WHERE_MAX + 32], kept[WHERE_MAX + 32];
    scene_new(&s, 1);
    scene_add(&s, "main", "a1", "session");
    scene_opens(&s, "main", "a1");
    fake_turn(&s.f, NULL, 120); /* older than what counts as just written */
    OK_CALL(keyring_refresh(&s.f.a, &e), &e);
    snprintf(file, sizeof(file), "%s/vault.json", s.o.w.vault);
    snprintf(kept, sizeof(kept), "%s/kept", s.o.w.vault);
    CHECK(link(file, kept) == 0);
    OK_CALL(step_rotate(&s.o, "main", "a2", &e), &e);
    CHECK(rename(kept, file) == 0);
    scene_refused_at_once(&s, "main", ERR_TRUST);
    scene_free(&s);
}

static void test_unreadable(void)
{
    struct scene s;
    struct err e;
    char file[WHERE_MAX + 32], aside[WHERE_MAX + 32];
    scene_new(&s, 1);
    scene_add(&s, "main", "a1", "session");
    scene_opens(&s, "main", "a1");
    unsigned n = s.f.tokens[0].n_decaps;
    snprintf(file, sizeof(file), "%s/vault.json", s.o.w.vault);
    snprintf(aside, sizeof(aside), "%s/aside", s.o.w.vault);
    CHECK(rename(file, aside) == 0);
    scene_refused_at_once(&s, "main", ERR_IO);
    scene_refused_at_once(&s, "main", ERR_IO);
    EQ_INT(s.f.n_told[NOTICE_VAULT], 1);
    scene_copy_put(&s.o, BYTES_LIT("{\"format\":1,\"vault_id\":")); /* half of a copy */
    EQ_INT(keyring_refresh(&s.f.a, &e), ERR_FORMAT);
    CHECK(rename(aside, file) == 0);
    scene_opens_at_once(&s, "main", "a1"); /* what was held is, once it can be judged */
    EQ_INT(s.f.tokens[0].n_decaps, n);
    EQ_INT(s.f.n_told[NOTICE_VAULT], 2);
    scene_free(&s);
}

/* The whole directory moved away and another copy of it put there. */
static void test_directory_replaced(void)
{
    struct scene s;
    struct err e;
    char command[3 * WHERE_MAX + 64], moved[WHERE_MAX + 8];
    scene_new(&s, 1);
    scene_add(&s, "main", "a1", "session");
    scene_opens(&s, "main", "a1");
    snprintf(moved, sizeof(moved), "%s.old", s.o.w.vault);
    CHECK(rename(s.o.w.vault, moved) == 0);
    scene_refused_at_once(&s, "main", ERR_IO);
    snprintf(command, sizeof(command), "%s", s.o.w.vault);
    CHECK(mkdir(command, 0700) == 0);
    scene_copy_vault(moved, s.o.w.vault);
    scene_opens_at_once(&s, "main", "a1");
    OK_CALL(step_rotate(&s.o, "main", "a2", &e), &e);
    scene_opens(&s, "main", "a2");
    scene_free(&s);
}

int main(void)
{
    RUN(test_rotate);
    RUN(test_one_look_a_moment);
    RUN(test_rename_and_remove);
    RUN(test_rewrite);
    RUN(test_recipient_added);
    RUN(test_sealed_anew);
    RUN(test_sealed_anew_elsewhere);
    RUN(test_recipient_dropped);
    RUN(test_forged);
    RUN(test_changed_without_a_key);
    RUN(test_older);
    RUN(test_older_by_a_kept_link);
    RUN(test_unreadable);
    RUN(test_directory_replaced);
    return harness_end();
}
