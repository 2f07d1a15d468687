/* SPDX-License-Identifier: Apache-2.0 */
/* The vault in the agent: followed while others change it, judged by the key that is held. */
#include "agent/keyring.h"

#include "agent/keyring_inside.h"
#include "agent/notice.h"
#include "base/secret.h"
#include "base/wipe.h"

#include <event2/event.h>

static void on_expiry(evutil_socket_t fd, short what, void *ctx)
{
    (void)fd, (void)what;
    held_expire(ctx);
}

int keyring_new(struct agent *a, struct err *e)
{
    struct keyring *k = wipe_malloc(sizeof(*k));
    if (!k)
        return err_set(e, ERR_MEMORY, "no memory for the keyring");
    *k = (struct keyring){.agent = a};
    k->expiry = event_new(a->loop, -1, 0, on_expiry, k);
    int rc = k->expiry ? vault_load(&a->where, a->env, &k->vault, e)
                       : err_set(e, ERR_MEMORY, "no memory for the keyring");
    if (rc) {
        if (k->expiry)
            event_free(k->expiry);
        wipe_free(k);
        return rc;
    }
    memcpy(a->vault_id, vault_id(k->vault), VAULT_ID_LEN);
    a->keyring = k;
    return OK;
}

void keyring_free(struct agent *a)
{
    struct keyring *k = a->keyring;
    if (!k)
        return;
    openings_end(k, NULL);
    held_wipe_all(k);
    event_free(k->expiry);
    vault_free(k->vault);
    wipe_free(k);
    a->keyring = NULL;
}

struct vault *keyring_vault(struct agent *a)
{
    return a->keyring->vault;
}

bool keyring_is_proven(const struct agent *a)
{
    return vault_is_open(a->keyring->vault);
}

bool keyring_is_doubted(const struct agent *a)
{
    return a->keyring->is_doubted && !keyring_is_proven(a);
}

size_t keyring_held(const struct agent *a)
{
    return a->keyring->n_kept;
}

void keyring_settle(struct keyring *k)
{
    if (vault_is_open(k->vault))
        k->is_doubted = false;
    else
        held_drop_all(k);
}

void keyring_refuse(struct keyring *k, const struct err *e)
{
    k->is_refused = true;
    k->refused = *e;
    (void)vault_pin_moved(k->vault); /* from here on it is watched */
    held_drop_all(k);
    notice(k->agent, NOTICE_VAULT, "", "nothing is signed: %s", e->msg);
}

static int unreadable(struct keyring *k, const struct err *e)
{
    if (!k->is_unreadable)
        notice(k->agent, NOTICE_VAULT, "", "nothing is signed: %s", e->msg);
    k->is_unreadable = true;
    return e->code;
}

/* Another vault key: only a token's operation can tell whether it is still ours. */
static void another_key(struct keyring *k, const struct err *e)
{
    k->is_doubted = k->is_doubted || e->code == ERR_TAMPERED;
    held_drop_all(k);
    notice(k->agent, NOTICE_VAULT, "", "every key is opened anew: %s", e->msg);
}

int keyring_follow(struct keyring *k, struct err *e)
{
    bool changed = false;
    uint64_t moment = k->agent->moment;
    if (moment && k->looked == moment)
        return OK;
    int rc = vault_follow(k->vault, &changed, e);
    if (rc && !changed) {
        if (rc == ERR_NOT_FOUND) /* the vault, not a key: it is no fault of who asks */
            e->code = ERR_IO;
        return unreadable(k, e);
    }
    if (k->is_unreadable)
        notice(k->agent, NOTICE_VAULT, "", "the vault can be read again");
    k->is_unreadable = false;
    k->looked = moment;
    if (!changed)
        return OK;
    k->is_refused = false;
    if (rc == ERR_TRUST)
        keyring_refuse(k, e);
    else if (rc)
        another_key(k, e);
    else if (vault_is_open(k->vault))
        held_drop_changed(k);
    return OK;
}

int keyring_refresh(struct agent *a, struct err *e)
{
    struct keyring *k = a->keyring;
    int rc = keyring_follow(k, e);
    if (rc)
        return rc;
    if (k->is_refused && vault_pin_moved(k->vault))
        k->is_refused = false;
    if (!k->is_refused)
        return OK;
    *e = k->refused;
    return e->code;
}

int keyring_peek(struct agent *a, const char *name, struct record_info *out, struct err *e)
{
    struct keyring *k = a->keyring;
    int rc = keyring_follow(k, e);
    if (rc)
        return rc;
    const struct held *h = held_look(k, name);
    if (h)
        return record_info_copy(out, held_info(h), e);
    rc = vault_peek(k->vault, name, out, e);
    keyring_settle(k);
    return rc;
}

int keyring_rec_id(struct agent *a, const char *name, uint8_t rec_id[REC_ID_LEN], struct err *e)
{
    struct record_info info;
    int rc = keyring_follow(a->keyring, e);
    if (rc)
        return rc;
    const struct held *h = held_look(a->keyring, name);
    if (h) {
        memcpy(rec_id, held_info(h)->rec_id, REC_ID_LEN);
        return OK;
    }
    record_info_init(&info);
    rc = keyring_peek(a, name, &info, e);
    if (!rc)
        memcpy(rec_id, info.rec_id, REC_ID_LEN);
    record_info_free(&info);
    return rc;
}

void keyring_view(struct agent *a, const char *name, struct keyring_view *out)
{
    struct keyring *k = a->keyring;
    struct record_info info;
    struct err quiet;
    const struct held *h = held_look(k, name);
    *out = (struct keyring_view){.is_held = h != NULL};
    if (h) {
        out->left_ms = h->until_ms == UINT64_MAX ? UINT64_MAX : h->until_ms - ticks_ms();
        out->unseal = unseal_of(held_info(h)->unseal);
        return;
    }
    record_info_init(&info);
    out->unseal.kind = UNSEAL_EACH_USE;
    if (vault_peek(k->vault, name, &info, &quiet) == OK)
        out->unseal = unseal_of(info.unseal);
    keyring_settle(k);
    record_info_free(&info);
}

bool keyring_is_held(const struct agent *a, const char *name)
{
    return held_look(a->keyring, name) != NULL;
}

void keyring_lock(struct agent *a)
{
    struct keyring *k = a->keyring;
    struct err why;
    held_wipe_all(k);
    vault_forget_key(k->vault);
    err_set(&why, ERR_PERSON, "the agent was locked");
    err_hint(&why, "run 'coffer unlock'");
    openings_end(k, &why);
}

bool keyring_make_room(struct agent *a, size_t cap)
{
    while (!secret_room(cap))
        if (!a->keyring || !held_drop_oldest(a->keyring))
            return false;
    return true;
}
