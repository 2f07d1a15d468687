#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# run: once
# sanitizers: no
"""coffer status: what it shows and what it calls for, from records and notes alone; with a vault
that is missing, damaged, put back or not trusted"""
import json
import os
import re
import shutil
import time

import forge
import kit
from kit import calm, refused
from lib import Home, exchange, main, no_secret, shared

DAY = 86400 * 1000
NOW = int(time.time() * 1000)
GOOD = {"at_ms": NOW - 3 * DAY, "version": 1, "works": "yes", "worked_ms": NOW - 3 * DAY,
        "expires_ms": 0, "exchange_created_ms": 0, "expires": "no", "ip_bound": "yes",
        "withdraw": "no", "transfer": "no", "account": "A1", "problems": []}
SECRETS = [s for k in (kit.HMAC, kit.OKX, kit.KRAKEN) for s in kit.secrets_of(k)]


def prepare(h):
    h.init()
    h.add("main")
    h.add("okx", "okx", kit.OKX, "--allow", "account")
    h.add("kraken", "kraken", kit.KRAKEN)


fresh = shared(prepare)


def state_of(h):
    """The directory of the one vault that this machine has a pin of."""
    found = [d for d in os.listdir(h.state) if os.path.exists(os.path.join(h.state, d, "pin.json"))]
    assert len(found) == 1, found
    return os.path.join(h.state, found[0])


def note_path(h, name):
    with open(h.record_file(name), "rb") as f:
        rec_id = forge.unb64(json.loads(f.readline())["rec_id"])
    return os.path.join(state_of(h), rec_id.hex() + ".notes.json")


def note(h, name, reviewed_ms=NOW - DAY, still_open=(), **differs):
    """Writes what this machine noted of a key. differs: from a key that works and is safe."""
    body = {"format": 1, "verify": {**GOOD, **differs}}
    if reviewed_ms:
        body["review"] = {"at_ms": reviewed_ms, "open": list(still_open)}
    h.private("note", json.dumps(body))
    shutil.copy(os.path.join(h.top, "note"), note_path(h, name))


def status(h, code=0):
    """Text and JSON of the same state; no PIN, no secret, nothing written."""
    before = h.snapshot()
    r, j = h.run("status", pin=False), h.run("status", "--json", pin=False)
    for one in (r, j):
        calm(one)
        assert one.code == code, one
        no_secret(one.out + one.err, *SECRETS)
    assert h.snapshot() == before, "status changed files"
    assert r.out.startswith(("Needs attention", "Nothing needs attention")), r
    assert "not authenticated" in r.out and j.json()["authenticated"] is False, r
    return r, j.json()


def row(r, name):
    """The cells of a key's row."""
    lines = [x for x in r.out.splitlines() if re.match(re.escape(name) + r"  +\S", x)]
    assert len(lines) == 1, (name, r)
    return re.split(r"  +", lines[0])


def wanted(j, name):
    """What a key is listed for, in order."""
    return [x["what"] for x in j["attention"] if x["name"] == name]


def test_no_vault():
    """without a vault: says how to make one"""
    with Home() as h:
        refused(h, 1, "no vault", "status", pin=False, hint="coffer init")


def test_empty():
    """an empty vault: the vault and its token, and nothing to do but to add a spare"""
    with Home() as h:
        h.init()
        r, j = status(h)
        assert "one token opens this vault" in r.out and "no keys yet" in r.out, r
        assert [a["what"] for a in j["attention"]] == ["no-spare"] and j["keys"] == [], j
        assert j["vault"]["trusted"] and j["vault"]["fingerprint"] == h.fingerprint(), j
        assert j["tokens"][0]["software"] and j["tokens"][0]["on_this_machine"], j


def test_never_verified():
    """keys stored untried, never verified, never reviewed: said so, nothing is called safe"""
    h = fresh()
    r, j = status(h)
    for name in ("main", "okx", "kraken"):
        assert wanted(j, name) == ["unverified"], j
    for k in j["keys"]:
        assert k["verified"] is None and not k["is_verified"], k
        assert k["risks"][0]["reason"] == "test", k
    assert row(r, "main")[5:9] == ["never !", "unknown", "unknown", "never"], r
    assert "accepted: not verified" in r.out and "opens account" in r.out, r
    assert row(r, "okx")[2] == "live/www", r


def test_works():
    """a key that works: since when, until when, from where, reviewed when"""
    h = fresh()
    note(h, "main", expires_ms=NOW + 40 * DAY, expires="yes", reviewed_ms=NOW - 31 * DAY)
    r, j = status(h)
    cells = row(r, "main")
    assert cells[5] == "3 d ago: works" and cells[7] == "yes", cells
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", cells[6]), cells
    assert cells[8] == "31 d ago !", cells
    assert wanted(j, "main") == ["unverified", "review-due"], j


def test_notes():
    """each note is shown, and what is due is marked and listed, the most urgent first"""
    h = fresh()
    note(h, "main", works="refused", expires_ms=NOW - DAY, expires="yes",
         problems=["may-withdraw", "may-transfer"], withdraw="yes")
    note(h, "okx", ip_bound="no", problems=["no-ip-list"], expires="unknown",
         still_open=["no-copies"])
    note(h, "kraken", expires_ms=NOW + 5 * DAY + 60000, expires="yes")
    r, j = status(h)
    assert wanted(j, "main") == ["may-withdraw", "danger", "refused", "expired", "unverified"], j
    assert wanted(j, "okx") == ["unverified", "no-ip-list", "review-open"], j
    assert wanted(j, "kraken") == ["unverified", "expires-soon"], j
    what = [x["what"] for x in j["attention"]]
    assert what[:4] == ["may-withdraw", "danger", "refused", "expired"] and what[-1] == "review-open", what
    main_row, okx, kraken = row(r, "main"), row(r, "okx"), row(r, "kraken")
    assert main_row[5] == "3 d ago: refused !" and "EXPIRED !" in main_row[6], main_row
    assert okx[5:9] == ["3 d ago: works", "unknown", "no !", "1 d ago, 1 open"], okx
    assert re.fullmatch(r"\d{4}-\d\d-\d\d !", kraken[6]) and kraken[7] == "yes", kraken
    assert "coffer verify main" in r.out and "coffer guide okx" in r.out, r
    keys = {k["name"]: k for k in j["keys"]}
    assert keys["main"]["verified"]["withdraw"] is True, keys
    assert keys["okx"]["verified"]["ip_allow_list"] is False, keys
    assert keys["okx"]["verified"]["expires"] is None, keys
    assert keys["kraken"]["verified"]["transfer"] is False, keys
    assert keys["okx"]["review"]["open"] == ["no-copies"], keys


def test_shared_line():
    """the same trouble of many keys takes one line, and --json still tells each"""
    with Home() as h:
        h.init()
        for i in range(6):
            h.add(f"key{i}")
        r, j = status(h)
        assert len([x for x in r.out.splitlines() if "without being tried" in x]) == 1, r
        assert "6 keys" in r.out and "key0, key1" in r.out, r
        assert len([x for x in j["attention"] if x["what"] == "unverified"]) == 6, j


def test_damaged_note():
    """a note that is no note: the key is not taken for verified"""
    h = fresh()
    note(h, "main")
    for bad in (b"", b"{", b'{"format":1,"verify":{"works":"yes"}}', b"\0" * 100,
                json.dumps({"format": 1, "verify": {**GOOD, "works": "surely"}}).encode(),
                json.dumps({"format": 1, "verify": {**GOOD, "problems": ["x"] * 17}}).encode()):
        with open(note_path(h, "main"), "wb") as f:
            f.write(bad)
        r, j = status(h)
        key = next(k for k in j["keys"] if k["name"] == "main")
        assert key["verified"] is None and key["has_bad_notes"], (bad, key)
        assert row(r, "main")[5] == "never !" and "notes cannot be read" in r.out, (bad, r)


def test_old_note():
    """a note about a later version of the record (a backup was put back) counts for nothing"""
    h = fresh()
    note(h, "main", version=7)
    _, j = status(h)
    assert next(k for k in j["keys"] if k["name"] == "main")["verified"] is None, j


def test_damaged_record():
    """a record that cannot be read: its row says so, the others are shown, exit 1"""
    h = fresh()
    note(h, "okx")
    path = h.record_file("main")
    with open(path, "r+b") as f:
        f.seek(20)
        f.write(b"#")
    r, j = status(h, code=1)
    assert "record cannot be read" in r.err and row(r, "okx")[5] == "3 d ago: works", r
    assert wanted(j, "main") == ["unreadable"] and j["attention"][0]["name"] == "main", j
    os.unlink(path)
    r, j = status(h, code=1)
    assert wanted(j, "main") == ["unreadable"] and len(j["keys"]) == 3, j


def test_put_back():
    """an old vault put back: that comes first"""
    h = fresh()
    old = os.path.join(h.top, "old")
    shutil.copytree(h.vault, old)
    h.add("later")
    shutil.rmtree(h.vault)
    shutil.copytree(old, h.vault)
    shutil.rmtree(old)
    r, j = status(h)
    assert j["attention"][0]["what"] == "trust" and "older" in j["attention"][0]["text"], j
    assert not j["vault"]["trusted"] and j["vault"]["warning"], j
    assert "older than this machine has seen" in r.out.splitlines()[1], r


def test_not_trusted():
    """a vault that this machine was never told to trust, whose token it does not know"""
    h = fresh()
    shutil.rmtree(h.state)
    shutil.rmtree(h.config)
    r, j = status(h)
    assert [x["what"] for x in j["attention"][:1]] == ["trust"], j
    assert "token" in [x["what"] for x in j["attention"]], j
    assert "not trusted here" in r.out and "not known on this machine" in r.out, r
    assert not j["vault"]["trusted"] and j["vault"]["fingerprint"] == "", j


def test_no_token_needed():
    """the token is gone, and so is the way to any exchange: status is the same"""
    h = fresh()
    note(h, "main")
    before = status(h)[0].out
    shutil.rmtree(h.softhsm)
    assert status(h)[0].out == before


def test_login_blocked():
    """after a PIN that nobody typed failed: said, and what to do"""
    h = fresh()
    assert not status(h)[1]["tokens"][0]["unattended_login_blocked"]
    r = h.run("sign", "main", "GET", "/api/v3/account", "--pin-file", h.private("bad", "wrong pin"),
              pin=False)
    assert r.code == 3, r
    r, j = status(h)
    assert j["tokens"][0]["unattended_login_blocked"], j
    assert "unattended login blocked" in r.out and "a PIN that nobody typed failed" in r.out, r


def test_quiet():
    """--quiet leaves the advice out, not the findings"""
    h = fresh()
    r = h.ok("status", "--quiet", pin=False)
    assert "Needs attention" in r.out and "not authenticated" not in r.out, r


def add(h, x, name, key, *more):
    h.ok("add", name, key.exchange, "--connect-to", x.connect_to, "--ca-file", x.ca_file,
         "--from-json", "-", *more, stdin=json.dumps(key.fields))


def key_of(j, name):
    return next(k for k in j["keys"] if k["name"] == name)


def test_after_verify():
    """what add and verify found at the exchange is what status shows"""
    with Home() as h, exchange() as x:
        h.init()
        key, bad = x.key("binance"), x.key("binance", withdraw=True)
        add(h, x, "main", key)
        add(h, x, "taker", bad, "--accept-risk", "withdraws: it pays the bills")
        r, j = status(h)
        assert wanted(j, "main") == [] and wanted(j, "taker") == ["may-withdraw"], j
        assert re.search(r"  taker +MAY WITHDRAW \(accepted \d{4}-\d\d-\d\d: withdraws: it pays the bills"
                         r"\) +coffer rotate taker", r.out.splitlines()[1]), r
        accepted = r.out.partition("Accepted risks:\n")[2].splitlines()[0]
        assert re.fullmatch(r"  taker  \d{4}-\d\d-\d\d  withdraws: it pays the bills  may-withdraw",
                            accepted), r
        assert row(r, "main")[5] == "just now: works" and row(r, "main")[7] == "yes", r
        assert key_of(j, "taker")["verified"]["withdraw"] is True, j
        assert "accepted: may-withdraw" in r.out and "own CA" in r.out, r
        assert "connects to ::127.0.0.1" in r.out, r
        key.withdraw, key.ip = True, None
        assert h.run("verify", "main").code == 0
        _, j = status(h)
        assert wanted(j, "main")[0] == "may-withdraw" and "no-ip-list" in wanted(j, "main"), j
        bad.delete()
        assert h.run("verify", "taker").code == 4
        r, j = status(h)
        assert [a["what"] for a in j["attention"][:3]] == ["may-withdraw", "may-withdraw", "refused"], j
        assert wanted(j, "taker") == ["may-withdraw", "refused"], j
        assert row(r, "taker")[5] == "just now: refused !", r


def test_unverified():
    """sealed without the exchange: said until it was verified"""
    with Home() as h, exchange() as x:
        h.init()
        x.fail("503")
        add(h, x, "late", x.key("okx"), "--accept-risk", "the exchange is down")
        r, j = status(h)
        assert wanted(j, "late")[0] == "unverified" and "UNVERIFIED" in r.out, j
        x.heal()
        h.ok("verify", "late", "--accept-risk", "trade goes with transfer there")
        r, j = status(h)
        assert wanted(j, "late") == [] and "UNVERIFIED" not in r.out, j
        assert row(r, "late")[5] == "just now: works", r


def test_rotation():
    """a rotation that is not finished; the note of the old key is not the new one's"""
    with Home() as h, exchange() as x:
        h.init()
        old, new = x.key("kraken"), x.key("kraken")
        risk = ("--accept-risk", "no right of its own")
        add(h, x, "main", old, *risk)
        h.ok("rotate", "main", "--from-json", "-", *risk, stdin=json.dumps(new.fields))
        r, j = status(h)
        assert wanted(j, "main")[0] == "rotation-unfinished", j
        assert "coffer rotate main --finish" in r.out and "rotation unfinished since today" in r.out, r
        assert key_of(j, "main")["rotation_unfinished_days"] == 0, j
        assert row(r, "main")[5] == "just now: works", r
        old.delete()
        h.ok("rotate", "main", "--finish", "--accept-risk", "seen deleted")   # writes a version more
        r, j = status(h)
        assert row(r, "main")[5] == "just now: works" and wanted(j, "main") == [], r
        assert key_of(j, "main")["verified"]["works"] == "yes", j


def test_new_right():
    """a right that coffer does not know was accepted; another one is a danger of its own"""
    with Home() as h, exchange() as x:
        h.init()
        key = x.key("binance")
        key.extra["enableMoon"] = True
        add(h, x, "main", key, "--accept-risk", "the moon is mine")
        assert key_of(status(h)[1], "main")["risks"][0]["problem"] == "unknown-right: enableMoon"
        assert wanted(status(h)[1], "main") == []
        key.extra["enableMars"] = True
        assert h.run("verify", "main", "--strict").code == 5
        assert wanted(status(h)[1], "main") == ["danger"]
        h.ok("verify", "main", "--strict", "--accept-risk", "mars too")
        assert wanted(status(h)[1], "main") == []


if __name__ == "__main__":
    main([test_no_vault, test_empty, test_never_verified, test_works, test_notes, test_shared_line,
          test_damaged_note, test_old_note, test_damaged_record, test_put_back, test_not_trusted,
          test_no_token_needed, test_login_blocked, test_quiet, test_after_verify, test_unverified,
          test_rotation, test_new_right])
