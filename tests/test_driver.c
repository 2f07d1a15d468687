/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of pkcs11/driver.c: which file name is whose, the ports of a TPM's simulator, and the words
 * of it. That a sandbox is made of it: tests/e2e/token_helper.py. */
#include "tests/harness.h"

#include "pkcs11/driver.h"

#include <stdlib.h>

static void test_kinds(void)
{
    static const struct {
        const char *module;
        enum driver_kind kind;
        const char *name, *text;
    } rows[] = {
        {"/usr/lib/softhsm/libsofthsm2.so", DRIVER_FILES, "SoftHSM",
         "its files, no socket, no network"},
        {"/usr/lib/x86_64-linux-gnu/opensc-pkcs11.so", DRIVER_CARD, "OpenSC",
         "local sockets (pcscd), no network"},
        {"/usr/lib/x86_64-linux-gnu/libykcs11.so.2", DRIVER_CARD, "ykcs11",
         "local sockets (pcscd), no network"},
        {"/usr/lib/x86_64-linux-gnu/pkcs11/libtpm2_pkcs11.so", DRIVER_TPM, "tpm2-pkcs11",
         "the TPM's device, local sockets (D-Bus), no network"},
        {"/usr/lib/x86_64-linux-gnu/pkcs11/p11-kit-client.so", DRIVER_SERVER, "p11-kit's client",
         "local sockets, no network"},
        {"/opt/luna/lib/libCryptoki2_64.so", DRIVER_NETWORK, "Luna",
         "TCP ports 1792, 5656, name servers"},
        {"/usr/lib/pkcs11/yubihsm_pkcs11.so", DRIVER_NETWORK, "YubiHSM 2",
         "TCP port 12345, name servers"},
        {"/home/me/vendor.so", DRIVER_UNKNOWN, "unknown driver", "local sockets, no network"},
        /* a folder's name says nothing */
        {"/opt/libsofthsm/vendor.so", DRIVER_UNKNOWN, "unknown driver",
         "local sockets, no network"},
        {"vendor.so", DRIVER_UNKNOWN, "unknown driver", "local sockets, no network"},
    };
    struct driver_needs n;
    char text[DRIVER_TEXT];

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        driver_needs(rows[i].module, NULL, &n);
        driver_text(&n, text);
        EQ_INT(n.kind, rows[i].kind);
        EQ_STR(n.name, rows[i].name);
        EQ_STR(text, rows[i].text);
        EQ_INT(n.has_local_sockets, n.kind != DRIVER_FILES && n.kind != DRIVER_NETWORK);
        EQ_INT(n.has_names, n.kind == DRIVER_NETWORK);
    }
}

static void test_simulator(void)
{
    static const struct {
        const char *tcti;
        unsigned port; /* and the next; 0: none */
    } rows[] = {
        {"swtpm:host=127.0.0.1,port=2400", 2400},
        {"swtpm:port=2400,host=127.0.0.1", 2400},
        {"mssim:host=localhost", 2321},
        {"swtpm", 2321},
        {"libtss2-tcti-swtpm.so.0:port=65534", 65534},
        {"swtpm:path=/tmp/x", 0},
        {"swtpm:port=65535", 0},
        {"swtpm:port=0", 0},
        {"swtpm:port=x", 0},
        {"device:/dev/tpmrm0", 0},
        {"tabrmd:bus_name=com.intel.tss2.Tabrmd", 0},
        {"", 0},
        {NULL, 0},
    };
    struct driver_needs n;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        driver_needs("/x/libtpm2_pkcs11.so.1", rows[i].tcti, &n);
        EQ_INT(n.n_ports, rows[i].port ? 2 : 0);
        EQ_INT(n.ports[0], rows[i].port);
        EQ_INT(n.ports[1], rows[i].port ? rows[i].port + 1 : 0);
        CHECK(!n.has_names);
    }
}

static void test_more_ports(void)
{
    struct driver_needs n;
    char text[DRIVER_TEXT];

    driver_needs("/x/vendor.so", NULL, &n);
    CHECK(driver_takes_ports(&n));
    CHECK(driver_add_port(&n, 4711));
    CHECK(driver_add_port(&n, 4711));
    EQ_INT(n.n_ports, 1);
    CHECK(n.has_names);
    driver_text(&n, text);
    EQ_STR(text, "local sockets, TCP port 4711, name servers");
    for (unsigned i = 1; i < DRIVER_PORTS_MAX; i++)
        CHECK(driver_add_port(&n, i));
    CHECK(!driver_add_port(&n, 60000));
    driver_text(&n, text);
    CHECK(strlen(text) < DRIVER_TEXT);
    driver_needs("/x/opensc-pkcs11.so", NULL, &n);
    CHECK(!driver_takes_ports(&n));
    driver_needs("/x/libsofthsm2.so", NULL, &n);
    CHECK(!driver_takes_ports(&n));
}

static void test_environment(void)
{
    unsetenv("TPM2_PKCS11_TCTI");
    unsetenv("TSS2_TCTI");
    CHECK(driver_tcti() == NULL);
    setenv("TSS2_TCTI", "second", 1);
    EQ_STR(driver_tcti(), "second");
    setenv("TPM2_PKCS11_TCTI", "first", 1);
    EQ_STR(driver_tcti(), "first");
}

int main(void)
{
    RUN(test_kinds);
    RUN(test_simulator);
    RUN(test_more_ports);
    RUN(test_environment);
    return harness_end();
}
