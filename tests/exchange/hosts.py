# SPDX-License-Identifier: Apache-2.0
"""Which host name is which exchange, environment and region."""


class Site:
    """What one host name stands for. env None: a header tells (OKX)."""

    def __init__(self, exchange, env, region=None, part=None):
        self.exchange, self.env, self.region, self.part = exchange, env, region, part


BINANCE, OKX, KRAKEN, COINBASE = "binance", "okx", "kraken", "coinbase_advanced_trade"
ALIASES = {"coinbase": COINBASE, "binanceusdm": BINANCE, "binance_perpetual": BINANCE}

HOSTS = {
    "api.binance.com": Site(BINANCE, "live", part="spot"),
    "api-gcp.binance.com": Site(BINANCE, "live", part="spot"),
    "api1.binance.com": Site(BINANCE, "live", part="spot"),
    "api2.binance.com": Site(BINANCE, "live", part="spot"),
    "api3.binance.com": Site(BINANCE, "live", part="spot"),
    "api4.binance.com": Site(BINANCE, "live", part="spot"),
    "fapi.binance.com": Site(BINANCE, "live", part="futures"),
    "dapi.binance.com": Site(BINANCE, "live", part="delivery"),
    "testnet.binance.vision": Site(BINANCE, "test", part="spot"),
    "api1.testnet.binance.vision": Site(BINANCE, "test", part="spot"),
    "testnet.binancefuture.com": Site(BINANCE, "test", part="futures"),
    "demo-api.binance.com": Site(BINANCE, "demo", part="spot"),
    "demo-fapi.binance.com": Site(BINANCE, "demo", part="futures"),
    "www.okx.com": Site(OKX, None, "www"),
    "openapi.okx.com": Site(OKX, None, "www"),
    "us.okx.com": Site(OKX, None, "app"),
    "app.okx.com": Site(OKX, None, "app"),
    "eea.okx.com": Site(OKX, None, "my"),
    "api.kraken.com": Site(KRAKEN, "live"),
    "api.coinbase.com": Site(COINBASE, "live"),
    "api-sandbox.coinbase.com": Site(COINBASE, "test"),
}


def exchange_name(name):
    """The connector's name for it; ValueError for another exchange."""
    name = ALIASES.get(name, name)
    if name not in (BINANCE, OKX, KRAKEN, COINBASE):
        raise ValueError(f"no such exchange here: {name}")
    return name
