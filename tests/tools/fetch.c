/* SPDX-License-Identifier: Apache-2.0 */
/* Sends requests through the courier and the coffer-net of its own build directory. One JSON object
 * a line on stdin: {"method"?, "url", "headers"? {}, "body"?, "connector"? (binance), "hosts"? [],
 * "ca_file"?, "connect_to"?, "timeout_ms"?, "alone"? true: nothing else is under way}. The answers
 * come as they come, one JSON line each; then "end". With the argument --find, coffer-net is looked
 * for as coffer does it. */
#include "agent/courier_start.h"
#include "base/file.h"
#include "base/wipe.h"

#include <cjson/cJSON.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define WISHES_MAX 256

struct fetch {
    struct record_info rec;
    struct request req;
    unsigned timeout_ms;
    bool is_alone, is_order;
    char host[160];
};

static struct fetch *list[WISHES_MAX];
static size_t n_list, n_open;

static void die(const struct err *e)
{
    printf("{\"error\":\"%s\"}\n", e->msg);
    exit(1);
}

static const char *text(const cJSON *o, const char *name, const char *other)
{
    const char *s = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, name));
    return s ? s : other;
}

static void read_record(struct fetch *f, const cJSON *o)
{
    struct err e;
    const cJSON *host;
    const char *ca = text(o, "ca_file", NULL);
    record_info_init(&f->rec);
    snprintf(f->rec.name, sizeof(f->rec.name), "fetch");
    snprintf(f->rec.connector, sizeof(f->rec.connector), "%s", text(o, "connector", "binance"));
    snprintf(f->rec.environment, sizeof(f->rec.environment), "%s", text(o, "env", "live"));
    snprintf(f->rec.connect_to, sizeof(f->rec.connect_to), "%s", text(o, "connect_to", ""));
    cJSON_ArrayForEach(host, cJSON_GetObjectItemCaseSensitive(o, "hosts")) snprintf(
        f->rec.hosts[f->rec.n_hosts++], sizeof(f->rec.hosts[0]), "%s", cJSON_GetStringValue(host));
    if (ca && file_read_user(ca, 1u << 20, &f->rec.ca, &e))
        die(&e);
}

static struct fetch *read_line(const char *line)
{
    cJSON *o = cJSON_Parse(line);
    const cJSON *h;
    struct fetch *f = calloc(1, sizeof(*f));
    if (!o || !f) {
        fprintf(stderr, "fetch: not JSON: %s\n", line);
        exit(2);
    }
    read_record(f, o);
    request_init(&f->req);
    buf_adds(&f->req.method, text(o, "method", "GET"));
    buf_adds(&f->req.url, text(o, "url", ""));
    buf_adds(&f->req.body, text(o, "body", ""));
    cJSON_ArrayForEach(h, cJSON_GetObjectItemCaseSensitive(o, "headers"))
        request_header(&f->req, bytes_str(h->string), bytes_str(cJSON_GetStringValue(h)));
    const cJSON *ms = cJSON_GetObjectItemCaseSensitive(o, "timeout_ms");
    f->timeout_ms = ms ? (unsigned)ms->valueint : 0;
    f->is_alone = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(o, "alone"));
    f->is_order = strcmp(buf_str(&f->req.method), "GET") != 0;
    const char *host = strstr(buf_str(&f->req.url), "://");
    snprintf(f->host, sizeof(f->host), "%.*s", host ? (int)strcspn(host + 3, "/") : 0,
             host ? host + 3 : "");
    cJSON_Delete(o);
    return f;
}

static void add_bytes(cJSON *o, const char *name, struct bytes v)
{
    char *s = malloc(v.n + 1);
    if (!s)
        exit(2);
    if (v.n > 0)
        memcpy(s, v.p, v.n);
    s[v.n] = 0;
    for (size_t i = 0; i < v.n; i++)
        if ((s[i] & 0x80) || !s[i])
            s[i] = '?';
    cJSON_AddStringToObject(o, name, s);
    free(s);
}

static void print_answer(const struct answer *a)
{
    const struct fetch *f = list[a->id];
    cJSON *o = cJSON_CreateObject(), *headers = cJSON_AddObjectToObject(o, "headers");
    struct err e = {.code = OK};
    cJSON_AddNumberToObject(o, "id", a->id);
    cJSON_AddNumberToObject(o, "result", a->result);
    cJSON_AddNumberToObject(o, "fault", a->fault);
    cJSON_AddNumberToObject(o, "status", a->status);
    cJSON_AddNumberToObject(o, "sent_us", (double)a->sent_us);
    cJSON_AddNumberToObject(o, "answered_us", (double)a->answered_us);
    for (size_t i = 0; i < a->n_headers; i++) {
        char name[257];
        snprintf(name, sizeof(name), "%.*s", (int)a->headers[i].name.n,
                 (const char *)a->headers[i].name.p);
        add_bytes(headers, name, a->headers[i].value);
    }
    add_bytes(o, "body", a->body);
    if (a->result != WIRE_REPLIED) {
        cJSON *hints = cJSON_AddArrayToObject(o, "hints");
        cJSON_AddNumberToObject(o, "code", answer_fault(a, f->host, f->is_order, &e));
        cJSON_AddStringToObject(o, "text", e.msg);
        for (unsigned i = 0; i < e.n_hints; i++)
            cJSON_AddItemToArray(hints, cJSON_CreateString(e.hints[i]));
    }
    char *line = cJSON_PrintUnformatted(o);
    printf("%s\n", line);
    fflush(stdout);
    cJSON_free(line);
    cJSON_Delete(o);
}

static void wait_all(struct courier *c, size_t down_to)
{
    static struct answer a;
    struct err e;
    answer_init(&a);
    while (n_open > down_to) {
        if (courier_wait(c, &a, &e))
            die(&e);
        print_answer(&a);
        n_open--;
    }
    answer_free(&a);
}

static void send_all(struct courier *c)
{
    struct err e;
    for (size_t i = 0; i < n_list; i++) {
        if (list[i]->is_alone)
            wait_all(c, 0);
        if (courier_send(c, (uint32_t)i, &list[i]->req, &list[i]->rec, list[i]->timeout_ms, &e))
            die(&e);
        n_open++;
        if (list[i]->is_alone)
            wait_all(c, 0);
    }
    wait_all(c, 0);
}

static void find_net(char *out, size_t cap)
{
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    self[n > 0 ? n : 0] = 0;
    for (int i = 0; i < 2; i++) {
        char *slash = strrchr(self, '/');
        if (slash)
            *slash = 0;
    }
    snprintf(out, cap, "%.*s/coffer-net", (int)(cap - 12), self);
}

int main(int argc, char **argv)
{
    char program[PATH_MAX + 16], *line = NULL;
    const struct record_info *records[WISHES_MAX];
    struct courier *c = NULL;
    size_t cap = 0;
    struct err e;
    if (wipe_install(&e))
        die(&e);
    signal(SIGPIPE, SIG_IGN);
    while (n_list < WISHES_MAX && getline(&line, &cap, stdin) > 1) {
        list[n_list] = read_line(line);
        records[n_list] = &list[n_list]->rec;
        n_list++;
    }
    free(line);
    find_net(program, sizeof(program));
    if (argc > 1 && strcmp(argv[1], "--find") == 0
            ? courier_start(records, n_list, &c, &e)
            : courier_start_at(program, records, n_list, &c, &e))
        die(&e);
    send_all(c);
    courier_free(c);
    for (size_t i = 0; i < n_list; i++) {
        record_info_free(&list[i]->rec);
        request_free(&list[i]->req);
        free(list[i]);
    }
    puts("end");
    return 0;
}
