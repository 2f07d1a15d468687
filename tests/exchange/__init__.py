# SPDX-License-Identifier: Apache-2.0
"""Four exchanges on this machine, for tests and the demo: Binance, OKX, Kraken and Coinbase behind
their real host names, TLS with a throw-away CA, signatures checked by tests/checker.py.

    with Exchange() as x:
        k = x.key("binance", withdraw=True)
        ... a client with --connect-to x.connect_to --ca-file x.ca_file and the credential k.fields
        x.log[-1].path, k.delete(), x.fail("html"), x.heal(), x.orders("A1")

Needs tests/ on sys.path, Python's standard library and the openssl command."""
import os
import sys

_TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
if _TESTS not in sys.path:
    sys.path.insert(0, _TESTS)

from .world import Exchange  # noqa: E402  pylint: disable=wrong-import-position

__all__ = ["Exchange"]
