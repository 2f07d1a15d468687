/* SPDX-License-Identifier: Apache-2.0 */
/* The words for a failure. What it means is the connector's. */
#include "cli/failure_text.h"

#include <inttypes.h>

int failure_error(const struct connector *k, const struct failure *f, unsigned status,
                  struct err *e)
{
    const char *colon = f->code[0] && f->message[0] ? ": " : "";

    /* Whoever wrote that, it need not be the exchange. */
    if (f->kind == FAILURE_GARBAGE)
        err_set(e, ERR_EXCHANGE, "this is no reply as %s gives it: %s%s%s", k->name, f->code, colon,
                f->message);
    else if (f->code[0] || f->message[0])
        err_set(e, ERR_EXCHANGE, "%s says%s%s%s%s", k->name, f->code[0] ? " " : "", f->code,
                f->message[0] ? ": " : "", f->message);
    else
        err_set(e, ERR_EXCHANGE, "%s answers with HTTP status %u", k->name, status);
    if (f->retry_after_s > 0)
        err_hint(e, "it asks to wait %" PRIu64 " s before the next request", f->retry_after_s);
    if (f->kind == FAILURE_UNKNOWN_STATE)
        err_hint(e, "the exchange does not know whether it was carried out: look at the open "
                    "orders before doing it again");
    for (size_t i = 0; i < f->n_causes && i < CAUSES_MAX; i++)
        err_hint(e, "%s%s%s", f->causes[i].what, f->causes[i].tell ? ": " : "",
                 f->causes[i].tell ? f->causes[i].tell : "");
    if (e->n_hints == 0 && (f->kind == FAILURE_RATE || f->kind == FAILURE_BUSY))
        err_hint(e, "wait, then try again; this says nothing about the key");
    return e->code;
}

void failure_json(cJSON *to, const struct failure *f)
{
    cJSON *j = json_object(to, "failure");

    json_text(j, "kind", failure_name(f->kind));
    json_text(j, "code", f->code);
    json_text(j, "message", f->message);
    if (f->retry_after_s > 0)
        json_number(j, "retry_after_s", f->retry_after_s);
    else
        cJSON_AddNullToObject(j, "retry_after_s");
    cJSON *list = json_array(j, "causes");
    for (size_t i = 0; i < f->n_causes && i < CAUSES_MAX; i++) {
        cJSON *one = json_object(list, NULL);
        json_text(one, "what", f->causes[i].what);
        json_text(one, "tell", f->causes[i].tell ? f->causes[i].tell : "");
    }
}
