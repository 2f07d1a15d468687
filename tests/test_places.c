/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of agent/spawner_places.c: which processes go on when tokens.json is another one, and what
 * the core is told. The processes are children that do nothing. */
#include "tests/harness.h"

#include "agent/spawner.h"
#include "base/file.h"
#include "tests/vault_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct scene {
    struct world o;
    struct spawner s;
    int core; /* what the core would read */
};

static void scene_new(struct scene *c)
{
    int pair[2];
    world_new(&c->o, "P-256", SCHEME_ECDH_P256);
    c->s = (struct spawner){.where = &c->o.w, .net = {.control = -1}, .old_net = {.control = -1}};
    memcpy(c->s.vault_id, c->o.id, VAULT_ID_LEN);
    c->s.tokens = calloc(SPAWNER_PLACES, sizeof(*c->s.tokens));
    for (size_t i = 0; i < SPAWNER_PLACES; i++)
        c->s.tokens[i].control = -1;
    EQ_INT(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    c->s.core_control = pair[0];
    c->core = pair[1];
}

static void reap(struct scene *c, pid_t pid)
{
    int status = 0;
    EQ_INT(waitpid(pid, &status, 0), pid);
    CHECK(spawner_reap(&c->s, pid, status));
}

static void scene_free(struct scene *c)
{
    spawner_end_all(&c->s, true);
    for (size_t i = 0; i < SPAWNER_PLACES; i++)
        if (c->s.tokens[i].pid != 0)
            reap(c, c->s.tokens[i].pid);
    CHECK(!spawner_has_children(&c->s));
    close(c->s.core_control);
    close(c->core);
    free(c->s.tokens);
    softkey_free(&c->o.key);
}

static struct local_token entry(const struct scene *c, uint8_t n, const char *pin_file)
{
    struct local_token t = {.rid = {n}, .scheme = SCHEME_ECDH_P256, .key_id = {1}, .key_id_len = 1};
    memcpy(t.vault_id, c->o.id, VAULT_ID_LEN);
    snprintf(t.where.module, sizeof(t.where.module), "/nonexistent/module.so");
    snprintf(t.where.label, sizeof(t.where.label), "token %u", n);
    snprintf(t.pin_file, sizeof(t.pin_file), "%s", pin_file);
    return t;
}

static void put(struct scene *c, uint8_t n, const char *pin_file)
{
    struct local_token t = entry(c, n, pin_file);
    struct err e;
    OK_CALL(local_put(&c->o.w, &t, &e), &e);
}

static void drop(struct scene *c, uint8_t n)
{
    struct local_token t = entry(c, n, "");
    struct err e;
    OK_CALL(local_drop(&c->o.w, t.vault_id, t.rid, &e), &e);
}

static void read_places(struct scene *c)
{
    struct err e;
    OK_CALL(spawner_read_places(&c->s, &e), &e);
}

static struct place *place(struct scene *c, uint8_t n)
{
    const struct spawn_message m = {.place = SPAWN_TOKEN, .rid = {n}};
    return spawner_place(&c->s, &m);
}

/* As if it had been launched. */
static pid_t run(struct scene *c, uint8_t n)
{
    struct place *p = place(c, n);
    int pair[2];
    pid_t pid = fork();
    if (pid == 0)
        for (;;)
            pause();
    EQ_INT(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    close(pair[1]);
    CHECK(p && pid > 0);
    p->pid = pid;
    p->control = pair[0];
    return pid;
}

/* The next message is of this kind and token. */
static void told(struct scene *c, enum spawn_kind kind, uint8_t n)
{
    struct spawn_message m = {0};
    int fd = -1;
    EQ_INT(spawn_receive(c->core, &m, &fd), 1);
    EQ_INT(m.kind, kind);
    EQ_INT(m.place, SPAWN_TOKEN);
    EQ_INT(m.rid[0], n);
    fd_closep(&fd);
}

static void told_nothing(struct scene *c)
{
    struct spawn_message m;
    int fd = -1;
    EQ_INT(spawn_receive(c->core, &m, &fd), 0);
}

static bool is_running(pid_t pid)
{
    int status;
    return waitpid(pid, &status, WNOHANG) == 0;
}

static void test_first_of_two_goes(void)
{
    struct scene c;
    scene_new(&c);
    put(&c, 1, "");
    put(&c, 2, "");
    read_places(&c);
    pid_t first = run(&c, 1), second = run(&c, 2);
    read_places(&c); /* nothing changed */
    CHECK(is_running(first) && !place(&c, 1)->is_dying);
    drop(&c, 1);
    read_places(&c);
    CHECK(!place(&c, 1));
    reap(&c, first);
    told(&c, SPAWN_GONE, 1);
    CHECK(is_running(second) && !place(&c, 2)->is_dying);
    EQ_INT(place(&c, 2)->pid, second);
    /* the list the other way round */
    put(&c, 1, "");
    drop(&c, 2);
    put(&c, 2, "");
    read_places(&c);
    CHECK(is_running(second) && !place(&c, 2)->is_dying && place(&c, 1)->pid == 0);
    told_nothing(&c);
    scene_free(&c);
}

static void test_another_entry(void)
{
    struct scene c;
    scene_new(&c);
    put(&c, 1, "");
    put(&c, 2, "");
    read_places(&c);
    pid_t first = run(&c, 1), second = run(&c, 2);
    put(&c, 2, "/nonexistent/pin");
    read_places(&c);
    CHECK(is_running(first) && !place(&c, 1)->is_dying);
    reap(&c, second);
    told(&c, SPAWN_GONE, 2);
    EQ_STR(place(&c, 2)->entry.pin_file, "/nonexistent/pin");
    scene_free(&c);
}

/* Back before the old process has ended: nothing is started beside it. */
static void test_back_while_dying(void)
{
    struct scene c;
    scene_new(&c);
    put(&c, 1, "");
    put(&c, 2, "");
    read_places(&c);
    pid_t first = run(&c, 1);
    drop(&c, 1);
    read_places(&c);
    put(&c, 1, "");
    read_places(&c);
    CHECK(place(&c, 1) && place(&c, 1)->is_dying);
    spawner_start(&c.s, place(&c, 1));
    EQ_INT(place(&c, 1)->pid, first);
    CHECK(place(&c, 1)->is_wanted);
    spawner_kill(&c.s, place(&c, 1));
    CHECK(!place(&c, 1)->is_wanted);
    reap(&c, first);
    told(&c, SPAWN_GONE, 1);
    told_nothing(&c);
    EQ_INT(place(&c, 1)->pid, 0);
    scene_free(&c);
}

/* Who asks for it is told at once, and not only that it is gone. */
static void test_takes_no_channel(void)
{
    struct scene c;
    scene_new(&c);
    put(&c, 1, "");
    read_places(&c);
    pid_t first = run(&c, 1);
    spawner_start(&c.s, place(&c, 1));
    told(&c, SPAWN_FAILED, 1);
    reap(&c, first);
    told(&c, SPAWN_GONE, 1);
    told_nothing(&c);
    scene_free(&c);
}

int main(void)
{
    RUN(test_first_of_two_goes);
    RUN(test_another_entry);
    RUN(test_back_while_dying);
    RUN(test_takes_no_channel);
    return harness_end();
}
