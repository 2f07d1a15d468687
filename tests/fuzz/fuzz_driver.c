/* SPDX-License-Identifier: Apache-2.0 */
/* pkcs11/: what a driver answers is foreign. Whatever it says, a key is one that can be used, a
 * shared value is the one that it gave, an error is one clean line, and no last try is spent. */
#include "base/text.h"
#include "tests/fuzz/lying_driver.h"

#define ACTIONS_MAX 5u

static bool is_line(const char *s, size_t cap)
{
    size_t n = strnlen(s, cap);
    char clean[4 * ERR_MSG_MAX];
    text_clean(clean, sizeof(clean), bytes_of(s, n));
    return n < cap && strlen(clean) == n;
}

static void must_tell(int r, const struct err *e)
{
    MUST(r == OK || (r == (int)e->code && e->msg[0] && is_line(e->msg, sizeof(e->msg))));
}

static void must_be_key(const struct token_key *k)
{
    struct spki again;
    struct err e;
    MUST(memchr(k->label, 0, sizeof(k->label)) && k->id_len <= TOKEN_ID_MAX);
    MUST(k->spki.n <= SPKI_MAX && k->kind <= SEAL_KEY_OTHER && k->touch <= TOUCH_CACHED);
    if (k->spki.n) {
        MUST(spki_normalise(bytes_of(k->spki.der, k->spki.n), &again, &e) == OK);
        MUST(again.n == k->spki.n && memcmp(again.der, k->spki.der, again.n) == 0);
    }
}

static void info(struct token *t)
{
    struct err e;
    must_tell(token_refresh(t, &e), &e);
    const struct token_info *i = token_info(t);
    MUST(is_line(i->label, sizeof(i->label)) && is_line(i->serial, sizeof(i->serial)));
    MUST(is_line(i->manufacturer, sizeof(i->manufacturer)) && is_line(i->model, sizeof(i->model)));
    MUST(i->pin <= PIN_UNSET);
}

static void in_and_out(struct token *t, const struct secret *pin)
{
    struct err e;
    unsigned before = drv.n_login;
    int r = token_login(t, pin, false, &e);
    must_tell(r, &e);
    MUST(drv.n_login - before <= 2);
    MUST(r != OK || drv.n_login > before);
}

static void list(struct token *t)
{
    static const struct token_key_want any = {0};
    struct token_key k[2];
    struct err e;
    size_t n = 99;
    int r = token_keys(t, &any, k, ARRAY_LEN(k), &n, &e);
    must_tell(r, &e);
    MUST(r == OK ? n <= KEYS_MAX : n == 99);
    for (size_t i = 0; r == OK && i < n && i < ARRAY_LEN(k); i++)
        must_be_key(&k[i]);
    n = 99;
    r = token_public_keys(t, k, ARRAY_LEN(k), &n, &e);
    must_tell(r, &e);
    MUST(r == OK ? n <= KEYS_MAX : n == 99);
    for (size_t i = 0; r == OK && i < n && i < ARRAY_LEN(k); i++) {
        must_be_key(&k[i]);
        MUST(!k[i].is_extractable);
    }
}

static void use(struct token *t)
{
    static const struct token_key_want any = {0};
    struct token_key k;
    struct err e;
    int r = token_use_key(t, &any, &k, &e);
    must_tell(r, &e);
    if (r)
        return;
    must_be_key(&k);
    MUST(!k.is_extractable && k.kind != SEAL_KEY_OTHER);
}

/* z is what the driver gave for it, zeros before it, and nothing else. */
static void must_be_z(const struct secret *z)
{
    static const uint8_t zeros[KEM_Z_LEN];
    MUST(drv.was_z_given && drv.n_z > 0 && drv.n_z <= KEM_Z_LEN);
    size_t pad = KEM_Z_LEN - drv.n_z;
    MUST(memcmp(z->p, zeros, pad) == 0 && memcmp(z->p + pad, drv.z, drv.n_z) == 0);
}

static void open_wrap(struct token *t)
{
    uint8_t ct[256];
    struct err e;
    AUTO_SECRET z = {0};
    bool is_rsa = t->key_info.kind == SEAL_KEY_RSA2048;
    memset(ct, 0x11, sizeof(ct));
    memcpy(ct, p256_g, is_rsa ? 0 : sizeof(p256_g));
    drv.was_z_given = false;
    int r = token_decap(t, is_rsa ? SCHEME_RSA_OAEP_256 : SCHEME_ECDH_P256,
                        bytes_of(ct, is_rsa ? 256 : sizeof(p256_g)), &z, &e);
    must_tell(r, &e);
    MUST(r == OK ? z.n == KEM_Z_LEN : z.p == NULL);
    if (r == OK && !is_rsa)
        must_be_z(&z);
}

static void make(struct token *t)
{
    struct token_key k;
    struct err e;
    int r = token_generate(t, u8() & 1 ? SEAL_KEY_RSA2048 : SEAL_KEY_P256, "new", BYTES_LIT("\x09"),
                           &k, &e);
    must_tell(r, &e);
    MUST(r != OK || (!k.is_extractable && k.spki.n));
}

static void probe(struct token *t)
{
    struct err e;
    enum scheme s = SCHEME_NONE;
    int r = token_probe(t, &t->key_info, &s, &e);
    must_tell(r, &e);
    MUST(r == OK ? s > SCHEME_NONE && s < SCHEME_COUNT : s == SCHEME_NONE);
}

static void act(struct token *t, const struct secret *pin)
{
    struct err e;
    switch (u8() % 8) {
    case 0:
        in_and_out(t, pin);
        break;
    case 1:
        info(t);
        break;
    case 2:
        list(t);
        break;
    case 3:
        use(t);
        break;
    case 4:
        make(t);
        break;
    case 5:
        must_tell(token_set_pin(t, pin, pin, &e), &e);
        break;
    case 6:
        probe(t);
        break;
    default:
        open_wrap(t);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct err e;
    struct module m = {.fn = &functions};
    AUTO_SECRET pin = {0};
    struct token *t = calloc(1, sizeof(*t));
    MUST(t && secret_copy(&pin, BYTES_LIT("123456"), &e) == OK);
    memset(&drv, 0, sizeof(drv));
    in = bytes_of(p, n);
    pthread_mutex_init(&m.lock, NULL);
    watch_init(&t->watch);
    t->mod = &m;
    t->slot = SLOT;
    memcpy(t->info.label, "fuzz", 5);
    memcpy(t->info.serial, "1", 2);
    for (unsigned i = 0; i < ACTIONS_MAX && in.n; i++)
        act(t, &pin);
    watch_end(&t->watch);
    secret_free(&t->pin);
    pthread_mutex_destroy(&m.lock);
    free(t);
    return 0;
}
