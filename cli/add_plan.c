/* SPDX-License-Identifier: Apache-2.0 */
/* The options of coffer add, made into the header of a record to be. */
#include "cli/add.h"

#include "agent/policy.h"
#include "base/file.h"
#include "base/text.h"
#include "cli/unseal_text.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>

#define CA_FILE_MAX 32768u

void add_mark_untried(struct record_info *r, const char *reason, uint64_t now_ms)
{
    struct risk *risk = &r->risks[r->n_risks++];

    memset(risk, 0, sizeof(*risk));
    snprintf(risk->problem, sizeof(risk->problem), RISK_NOT_VERIFIED);
    snprintf(risk->reason, sizeof(risk->reason), "%s", reason);
    risk->date_ms = now_ms;
}

static int take_risk(struct cli *c, struct adding *a, struct err *e)
{
    uint64_t now_us;

    if (accept_reason(c->args, a->reason, e))
        return e->code;
    if (!c->args->given[OPT_NO_VERIFY])
        return OK;
    if (!a->reason[0]) {
        err_set(e, ERR_USAGE, "--no-verify needs --accept-risk REASON");
        return err_hint(e, "for example --accept-risk 'withdrawal is off, checked on the site'");
    }
    if (c->env->now_us(c->env, &now_us, e))
        return e->code;
    add_mark_untried(&a->d.info, a->reason, now_us / 1000);
    return OK;
}

static bool has_host(const struct connector *k, enum environment env, const char *region)
{
    for (const struct host *h = k->hosts; h->name; h++)
        if (h->env == env && (!h->region || !region || strcmp(h->region, region) == 0))
            return true;
    return false;
}

int add_check_host(const struct connector *k, const char *environment, const char *region,
                   struct err *e)
{
    enum environment env;

    if (environment_by_name(bytes_str(environment), &env) && has_host(k, env, region))
        return OK;
    err_set(e, ERR_USAGE, "%s has no %s environment%s%s", k->title, environment,
            region ? " in region " : "", region ? region : "");
    return err_hint(e, "'coffer connectors' lists what it has");
}

static int take_environment(const struct args *a, const struct connector *k, struct record_info *r,
                            struct err *e)
{
    const char *name = a->given[OPT_ENV] ? a->value[OPT_ENV] : "live";
    enum environment env;

    if (!environment_by_name(bytes_str(name), &env)) {
        err_set(e, ERR_USAGE, "'%.40s' is no environment", name);
        return err_hint(e, "environments: live, test, demo");
    }
    if (add_check_host(k, name, r->region[0] ? r->region : NULL, e))
        return e->code;
    snprintf(r->environment, sizeof(r->environment), "%s", name);
    return OK;
}

static int take_region(const struct args *a, const struct connector *k, struct record_info *r,
                       struct err *e)
{
    const char *name = a->given[OPT_REGION] ? a->value[OPT_REGION] : NULL;
    char all[128] = "";

    if (!k->regions && name)
        return err_set(e, ERR_USAGE, "%s has no regions: leave --region away", k->title);
    if (!k->regions)
        return OK;
    for (const char *const *v = k->regions; *v; v++) {
        size_t n = strlen(all);
        snprintf(all + n, sizeof(all) - n, "%s%s", n ? ", " : "", *v);
        if (strcmp(name ? name : k->regions[0], *v) == 0) {
            snprintf(r->region, sizeof(r->region), "%s", *v);
            return OK;
        }
    }
    err_set(e, ERR_USAGE, "'%.40s' is no region of %s", name, k->title);
    return err_hint(e, "regions: %s", all);
}

/* Only what goes beyond the default is written down. */
static int take_classes(const struct args *a, struct record_info *r, struct err *e)
{
    unsigned bits;
    size_t n = 0;

    if (!a->given[OPT_ALLOW])
        return OK;
    if (policy_parse_classes(bytes_str(a->value[OPT_ALLOW]), &bits, e))
        return err_wrap(e, "--allow");
    bits &= ~CLASSES_DEFAULT;
    for (unsigned i = 0; i < CLASS_COUNT; i++)
        if (bits & CLASS_BIT(i))
            n += (size_t)snprintf(r->classes + n, sizeof(r->classes) - n, "%s%s", n ? "," : "",
                                  class_name((enum req_class)i));
    return OK;
}

static int take_connect_to(const struct args *a, struct record_info *r, struct err *e)
{
    const char *text = a->value[OPT_CONNECT_TO];
    unsigned port;

    if (!a->given[OPT_CONNECT_TO])
        return OK;
    if (connect_to_check(text, &port, e))
        return e->code;
    if (!text_copy(r->connect_to, sizeof(r->connect_to), bytes_str(text)))
        return err_set(e, ERR_USAGE, "--connect-to is longer than %zu characters",
                       sizeof(r->connect_to) - 1);
    return OK;
}

/* Certificates only, whatever else the file holds. */
static int copy_certificates(struct bytes pem, struct buf *out, struct err *e)
{
    BIO *in = BIO_new_mem_buf(pem.p, (int)pem.n), *to = BIO_new(BIO_s_mem());
    size_t n = 0;
    char *text;

    for (X509 *x; in && to && (x = PEM_read_bio_X509(in, NULL, NULL, NULL)) != NULL; n++) {
        if (PEM_write_bio_X509(to, x) != 1)
            n = SIZE_MAX - 1;
        X509_free(x);
    }
    /* What ends the loop well is that there is no further block. */
    bool is_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    ERR_clear_error();
    long len = to ? BIO_get_mem_data(to, &text) : 0;
    if (n > 0 && is_end && len > 0)
        buf_add(out, bytes_of(text, (size_t)len));
    BIO_free(in);
    BIO_free(to);
    if (n > 0 && is_end && len > 0)
        return buf_check(out, "the CA file", e);
    err_set(e, ERR_USAGE,
            n == 0 ? "the file of --ca-file holds no certificate in PEM"
                   : "a certificate in the file of --ca-file cannot be read");
    return err_hint(e, "it starts with -----BEGIN CERTIFICATE-----; a DER file: openssl x509 "
                       "-inform der -in FILE");
}

static int take_ca(const struct args *a, struct record_info *r, struct err *e)
{
    AUTO_BUF text = BUF_INIT(CA_FILE_MAX);

    if (!a->given[OPT_CA_FILE])
        return OK;
    int rc = file_read_user(a->value[OPT_CA_FILE], CA_FILE_MAX, &text, e);
    if (rc == ERR_LIMIT)
        return err_set(e, ERR_USAGE, "the file of --ca-file is longer than %u bytes", CA_FILE_MAX);
    return rc ? rc : copy_certificates(buf_bytes(&text), &r->ca, e);
}

int add_plan(struct cli *c, struct adding *add, struct err *e)
{
    const struct args *a = c->args;
    struct record_info *r = &add->d.info;
    const struct connector *k = connector_find(a->words[1]);

    if (record_check_name(a->words[0], e))
        return e->code;
    if (!k)
        return connector_unknown(a->words[1], e);
    add->d.k = k;
    snprintf(r->name, sizeof(r->name), "%s", a->words[0]);
    snprintf(r->connector, sizeof(r->connector), "%s", k->name);
    r->custody = CUSTODY_SEALED;
    if (take_region(a, k, r, e) || take_environment(a, k, r, e) || take_classes(a, r, e) ||
        take_risk(c, add, e) || take_connect_to(a, r, e) || take_ca(a, r, e) ||
        unseal_take(a, r, e))
        return e->code;
    return candidate_check(c, e);
}
