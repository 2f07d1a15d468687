/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of agent/bearers_file.h: the form of bearers.json, of keys that hold a bearer, of names. */
#include "tests/harness.h"

#include "agent/bearers_file.h"

static struct bearer_list list;

#define ID "AAAAAAAAAAAAAAAAAAAAAA"
#define HASH "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define ONE(client)                                                                                \
    "{\"client\":\"" client "\",\"rec_id\":\"" ID "\",\"sha256\":\"" HASH "\",\"created_ms\":1}"

static void test_form(void)
{
    static const char *const bad[] = {
        "",
        "[]",
        "{\"format\":1}",
        "{\"format\":2,\"bearers\":[]}",
        "{\"format\":1,\"bearers\":{}}",
        "{\"format\":1,\"bearers\":[],\"more\":1}",
        "{\"format\":1,\"bearers\":[{}]}",
        "{\"format\":1,\"bearers\":[1]}",
        "{\"format\":1,\"bearers\":[" ONE("a") "," ONE("a") "]}",
        "{\"format\":1,\"bearers\":[" ONE("") "]}",
        "{\"format\":1,\"bearers\":[" ONE("a b") "]}",
        "{\"format\":1,\"bearers\":[" ONE("-a") "]}",
        "{\"format\":1,\"bearers\":[" ONE("a\\u0000") "]}",
        "{\"format\":1,\"bearers\":[{\"client\":\"a\",\"rec_id\":\"" ID "\",\"sha256\":\"" HASH
        "\"}]}",
        "{\"format\":1,\"bearers\":[{\"client\":\"a\",\"rec_id\":\"" ID "A\",\"sha256\":\"" HASH
        "\",\"created_ms\":1}]}",
        "{\"format\":1,\"bearers\":[{\"client\":\"a\",\"rec_id\":\"" ID "\",\"sha256\":\"" HASH
        "\",\"created_ms\":1,\"until\":1}]}",
        "{\"format\":1,\"bearers\":[]} x",
    };
    struct err e;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        list.n = 5;
        EQ_INT(bearers_parse(bytes_str(bad[i]), &list, &e), ERR_FORMAT);
        EQ_INT(list.n, 0);
    }
    OK_CALL(bearers_parse(bytes_str("{\"bearers\":[" ONE("a") "," ONE("b") "],\"format\":1}\n"),
                          &list, &e),
            &e);
    EQ_INT(list.n, 2);
    EQ_STR(list.v[1].client, "b");
}

static void test_key(void)
{
    static const char *const bad[] = {"coffer_main",
                                      "coffer_main_",
                                      "coffer__0123456789abcdef0123456789abcdef",
                                      "coffer_0123456789abcdef0123456789abcdef",
                                      "coffer_main_0123456789abcdef0123456789abcdeF",
                                      "coffer_main-0123456789abcdef0123456789abcdef",
                                      "coffer_ma/in_0123456789abcdef0123456789abcdef",
                                      "coffer_main_0123456789abcdef0123456789abcdef ",
                                      "Coffer_main_0123456789abcdef0123456789abcdef",
                                      "",
                                      "0123456789abcdef0123456789abcdef"};
    struct bytes name = BYTES_LIT("?"), bearer = BYTES_LIT("?");

    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        CHECK(!bearer_from_key(bytes_str(bad[i]), &name, &bearer));
    EQ_MEM(name, BYTES_LIT("?"));
    CHECK(bearer_from_key(BYTES_LIT("coffer_my_main_0123456789abcdef0123456789abcdef"), &name,
                          &bearer));
    EQ_MEM(name, BYTES_LIT("my_main"));
    EQ_MEM(bearer, BYTES_LIT("0123456789abcdef0123456789abcdef"));
}

static void test_client_names(void)
{
    static const char *const bad[] = {
        "",
        " ",
        "a b",
        "_a",
        "a/b",
        "\xc3\xa4",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
    struct err e;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        EQ_INT(bearer_check_client(bad[i], &e), ERR_USAGE);
    OK_CALL(bearer_check_client("mm1-Hedge_2", &e), &e);
}

int main(void)
{
    RUN(test_form);
    RUN(test_key);
    RUN(test_client_names);
    return harness_end();
}
