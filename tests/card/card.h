/* SPDX-License-Identifier: Apache-2.0 */
/* A smart card for tests: the PIV applet with Yubico's extensions, as far as drivers and their
 * tools use it. Commands in, answers out; what carries them is in reader.h. It keeps its keys in
 * clear files and is no example of how to keep a key. */
#ifndef TESTS_CARD_CARD_H
#define TESTS_CARD_CARD_H

#include "tests/card/tlv.h"

#include <openssl/evp.h>
#include <stdbool.h>
#include <stdint.h>

/* Status words. */
enum {
    SW_OK = 0x9000,
    SW_TRIES = 0x63c0, /* the low digit: tries left */
    SW_LENGTH = 0x6700,
    SW_CHAIN = 0x6884,
    SW_SECURITY = 0x6982,
    SW_BLOCKED = 0x6983,
    SW_CONDITIONS = 0x6985,
    SW_DATA = 0x6a80,
    SW_NO_FUNCTION = 0x6a81,
    SW_NOT_FOUND = 0x6a82,
    SW_NO_SPACE = 0x6a84,
    SW_P1P2 = 0x6a86,
    SW_NO_REFERENCE = 0x6a88,
    SW_SLOT = 0x6b00,
    SW_NO_INS = 0x6d00,
    SW_NO_CLASS = 0x6e00,
    SW_BROKEN = 0x6f00
};

enum {
    ALG_3DES = 0x03,
    ALG_RSA2048 = 0x07,
    ALG_AES128 = 0x08,
    ALG_AES192 = 0x0a,
    ALG_AES256 = 0x0c,
    ALG_P256 = 0x11,
    ALG_P384 = 0x14
};
enum { PIN_NEVER = 1, PIN_ONCE = 2, PIN_ALWAYS = 3 };
enum { TOUCH_NEVER = 1, TOUCH_ALWAYS = 2, TOUCH_CACHED = 3 };
enum { ORIGIN_GENERATED = 1, ORIGIN_IMPORTED = 2 };
enum { SLOT_MANAGEMENT = 0x9b, SLOT_SIGN = 0x9c, SLOT_FREE = 0x9e, SLOT_ATTEST = 0xf9 };

#define N_SLOTS 25u
#define OBJECTS_MAX 64u
#define OBJECT_MAX 3072u
#define REFERENCE_LEN 8u /* PIN and PUK, padded with FF */

struct reference {
    uint8_t value[REFERENCE_LEN];
    uint8_t tries, max;
};

struct key_facts {
    uint8_t alg, pin, touch, origin; /* alg 0: no key */
};

/* What survives a restart; written as it is into the directory's file 'state'. */
struct kept {
    char magic[8];
    uint8_t firmware[3], guid[16];
    uint32_t serial;
    struct reference pin, puk;
    uint8_t management[32], management_len, management_alg, management_touch;
    struct key_facts keys[N_SLOTS];
};

struct object {
    unsigned tag; /* 0: free */
    size_t n;
    uint8_t v[OBJECT_MAX];
};

struct apdu {
    uint8_t cla, ins, p1, p2;
    struct view data;
    size_t le; /* most bytes that the host takes */
};

enum tampering { TAMPER_OFF, TAMPER_ONCE, TAMPER_REPEATED, TAMPER_UNDER_WAY };

enum applet { APPLET_NONE, APPLET_PIV, APPLET_MANAGEMENT, APPLET_OTP };

struct card {
    const char *dir; /* NULL: nothing is kept */
    struct kept kept;
    EVP_PKEY *keys[N_SLOTS];
    struct object objects[OBJECTS_MAX];
    /* Until the next reset. */
    enum applet applet;
    bool is_pin_ok, is_pin_fresh, is_management_ok;
    uint8_t challenge[16], witness[16];
    size_t n_challenge, n_witness; /* 0: none asked for */
    struct out chain, answer;      /* command so far; answer not yet fetched */
    size_t answer_at;
    uint8_t chain_head[4];
    /* Set by the control socket. */
    unsigned touch_ms;
    bool touch_times_out;
    enum tampering tampers;
    uint16_t fails_with; /* 0: does not */
    unsigned long n_verifies, n_private;
    int64_t touched_ms;
    /* Waits for the touch; false: the card was pulled meanwhile. NULL: no wait. */
    bool (*wait)(void *ctx, unsigned ms);
    void *wait_ctx;
};

/* apdu.c */
void card_reset(struct card *c);
/* One command, one answer with its status word. */
void card_apdu(struct card *c, struct view in, struct out *reply);

/* slot.c: the place of a slot in the tables, or -1; and back. */
int slot_index(unsigned slot);
unsigned slot_number(size_t index);
unsigned slot_certificate(unsigned slot);
bool slot_is_retired(unsigned slot);
bool firmware_at_least(const struct card *c, unsigned major, unsigned minor);
uint16_t slot_generate(struct card *c, const struct apdu *a, struct out *o);
uint16_t slot_import(struct card *c, const struct apdu *a, struct out *o);
uint16_t slot_metadata(struct card *c, const struct apdu *a, struct out *o);
uint16_t slot_attest(struct card *c, const struct apdu *a, struct out *o);
/* pin 0, touch 0: what the slot does by default. Certificate too. False: cannot be made. */
bool slot_fill(struct card *c, unsigned slot, uint8_t alg, uint8_t pin, uint8_t touch);
void slot_empty(struct card *c, size_t index);

/* pin.c */
void reference_set(struct reference *r, const char *text, uint8_t max);
void pin_defaults(struct card *c);
uint16_t pin_verify(struct card *c, const struct apdu *a, struct out *o);
uint16_t pin_change(struct card *c, const struct apdu *a, struct out *o);
uint16_t pin_unblock(struct card *c, const struct apdu *a, struct out *o);
uint16_t pin_retries(struct card *c, const struct apdu *a, struct out *o);
uint16_t pin_reset_applet(struct card *c, const struct apdu *a, struct out *o);
bool pin_is_default(const struct reference *r, const char *text);

/* management.c */
bool management_is_default(const struct card *c);
void management_defaults(struct card *c);
uint16_t management_authenticate(struct card *c, const struct apdu *a, struct view body,
                                 struct out *o);
uint16_t management_set(struct card *c, const struct apdu *a, struct out *o);

/* private.c */
uint16_t private_authenticate(struct card *c, const struct apdu *a, struct out *o);

/* object.c */
uint16_t object_get(struct card *c, const struct apdu *a, struct out *o);
uint16_t object_put(struct card *c, const struct apdu *a, struct out *o);
struct object *object_find(struct card *c, unsigned tag);
/* n 0 deletes. False: no room, or too long. */
bool object_store(struct card *c, unsigned tag, const void *p, size_t n);
bool object_store_certificate(struct card *c, unsigned tag, struct view der);

/* state.c: false and a word on stderr when the directory cannot be used. */
bool state_load(struct card *c);
void state_save(const struct card *c);
void state_save_key(const struct card *c, size_t index);
void state_save_object(const struct card *c, unsigned tag, const void *p, size_t n);

#endif
