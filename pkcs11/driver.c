/* SPDX-License-Identifier: Apache-2.0 */
/* The table of drivers. Ports are the makers' defaults: another one is named by the owner. */
#include "pkcs11/driver.h"

#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>

#define TPM_PORT 2321u /* of swtpm and of Microsoft's simulator; the next one is its control's */
#define PORT_MAX 65535u

struct row {
    const char *part; /* of the file's name */
    const char *name;
    enum driver_kind kind;
    unsigned ports[4];
};

static const struct row rows[] = {
    {"libsofthsm", "SoftHSM", DRIVER_FILES, {0}},
    {"libsoftokn", "NSS", DRIVER_FILES, {0}},
    {"opensc-pkcs11", "OpenSC", DRIVER_CARD, {0}},
    {"libykcs11", "ykcs11", DRIVER_CARD, {0}},
    {"libsc-hsm-pkcs11", "SmartCard-HSM", DRIVER_CARD, {0}},
    {"libeTPkcs11", "SafeNet eToken", DRIVER_CARD, {0}},
    {"libIDPrimePKCS11", "IDPrime", DRIVER_CARD, {0}},
    {"tpm2_pkcs11", "tpm2-pkcs11", DRIVER_TPM, {0}},
    {"p11-kit-client", "p11-kit's client", DRIVER_SERVER, {0}},
    {"opencryptoki", "openCryptoki", DRIVER_SERVER, {0}},
    {"libcknfast", "nShield", DRIVER_SERVER, {0}},
    {"yubihsm_pkcs11", "YubiHSM 2", DRIVER_NETWORK, {12345}},
    {"libCryptoki2", "Luna", DRIVER_NETWORK, {1792, 5656}},
    {"libcloudhsm_pkcs11", "AWS CloudHSM", DRIVER_NETWORK, {2223, 2224, 2225}},
    {"libprimusP11", "Primus HSM", DRIVER_NETWORK, {2310}},
    {"libcs_pkcs11", "Utimaco CryptoServer", DRIVER_NETWORK, {288}},
    {"libkmsp11", "Google Cloud KMS", DRIVER_NETWORK, {443}},
    {"nethsm_pkcs11", "NetHSM", DRIVER_NETWORK, {443}},
};

static const struct row *find(const char *module)
{
    const char *slash = strrchr(module, '/'), *file = slash ? slash + 1 : module;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (strstr(file, rows[i].part))
            return &rows[i];
    return NULL;
}

bool driver_takes_ports(const struct driver_needs *n)
{
    return n->kind != DRIVER_FILES && n->kind != DRIVER_CARD;
}

static bool add_port(struct driver_needs *n, unsigned port)
{
    for (size_t i = 0; i < n->n_ports; i++)
        if (n->ports[i] == port)
            return true;
    if (n->n_ports == DRIVER_PORTS_MAX)
        return false;
    n->ports[n->n_ports++] = port;
    return true;
}

bool driver_add_port(struct driver_needs *n, unsigned port)
{
    n->has_names = true;
    return add_port(n, port);
}

/* "swtpm:host=127.0.0.1,port=2321", "mssim:port=2321", "libtss2-tcti-swtpm.so.0:..."; by path= it
 * is a local socket, and what is neither is a device or a local service. */
static void tpm_ports(const char *tcti, struct driver_needs *out)
{
    const char *options = strchr(tcti, ':');
    struct bytes part, rest = bytes_str(options ? options + 1 : "");
    uint64_t port = TPM_PORT;

    if ((!strstr(tcti, "swtpm") && !strstr(tcti, "mssim")) || strstr(tcti, "path="))
        return;
    while (rest.n > 0) {
        (void)text_cut(rest, ',', &part, &rest);
        if (text_starts(part, "port=") &&
            (!text_u64(bytes_of(part.p + 5, part.n - 5), PORT_MAX - 1, &port) || port == 0))
            return;
    }
    (void)!add_port(out, (unsigned)port);
    (void)!add_port(out, (unsigned)port + 1);
}

void driver_needs(const char *module, const char *tcti, struct driver_needs *out)
{
    const struct row *r = find(module);

    memset(out, 0, sizeof(*out));
    out->kind = r ? r->kind : DRIVER_UNKNOWN;
    out->name = r ? r->name : "unknown driver";
    out->has_local_sockets = out->kind != DRIVER_FILES && out->kind != DRIVER_NETWORK;
    out->has_names = out->kind == DRIVER_NETWORK;
    for (size_t i = 0; r && i < ARRAY_LEN(r->ports) && r->ports[i]; i++)
        (void)!add_port(out, r->ports[i]);
    if (out->kind == DRIVER_TPM && tcti)
        tpm_ports(tcti, out);
}

const char *driver_tcti(void)
{
    const char *tcti = getenv("TPM2_PKCS11_TCTI");

    return tcti ? tcti : getenv("TSS2_TCTI");
}

void driver_text(const struct driver_needs *n, char out[DRIVER_TEXT])
{
    static const char *const sockets[DRIVER_KINDS] = {
        [DRIVER_UNKNOWN] = "local sockets",
        [DRIVER_FILES] = "its files, no socket",
        [DRIVER_CARD] = "local sockets (pcscd)",
        [DRIVER_TPM] = "the TPM's device, local sockets (D-Bus)",
        [DRIVER_SERVER] = "local sockets",
        [DRIVER_NETWORK] = "",
    };
    size_t at = (size_t)snprintf(out, DRIVER_TEXT, "%s", sockets[n->kind]);

    if (n->n_ports == 0) {
        if (at < DRIVER_TEXT)
            snprintf(out + at, DRIVER_TEXT - at, "%sno network", at ? ", " : "");
        return;
    }
    for (size_t i = 0; i < n->n_ports && at < DRIVER_TEXT; i++) {
        const char *before = i ? ", " : n->n_ports > 1 ? "TCP ports " : "TCP port ";
        at += (size_t)snprintf(out + at, DRIVER_TEXT - at, "%s%s%u", i == 0 && at ? ", " : "",
                               before, n->ports[i]);
    }
    if (n->has_names && at < DRIVER_TEXT)
        snprintf(out + at, DRIVER_TEXT - at, ", name servers");
}
