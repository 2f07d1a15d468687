/* SPDX-License-Identifier: Apache-2.0 */
/* Binance: what else a signature over these parameters would be good for. It covers neither method
 * nor path, so a harmless path must not lend one to parameters that move money. */
#include "connectors/binance.h"

#include "base/json.h"
#include "base/text.h"
#include "connectors/form.h"

struct mark { /* parameters that together are enough for a request of the class */
    enum req_class cls;
    const char *all[2]; /* one or two names */
};

/* The gravest first. */
static const struct mark marks[] = {
    {CLASS_KEYS, {"apiName"}},
    {CLASS_KEYS, {"subAccountApiKey"}},
    {CLASS_KEYS, {"publicKey"}},
    {CLASS_KEYS, {"canTrade"}},
    {CLASS_KEYS, {"apiKey", "ip"}},
    {CLASS_WITHDRAW, {"amount", "address"}},
    {CLASS_WITHDRAW, {"amount", "accountInfo"}},
    {CLASS_WITHDRAW, {"amount", "paymentAccount"}},
    {CLASS_TRANSFER, {"amount", "asset"}},
    {CLASS_TRANSFER, {"amount", "coin"}},
    {CLASS_TRANSFER, {"amount", "token"}},
    {CLASS_TRANSFER, {"amount", "currency"}},
    {CLASS_TRANSFER, {"amount", "productId"}},
    {CLASS_TRANSFER, {"amount", "fromAsset"}},
    {CLASS_TRANSFER, {"amount", "transferSide"}},
    {CLASS_TRANSFER, {"baseTokenAmount"}},
    {CLASS_TRANSFER, {"fromAmount"}},
    {CLASS_TRANSFER, {"toAmount"}},
    {CLASS_TRANSFER, {"baseAmount"}},
    {CLASS_TRANSFER, {"quoteAmount"}},
    {CLASS_TRANSFER, {"loanAmount"}},
    {CLASS_TRANSFER, {"collateralAmount"}},
    {CLASS_TRANSFER, {"adjustmentAmount"}},
    {CLASS_TRANSFER, {"toEmail"}},
    {CLASS_TRANSFER, {"toUserEmail"}},
    {CLASS_TRANSFER, {"toPoolUser"}},
    {CLASS_ACCOUNT, {"amount"}},
    {CLASS_ACCOUNT, {"leverage"}},
    {CLASS_ACCOUNT, {"maxLeverage"}},
    {CLASS_ACCOUNT, {"marginType"}},
    {CLASS_ACCOUNT, {"dualSidePosition"}},
    {CLASS_ACCOUNT, {"multiAssetsMargin"}},
    {CLASS_TRADE, {"side", "type"}},
    {CLASS_TRADE, {"side", "quantity"}},
    {CLASS_TRADE, {"side", "quoteOrderQty"}},
    {CLASS_TRADE, {"workingSide"}},
    {CLASS_TRADE, {"newQty"}},
    {CLASS_TRADE, {"batchOrders"}},
};

static unsigned rank(enum req_class c)
{
    static const unsigned ranks[CLASS_COUNT] = {
        [CLASS_READ] = 1,    [CLASS_CANCEL] = 2,   [CLASS_TRADE] = 3,
        [CLASS_SESSION] = 3, [CLASS_ACCOUNT] = 4,  [CLASS_TRANSFER] = 5,
        [CLASS_KEYS] = 6,    [CLASS_WITHDRAW] = 6, [CLASS_UNKNOWN] = 7,
    };
    return ranks[c];
}

struct run {
    struct bytes text;
    bool has_before[256]; /* characters that stand before a = */
    bool has_escape;      /* before one of them */
};

static void run_read(struct run *r, struct bytes text)
{
    const uint8_t *at = text.p, *end = text.p + text.n;
    *r = (struct run){.text = text};
    while (at < end && (at = memchr(at, '=', (size_t)(end - at)))) {
        if (at > text.p)
            r->has_before[at[-1]] = true;
        r->has_escape |= at - text.p >= 3 && at[-3] == '%';
        at++;
    }
}

/* A name before a = anywhere: query and body are signed as one run without a separator, so whoever
 * sends it may part it where he likes, "x=1amount=5" behind the 1, "..&am" and "ount=5" not at all.
 */
static bool has_name(const struct run *r, const char *name)
{
    struct bytes run = r->text;
    const uint8_t *at = run.p, *end = run.p + run.n;
    if (!r->has_escape && !r->has_before[(uint8_t)name[strlen(name) - 1]])
        return false;
    while (at < end && (at = memchr(at, '=', (size_t)(end - at)))) {
        if (form_ends(bytes_of(run.p, (size_t)(at - run.p)), name))
            return true;
        at++;
    }
    return false;
}

static bool fits(const struct mark *m, const struct run *run)
{
    return has_name(run, m->all[0]) && (!m->all[1] || has_name(run, m->all[1]));
}

enum req_class binance_raise(enum req_class cls, struct bytes query, struct bytes body)
{
    AUTO_BUF both = BUF_INIT(2u * (URL_MAX + BODY_MAX));
    struct run run;
    if (cls == CLASS_PUBLIC)
        return cls;
    if (body.n > 0) {
        buf_add(&both, query);
        buf_add(&both, body);
    }
    if (both.failed)
        return CLASS_UNKNOWN;
    run_read(&run, body.n > 0 ? buf_bytes(&both) : query);
    enum req_class got = cls;
    for (const struct mark *m = marks; m < marks + ARRAY_LEN(marks); m++) {
        if (m->cls == got || rank(m->cls) < rank(got) || !fits(m, &run))
            continue;
        /* One class cannot say that two must be open, unless one of them always is. */
        bool is_open = got == cls && (CLASS_BIT(cls) & CLASSES_DEFAULT);
        got = is_open ? m->cls : CLASS_UNKNOWN;
    }
    return got;
}

bool binance_is_logon(struct json params)
{
    struct json_iter it;
    struct json key, value;
    json_iter(&it, params);
    while (json_next(&it, &key, &value))
        if (!json_str_eq(key, "apiKey") && !json_str_eq(key, "timestamp") &&
            !json_str_eq(key, "recvWindow") && !json_str_eq(key, "signature"))
            return false;
    return params.type == JSON_OBJECT;
}

static bool is_form(struct bytes body)
{
    struct bytes text = text_trim(body);

    if (text.n && (text.p[0] == '{' || text.p[0] == '['))
        return false;
    for (size_t i = 0; i < body.n; i++)
        if (body.p[i] < 0x20 || body.p[i] == 0x7f)
            return false;
    return true;
}

/* Files that editors and echo write. */
static bool ends_line(struct bytes body)
{
    size_t n = body.n;

    while (n && (body.p[n - 1] == '\n' || body.p[n - 1] == '\r'))
        n--;
    return n > 0 && n < body.n && is_form(bytes_of(body.p, n));
}

int binance_check_body(struct bytes body, struct err *e)
{
    if (is_form(body))
        return OK;
    if (ends_line(body)) {
        err_set(e, ERR_USAGE, "the body ends with a line end; a form has none");
        return err_hint(e, "write the file without one: printf %%s 'name=value' > FILE");
    }
    err_set(e, ERR_USAGE, "body is not form text");
    return err_hint(e, "binance takes name=value pairs with & between them, no JSON or multipart");
}

static int check_letters(enum field_id f, const struct secret *s, struct err *e)
{
    for (size_t i = 0; s && i < s->n; i++) {
        uint8_t c = s->p[i];
        if ((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
            continue;
        err_set(e, ERR_USAGE,
                "%s has at %zu what no Binance key has: they are letters and digits only",
                field_name(f), i + 1);
        return err_hint(e, "is it the key of another exchange? 'coffer connectors' lists them");
    }
    return OK;
}

int binance_check_key(const struct secret *const f[FIELD_COUNT], enum key_type key, struct err *e)
{
    (void)key;
    int rc = check_letters(FIELD_API_KEY, f[FIELD_API_KEY], e);
    return rc ? rc : check_letters(FIELD_API_SECRET, f[FIELD_API_SECRET], e);
}
