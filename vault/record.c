/* SPDX-License-Identifier: Apache-2.0 */
/* struct record_info: birth, copy, death, and the rule for names. */
#include "vault/record.h"

#include "base/bytes.h"

const char *custody_name(enum custody c)
{
    static const char *const names[] = {"sealed", "inside", "born"};
    return names[c];
}

void record_info_init(struct record_info *r)
{
    *r = (struct record_info){.ca = BUF_INIT(32768), .policy = BUF_INIT(65536)};
}

void record_info_free(struct record_info *r)
{
    buf_free(&r->ca);
    buf_free(&r->policy);
}

int record_info_copy(struct record_info *to, const struct record_info *from, struct err *e)
{
    struct record_info n = *from;
    n.ca = (struct buf)BUF_INIT(from->ca.max);
    n.policy = (struct buf)BUF_INIT(from->policy.max);
    buf_add(&n.ca, buf_bytes(&from->ca));
    buf_add(&n.policy, buf_bytes(&from->policy));
    int rc = buf_check(&n.ca, "CA certificates", e);
    if (!rc)
        rc = buf_check(&n.policy, "policy", e);
    if (rc) {
        record_info_free(&n);
        return rc;
    }
    *to = n;
    return OK;
}

static bool is_alnum(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

bool record_name_ok(struct bytes s)
{
    if (s.n == 0 || s.n > NAME_MAX_LEN || !is_alnum(s.p[0]))
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (!is_alnum(s.p[i]) && s.p[i] != '_' && s.p[i] != '-')
            return false;
    return true;
}

int record_check_name(const char *name, struct err *e)
{
    struct bytes s = bytes_str(name);
    if (record_name_ok(s))
        return OK;
    if (s.n == 0)
        err_set(e, ERR_USAGE, "the name is empty");
    else if (s.n > NAME_MAX_LEN)
        err_set(e, ERR_USAGE, "the name has %zu characters, at most %u are allowed", s.n,
                NAME_MAX_LEN);
    else
        err_set(e, ERR_USAGE, "'%s' is no name for a key", name);
    return err_hint(e, "use letters, digits, - and _, starting with a letter or digit");
}
