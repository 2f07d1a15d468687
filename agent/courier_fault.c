/* SPDX-License-Identifier: Apache-2.0 */
/* The words for a request that got no reply: what happened, and what to do about it. */
#include "agent/courier.h"

struct words {
    const char *what;
    const char *todo[2];
};

static const struct words words[FAULT_COUNT] = {
    [FAULT_NONE] = {"no reason is known", {NULL}},
    [FAULT_REFUSED_HERE] = {"coffer-net does not send it",
                            {"requests go only to the exchange's own hosts, over https"}},
    [FAULT_DNS] = {"its name could not be resolved",
                   {"check this machine's network and name servers"}},
    [FAULT_CONNECT] = {"no connection",
                       {"check the network, and whether a firewall lets coffer-net out",
                        "if others reach it, the exchange may have shut out this address"}},
    [FAULT_PROXY] = {"the HTTP proxy refused or could not be reached",
                     {"the proxy is the one in https_proxy; hosts named in no_proxy are called "
                      "without it"}},
    [FAULT_TLS] = {"no secure connection: the TLS handshake failed",
                   {"what answers there may be a proxy or a login page of the network, not the "
                    "exchange"}},
    [FAULT_CERTIFICATE] = {"its certificate is not from an authority that is trusted",
                           {"a proxy that opens TLS, or somebody between you and the exchange: do "
                            "not go on before you know which",
                            "with --ca-file only the authorities in that file count; without, the "
                            "system's (package ca-certificates)"}},
    [FAULT_CERTIFICATE_NAME] = {"its certificate is for another host",
                                {"a proxy that opens TLS, or somebody between you and the "
                                 "exchange: do not go on before you know which"}},
    [FAULT_CERTIFICATE_TIME] = {"its certificate has expired or is not valid yet",
                                {"check the date of this machine first",
                                 "if the date is right, do not go on: an exchange renews its "
                                 "certificate in time"}},
    [FAULT_TIMEOUT_CONNECT] = {"no connection came about in time",
                               {"check the network; a firewall that drops packets looks like "
                                "this"}},
    [FAULT_TIMEOUT] = {"no answer came in time",
                       {"the exchange may be busy or in maintenance: look at its status page"}},
    [FAULT_CLOSED] = {"the connection ended before the answer was whole",
                      {"the exchange may be busy or in maintenance: look at its status page"}},
    [FAULT_TOO_LARGE] = {"the answer is larger than coffer takes",
                         {"ask for less at once: a shorter time, one symbol, a smaller limit"}},
    [FAULT_GARBAGE] = {"the answer is not HTTP",
                       {"what answers there may be a proxy, not the exchange"}},
    [FAULT_INTERNAL] = {"coffer-net could not do it", {NULL}},
};

/* The lower layer's line, where it says more than our words. */
static bool wants_detail(const struct answer *a)
{
    return a->detail[0] && a->fault != FAULT_DNS && a->fault != FAULT_TIMEOUT;
}

int answer_fault(const struct answer *a, const char *host, bool is_order, struct err *e)
{
    const struct words *w = &words[a->fault < FAULT_COUNT ? a->fault : FAULT_NONE];
    bool is_open = a->result != WIRE_NOT_SENT;
    const char *end = !is_order ? ""
                      : is_open ? "; it may have been carried out"
                                : "; nothing was sent";

    if (a->refused.code) {
        *e = a->refused;
        return e->code;
    }
    if (a->fault == FAULT_REFUSED_HERE)
        err_set(e, ERR_POLICY, "the request to '%s' is refused: %s%s%s%s", host, w->what,
                a->detail[0] ? ": " : "", a->detail, end);
    else
        err_set(e, ERR_FAILED, "%s '%s': %s%s%s%s%s",
                is_open ? "no whole answer from" : "cannot reach", host, w->what,
                wants_detail(a) ? " (" : "", wants_detail(a) ? a->detail : "",
                wants_detail(a) ? ")" : "", end);
    if (is_order && is_open)
        err_hint(e, "look at the open orders and at what was filled before sending it again");
    for (size_t i = 0; i < ARRAY_LEN(w->todo) && w->todo[i]; i++)
        err_hint(e, "%s", w->todo[i]);
    return e->code;
}
