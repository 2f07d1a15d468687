/* SPDX-License-Identifier: Apache-2.0 */
/* From bytes to a command and back: lengths short and extended, command chaining, answers fetched
 * in pieces, the choice of the applet, and the table of commands. */
#include "tests/card/card.h"

#include <string.h>

#define N(a) (sizeof(a) / sizeof((a)[0]))

static const uint8_t aid_piv[] = {0xa0, 0, 0, 0x03, 0x08, 0, 0, 0x10, 0, 0x01, 0};
static const uint8_t aid_management[] = {0xa0, 0, 0, 0x05, 0x27, 0x47, 0x11, 0x17};
static const uint8_t aid_otp[] = {0xa0, 0, 0, 0x05, 0x27, 0x20, 0x01, 0x01};

void card_reset(struct card *c)
{
    c->applet = APPLET_NONE;
    c->is_pin_ok = c->is_pin_fresh = c->is_management_ok = false;
    c->n_challenge = c->n_witness = 0;
    c->chain.n = c->answer.n = c->answer_at = 0;
    c->chain.is_full = false;
}

static bool parse_extended(struct view in, struct apdu *a)
{
    if (in.n == 7) {
        a->le = (size_t)in.p[5] << 8 | in.p[6];
        a->le = a->le ? a->le : 65536;
        return true;
    }
    size_t lc = (size_t)in.p[5] << 8 | in.p[6];
    if (lc == 0 || (in.n != 7 + lc && in.n != 9 + lc))
        return false;
    a->data = view_of(in.p + 7, lc);
    a->le = in.n == 9 + lc ? (size_t)in.p[in.n - 2] << 8 | in.p[in.n - 1] : 0;
    a->le = a->le ? a->le : 65536;
    return true;
}

/* A host that gives no Le takes 256 bytes, as with T=1. */
static bool parse(struct view in, struct apdu *a)
{
    if (in.n < 4)
        return false;
    *a = (struct apdu){.cla = in.p[0], .ins = in.p[1], .p1 = in.p[2], .p2 = in.p[3], .le = 256};
    if (in.n == 4)
        return true;
    size_t lc = in.p[4];
    if (in.n == 5) {
        a->le = lc ? lc : 256;
        return true;
    }
    if (lc == 0)
        return in.n >= 7 && parse_extended(in, a);
    if (in.n != 5 + lc && in.n != 6 + lc)
        return false;
    a->data = view_of(in.p + 5, lc);
    if (in.n == 6 + lc && in.p[in.n - 1])
        a->le = in.p[in.n - 1];
    return true;
}

static bool names(struct view v, const uint8_t *aid, size_t len, size_t least)
{
    return v.n >= least && v.n <= len && memcmp(v.p, aid, v.n) == 0;
}

static void leave_piv(struct card *c, enum applet next)
{
    card_reset(c);
    c->applet = next;
}

/* An applet that is not here leaves the one that is selected, and its login, as they are. */
static uint16_t select_applet(struct card *c, const struct apdu *a, struct out *o)
{
    static const uint8_t info[] = {0x61, 0x11, 0x4f, 0x06, 0,    0,    0x10, 0,    0x01, 0,
                                   0x79, 0x07, 0x4f, 0x05, 0xa0, 0x00, 0x00, 0x03, 0x08};
    if (a->p1 != 0x04)
        return a->p1 == 0 ? SW_NOT_FOUND : SW_P1P2;
    if (names(a->data, aid_piv, sizeof(aid_piv), 5)) {
        if (c->applet != APPLET_PIV)
            leave_piv(c, APPLET_PIV);
        out_add(o, info, sizeof(info));
        return SW_OK;
    }
    if (names(a->data, aid_management, sizeof(aid_management), sizeof(aid_management))) {
        leave_piv(c, APPLET_MANAGEMENT);
        return SW_OK;
    }
    /* Before version 5 the serial number is asked for there. */
    if (c->kept.firmware[0] < 5 && names(a->data, aid_otp, sizeof(aid_otp), sizeof(aid_otp))) {
        leave_piv(c, APPLET_OTP);
        return SW_OK;
    }
    return SW_NOT_FOUND;
}

static void add_serial(const struct card *c, struct out *o)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        out_byte(o, (c->kept.serial >> shift) & 0xff);
}

static uint16_t version(struct card *c, const struct apdu *a, struct out *o)
{
    (void)a;
    out_add(o, c->kept.firmware, 3);
    return SW_OK;
}

static uint16_t serial(struct card *c, const struct apdu *a, struct out *o)
{
    (void)a;
    if (!firmware_at_least(c, 5, 0))
        return SW_NO_INS;
    add_serial(c, o);
    return SW_OK;
}

static const struct {
    uint8_t ins;
    uint16_t (*run)(struct card *c, const struct apdu *a, struct out *o);
} commands[] = {
    {0x20, pin_verify},    {0x24, pin_change},           {0x2c, pin_unblock},
    {0x47, slot_generate}, {0x87, private_authenticate}, {0xcb, object_get},
    {0xdb, object_put},    {0xf7, slot_metadata},        {0xf8, serial},
    {0xf9, slot_attest},   {0xfa, pin_retries},          {0xfb, pin_reset_applet},
    {0xfd, version},       {0xfe, slot_import},          {0xff, management_set},
};

static uint16_t run(struct card *c, const struct apdu *a, struct out *o)
{
    if (a->ins == 0xa4)
        return select_applet(c, a, o);
    if (c->applet == APPLET_OTP && a->ins == 0x01 && a->p1 == 0x10) {
        add_serial(c, o);
        return SW_OK;
    }
    if (c->applet != APPLET_PIV)
        return SW_NO_INS;
    uint16_t sw = SW_NO_INS;
    for (size_t i = 0; i < N(commands); i++)
        if (commands[i].ins == a->ins)
            sw = commands[i].run(c, a, o);
    /* What asks for the PIN each time takes it only right behind the VERIFY. */
    if (a->ins != 0x20)
        c->is_pin_fresh = false;
    if (a->ins != 0x87 && c->tampers == TAMPER_UNDER_WAY)
        c->tampers = TAMPER_OFF;
    return sw;
}

/* Gives out as much of the waiting answer as the host takes. */
static uint16_t hand_out(struct card *c, size_t le, struct out *reply)
{
    size_t left = c->answer.n - c->answer_at, n = left < le ? left : le;
    if (n > OUT_MAX - 2)
        n = OUT_MAX - 2;
    out_add(reply, c->answer.p + c->answer_at, n);
    c->answer_at += n;
    left -= n;
    return left == 0 ? SW_OK : (uint16_t)(0x6100 | (left > 0xff ? 0 : left));
}

/* Collects a chain; true when the command is whole and in *a. */
static bool collect(struct card *c, struct apdu *a, uint16_t *sw)
{
    const uint8_t head[4] = {a->cla & 0x0f, a->ins, a->p1, a->p2};
    bool goes_on = c->chain.n > 0 && memcmp(head, c->chain_head, sizeof(head)) == 0;
    if (!goes_on) {
        c->chain.n = 0;
        c->chain.is_full = false;
    }
    if (!(a->cla & 0x10) && !goes_on)
        return true;
    memcpy(c->chain_head, head, sizeof(head));
    out_add(&c->chain, a->data.p, a->data.n);
    if (c->chain.is_full) {
        c->chain.n = 0;
        *sw = SW_LENGTH;
        return false;
    }
    if (a->cla & 0x10) {
        *sw = SW_OK;
        return false;
    }
    a->data = view_of(c->chain.p, c->chain.n);
    return true;
}

static uint16_t dispatch(struct card *c, struct view in, struct out *reply)
{
    struct apdu a;
    uint16_t sw;
    if (!parse(in, &a))
        return SW_LENGTH;
    if (a.cla & (uint8_t)~0x10)
        return SW_NO_CLASS;
    if (a.ins == 0xc0)
        return c->answer_at < c->answer.n ? hand_out(c, a.le, reply) : SW_CONDITIONS;
    c->answer.n = c->answer_at = 0;
    c->answer.is_full = false;
    if (!collect(c, &a, &sw))
        return sw;
    sw = run(c, &a, &c->answer);
    c->chain.n = 0;
    if (c->answer.is_full)
        sw = SW_BROKEN;
    if (sw != SW_OK) {
        c->answer.n = 0;
        return sw;
    }
    return hand_out(c, a.le, reply);
}

void card_apdu(struct card *c, struct view in, struct out *reply)
{
    reply->n = 0;
    reply->is_full = false;
    uint16_t sw = dispatch(c, in, reply);
    out_byte(reply, sw >> 8);
    out_byte(reply, sw & 0xff);
}
