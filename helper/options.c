/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of coffer-token. */
#include "helper/options.h"

#include "base/codec.h"
#include "base/text.h"

#define PORT_MAX 65535u

static bool take_port(struct driver_needs *n, struct bytes v)
{
    uint64_t port;

    if (!text_u64(v, PORT_MAX, &port) || port == 0)
        return false;
    return !driver_takes_ports(n) || driver_add_port(n, (unsigned)port);
}

static bool take(struct options *o, struct bytes name, struct bytes v)
{
    size_t n = 0;

    if (bytes_eq_str(name, "module"))
        return text_copy(o->where.module, sizeof(o->where.module), v);
    if (bytes_eq_str(name, "conf"))
        return text_copy(o->where.softhsm_conf, sizeof(o->where.softhsm_conf), v);
    if (bytes_eq_str(name, "label"))
        return text_copy(o->where.label, sizeof(o->where.label), v);
    if (bytes_eq_str(name, "serial"))
        return text_copy(o->where.serial, sizeof(o->where.serial), v);
    if (bytes_eq_str(name, "manufacturer"))
        return text_copy(o->where.manufacturer, sizeof(o->where.manufacturer), v);
    if (bytes_eq_str(name, "model"))
        return text_copy(o->where.model, sizeof(o->where.model), v);
    if (bytes_eq_str(name, "rid"))
        return hex_decode(o->rid, sizeof(o->rid), &n, v) && n == RID_LEN;
    if (bytes_eq_str(name, "id"))
        return hex_decode(o->id, sizeof(o->id), &o->id_len, v);
    if (bytes_eq_str(name, "scheme"))
        return scheme_by_name(v, &o->scheme);
    return bytes_eq_str(name, "port"); /* taken when the driver is known */
}

int options_read(int argc, char **argv, struct options *out, struct err *e)
{
    static const uint8_t none[RID_LEN];
    struct bytes name, value;

    memset(out, 0, sizeof(*out));
    for (int i = 2; i < argc; i++)
        if (!text_cut(bytes_str(argv[i]), '=', &name, &value) || !take(out, name, value))
            return err_set(e, ERR_USAGE, "'%s' is not understood", argv[i]);
    if (out->where.module[0] != '/' || out->scheme == SCHEME_NONE ||
        memcmp(out->rid, none, RID_LEN) == 0)
        return err_set(e, ERR_USAGE, "module, rid and scheme are needed");
    driver_needs(out->where.module, driver_tcti(), &out->needs);
    for (int i = 2; i < argc; i++)
        if (text_cut(bytes_str(argv[i]), '=', &name, &value) && bytes_eq_str(name, "port") &&
            !take_port(&out->needs, value))
            return err_set(e, ERR_USAGE, "'%s' is no port, or is one too many", argv[i]);
    return OK;
}
