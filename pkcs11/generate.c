/* SPDX-License-Identifier: Apache-2.0 */
/* New sealing keys, made on the token and never able to leave it. */
#include "pkcs11/internal.h"

#include "pkcs11/advice.h"

static const CK_BBOOL yes = CK_TRUE, no = CK_FALSE;

static CK_ATTRIBUTE flag(CK_ATTRIBUTE_TYPE type, bool on)
{
    return attr_of(type, on ? &yes : &no, sizeof(CK_BBOOL));
}

static CK_ULONG rsa_bits(enum seal_key_kind kind)
{
    return kind == SEAL_KEY_RSA2048 ? 2048 : kind == SEAL_KEY_RSA3072 ? 3072 : 4096;
}

struct pair {
    CK_OBJECT_HANDLE public, private;
};

static CK_RV pair_make(struct token *t, CK_SESSION_HANDLE rw, enum seal_key_kind kind,
                       const char *label, struct bytes id, struct pair *out)
{
    static const uint8_t exponent[] = {0x01, 0x00, 0x01};
    bool is_rsa = key_kind_is_rsa(kind);
    CK_ULONG bits = rsa_bits(kind);
    CK_MECHANISM mech = {is_rsa ? CKM_RSA_PKCS_KEY_PAIR_GEN : CKM_EC_KEY_PAIR_GEN, NULL, 0};
    CK_ATTRIBUTE public[] = { /* CKA_ENCRYPT is not named: tpm2-pkcs11 fails then, and leaks */
        flag(CKA_TOKEN, true),
        attr_of(CKA_LABEL, label, strlen(label)),
        attr_of(CKA_ID, id.p, id.n),
        is_rsa ? attr_of(CKA_MODULUS_BITS, &bits, sizeof(bits))
               : attr_of(CKA_EC_PARAMS, p256_oid, sizeof(p256_oid)),
        is_rsa ? attr_of(CKA_PUBLIC_EXPONENT, exponent, sizeof(exponent)) : flag(CKA_VERIFY, false),
    };
    CK_ATTRIBUTE private[] = {
        flag(CKA_TOKEN, true),
        flag(CKA_PRIVATE, true),
        flag(CKA_SENSITIVE, true),
        flag(CKA_EXTRACTABLE, false),
        flag(is_rsa ? CKA_DECRYPT : CKA_DERIVE, true),
        attr_of(CKA_LABEL, label, strlen(label)),
        attr_of(CKA_ID, id.p, id.n),
        flag(CKA_SIGN, false), /* from here on: wished for only */
        flag(CKA_UNWRAP, false),
    };
    CK_ULONG n_public = ARRAY_LEN(public), n_private = ARRAY_LEN(private);
    watch_begin_call(&t->watch);
    CK_RV rv = t->mod->fn->C_GenerateKeyPair(rw, &mech, public, n_public, private, n_private,
                                             &out->public, &out->private);
    if (rv == CKR_ATTRIBUTE_TYPE_INVALID || rv == CKR_ATTRIBUTE_VALUE_INVALID ||
        rv == CKR_TEMPLATE_INCONSISTENT)
        rv = t->mod->fn->C_GenerateKeyPair(rw, &mech, public, n_public, private, n_private - 2,
                                          &out->public, &out->private);
    watch_end_call(&t->watch);
    return rv;
}

static void pair_destroy(struct token *t, CK_SESSION_HANDLE rw, const struct pair *p)
{
    t->mod->fn->C_DestroyObject(rw, p->public);
    t->mod->fn->C_DestroyObject(rw, p->private);
}

/* A token may take the attributes and not keep to them: look at what it made. */
static int pair_verify(struct token *t, enum seal_key_kind kind, const struct pair *p,
                       struct token_key *out, struct err *e)
{
    int r = key_read(t, p->private, true, out, e);
    if (r)
        return r;
    if (out->is_extractable)
        return err_set(e, ERR_TOKEN, "token '%s' made a key that can be read out of it",
                       t->info.label);
    if (out->kind != kind || out->spki.n == 0)
        return err_set(e, ERR_TOKEN, "token '%s' made another kind of key than asked for",
                       t->info.label);
    return OK;
}

static int id_is_free(struct token *t, struct bytes id, struct err *e)
{
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_OBJECT_HANDLE found[1];
    size_t n = 0;
    CK_ATTRIBUTE match[] = {attr_of(CKA_CLASS, &class, sizeof(class)), attr_of(CKA_ID, id.p, id.n)};
    int r = objects_find(t, match, ARRAY_LEN(match), found, ARRAY_LEN(found), &n, e);
    if (r || n == 0)
        return r;
    err_set(e, ERR_EXISTS, "token '%s' has a key of that id already", t->info.label);
    return err_hint(e, "choose another id, or use the key that is there");
}

static int generate_check(const struct token *t, enum seal_key_kind kind, const char *label,
                          struct bytes id, struct err *e)
{
    if (kind != SEAL_KEY_P256 && !key_kind_is_rsa(kind))
        return err_set(e, ERR_USAGE, "no such kind of sealing key");
    if (id.n == 0 || id.n > TOKEN_ID_MAX)
        return err_set(e, ERR_USAGE, "a key id has 1 to %u bytes", TOKEN_ID_MAX);
    if (strlen(label) >= sizeof(t->key_info.label))
        return err_set(e, ERR_USAGE, "the key's label is longer than %zu bytes",
                       sizeof(t->key_info.label) - 1);
    if (t->info.is_read_only)
        return rv_err(e, CKR_TOKEN_WRITE_PROTECTED, "generate a key on token '%s'", t->info.label);
    return OK;
}

struct generation {
    enum seal_key_kind kind;
    const char *label;
    struct bytes id;
    struct token_key key;
};

/* A key may have been made before these came: the call is not made again. */
static void settle_loss(struct token *t, CK_RV rv)
{
    bool is_stale_login = rv == CKR_USER_NOT_LOGGED_IN && !token_is_well(t);
    bool is_before = rv_class(rv) == RV_SESSION && rv != CKR_USER_NOT_LOGGED_IN;
    if (!is_stale_login && !is_before)
        t->rv = CKR_OK;
}

static int not_made(struct token *t, CK_RV rv, struct err *e)
{
    token_err(t, e, rv, "generate a key on token '%s'", t->info.label);
    settle_loss(t, rv);
    enum token_family family = token_family(&t->info);
    if (t->rv != CKR_OK || (family != FAMILY_YUBIKEY && family != FAMILY_PIV))
        return e->code;
    e->n_hints = 0;
    err_hint(e, "a YubiKey makes keys for its management key only. look first whether slot 9d is "
                "empty, for the next line replaces what is there: yubico-piv-tool -a status");
    err_hint(e, "yubico-piv-tool -a generate -s 9d -A ECCP256 --pin-policy=once "
                "--touch-policy=always -o pub.pem");
    return err_hint(e, "then the same command without --generate, and with id=%%03 in the URI "
                       "(by OpenSC the slot needs a certificate too: "
                       "docs/tokens/yubikey-opensc.md); other PIV cards: their maker's tool");
}

static int generate_work(struct token *t, void *arg, struct err *e)
{
    struct generation *g = arg;
    struct pair pair = {0};
    CK_SESSION_HANDLE rw;
    int r = id_is_free(t, g->id, e);
    if (r || (r = session_open(t, true, &rw, e)) != OK)
        return r;
    CK_RV rv = pair_make(t, rw, g->kind, g->label, g->id, &pair);
    if (rv != CKR_OK) {
        r = not_made(t, rv, e);
    } else {
        r = pair_verify(t, g->kind, &pair, &g->key, e);
        if (r)
            pair_destroy(t, rw, &pair);
        t->rv = CKR_OK; /* what was made is not made twice */
    }
    t->mod->fn->C_CloseSession(rw);
    if (r == OK)
        key_take(t, pair.private, &g->key);
    return r;
}

int token_generate(struct token *t, enum seal_key_kind kind, const char *label, struct bytes id,
                   struct token_key *out, struct err *e)
{
    TOKEN_LOCKED(t);
    struct generation g = {.kind = kind, .label = label, .id = id};
    int r = generate_check(t, kind, label, id, e);
    if (r || (r = token_twice(t, generate_work, &g, e)) != OK)
        return r;
    token_settle(t);
    *out = g.key;
    return OK;
}
