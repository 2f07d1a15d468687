/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of policy.h. Nothing here reads a request: class and host come from the connector. */
#include "agent/policy.h"

#include "agent/prepare.h"
#include "base/text.h"

unsigned policy_classes(const struct record_info *rec)
{
    struct bytes rest = bytes_str(rec->classes), one;
    unsigned bits = CLASSES_DEFAULT;

    while (rest.n > 0) {
        enum req_class cls;
        text_cut(rest, ',', &one, &rest);
        /* A class that only a later version knows opens nothing here. */
        if (class_by_name(text_trim(one), &cls))
            bits |= CLASS_BIT(cls);
    }
    return bits;
}

int policy_parse_classes(struct bytes text, unsigned *bits, struct err *e)
{
    unsigned found = 0;
    struct bytes rest = text, one;

    if (bytes_eq_str(text, "all")) {
        *bits = CLASSES_ALL;
        return OK;
    }
    for (bool more = true; more;) {
        enum req_class cls;
        more = text_cut(rest, ',', &one, &rest);
        if (!class_by_name(one, &cls)) {
            err_set(e, ERR_USAGE, "'%.*s' is no class of requests", (int)(one.n > 40 ? 40 : one.n),
                    (const char *)one.p);
            return err_hint(e, "classes that can be opened: account, session, transfer, keys; 'man "
                               "coffer' names them all");
        }
        found |= CLASS_BIT(cls);
    }
    *bits = found;
    return OK;
}

bool policy_is_verified(const struct record_info *rec)
{
    if (rec->unverified)
        return false;
    for (size_t i = 0; i < rec->n_risks; i++)
        if (strcmp(rec->risks[i].problem, RISK_NOT_VERIFIED) == 0)
            return false;
    return true;
}

/* Not by removing the key first: the exchange showed its secret once. */
static int refuse_class(const struct record_info *rec, enum req_class cls, const char *what,
                        struct err *e)
{
    if (cls == CLASS_UNKNOWN) {
        err_set(e, ERR_POLICY, "coffer does not know %s and so does not sign it (class unknown)",
                what);
        return err_hint(e, "check spelling, method and parameters: 'coffer connectors' names the "
                           "exchange's documentation");
    }
    err_set(e, ERR_POLICY, "'%s' may not sign requests of class %s", rec->name, class_name(cls));
    /* A way that is named is a way that is taken. */
    if (cls == CLASS_WITHDRAW)
        return err_hint(e, "a trading bot needs no withdrawals: make them on the exchange's own "
                           "site");
    return err_hint(e,
                    "only if the key is meant for it, and with its secret at hand: coffer add "
                    "OTHERNAME %s ... --allow %s",
                    rec->connector, class_name(cls));
}

int policy_check(const struct record_info *rec, enum req_class cls, const char *what, struct err *e)
{
    if (cls == CLASS_PUBLIC)
        return OK;
    if (rec->policy.n > 0) {
        err_set(e, ERR_POLICY, "'%s' has a policy that this version of coffer cannot evaluate",
                rec->name);
        return err_hint(e, "use the version that wrote it, or a later one");
    }
    if (rec->unverified && cls != CLASS_READ) {
        err_set(e, ERR_POLICY,
                "'%s' is not verified yet, so it signs requests of class read only, not %s",
                rec->name, class_name(cls));
        return err_hint(e,
                        "the exchange could not be reached when it was added; now: coffer verify "
                        "%s",
                        rec->name);
    }
    if (policy_classes(rec) & CLASS_BIT(cls))
        return OK;
    return refuse_class(rec, cls, what, e);
}

int policy_check_host(const struct record_info *rec, struct bytes host, struct err *e)
{
    if (rec->n_hosts == 0)
        return OK;
    for (size_t i = 0; i < rec->n_hosts; i++)
        if (host.n > 0 && text_eq_nocase(host, bytes_str(rec->hosts[i])))
            return OK;
    if (host.n == 0) {
        err_set(e, ERR_POLICY, "'%s' is limited to some hosts, and the request names none",
                rec->name);
        return err_hint(e, "give the url with its host; allowed: %s", rec->hosts[0]);
    }
    err_set(e, ERR_POLICY, "'%s' may not sign for host '%.*s'", rec->name,
            (int)(host.n > 128 ? 128 : host.n), (const char *)host.p);
    return err_hint(e, "'coffer show %s' lists the hosts it is limited to", rec->name);
}

/* What signs can be taken elsewhere and used again: its owner must have wanted that. */
static int check_release(const struct policy_case *c, struct err *e)
{
    if (!c->is_released || c->rec->release)
        return OK;
    err_set(e, ERR_POLICY, "'%s' gives no signatures to clients: coffer sends its requests itself",
            c->rec->name);
    return err_hint(e, "its requests can go through the proxy: coffer proxy --show ccxt %s",
                    c->rec->name);
}

int policy_evaluate(const struct policy_case *c, struct err *e)
{
    if (c->request->cls == CLASS_PUBLIC)
        return OK;
    /* A record with rules of its own does not come this far: policy_check refuses it. */
    return check_release(c, e);
}
