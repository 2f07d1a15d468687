#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""clients/python and clients/js ask a running agent for signatures, which the exchange then takes."""
import http.client
import json
import os
import shutil
import ssl
import socket
import subprocess
import threading
import urllib.parse

import kit
from kit import lib

import coffer  # noqa: E402  from clients/python, by kit's path

URL = "https://api.binance.com/api/v3/account"


def make():
    w = kit.World()
    start = w.start
    w.start = lambda: (w.add("freed", "binance", "--release", "yes"), start())
    return w


world = kit.once(make)


def agent():
    return coffer.Agent(os.path.join(world().run, "coffer/agent.sock"))


def send(signed):
    """As a bot would, to the exchange at its real name."""
    at = urllib.parse.urlsplit(signed["url"])
    context = ssl.create_default_context(cafile=world().x.ca_file)
    raw = socket.create_connection(("127.0.0.1", world().x.port))
    c = http.client.HTTPConnection(at.hostname)
    c.sock = context.wrap_socket(raw, server_hostname=at.hostname)
    c.request(signed["method"], f"{at.path}?{at.query}", signed["body"] or None, signed["headers"])
    r = c.getresponse()
    return r.status, json.loads(r.read())


def python():
    """Python: a signed request that the exchange takes"""
    with agent() as a:
        signed = a.sign("freed", "GET", URL, headers={"X-MBX-APIKEY": "dummy", "X-Mine": "kept"})
        assert signed["headers"]["X-Mine"] == "kept" and "signature=" in signed["url"], signed
        assert send(signed)[0] == 200
        assert {r["name"] for r in a.list()["records"]} >= {"freed", "kraken-main"}
        assert a.status()["vault_id"]


def python_refusals():
    """Python: refusals come as Error with their code, and the connection goes on"""
    with agent() as a:
        for args, code in ((("binance-main", "GET", URL), "policy"),
                           (("nobody", "GET", URL), "not_found"),
                           (("freed", "POST", "https://api.binance.com/sapi/v1/capital/withdraw/apply"),
                            "policy"),
                           (("freed", "GET", "ftp://x"), "usage")):
            try:
                a.sign(*args)
            except coffer.Error as e:
                assert e.code == code and e.message, (args, e.code, e)
            else:
                raise AssertionError(f"{args} was signed")
        assert a.sign("freed", "GET", URL)["method"] == "GET"


def python_threads():
    """Python: eight threads share one connection"""
    got = []
    with agent() as a:
        threads = [threading.Thread(target=lambda i=i: got.append(
            (i, a.sign("freed", "GET", f"{URL}?recvWindow={1000 + i}")["url"]))) for i in range(8)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
    assert len(got) == 8 and all(f"recvWindow={1000 + i}&" in url for i, url in got), got


def python_untrusted():
    """Python: no agent, or a socket that is a link or another file's: an error, and nothing is said"""
    path = os.path.join(world().run, "elsewhere.sock")
    for prepare in (lambda: None, lambda: os.symlink(os.path.join(world().run, "coffer/agent.sock"), path)):
        prepare()
        try:
            coffer.Agent(path).status()
        except coffer.Error as e:
            assert e.code in ("not_found", "untrusted"), e.code
        else:
            raise AssertionError("it was talked to")


SCRIPT = """
import { Agent, CofferError } from %s;
const agent = new Agent({ path: process.argv[2] });
const url = 'https://api.binance.com/api/v3/account';
const urls = await Promise.all([1, 2, 3].map((i) => agent.sign('freed', 'GET', `${url}?recvWindow=${i}000`)));
const no = await agent.sign('binance-main', 'GET', url).catch((e) => e);
if (!(no instanceof CofferError))
    throw new Error('it was signed');
const gone = await new Agent({ path: process.argv[2] + '.gone' }).status().catch((e) => e.code);
console.log(JSON.stringify({ urls, code: no.code, gone, names: (await agent.list()).records.map((r) => r.name) }));
agent.close();
"""


def javascript():
    """JavaScript: the same, by Node's own modules"""
    if not shutil.which("node"):
        return "node is not installed"
    w = world()
    script = w.h.private("thin.mjs", SCRIPT % json.dumps(os.path.join(kit.ROOT, "clients/js/coffer.mjs")))
    p = subprocess.run(["node", script, os.path.join(w.run, "coffer/agent.sock")],
                       capture_output=True, text=True, timeout=30, check=False)
    assert p.returncode == 0, p.stderr
    got = json.loads(p.stdout)
    assert [f"recvWindow={i}000&" in s["url"] for i, s in enumerate(got["urls"], 1)] == [True] * 3, got
    assert all(send(s)[0] == 200 for s in got["urls"])
    assert got["code"] == "policy" and got["gone"] == "not_found" and "freed" in got["names"], got
    return None


if __name__ == "__main__":
    lib.main([python, python_refusals, python_threads, python_untrusted, javascript])
