/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of `coffer doctor`, and what concerns the machine rather than the vault. */
#include "agent/courier.h"
#include "base/file.h"
#include "base/secret.h"
#include "base/wipe.h"
#include "cli/doctor.h"
#include "connectors/connector.h"

#include <stdarg.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#define LOCK_WANTED (256u * 1024u)

static const char *const plain[] = {"ok", "warn", "fail"};
static const char *const colored[] = {"\033[32mok\033[0m  ", "\033[33mwarn\033[0m",
                                      "\033[31mfail\033[0m"};

void doctor_row(struct doctor *d, enum doctor_level f, const char *what, const char *fix,
                const char *fmt, ...)
{
    struct out *o = &d->c->out;
    char text[ERR_MSG_MAX];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    d->n_warn += f == FINDING_WARN;
    d->n_fail += f == FINDING_FAIL;
    if (!o->is_json && o->has_color) {
        out_raw(bytes_str(colored[f]));
        out_raw(BYTES_LIT("  "));
    }
    out_line(o, o->has_color ? "%s%-12s  %s" : "%-4s  %-12s  %s", o->has_color ? "" : plain[f],
             what, text);
    if (fix)
        out_line(o, "                    fix: %s", fix);
    if (!d->rows)
        return;
    cJSON *j = json_object(d->rows, NULL);
    json_text(j, "check", what);
    json_text(j, "status", plain[f]);
    json_text(j, "message", text);
    if (fix)
        json_text(j, "fix", fix);
}

void doctor_error(struct doctor *d, enum doctor_level f, const char *what, const struct err *e)
{
    doctor_row(d, f, what, e->n_hints ? e->hints[0] : NULL, "%s", e->msg);
}

void doctor_memory(struct doctor *d)
{
    struct rlimit r = {0, 0};

    if (secret_arena_kind() == ARENA_MEMFD_SECRET)
        doctor_row(d, FINDING_OK, "memory", NULL,
                   "secrets are in memory that even the kernel does not map (memfd_secret)");
    else
        doctor_row(d, FINDING_WARN, "memory", "boot with secretmem.enable=1 (Linux 5.14 or later)",
                   "secrets are in locked pages; this kernel does not give memfd_secret");
    if (getrlimit(RLIMIT_MEMLOCK, &r))
        return;
    if (r.rlim_cur != RLIM_INFINITY && r.rlim_cur < LOCK_WANTED)
        doctor_row(d, FINDING_WARN, "memory lock", "ulimit -l 256, or LimitMEMLOCK= in a unit",
                   "only %llu KiB may be locked; %u are wanted",
                   (unsigned long long)r.rlim_cur / 1024, LOCK_WANTED / 1024);
    else
        doctor_row(d, FINDING_OK, "memory lock", NULL, "enough memory may be locked");
}

/* /proc/swaps has a head line, then one line for each area. */
void doctor_swap(struct doctor *d)
{
    FILE *f = fopen("/proc/swaps", "re");
    int c, n_lines = 0;

    if (!f)
        return;
    while ((c = getc(f)) != EOF)
        n_lines += c == '\n';
    fclose(f);
    if (n_lines > 1)
        doctor_row(d, FINDING_WARN, "swap", "encrypt the swap area, or switch it off",
                   "swap is on: coffer's secrets never get there, a token driver's copy of the PIN "
                   "may");
    else
        doctor_row(d, FINDING_OK, "swap", NULL, "none");
}

/* Whether nothing is to mend. */
static bool private_dir(struct doctor *d, const char *what, const char *path, bool must_write)
{
    struct err e = {.code = OK};
    AUTO(fd_closep) int fd = -1;
    int rc = dir_open(path, FILE_PRIVATE, &fd, &e);

    if (rc == ERR_NOT_FOUND)
        doctor_row(d, FINDING_WARN, what, "'coffer init' or 'coffer trust' makes it",
                   "'%s' does not exist", path);
    else if (rc)
        doctor_error(d, FINDING_FAIL, what, &e);
    else if (must_write && access(path, W_OK))
        doctor_row(d, FINDING_FAIL, what, "make it writable for you",
                   "'%s' cannot be written: no change of the vault can be remembered", path);
    else
        doctor_row(d, FINDING_OK, what, NULL, "'%s' is yours alone", path);
    return !rc || rc == ERR_NOT_FOUND;
}

void doctor_state(struct doctor *d)
{
    d->is_config_bad = !private_dir(d, "local config", d->c->where.config, false);
    private_dir(d, "local state", d->c->where.state, true);
}

/* A round to coffer-net and back, with a request that it must refuse by itself. */
static int ask_net(struct request *r, struct answer *a, struct err *e)
{
    AUTO(courier_freep) struct courier *courier = NULL;
    AUTO(record_info_free) struct record_info info;

    record_info_init(&info);
    snprintf(info.connector, sizeof(info.connector), "%s", connectors[0]->name);
    snprintf(info.environment, sizeof(info.environment), "live");
    buf_adds(&r->method, "GET");
    buf_adds(&r->url, "https://refused.invalid/");
    if (request_check(r, e) || courier_start(NULL, 0, &courier, e) ||
        courier_send(courier, 1, r, &info, 2000, e) || courier_wait(courier, a, e))
        return e->code;
    if (a->fault != FAULT_REFUSED_HERE)
        return err_set(e, ERR_FAILED, "coffer-net does not refuse a host that no exchange has");
    return OK;
}

void doctor_network(struct doctor *d)
{
    struct request *r = wipe_malloc(sizeof(*r));
    struct answer *a = wipe_malloc(sizeof(*a));
    struct err e = {.code = ERR_MEMORY, .msg = "no memory"};

    if (r && a) {
        request_init(r);
        answer_init(a);
        e.code = OK;
        ask_net(r, a, &e);
        request_free(r);
        answer_free(a);
    }
    wipe_free(r);
    wipe_free(a);
    if (e.code)
        doctor_error(d, FINDING_FAIL, "network", &e);
    else
        doctor_row(d, FINDING_OK, "network", NULL,
                   "coffer-net works; it refuses hosts that no exchange has");
}
