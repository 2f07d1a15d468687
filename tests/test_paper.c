/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of vault/paper.c: keys that other code has derived, a vault opened by paper alone, and what
 * a paper's key must not open. */
#include "tests/harness.h"

#include "base/codec.h"
#include "base/text.h"
#include "tests/vault_steps.h"
#include "vault/paper.h"
#include "vault/signer.h"

#include <stdio.h>
#include <string.h>

static struct secret seed_of(struct bytes hex)
{
    struct err e;
    struct secret s = {0};
    uint8_t raw[PAPER_SEED_LEN];
    size_t n = 0;
    CHECK(hex_decode(raw, sizeof(raw), &n, hex) && n == sizeof(raw));
    OK_CALL(secret_copy(&s, BYTES_ARR(raw), &e), &e);
    return s;
}

static void derives(struct bytes line)
{
    struct err e;
    struct bytes seed_hex, rest, d_hex, rid_hex;
    struct paper p = {.rid = {0}};
    struct recipient r;
    AUTO_BUF d = BUF_INIT(128), rid = BUF_INIT(128);
    text_cut(line, ' ', &seed_hex, &rest);
    text_cut(rest, ' ', &d_hex, &rid_hex);
    AUTO_SECRET seed = seed_of(seed_hex);
    if (!OK_CALL(paper_from_seed(&seed, "in the safe", &p, &r, &e), &e))
        return;
    hex_encode(&d, secret_bytes(&p.d));
    hex_encode(&rid, bytes_of(r.rid, RID_LEN));
    EQ_MEM(buf_bytes(&d), d_hex);
    EQ_MEM(buf_bytes(&rid), rid_hex);
    EQ_MEM(bytes_of(p.rid, RID_LEN), bytes_of(r.rid, RID_LEN));
    EQ_INT(r.kind, RECIPIENT_PAPER);
    EQ_INT(r.scheme, SCHEME_ECDH_P256);
    EQ_INT(r.key_id_len, 0);
    EQ_STR(r.label, "in the safe");
    EQ_STR(r.serial, "");
    CHECK(!r.tested);
    EQ_STR(spki_kind(&r.spki), "EC P-256");
    paper_free(&p);
    CHECK(p.d.p == NULL);
}

static void test_keys(void)
{
    AUTO_BUF text = BUF_INIT(1 << 16);
    unsigned n = 0;
    read_all("tests/vectors/paper/keys.txt", &text);
    struct bytes rest = buf_bytes(&text), line;
    while (rest.n) {
        text_cut(rest, '\n', &line, &rest);
        if (!line.n || line.p[0] == '#')
            continue;
        derives(line);
        n++;
    }
    EQ_INT(n, 8);
}

#define SEED "3e141609b97933b66a060dcddc71fad1d91677db872031e85f4c015c5e7e8982"

static void make(struct paper *p, struct recipient *r, struct opener *o)
{
    struct err e;
    AUTO_SECRET seed = seed_of(BYTES_LIT(SEED));
    memset(p, 0, sizeof(*p));
    OK_CALL(paper_from_seed(&seed, "paper", p, r, &e), &e);
    paper_opener(o, p);
}

/* A vault whose token is lost: paper opens it, and makes another token a recipient. */
static void test_opens(void)
{
    struct err e;
    struct world o;
    struct paper p;
    struct recipient r;
    struct opener by_paper;
    struct softkey to;
    struct vault *v = NULL;
    struct record *rec = NULL;
    size_t n = 0;
    world_new(&o, "P-256", SCHEME_ECDH_P256);
    OK_CALL(step_add(&o, "a", "a1", &e), &e);
    make(&p, &r, &by_paper);
    r.tested = true;
    const struct rewrap add = {.from = &o.key.opener, .add = &r, .prove = &by_paper};
    OK_CALL(step_rewrap(&o, &add, &e), &e);
    SECRETS(&o, "a", "a1");
    OK_CALL(vault_load(&o.w, &env_real, &v, &e), &e);
    EQ_INT(vault_recipients(v, &n)[1].kind, RECIPIENT_PAPER);
    EQ_INT(n, 2);
    OK_CALL(vault_open_record(v, &by_paper, "a", &rec, &e), &e);
    EQ_MEM(rec->fields[FIELD_API_SECRET], BYTES_LIT("a1"));
    record_freep(&rec);
    softkey_new(&to, "RSA", SCHEME_RSA_OAEP_256, "another");
    const struct rewrap recover = {.from = &by_paper,
                                   .add = &to.recipient,
                                   .prove = &to.opener,
                                   .drop = o.key.recipient.rid,
                                   .n_drop = 1};
    OK_CALL(vault_open(v, &by_paper, &e), &e);
    OK_CALL(vault_lock(v, &e), &e);
    OK_CALL(vault_rewrap(v, &recover, &e), &e);
    vault_freep(&v);
    SECRETS(&o, "a", "-");
    step_take_key(&o, &to);
    SECRETS(&o, "a", "a1");
    paper_free(&p);
    softkey_free(&o.key);
}

/* Another seed's key, another scheme, and points that are none: one error. */
static void test_refused(void)
{
    static const uint8_t infinity[1] = {0};
    struct err e;
    struct paper p, other = {.rid = {0}};
    struct recipient r, unused;
    struct opener by_paper, wrong;
    uint8_t ct[KEM_CT_MAX];
    size_t n = 0;
    AUTO_SECRET z = {0};
    AUTO_SECRET got = {0};
    AUTO_SECRET seed =
        seed_of(BYTES_LIT("ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"));
    make(&p, &r, &by_paper);
    OK_CALL(paper_from_seed(&seed, "", &other, &unused, &e), &e);
    paper_opener(&wrong, &other);
    OK_CALL(kem_encap(SCHEME_ECDH_P256, &r.spki, ct, &n, &z, &e), &e);
    OK_CALL(by_paper.decap(by_paper.ctx, SCHEME_ECDH_P256, bytes_of(ct, n), &got, &e), &e);
    CHECK(secret_eq(&z, &got));
    secret_free(&got);
    OK_CALL(wrong.decap(wrong.ctx, SCHEME_ECDH_P256, bytes_of(ct, n), &got, &e), &e);
    CHECK(!secret_eq(&z, &got));
    secret_free(&got);
    EQ_INT(by_paper.decap(by_paper.ctx, SCHEME_RSA_OAEP_256, bytes_of(ct, n), &got, &e),
           ERR_TAMPERED);
    ct[40] ^= 1; /* off the curve */
    EQ_INT(by_paper.decap(by_paper.ctx, SCHEME_ECDH_P256, bytes_of(ct, n), &got, &e), ERR_TAMPERED);
    EQ_INT(by_paper.decap(by_paper.ctx, SCHEME_ECDH_P256, bytes_of(ct, n - 1), &got, &e),
           ERR_TAMPERED);
    EQ_INT(by_paper.decap(by_paper.ctx, SCHEME_ECDH_P256, BYTES_ARR(infinity), &got, &e),
           ERR_TAMPERED);
    EQ_INT(by_paper.decap(by_paper.ctx, SCHEME_ECDH_P256, bytes_of(NULL, 0), &got, &e),
           ERR_TAMPERED);
    CHECK(got.p == NULL);
    paper_free(&p);
    paper_free(&other);
}

static void test_seed_length(void)
{
    struct err e;
    struct paper p = {.rid = {0}};
    struct recipient r;
    AUTO_SECRET seed = {0};
    char label[sizeof(r.label) + 1];
    memset(label, 'x', sizeof(label) - 1);
    label[sizeof(label) - 1] = 0;
    OK_CALL(secret_copy(&seed, BYTES_LIT("0123456789abcdef0123456789abcde"), &e), &e);
    EQ_INT(paper_from_seed(&seed, "", &p, &r, &e), ERR_USAGE);
    secret_free(&seed);
    EQ_INT(paper_from_seed(&seed, "", &p, &r, &e), ERR_USAGE);
    OK_CALL(secret_copy(&seed, BYTES_LIT("0123456789abcdef0123456789abcdef"), &e), &e);
    EQ_INT(paper_from_seed(&seed, label, &p, &r, &e), ERR_USAGE);
    CHECK(p.d.p == NULL);
    paper_free(&p); /* takes one that is all zero */
}

int main(void)
{
    RUN(test_keys);
    RUN(test_opens);
    RUN(test_refused);
    RUN(test_seed_length);
    return harness_end();
}
