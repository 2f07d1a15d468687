/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of agent/ops*.c and op_parse.c: what each operation asks of the agent's parts, and answers.
 * What is behind the socket is played (fake_agent.h). */
#include "tests/agent_talk.h"

#include <sys/uio.h>

static void test_hello(void)
{
    char hex[VAULT_ID_HEX];

    fake_start();
    int c = come();
    say(c, "{\"op\":\"hello\",\"protocol\":1}");
    const char *a = hear(c);
    where_id_hex(fake.world.id, hex);
    has(a, "{\"result\":{\"protocol\":1,\"version\":\"" VERSION "\",\"pid\":");
    has(a, hex);
    say(c, "{\"op\":\"hello\",\"protocol\":2,\"id\":\"x\\n\"}");
    has(hear(c), "{\"id\":\"x\\n\",\"error\":{\"code\":\"usage\",\"message\":\"the agent speaks "
                 "protocol 1, not 2\",\"hints\":[\"");
    close(c);
    fake_stop();
}

static void test_list(void)
{
    fake_start();
    int c = come();
    say(c, "{\"id\":7,\"op\":\"list\"}");
    EQ_STR(hear(c),
           "{\"id\":7,\"result\":{\"authenticated\":false,\"records\":["
           "{\"name\":\"main\",\"connector\":\"binance\",\"environment\":\"live\",\"custody\":"
           "\"sealed\",\"classes\":[\"public\",\"read\",\"trade\",\"cancel\"],\"release\":false,"
           "\"unverified\":false,\"unseal\":\"90s\",\"held\":true,\"left_ms\":5000},"
           "{\"name\":\"other\",\"connector\":\"binance\",\"environment\":\"live\",\"custody\":"
           "\"sealed\",\"classes\":[\"public\",\"read\",\"trade\",\"cancel\"],\"release\":false,"
           "\"unverified\":false,\"unseal\":\"default\",\"held\":false}]}}");
    err_set(&fake.peek_error, ERR_TAMPERED, "'x' is not as it was");
    say(c, "{\"op\":\"list\"}");
    EQ_STR(hear(c), "{\"result\":{\"authenticated\":false,\"records\":["
                    "{\"name\":\"main\",\"error\":\"'x' is not as it was\"},"
                    "{\"name\":\"other\",\"error\":\"'x' is not as it was\"}]}}");
    close(c);
    fake_stop();
}

static void test_status(void)
{
    static const struct tokenwire_done done = {.pin_try = PIN_NOT_TRIED};

    fake_start();
    int c = come();
    fake.n_tokens = 2;
    fake.tokens[1] = (struct token_view){.is_running = true, .is_known = true, .is_unlocked = true};
    struct tokenwire_state *s = &fake.tokens[1].state;
    snprintf(s->label, sizeof(s->label), "second \"key\"");
    snprintf(s->serial, sizeof(s->serial), "0042");
    s->is_present = true;
    s->pin = PIN_LOW;
    s->touch = TOUCH_ALWAYS;
    snprintf(fake.options.listen, sizeof(fake.options.listen), "127.0.0.1:4242");
    say(c, "{\"op\":\"status\"}");
    const char *a = hear(c);
    has(a, "\"records\":2,\"held\":1,\"clients\":1,\"requests\":0,\"lock_after_ms\":0");
    has(a, "\"label\":\"first\",\"running\":false,\"known\":false,\"unlocked\":false,"
           "\"restarts\":0,\"present\":null,\"software\":null");
    has(a, "\"label\":\"second \\\"key\\\"\",\"running\":true,\"known\":true,\"unlocked\":true,"
           "\"restarts\":0,\"present\":true,\"software\":false,\"keypad\":false");
    has(a, "\"pin\":\"low\",\"touch\":\"always\",\"serial\":\"0042\"");
    has(a, "/proxy.sock\",\"tcp\":\"127.0.0.1:4242\"},\"audit\":{\"ok\":true},\"last_lock\":null}");
    /* the tokens are asked first, and a card that went meanwhile is not shown as it was */
    s->is_present = false;
    say(c, "{\"op\":\"status\",\"look\":true}");
    EQ_STR(hear(c), "");
    EQ_INT(fake.n_done, 2);
    fake_tokens_answer(&done);
    has(hear(c), "\"present\":false,\"software\":null,\"keypad\":null,\"pin_each_time\":null,"
                 "\"pin\":null,\"touch\":null");
    fake.options.has_no_proxy = fake.is_net_gone = true;
    err_set(&fake.audit_error, ERR_IO, "disk full");
    say(c, "{\"op\":\"lock\"}");
    EQ_STR(hear(c), "{\"result\":{}}");
    say(c, "{\"op\":\"status\"}");
    a = hear(c);
    has(a, "\"proxy\":{\"running\":false,\"socket\":null,\"tcp\":null}");
    has(a, "\"audit\":{\"ok\":false,\"error\":{\"code\":\"io\",\"message\":\"disk full\"");
    has(a, "\"last_lock\":{\"at_ms\":");
    close(c);
    fake_stop();
}

static void test_sign(void)
{
    fake_start();
    int c = come();
    say(c, SIGN("\"id\":1,", "/a"));
    EQ_INT(fake.n_asks, 1);
    EQ_STR(fake.asks[0].record, "main");
    EQ_STR(fake.asks[0].url, "/a");
    EQ_INT(fake.asks[0].timestamp_ms, 5);
    EQ_INT(fake.asks[0].who.way, ASKER_SOCKET);
    EQ_INT(fake.asks[0].who.uid, geteuid());
    EQ_INT(fake.asks[0].who.pid, getpid());
    EQ_STR(hear(c), "");
    fake_decide();
    const char *a = hear(c);
    has(a, "{\"id\":1,\"result\":{\"method\":\"GET\",\"url\":\"/a\",\"headers\":{\"X-Signed\":"
           "\"yes\"},\"body\":\"\",\"covers\":\"");
    struct json root;
    struct err e;
    OK_CALL(json_check(bytes_str(a), &(struct json_limits){65536, 8, 64}, &root, &e), &e);
    say(c, "{\"id\":\"w\",\"op\":\"sign_ws\",\"name\":\"main\",\"request\":{}}");
    say(c,
        "{\"id\":\"v\",\"op\":\"sign_ws\",\"name\":\"main\",\"request\":{\"url\":\"wss://y/\"}}");
    EQ_INT(fake.n_asks, 3);
    CHECK(fake.asks[1].is_ws && fake.asks[2].is_ws);
    fake_decide();
    has(hear(c), "{\"id\":\"w\",\"result\":{\"url\":\"wss://x/\",\"headers\":{");
    has(hear(c), "{\"id\":\"v\",\"result\":{\"url\":\"wss://y/\",\"headers\":{");
    err_set(&fake.desk_error, ERR_POLICY, "'main' gives no signature away");
    err_hint(&fake.desk_error, "its owner decides");
    say(c, SIGN("", "/b"));
    fake_decide();
    EQ_STR(hear(c),
           "{\"error\":{\"code\":\"policy\",\"message\":\"'main' gives no signature away\","
           "\"hints\":[\"its owner decides\"]}}");
    err_set(&fake.desk_full, ERR_LIMIT, "too many");
    say(c, SIGN("", "/c"));
    has(hear(c), "{\"error\":{\"code\":\"limit\",\"message\":\"too many\"");
    close(c);
    fake_stop();
}

static void say_with_fd(int c, const char *line, int fd)
{
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof(int))];
    } u = {.room = {0}};
    char text[200];
    struct iovec iov = {text, (size_t)snprintf(text, sizeof(text), "%s\n", line)};
    struct msghdr m = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &u, .msg_controllen = sizeof(u)};

    u.head.cmsg_level = SOL_SOCKET;
    u.head.cmsg_type = SCM_RIGHTS;
    u.head.cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(&u.head), &fd, sizeof(fd));
    CHECK(sendmsg(c, &m, MSG_NOSIGNAL) > 0);
    turn();
}

static int pin_pipe(const char *pin)
{
    int p[2];

    CHECK(pipe2(p, O_CLOEXEC) == 0);
    (void)!write(p[1], pin, strlen(pin));
    close(p[1]);
    return p[0];
}

static size_t count_fds(void)
{
    size_t n = 0;

    for (int fd = 0; fd < 256; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

static void test_unlock(void)
{
    struct tokenwire_done good = {.pin_try = PIN_PROVEN, .recoveries = 2};
    struct tokenwire_done bad = {.pin_try = PIN_TRIED};
    char want[100];

    err_set(&bad.err, ERR_PIN, "wrong PIN");
    err_hint(&bad.err, "2 tries left");
    fake_start();
    int c = come(), pin = pin_pipe("1234\n");
    size_t before = count_fds();
    say_with_fd(c, "{\"op\":\"unlock\"}", pin);
    EQ_STR(fake.pin, "1234\n");
    EQ_INT(fake.index, 0);
    EQ_INT(fake.flags, 0);
    say(c, "{\"op\":\"hello\",\"protocol\":1}");
    EQ_STR(hear(c), "");
    fake_tokens_answer(&good);
    EQ_STR(hear(c), "{\"result\":{\"token\":\"first\",\"index\":0,\"pin_try\":\"proven\","
                    "\"recoveries\":2,\"unlocked\":true}}");
    has(hear(c), "\"protocol\"");
    snprintf(want, sizeof(want), "uid %u (pid %d) unlock 'first' allowed", (unsigned)geteuid(),
             (int)getpid());
    EQ_STR(fake.audit[0], want);
    say(c, "{\"id\":1,\"op\":\"unlock\",\"index\":0,\"use_last_try\":true}");
    EQ_STR(fake.pin, "-"); /* typed on the device */
    EQ_INT(fake.flags, TOKENWIRE_USE_LAST_TRY);
    fake_tokens_answer(&bad);
    EQ_STR(hear(c),
           "{\"id\":1,\"error\":{\"code\":\"wrong_pin\",\"message\":\"wrong PIN\",\"hints\":"
           "[\"2 tries left\"],\"pin_try\":\"tried\"}}");
    has(fake.audit[1], "unlock 'first' wrong_pin");
    /* whoever asked is gone: it comes to its end all the same */
    say(c, "{\"op\":\"unlock\"}");
    close(c);
    turn();
    fake_tokens_answer(&good);
    has(fake.audit[2], "unlock 'first' allowed");
    EQ_INT(count_fds(), before - 2); /* less the client, both ends */
    close(pin);
    fake_stop();
}

static void test_which_token(void)
{
    int c;

    fake_start();
    c = come();
    fake.n_tokens = 3;
    snprintf(fake.tokens[1].label, sizeof(fake.tokens[1].label), "second");
    fake.tokens[2] = fake.tokens[1];
    fake.tokens[2].is_known = true;
    fake.tokens[2].state.is_present = true;
    snprintf(fake.tokens[2].state.serial, sizeof(fake.tokens[2].state.serial), "0042");
    say(c, "{\"op\":\"unlock\"}");
    has(hear(c), "\"3 tokens open this vault: say which\"");
    say(c, "{\"op\":\"unlock\",\"token\":\"second\"}");
    has(hear(c), "\"2 tokens of this vault are called 'second'\"");
    say(c, "{\"op\":\"unlock\",\"token\":\"third\"}");
    has(hear(c), "{\"error\":{\"code\":\"not_found\"");
    say(c, "{\"op\":\"unlock\",\"index\":3}");
    has(hear(c), "\"pin_try\":\"not_tried\"");
    EQ_INT(fake.n_done, 0);
    say(c, "{\"id\":1,\"op\":\"unlock\",\"token\":\"0042\"}");
    EQ_INT(fake.index, 2);
    fake.tokens[0].is_unlocked = true;
    fake.tokens[2].state.is_present = false;
    say(c, "{\"id\":2,\"op\":\"unlock\"}"); /* the one that is left */
    EQ_INT(fake.index, 1);
    EQ_INT(fake.n_done, 2);
    /* the list changes while a PIN is tried: the answer is about the token that was meant */
    memset(fake.tokens[0].rid, 0xa1, RID_LEN);
    memset(fake.tokens[1].rid, 0xb2, RID_LEN);
    say(c, "{\"id\":3,\"op\":\"unlock\",\"token\":\"" "b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2"
           "b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2\"}");
    EQ_INT(fake.index, 1);
    fake.tokens[0] = fake.tokens[1];
    fake.n_tokens = 1;
    fake_tokens_answer(&(struct tokenwire_done){.pin_try = PIN_PROVEN});
    (void)hear(c);
    (void)hear(c);
    has(hear(c), "\"token\":\"second\",\"index\":0");
    fake.n_tokens = 0;
    say(c, "{\"op\":\"unlock\"}");
    has(hear(c), "\"this machine knows no token that opens this vault\"");
    fake.n_tokens = 1;
    fake_tokens_answer(&(struct tokenwire_done){.pin_try = PIN_PROVEN});
    close(c);
    fake_stop();
}

/* A descriptor that nobody wants is not kept, and who sends it is not believed any more. */
static void test_stray_fd(void)
{
    fake_start();
    int c = come(), pin = pin_pipe("1");
    size_t before = count_fds();
    say_with_fd(c, "{\"op\":\"list\"}", pin);
    has(hear(c), "\"records\"");
    has(hear(c), "a descriptor goes only with 'unlock'");
    ends(c);
    turn();
    EQ_INT(count_fds(), before - 2);
    fake.n_tokens = 0;
    c = come();
    say_with_fd(c, "{\"op\":\"unlock\"}", pin); /* refused: closed */
    has(hear(c), "\"error\"");
    EQ_INT(count_fds(), before);
    close(c);
    close(pin);
    fake_stop();
}

static void test_lock_reload_stop(void)
{
    fake_start();
    int c = come();
    say(c, "{\"op\":\"subscribe\"}");
    (void)hear(c);
    say(c, "{\"op\":\"lock\"}");
    has(hear(c), "{\"event\":\"locked\",\"subject\":\"\",\"text\":\"uid ");
    EQ_STR(hear(c), "{\"result\":{}}");
    has(fake.locked_why, ") asked for it");
    has(fake.audit[0], ") lock '' allowed");
    say(c, "{\"op\":\"reload\"}");
    EQ_STR(hear(c), "{\"result\":{}}");
    say(c, "{\"op\":\"stop\",\"id\":\"s\"}");
    EQ_STR(hear(c), "{\"id\":\"s\",\"result\":{}}");
    EQ_INT(fake.n_spawned, 2);
    EQ_INT(fake.spawned[0], SPAWN_RELOAD);
    EQ_INT(fake.spawned[1], SPAWN_STOP);
    close(c);
    fake_stop();
}

/* Events have nothing that holds them up but the limit. */
static void test_subscriber(void)
{
    char text[400];

    fake_start();
    int c = come(), deaf = come(), none = come();
    say(c, "{\"op\":\"subscribe\"}");
    EQ_STR(hear(c), "{\"result\":{}}");
    say(deaf, "{\"op\":\"subscribe\"}");
    fake.told(fake.told_ctx, NOTICE_TOUCH, "main", "touch the token for \"bot\"");
    EQ_STR(hear(c), "{\"event\":\"touch\",\"subject\":\"main\",\"text\":\"touch the token for "
                    "\\\"bot\\\"\"}");
    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = 0;
    for (int i = 0; i < 20000 && fake.a.server->n_clients == 3; i++) {
        fake.told(fake.told_ctx, NOTICE_TOUCH, "main", text);
        has(hear(c), "xxx");
    }
    EQ_INT(fake.a.server->n_clients, 2); /* it was dropped, the others not */
    EQ_STR(hear(none), "");
    close(c);
    close(deaf);
    close(none);
    fake_stop();
}

static int admits(const char *key, const char *name, char client[ASKER_NAME_MAX + 1])
{
    struct bytes n, b;
    struct record_info r;
    struct err e;

    record_info_init(&r);
    OK_CALL(vault_peek(fake.vault, name, &r, &e), &e);
    CHECK(bearer_from_key(bytes_str(key), &n, &b) && bytes_eq_str(n, name));
    int rc = bearers_check(&fake.a, b, r.rec_id, client, &e);
    record_info_free(&r);
    return rc;
}

static void test_lend(void)
{
    char key[128], client[ASKER_NAME_MAX + 1], want[40];

    fake_start();
    int c = come(), d = come();
    for (int i = 0; i < 2; i++) {
        say(c, i ? "{\"op\":\"lend\",\"name\":\"main\"}"
                 : "{\"op\":\"lend\",\"name\":\"main\",\"client\":\"mm1\"}");
        const char *at = strstr(hear(c), "\"key\":\"");
        CHECK(at != NULL);
        snprintf(key, sizeof(key), "%.*s", (int)strcspn(at + 7, "\""), at + 7);
        EQ_INT(admits(key, "main", client), OK);
        snprintf(want, sizeof(want), "pid-%d", (int)getpid());
        EQ_STR(client, i ? want : "mm1");
    }
    say(c, "{\"op\":\"lend\",\"name\":\"nobody\"}");
    has(hear(c), "{\"error\":{\"code\":\"not_found\"");
    say(d, "{\"op\":\"lend\",\"name\":\"main\",\"bearer\":\"0123456789abcdef0123456789abcdef\"}");
    has(hear(d), "\"key\":\"coffer_main_0123456789abcdef0123456789abcdef\"}}");
    say(d, "{\"op\":\"lend\",\"name\":\"main\",\"bearer\":\"0123456789ABCDEF0123456789abcdef\"}");
    has(hear(d), "{\"error\":{\"code\":\"usage\"");
    for (unsigned i = 2; i < SERVER_LENT_MAX; i++) {
        say(c, "{\"op\":\"lend\",\"name\":\"other\"}");
        has(hear(c), "\"bearer\"");
    }
    say(c, "{\"op\":\"lend\",\"name\":\"other\"}");
    has(hear(c), "{\"error\":{\"code\":\"limit\"");
    close(d);
    turn();
    EQ_INT(admits(key, "main", client), OK); /* another's end is not its end */
    close(c);
    turn();
    EQ_INT(admits(key, "main", client), ERR_POLICY);
    fake_stop();
}

int main(void)
{
    RUN(test_hello);
    RUN(test_list);
    RUN(test_status);
    RUN(test_sign);
    RUN(test_unlock);
    RUN(test_which_token);
    RUN(test_stray_fd);
    RUN(test_lock_reload_stop);
    RUN(test_subscriber);
    RUN(test_lend);
    return harness_end();
}
