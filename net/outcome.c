/* SPDX-License-Identifier: Apache-2.0 */
/* What libcurl's end of a transfer means to the one who asked. In doubt the request was sent. */
#include "net/transfer.h"

#include <openssl/x509_vfy.h>

static long info(const struct transfer *t, CURLINFO what)
{
    long v = 0;

    return t->easy && curl_easy_getinfo(t->easy, what, &v) == CURLE_OK ? v : 0;
}

/* libcurl checks the name itself, after OpenSSL was content with the chain; the result still stands
 * as libcurl set it before the handshake. */
static enum wire_fault certificate_fault(const struct transfer *t)
{
    switch (info(t, CURLINFO_SSL_VERIFYRESULT)) {
    case X509_V_OK:
    case X509_V_ERR_UNSPECIFIED:
        return FAULT_CERTIFICATE_NAME;
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return FAULT_CERTIFICATE_TIME;
    default:
        return FAULT_CERTIFICATE;
    }
}

static enum wire_fault timeout_fault(const struct transfer *t)
{
    curl_off_t resolved = 0;

    if (t->n_sent > 0)
        return FAULT_TIMEOUT;
    if (curl_easy_getinfo(t->easy, CURLINFO_NAMELOOKUP_TIME_T, &resolved) == CURLE_OK &&
        resolved == 0)
        return FAULT_DNS;
    return FAULT_TIMEOUT_CONNECT;
}

static enum wire_fault code_fault(const struct transfer *t, CURLcode code)
{
    switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
        return FAULT_DNS;
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_PROXY:
        return FAULT_PROXY;
    case CURLE_COULDNT_CONNECT:
        return FAULT_CONNECT;
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_ABORTED_BY_CALLBACK: /* by our own clock */
        return timeout_fault(t);
    case CURLE_PEER_FAILED_VERIFICATION:
        return certificate_fault(t);
    case CURLE_SSL_CACERT_BADFILE:
        return t->q.ca.n > 0 ? FAULT_REFUSED_HERE : FAULT_INTERNAL;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CIPHER:
        return FAULT_TLS;
    case CURLE_FILESIZE_EXCEEDED:
        return FAULT_TOO_LARGE;
    case CURLE_UNSUPPORTED_PROTOCOL: /* HTTP/0.9, which is whatever is not HTTP */
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_BAD_CONTENT_ENCODING:
        return t->n_sent > 0 ? FAULT_GARBAGE : FAULT_REFUSED_HERE;
    case CURLE_URL_MALFORMAT:
        return FAULT_REFUSED_HERE;
    case CURLE_OUT_OF_MEMORY: /* also a header line that is longer than libcurl's 100 KiB */
        return t->n_sent > 0 ? FAULT_TOO_LARGE : FAULT_INTERNAL;
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_SSL_SHUTDOWN_FAILED:
        return FAULT_CLOSED;
    default:
        return t->n_sent > 0 ? FAULT_CLOSED : FAULT_INTERNAL;
    }
}

enum wire_fault transfer_fault(const struct transfer *t, CURLcode code)
{
    if (t->fault != FAULT_NONE)
        return t->fault;
    if (code == CURLE_OK)
        return FAULT_CLOSED;
    /* whatever goes wrong before the tunnel stands is the proxy's */
    if (t->is_proxied && t->n_sent == 0 && code != CURLE_OUT_OF_MEMORY &&
        info(t, CURLINFO_HTTP_CONNECTCODE) / 100 != 2)
        return FAULT_PROXY;
    return code_fault(t, code);
}

const char *transfer_detail(const struct transfer *t, CURLcode code)
{
    if (t->why)
        return t->why;
    if (code == CURLE_OK)
        return "the reply does not say where it ends";
    if (code == CURLE_SSL_CACERT_BADFILE && t->q.ca.n == 0)
        return "the system's certificate authorities cannot be read: install package "
               "ca-certificates, or name a file by --ca-file";
    return t->text[0] ? t->text : curl_easy_strerror(code);
}

static void add_reply(const struct transfer *t, struct wire_reply *y)
{
    y->result = WIRE_REPLIED;
    y->status = (uint16_t)t->status;
    y->body = buf_bytes(&t->body);
    for (uint32_t i = 0; i < t->n_spans; i++)
        y->headers[i] = transfer_header(t, i);
    y->n_headers = t->n_spans;
}

/* A body that ends with the connection may have been cut by anyone on the way: libcurl does not
 * tell TLS's farewell from a cut. */
bool transfer_is_whole(const struct transfer *t, CURLcode code)
{
    return code == CURLE_OK && t->fault == FAULT_NONE && t->head_is_done && t->has_end;
}

int transfer_reply(const struct transfer *t, CURLcode code, struct buf *out, struct err *e)
{
    struct wire_reply y = {.id = t->q.id, .sent_us = t->sent_us, .answered_us = t->answered_us};

    if (transfer_is_whole(t, code)) {
        add_reply(t, &y);
        return wire_put_reply(out, &y, e);
    }
    y.fault = (uint8_t)transfer_fault(t, code);
    y.result = t->n_sent > 0 ? WIRE_UNKNOWN : WIRE_NOT_SENT;
    y.detail = bytes_str(transfer_detail(t, code));
    return wire_put_reply(out, &y, e);
}
