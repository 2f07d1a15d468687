#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A vault that is missing, there already, open to others, linked, damaged or tampered with: each is
refused with what to do, and nothing is written."""
import base64
import hashlib
import json
import os
import random
import re
import shutil
import subprocess

from forge import read_json, write
from lib import BINANCE, COFFER, PIN, Home, main, no_secret, remove_tree, shared

SIGN = ("sign", "main", "GET", "/api/v3/account")
ADD = ("add", "third", "binance", "--no-verify", "--accept-risk", "test", "--from-json", "-")
JSON = json.dumps(BINANCE)
OTHER = {"api_key": "K" * 64, "api_secret": "S" * 64}
RENAME = ("rename", "main", "moved")


def prepare(h):
    h.init()
    h.add("main")
    h.add("other", "binance", OTHER)


fresh = shared(prepare)


def vault_json(h):
    return os.path.join(h.vault, "vault.json")


def read(path):
    with open(path, "rb") as f:
        return f.read()


def refused(h, says, hint=None, code=1, writes=True):
    """sign refuses; with writes, add and rename too."""
    h.refuses(*SIGN, code=code, says=says, hint=hint)
    if writes:
        h.refuses(*ADD, stdin=JSON, code=code, says=says, hint=hint)
        h.refuses(*RENAME, code=code, says=says, hint=hint)


def test_missing():
    """no vault: every command says so and how to make one, and leaves nothing behind"""
    with Home() as h:
        for args in (SIGN, ADD, RENAME, ("remove", "main", "--yes"), ("pin",)):
            h.refuses(*args, stdin=JSON, code=1, says="there is no vault at",
                      hint="make one with 'coffer init'")
        for args in (("list",), ("show", "main")):
            h.refuses(*args, pin=False, code=1, says="there is no vault at", hint="coffer init")
        h.refuses(*SIGN, "--vault", os.path.join(h.top, "no/where"), code=1,
                  says="there is no vault at", hint="--vault")
        h.refuses(*SIGN, "--vault", "", code=2, says="--vault is empty")
        assert not os.listdir(h.home), "files were left"


def test_parts_missing():
    """vault.json, the records or one record file gone"""
    h = fresh()
    os.unlink(vault_json(h))
    refused(h, "has lost its file 'vault.json'", "restore it from a backup")
    h = fresh()
    os.rename(h.records, os.path.join(h.home, "moved"))
    refused(h, "'records' does not exist", "mkdir -m 700")
    h = fresh()
    os.unlink(h.record_file("main"))
    h.refuses(*SIGN, code=1, says="is missing", hint="restore it from a backup")
    h.refuses(*RENAME, code=1, says="is missing", hint="restore it from a backup")


def test_existing():
    """init where a vault is, or something that is none: the place and its token stay as they are"""
    h = fresh()
    tokens = sorted(os.listdir(h.softhsm))
    h.refuses("init", "--softhsm", code=1, says="there is a vault at", hint="--vault DIR")
    h.refuses("init", "--token", "pkcs11:token=x?module-path=/nonexistent.so", code=1,
              says="there is a vault at")
    os.unlink(vault_json(h))
    h.refuses("init", "--softhsm", code=1, says="is not empty", hint="--vault")
    assert sorted(os.listdir(h.softhsm)) == tokens, "a token was left behind"
    h = fresh()
    shutil.rmtree(h.vault)
    write(h.vault, b"a file\n")
    h.refuses("init", "--softhsm", code=1, says="not a directory")
    h = fresh()
    write(vault_json(h), b"garbage\n")
    h.refuses("init", "--softhsm", code=1, says="vault.json", hint="damaged")
    assert sorted(os.listdir(h.softhsm)) == tokens, "a token was left behind"


def places(h):
    return (h.vault, h.records, vault_json(h), h.record_file("main"))


def test_mode():
    """open to others: the vault, its records, vault.json, a record; the hint is the chmod"""
    for i in range(4):
        h = fresh()
        path = places(h)[i]
        for mode in (0o755, 0o710, 0o702) if i < 2 else (0o644, 0o640, 0o602):
            os.chmod(path, mode)
            refused(h, "can be", f"chmod 0{'7' if i < 2 else '6'}00 {path}", writes=i < 3)
        os.chmod(path, 0o700 if i < 2 else 0o600)
        h.ok(*SIGN)


def test_owner():
    """of another user: the vault, its records, vault.json, a record"""
    if os.geteuid() != 0:
        return "changing an owner needs root"
    for i in range(4):
        h = fresh()
        path = places(h)[i]
        os.chown(path, 12345, -1)
        refused(h, "belongs to user 12345", f"chown 0 {path}", writes=i < 3)
    return None


def test_link():
    """a symbolic link: the vault, its records, vault.json, a record, the lock, the local files"""
    for i in range(4):
        h = fresh()
        path, moved = places(h)[i], os.path.join(h.home, "moved")
        os.rename(path, moved)
        os.symlink(moved, path)
        refused(h, "is a symbolic link", "links are not followed", writes=i < 3)
    for path in ("{vault}/lock", "{config}", "{config}/tokens.json"):
        h = fresh()
        path, moved = path.format(**vars(h)), os.path.join(h.home, "moved")
        os.rename(path, moved)
        os.symlink(moved, path)
        h.refuses(*ADD, stdin=JSON, code=1, says="is a symbolic link", hint="not followed")


def test_not_files():
    """a directory, a pipe or nothing of use in a file's place"""
    for make in (os.mkdir, os.mkfifo):
        for i in (2, 3):
            h = fresh()
            path = places(h)[i]
            os.unlink(path)
            make(path, 0o700 if make is os.mkdir else 0o600)
            h.refuses(*SIGN, code=1, says=f"'{os.path.basename(path)}' is not a regular file",
                      timeout=10)


def test_vault_truncated():
    """vault.json cut at several lengths, made longer, doubled"""
    h = fresh()
    whole = read(vault_json(h))
    first = whole.index(b"\n")
    for n in (0, 1, 2, first // 2, first - 1, first, first + 1, first + 2, len(whole) - 2,
              len(whole) - 1):
        write(vault_json(h), whole[:n])
        h.refuses(*SIGN, code=1, says="'vault.json': line", hint="damaged: restore")
        h.refuses(*ADD, stdin=JSON, code=1, says="'vault.json': line", hint="damaged: restore")
    for text in (whole + b"\n", whole + b"x", whole * 2, b"\n" + whole, b"\xef\xbb\xbf" + whole,
                 whole.replace(b"\n", b"\r\n")):
        write(vault_json(h), text)
        h.refuses(*SIGN, code=1, says="'vault.json': ", hint="backup")
    with open(vault_json(h), "ab") as f:
        f.truncate(33 << 20)
    h.refuses(*SIGN, code=1, says="'vault.json' is over")
    write(vault_json(h), whole)
    h.ok(*SIGN)


def test_record_truncated():
    """a record cut at several lengths or made longer"""
    h = fresh()
    path = h.record_file("main")
    whole = read(path)
    for n in (0, 1, whole.index(b"\n"), whole.index(b"\n") + 1, len(whole) // 2, len(whole) - 1):
        write(path, whole[:n])
        h.refuses(*SIGN, code=1, says="is not what the vault's index says", hint="backup")
    for text in (whole + b"\n", whole + whole, b" " + whole, whole + b"x" * (300 << 10)):
        write(path, text)
        h.refuses(*SIGN, code=1, says="is not what the vault's index says", hint="backup")
    h.refuses(*RENAME, code=1, says="is not what the vault's index says")
    write(path, whole)
    h.ok(*SIGN)


def flips(n, count):
    """Some positions of n bytes, the ends among them, and a bit for each."""
    rng = random.Random(20)
    some = sorted({0, 1, n - 2, n - 1, *rng.sample(range(n), count)})
    return [(i, 1 << rng.randrange(8)) for i in some]


def test_vault_flipped():
    """single bits of vault.json changed: sign refuses, whatever the place"""
    h = fresh()
    whole = read(vault_json(h))
    for i, bit in flips(len(whole), 36):
        write(vault_json(h), whole[:i] + bytes([whole[i] ^ bit]) + whole[i + 1:])
        r = h.run(*SIGN)
        assert r.code in (1, 3) and r.out == "" and r.err.startswith("coffer: "), (i, bit, r)
        assert "hint: " in r.err, (i, bit, r)
        no_secret(r.err, PIN, BINANCE["api_secret"])
    write(vault_json(h), whole)
    h.ok(*SIGN)


def test_record_flipped():
    """single bits of a record changed: sign refuses, also when the index is made to fit"""
    h = fresh()
    path = h.record_file("main")
    whole, index = read(path), read(vault_json(h))
    for i, bit in flips(len(whole), 24):
        bad = whole[:i] + bytes([whole[i] ^ bit]) + whole[i + 1:]
        write(path, bad)
        h.refuses(*SIGN, code=1, says="is not what the vault's index says", hint="backup")
        renamed = fitting(h, "main", index, bad)
        r = h.run(*SIGN)
        assert r.code == 1 and r.out == "" and r.err.startswith("coffer: "), (i, bit, r)
        os.unlink(renamed)
        write(vault_json(h), index)
    write(path, whole)
    h.ok(*SIGN)


def fitting(h, name, index, data):
    """Puts data as the record of a name, with name and hash in the index as they must be."""
    sha = hashlib.sha256(data).digest()
    old = re.search(rb'"name":"' + name.encode() + rb'","file":"([^"]+)","sha256":"([^"]+)"', index)
    file = re.sub(rb"[0-9a-f]{8}\.json$", sha.hex()[:8].encode() + b".json", old[1])
    index = index.replace(old[1], file).replace(
        old[2], base64.urlsafe_b64encode(sha).rstrip(b"="))
    write(vault_json(h), index)
    path = os.path.join(h.records, file.decode())
    write(path, data)
    return path


def test_swapped():
    """two records swapped: by their files, in the index, and with the index made to fit"""
    h = fresh()
    a, b = h.record_file("main"), h.record_file("other")
    index, text_a, text_b = read(vault_json(h)), read(a), read(b)
    write(a, text_b)
    write(b, text_a)
    h.refuses(*SIGN, code=1, says="is not what the vault's index says", hint="backup")
    write(a, text_a)
    write(b, text_b)
    os.rename(a, b)
    h.refuses(*SIGN, code=1, says="is missing")
    os.rename(b, a)
    write(b, text_b)
    body = read_json(vault_json(h))
    one, two = body["index"]
    one["name"], two["name"] = two["name"], one["name"]
    body["index"] = [two, one]
    mac = index.split(b"\n")[1]
    write(vault_json(h), json.dumps(body, separators=(",", ":")).encode() + b"\n" + mac + b"\n")
    h.refuses(*SIGN, code=1, says="an index entry is not as documented")
    write(vault_json(h), index)
    put = fitting(h, "main", index, text_b)
    h.refuses(*SIGN, code=1, says="is not what the vault's index says")
    os.unlink(put)
    write(vault_json(h), index)
    h.ok(*SIGN)


def test_older_record():
    """a record replaced by an older version of itself, with its old entry of the index"""
    h = fresh()
    old_file, old_index = h.record_file("main"), read(vault_json(h))
    old = read(old_file)
    h.ok("rename", "main", "away")
    h.ok("rename", "away", "main")
    index = read(vault_json(h))
    new_file = h.record_file("main")
    assert ".3." in new_file and ".1." in old_file, new_file
    write(new_file, old)
    h.refuses(*SIGN, code=1, says="is not what the vault's index says", hint="backup")
    os.unlink(new_file)
    write(old_file, old)
    h.refuses(*SIGN, code=1, says="is missing")
    entries = [json.loads(t.split(b"\n")[0])["index"][0] for t in (old_index, index)]
    texts = [json.dumps(e, separators=(",", ":")).encode() for e in entries]
    assert texts[1] in index
    write(vault_json(h), index.replace(texts[1], texts[0]))
    h.refuses(*SIGN, code=1, says="does not hold its key", hint="backup")
    h.refuses(*ADD, stdin=JSON, code=1, says="does not hold its key", hint="backup")


def test_index_edited():
    """the index edited: entries gone, doubled or unsorted, a number, a new member, a path"""
    h = fresh()
    index = read(vault_json(h))
    body = json.loads(index.split(b"\n")[0])
    main_, other = body["index"]
    file = {**other, "file": "../../x"}
    for change, says in (({"generation": body["generation"] + 1}, "does not hold its key"),
                         ({"index": [main_]}, "does not hold its key"),
                         ({"index": [main_, main_, other]}, "the index is not sorted"),
                         ({"index": [other, main_]}, "the index is not sorted"),
                         ({"index": [{**main_, "more": 1}, other]}, "member 'more'"),
                         ({"more": 1}, "member 'more'"), ({"format": 2}, "has format 2"),
                         ({"recipients": body["recipients"] * 2}, "a recipient is there twice"),
                         ({"recipients": []}, "there is no recipient"),
                         ({"index": [main_, file]}, "an index entry is not as documented"),
                         ({"index": [{**main_, "file": "../" + main_["file"]}, other]},
                          "an index entry is not as documented")):
        text = json.dumps({**body, **change}, separators=(",", ":")).encode()
        write(vault_json(h), text + b"\n" + index.split(b"\n")[1] + b"\n")
        refused(h, says, "")
        newer = "'more'" in says or "format 2" in says
        err = h.run(*SIGN).err
        assert ("update" in err) == newer and ("damaged" in err and newer) is False, err
    write(vault_json(h), index.replace(b"{", b'{"format":1,', 1))
    refused(h, "vault.json", "backup")


def test_other_vault_record():
    """a record of another vault put in place, the index made to fit"""
    h = fresh()
    with Home() as x:
        x.init()
        x.add("main")
        data = read(x.record_file("main"))
    index = read(vault_json(h))
    fitting(h, "main", index, data)
    h.refuses(*SIGN, code=1, says="is not what the vault's index says")


def parallel(h, names):
    """Adds of these names at once; their exit codes and messages."""
    argv = [COFFER, "add", "NAME", "binance", "--no-verify", "--accept-risk", "test",
            "--from-json", "-", "--pin-file", h.pin_file]
    runs = []
    for name in names:
        p = subprocess.Popen([name if a == "NAME" else a for a in argv], env=h.environ(),
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, start_new_session=True)
        p.stdin.write(JSON.encode())
        p.stdin.close()
        p.stdin = None
        runs.append(p)
    return [(p.communicate(timeout=60)[1].decode(), p.returncode) for p in runs]


def test_writers():
    """twenty writers at once: each key lands; two of one name: exactly one does"""
    h = fresh()
    names = [f"key{i}" for i in range(20)]
    done = parallel(h, names)
    assert all(code == 0 for _, code in done), done
    listed = {k["name"] for k in h.ok("list", "--json", pin=False).json()["keys"]}
    assert listed == {"main", "other", *names}, listed
    assert len(os.listdir(h.records)) == 22
    done = parallel(h, ["same", "same"])
    assert sorted(code for _, code in done) == [0, 1], done
    assert any("there is a key named 'same' already" in err for err, _ in done), done
    assert len(os.listdir(h.records)) == 23
    h.ok("sign", "same", "GET", "/api/v3/account")
    assert read_json(vault_json(h))["generation"] == 24
    remove_tree(h.home)


if __name__ == "__main__":
    main([test_missing, test_parts_missing, test_existing, test_mode, test_owner, test_link,
          test_not_files, test_vault_truncated, test_record_truncated, test_vault_flipped,
          test_record_flipped, test_swapped, test_older_record, test_index_edited,
          test_other_vault_record, test_writers])
