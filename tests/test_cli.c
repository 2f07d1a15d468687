/* SPDX-License-Identifier: Apache-2.0 */
/* The option parser against the real tables, and the JSON that `add` reads. Commands run in the
 * end-to-end tests. */
#include "cli/command.h"
#include "cli/fields.h"
#include "tests/harness.h"

#define ARGV(...) ((char *[]){(char[]){"coffer"}, __VA_ARGS__})
#define A(s) ((char[]){s})
#define PARSE(a, e, ...) args_parse((int)ARRAY_LEN(ARGV(__VA_ARGS__)), ARGV(__VA_ARGS__), (a), (e))

static void options_before_and_after(void)
{
    struct args a;
    struct err e;

    OK_CALL(PARSE(&a, &e, A("--vault"), A("/v"), A("sign"), A("--json"), A("n"), A("GET"),
                  A("-dbody"), A("/x"), A("-H"), A("A: b"), A("--header=C: d"), A("--pin-fd=3")),
            &e);
    EQ_STR(a.command->name, "sign");
    EQ_STR(a.value[OPT_VAULT], "/v");
    EQ_INT(a.n_words, 3);
    EQ_STR(a.words[2], "/x");
    EQ_STR(a.value[OPT_DATA], "body");
    EQ_STR(a.value[OPT_PIN_FD], "3");
    EQ_INT(a.n_repeated, 2);
    EQ_STR(a.repeated[1], "C: d");
    CHECK(a.given[OPT_JSON]);
    OK_CALL(args_check(&a, &e), &e);
}

static void double_dash_ends(void)
{
    struct args a;
    struct err e;

    OK_CALL(PARSE(&a, &e, A("show"), A("--"), A("--json")), &e);
    EQ_INT(a.n_words, 1);
    EQ_STR(a.words[0], "--json");
    CHECK(!a.given[OPT_JSON]);
}

/* What follows is not ours to read, even where it looks like an option of ours. */
static void a_program_keeps_its_arguments(void)
{
    struct args a;
    struct err e;

    OK_CALL(PARSE(&a, &e, A("run"), A("n"), A("--as"), A("env"), A("--"), A("sh"), A("--json"),
                  A("-c"), A("exit"), A("a"), A("b")),
            &e);
    OK_CALL(args_check(&a, &e), &e);
    EQ_INT(a.n_words, 1);
    EQ_INT(a.n_rest, 6);
    EQ_STR(a.rest[0], "sh");
    EQ_STR(a.rest[5], "b");
    CHECK(!a.given[OPT_JSON]);
    OK_CALL(PARSE(&a, &e, A("run"), A("n"), A("--")), &e);
    EQ_INT(a.n_rest, 0);
    OK_CALL(PARSE(&a, &e, A("run"), A("n"), A("sh")), &e);
    EQ_INT(args_check(&a, &e), ERR_USAGE);
}

static void optional_value_only_with_equals(void)
{
    struct args a;
    struct err e;

    OK_CALL(PARSE(&a, &e, A("init"), A("--generate"), A("--softhsm")), &e);
    CHECK(a.given[OPT_GENERATE] && a.given[OPT_SOFTHSM] && !a.value[OPT_GENERATE]);
    OK_CALL(PARSE(&a, &e, A("init"), A("--generate=rsa2048")), &e);
    EQ_STR(a.value[OPT_GENERATE], "rsa2048");
}

static void unknown_names_nearest(void)
{
    struct args a;
    struct err e;

    EQ_INT(PARSE(&a, &e, A("list"), A("--pin-fil"), A("x")), ERR_USAGE);
    EQ_STR(e.msg, "unknown option '--pin-fil'");
    EQ_STR(e.hints[0], "did you mean '--pin-file'?");
    EQ_INT(PARSE(&a, &e, A("sing")), ERR_USAGE);
    EQ_STR(e.hints[0], "did you mean 'coffer sign'?");
    EQ_INT(PARSE(&a, &e, A("-z")), ERR_USAGE);
}

/* Nothing that could be a secret is repeated, and the reason is told. */
static void secrets_on_the_command_line(void)
{
    static const char secret[] = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP";
    struct args a;
    struct err e;

    OK_CALL(PARSE(&a, &e, A("add"), A("n"), A("binance"), A("NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP")),
            &e);
    EQ_INT(args_check(&a, &e), ERR_USAGE);
    CHECK(!strstr(e.msg, secret));
    CHECK(strstr(e.hints[e.n_hints - 1], "never taken from the command line") != NULL);
    EQ_INT(PARSE(&a, &e, A("add"), A("--api-secret=NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP")), ERR_USAGE);
    CHECK(!strstr(e.msg, secret));
    EQ_INT(PARSE(&a, &e, A("add"), A("--NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiPNhqPtmdSJYdKjVHjA7PZj4")),
           ERR_USAGE);
    CHECK(!strstr(e.msg, secret));
}

static void wrong_use(void)
{
    struct args a;
    struct err e;

    EQ_INT(PARSE(&a, &e, A("list"), A("--json=1")), ERR_USAGE);
    EQ_INT(PARSE(&a, &e, A("list"), A("--vault")), ERR_USAGE);
    EQ_INT(PARSE(&a, &e, A("list"), A("--vault=/a"), A("--vault=/b")), ERR_USAGE);
    EQ_STR(e.msg, "option '--vault' is given twice");
    OK_CALL(PARSE(&a, &e, A("list"), A("--env"), A("live")), &e);
    EQ_INT(args_check(&a, &e), ERR_USAGE);
    EQ_STR(e.msg, "'coffer list' has no option '--env'");
    OK_CALL(PARSE(&a, &e, A("rename"), A("one")), &e);
    EQ_INT(args_check(&a, &e), ERR_USAGE);
    EQ_STR(e.msg, "'coffer rename' needs NEW");
    EQ_STR(e.hints[0], "usage: coffer rename OLD NEW; 'coffer help rename' says more");
    OK_CALL(PARSE(&a, &e, A("add")), &e);
    EQ_INT(args_check(&a, &e), ERR_USAGE);
    EQ_STR(e.hints[0], "usage: coffer add NAME EXCHANGE; 'coffer help add' says more");
    OK_CALL(PARSE(&a, &e, A("add"), A("mm1")), &e);
    EQ_INT(args_check(&a, &e), ERR_USAGE);
    EQ_STR(e.hints[0], "which exchange? coffer add mm1 binance (or coinbase_advanced_trade, "
                       "kraken, okx)");
    OK_CALL(PARSE(&a, &e, A("add"), A("NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP")), &e);
    EQ_INT(args_check(&a, &e), ERR_USAGE);
    CHECK(!strstr(e.hints[0], "NhqPtmdSJYd") && strstr(e.hints[0], "coffer add NAME binance"));
    OK_CALL(PARSE(&a, &e, A("list"), A("1"), A("2"), A("3"), A("4"), A("5"), A("6")), &e);
    EQ_INT(args_check(&a, &e), ERR_USAGE);
}

static void json_is_known_on_failure(void)
{
    struct args a;
    struct err e;

    EQ_INT(PARSE(&a, &e, A("--nope"), A("--json")), ERR_USAGE);
    CHECK(a.given[OPT_JSON]);
    OK_CALL(PARSE(&a, &e, A("--json")), &e);
    CHECK(a.command == NULL);
}

/* What the table promises, it must keep. */
static void table_is_whole(void)
{
    size_t n = 0;

    for (const struct command *c = commands; c->name; c++, n++) {
        CHECK(c->gist && c->synopsis && c->details && c->options && c->run);
        CHECK(command_find(c->name) == c);
        for (size_t i = 0; c->details[i]; i++)
            CHECK(c->details[i] == '\n' || (c->details[i] >= ' ' && c->details[i] <= '~'));
    }
    EQ_INT(n, 29);
    for (size_t i = 0; i < OPT_COUNT; i++) {
        CHECK(options[i].name && options[i].gist);
        for (size_t k = 0; k < i; k++)
            CHECK(strcmp(options[i].name, options[k].name) != 0);
    }
}

static int parse_fields(const char *text, struct secret typed[FIELD_COUNT], struct err *e)
{
    fields_free(typed);
    return fields_parse(bytes_str(text), typed, e);
}

static void fields_from_json(void)
{
    struct secret f[FIELD_COUNT] = {{0}};
    struct err e;

    OK_CALL(
        parse_fields("{\"apiKey\":\"key\",\"secret\":\"a\\nb\\u0041\",\"password\":\"\"}", f, &e),
        &e);
    EQ_MEM(secret_bytes(&f[FIELD_API_KEY]), BYTES_LIT("key"));
    EQ_MEM(secret_bytes(&f[FIELD_API_SECRET]), BYTES_LIT("a\nbA"));
    CHECK(f[FIELD_PASSPHRASE].p && f[FIELD_PASSPHRASE].n == 0);
    CHECK(!f[FIELD_UID].p);
    fields_free(f);
}

static void fields_refused(void)
{
    static const char *const bad[] = {
        "",
        "[]",
        "{",
        "{} x",
        "{\"api_key\":1}",
        "{\"api_key\":null}",
        "{\"api_key\":{\"a\":\"b\"}}",
        "{\"api_key\":[\"SECRETVALUE\"]}",
        "{\"api_key\":\"SECRETVALUE\",\"api_key\":\"y\"}",
        "{\"api_key\":\"SECRETVALUE\",\"apiKey\":\"y\"}",
        "{\"api_key\":\"SECRETVALUE\",\"other\":\"y\"}",
        "{\"SECRETVALUE0123\":\"x\"}",
        "{\"api_key\":\"SECRETVALUE",
    };
    struct secret f[FIELD_COUNT] = {{0}};

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct err e = {.code = OK};
        EQ_INT(parse_fields(bad[i], f, &e), ERR_USAGE);
        CHECK(!strstr(e.msg, "SECRETVALUE"));
        for (unsigned k = 0; k < e.n_hints; k++)
            CHECK(!strstr(e.hints[k], "SECRETVALUE"));
    }
    fields_free(f);
}

int main(void)
{
    RUN(a_program_keeps_its_arguments);
    RUN(options_before_and_after);
    RUN(double_dash_ends);
    RUN(optional_value_only_with_equals);
    RUN(unknown_names_nearest);
    RUN(secrets_on_the_command_line);
    RUN(wrong_use);
    RUN(json_is_known_on_failure);
    RUN(table_is_whole);
    RUN(fields_from_json);
    RUN(fields_refused);
    return harness_end();
}
