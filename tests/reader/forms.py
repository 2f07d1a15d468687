# SPDX-License-Identifier: Apache-2.0
"""What vault.json, a record's lines and tokens.json hold."""
from strict import array_of, integer, matching, octets, one_of, record, text

NAME = "[A-Za-z0-9][A-Za-z0-9_-]{0,63}"
FILE = f"({NAME})\\.([1-9][0-9]{{0,15}})\\.([0-9a-f]{{8}})\\.json"
SCHEMES = ("ecdh-p256", "rsa-oaep-256", "rsa-oaep-1")
FIELDS = ("api_key", "api_secret", "passphrase", "uid", "private_key_pem", "wallet", "login")

RECIPIENT = dict(rid=octets(32), spki=octets(), scheme=one_of(*SCHEMES),
                 kind=one_of("token", "paper"), label=text(), key_id=octets(), serial=text(),
                 tested=one_of(True, False), wrap=octets())
ENTRY = dict(name=matching(NAME), file=matching(FILE), sha256=octets(32))
RETIRING = dict(retiring=matching(FILE), retiring_sha256=octets(32))
VAULT = dict(format=one_of(1), vault_id=octets(16), generation=integer(1),
             recipients=array_of(record(RECIPIENT)), audit_key=octets(12 + 32 + 16),
             index=array_of(record(ENTRY, RETIRING)))

HEADER = dict(format=one_of(1), name=matching(NAME), rec_id=octets(16), version=integer(1),
              vault_id=octets(16), connector=text(1), environment=one_of("live", "test", "demo"),
              custody=one_of("sealed", "inside", "born"),
              key=one_of("hmac", "rsa", "ed25519", "ec-p256"), key_mask=text(),
              created_ms=integer())
RISK = dict(problem=text(), reason=text(), date_ms=integer())
HEADER_SOMETIMES = dict(region=text(), rotated_ms=integer(), classes=text(), release=one_of(True),
                        unverified=one_of(True), unseal=text(), egress=text(), connect_to=text(),
                        hosts=array_of(text(1)), risks=array_of(record(RISK)), ca=text(),
                        policy=lambda v: isinstance(v, dict))
WRAPS = array_of(record(dict(rid=octets(32), wrap=octets())))

TOKEN = dict(vault_id=octets(16), rid=octets(32), scheme=one_of(*SCHEMES), module=text(1),
             key_id=octets())
TOKEN_SOMETIMES = dict(softhsm_conf=text(1), label=text(), serial=text(), pin_file=text(1))
TOKENS = dict(format=one_of(1), tokens=array_of(record(TOKEN, TOKEN_SOMETIMES)))
PIN = dict(vault_id=octets(16), fingerprint=octets(16), generation=integer(1), sha256=octets(32))
