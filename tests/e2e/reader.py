#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The independent reader of tests/reader/ against the example of vault/FORMAT.md, against changed
copies of it, and against vaults that the program has just made. Output: TAP."""
import base64
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(TOP / "tests/reader"))

import aesgcm  # noqa: E402
import paper  # noqa: E402
import reader  # noqa: E402

EXAMPLE = TOP / "tests/example"
READER = TOP / "tests/reader/reader.py"
MODULES = [*pathlib.Path("/usr/lib").glob("softhsm/libsofthsm2.so"),
           *pathlib.Path("/usr").glob("lib*/*/softhsm/libsofthsm2.so"),
           *pathlib.Path("/usr").glob("lib*/*/libsofthsm2.so")]
N_POSITIONS = 40
n_points = n_failed = 0


def point(good, name, note=""):
    """One line of TAP."""
    global n_points, n_failed
    n_points += 1
    n_failed += not good
    print(f"{'ok' if good else 'not ok'} {n_points} - {name}")
    for line in str(note).splitlines() if not good else ():
        print(f"# {line}")


def equal(got, wanted, name):
    point(got == wanted, name, f"got    {got}\nwanted {wanted}")


def parse_values(text):
    """The names and values of lines like those that the reader prints."""
    found = re.findall(r"^ *(vault id|[A-Za-z_]+) +(\S+)$", text, re.M)
    return dict(found)


def documented():
    section = (TOP / "vault/FORMAT.md").read_text().split("\n## Example\n")[1]
    return parse_values("\n".join(re.findall("^    .*$", section, re.M)))


# The example

def test_values(recipient):
    wanted = documented()
    got = dict(reader.values(*reader.open_record(EXAMPLE, recipient, "main")))
    equal(len(wanted), 9, "FORMAT.md prints nine values and fields")
    for name in sorted({*wanted, *got}):
        equal(got.get(name), wanted.get(name), f"{name} of the example")
    vault = reader.open_vault(EXAMPLE, recipient)
    equal(vault.vk.hex(), wanted["VK"], "the wrap in vault.json gives the same VK")
    done = subprocess.run([sys.executable, "-B", READER, "--vault", EXAMPLE, "--key",
                           EXAMPLE / "key.pem", "--name", "main"], capture_output=True, text=True)
    equal((done.returncode, parse_values(done.stdout)), (0, wanted), "the same on the command line")


# A paper

PAPER = TOP / "tests/example/paper"
WORDS = "legal winner thank year wave sausage worth useful " * 2 + \
    "legal winner thank year wave sausage worth title"


def test_paper(tmp):
    """The vault in tests/example/paper, which the program made, by the words in FORMAT.md."""
    section = (TOP / "vault/FORMAT.md").read_text().split("\n## Paper\n")[1].split("\n## ")[0]
    point(WORDS in " ".join(section.split()), "FORMAT.md has the example's words")
    wanted = parse_values("\n".join(re.findall("^    .*$", section, re.M)))
    d = paper.private_key(paper.seed_of(WORDS))
    equal(f"{d:064x}", wanted["d"], "d as FORMAT.md has it")
    equal(paper.rid_of(d).hex(), wanted["rid"], "rid as FORMAT.md has it")
    keys = [line.split() for line in (TOP / "tests/vectors/paper/keys.txt").read_text().splitlines()
            if not line.startswith("#")]
    for seed, scalar, rid in keys:
        d = paper.private_key(bytes.fromhex(seed))
        equal((f"{d:064x}", paper.rid_of(d).hex()), (scalar, rid), f"the key of {seed[:8]}...")
    (tmp / "words").write_text(WORDS.upper() + "\n")
    done = subprocess.run([sys.executable, "-B", READER, "--vault", PAPER, "--words", tmp / "words",
                           "--name", "main"], capture_output=True, text=True)
    got = parse_values(done.stdout)
    equal((done.returncode, got.get("rid")), (0, wanted["rid"]), "the paper opens a record")
    equal(got.get("api_secret"), documented()["api_secret"], "and what it holds")
    vault = reader.open_vault(PAPER, reader.paper_recipient(WORDS))
    equal([(r["kind"], r["tested"], r["key_id"]) for r in vault.body["recipients"]],
          [("token", True, "AQ"), ("paper", False, "")], "what the vault says of its recipients")
    for words, why in ((WORDS.replace("title", "zoo"), "checksum"),
                       (WORDS.replace("title", "titel"), "list"), ("legal", "24")):
        try:
            paper.seed_of(words)
            point(False, f"words are refused: {why}")
        except ValueError as e:
            point(why in str(e), f"words are refused: {why}", str(e))


def refusal(folder, recipient, name):
    """Why the reader refuses, or None when it does not."""
    try:
        if name is None:
            reader.open_vault(folder, recipient)
        else:
            reader.open_record(folder, recipient, name)
    except reader.Refused as e:
        return str(e)
    return None


def test_flips(tmp, recipient):
    """One byte changed, in places all over a file: nothing may open."""
    record = next((EXAMPLE / "records").iterdir()).relative_to(EXAMPLE)
    for file, names in (("vault.json", (None, "main")), (record, ("main",))):
        folder = tmp / "flips"
        shutil.copytree(EXAMPLE, folder)
        data = (folder / file).read_bytes()
        places = {i * (len(data) - 1) // (N_POSITIONS - 1) for i in range(N_POSITIONS)}
        opened = []
        for place in sorted(places):
            changed = bytearray(data)
            changed[place] ^= 1 << place % 8
            (folder / file).write_bytes(changed)
            opened += [(place, name) for name in names if not refusal(folder, recipient, name)]
        equal((len(places), opened), (N_POSITIONS, []),
              f"a byte changed in {N_POSITIONS} places of {pathlib.Path(file).name}")
        shutil.rmtree(folder)


class Copy:
    """A copy of the example that can be changed and then gets hashes and a MAC that hold."""

    def __init__(self, folder, recipient):
        shutil.copytree(EXAMPLE, folder)
        self.folder, self.vault = folder, reader.open_vault(EXAMPLE, recipient)
        self.entry = self.vault.body["index"][0]
        self.body = (folder / "vault.json").read_bytes().split(b"\n")[0]
        self.record = folder / "records" / self.entry["file"]

    def write(self, body, end=b"\n"):
        mac = reader.vault_mac(self.vault.vault_id, self.vault.vk, body)
        (self.folder / "vault.json").write_bytes(body + b"\n" + encode(mac) + end)

    def change_body(self, old, new):
        assert old in self.body
        self.write(self.body.replace(old, new, 1))

    def change_record(self, old, new, version=1):
        data = self.record.read_bytes()
        assert old in data
        data = data.replace(old, new, 1)
        digest = hashlib.sha256(data).digest()
        file = f"main.{version}.{digest.hex()[:8]}.json"
        (self.folder / "records" / file).write_bytes(data)
        body = self.body.replace(self.entry["file"].encode(), file.encode())
        self.write(body.replace(self.entry["sha256"].encode(), encode(digest)))


def encode(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


# What is changed, how, and a word of the reason. All of these have a MAC that holds.
BODIES = (
    ("nothing", b'"format":1', b'"format":1', None),
    ("other white space", b'{"format":1', b' { "format"\t: 1', None),
    ("an unknown member", b'"format":1', b'"format":1,"more":1', "unknown"),
    ("a member twice", b'"format":1', b'"format":1,"format":1', "duplicate"),
    ("a member missing", b'"tested":true,', b"", "no tested"),
    ("format 2", b'"format":1', b'"format":2', "format"),
    ("a boolean as a number", b'"format":1', b'"format":true', "format"),
    ("an integer over 2^53", b'"generation":2', b'"generation":9007199254740993', "range"),
    ("a number with a fraction", b'"generation":2', b'"generation":2.0', "no integer"),
    ("base64url in another spelling", b'"key_id":"AQ"', b'"key_id":"AR"', "canonical"),
    ("base64url with padding", b'"key_id":"AQ"', b'"key_id":"AQ=="', "not base64url"),
    ("half of a surrogate pair", b'"example token"', b'"\\ud800"', "not valid JSON"),
    ("bytes that are not UTF-8", b'"example token"', b'"\xff"', "not valid JSON"),
    ("a carriage return after the body", b'"}]}', b'"}]}\r', "after the value"),
    ("a name that is not the file's", b'"name":"main"', b'"name":"Main"', "file name"),
    ("a rid of another key", b'"spki":"MFkwEwYHKoZIzj0CAQ', b'"spki":"MFkwEwYHKoZIzj0CAQA', "rid"),
)
RECORDS = (
    ("nothing", b'"live"', b'"live"', 1, None),
    ("the header", b'"live"', b'"test"', 1, "open"),
    ("white space of the header", b'"format":1', b'"format": 1', 1, "open"),
    ("the payload", b"\nELvhyvOKoEyhQeAg0dhG", b"\nELvhyvOKoEyhQeAg0dhH", 1, "open"),
    ("the nonce", b"\nELv", b"\nELw", 1, "open"),
    ("the file name's version", b"[{", b"[{", 2, "version"),
    ("the version", b'"version":1', b'"version":2', 2, "open"),
    ("the rec_id", b'"rec_id":"cO', b'"rec_id":"cP', 1, "open"),
    ("a second wrap", b"[{", b'[{"rid":"' + encode(bytes(32)) + b'","wrap":""},{', 1, "recipient"),
    ("a line more", b"\n[{", b"\n\n[{", 1, "lines"),
)


def judge(name, reason, wanted):
    good = reason is None if wanted is None else reason is not None and wanted in reason
    point(good, f"{name}: {'opens' if wanted is None else 'refused'}", f"reason: {reason}")


def test_changes(tmp, recipient):
    """Changes by one who can make the MAC hold: strictness, and the record's own protection."""
    for what, old, new, wanted in BODIES:
        copy = Copy(tmp / "copy", recipient)
        copy.change_body(old, new)
        judge(f"vault.json, {what}", refusal(copy.folder, recipient, "main"), wanted)
        shutil.rmtree(copy.folder)
    for what, old, new, version, wanted in RECORDS:
        copy = Copy(tmp / "copy", recipient)
        copy.change_record(old, new, version)
        judge(f"record, {what}", refusal(copy.folder, recipient, "main"), wanted)
        shutil.rmtree(copy.folder)
    for what, end in (("without the last LF", b""), ("a third line", b"\n\n"),
                      ("padding after the MAC", b"=\n")):
        copy = Copy(tmp / "copy", recipient)
        copy.write(copy.body, end)
        judge(f"vault.json, {what}", refusal(copy.folder, recipient, None), "")
        shutil.rmtree(copy.folder)


def test_vectors():
    """AES-256-GCM, case 16 of its specification, so that an error would not be ours twice."""
    key, nonce = bytes.fromhex("feffe9928665731c6d6a8f9467308308" * 2), "cafebabefacedbaddecaf888"
    text = bytes.fromhex("d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
                         "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39")
    aad = bytes.fromhex("feedfacedeadbeeffeedfacedeadbeefabaddad2")
    sealed = aesgcm.seal(key, bytes.fromhex(nonce), text, aad)
    equal(sealed[-16:].hex(), "76fc6ece0f4e1768cddf8853bb2d551b", "a known tag of AES-256-GCM")


# Vaults of the program

def program():
    for path in (os.environ.get("COFFER"), TOP / "build/release/coffer", TOP / "build/coffer"):
        if path and os.access(path, os.X_OK):
            return os.path.abspath(path)
    return None


def environment(home):
    env = {k: v for k, v in os.environ.items() if not k.startswith("XDG_")}
    for name in ("COFFER_HOME", "SOFTHSM2_CONF"):
        env.pop(name, None)
    return {**env, "HOME": str(home), "XDG_RUNTIME_DIR": str(home)}


class Made:
    """A vault with one record, made by the program below a new home."""

    def __init__(self, coffer, home, options):
        home.mkdir(mode=0o700)
        self.coffer, self.home, self.pin = coffer, home, home / "pin"
        self.fields = {"api_key": os.urandom(32).hex(), "api_secret": os.urandom(32).hex()}
        self.write(self.pin, "31415926\n")
        self.write(home / "key.json", json.dumps(self.fields))
        self.init = self.run("init", "--softhsm", *options)
        self.add = self.run("add", "main", "binance", "--no-verify", "--accept-risk", "test",
                            "--from-json", home / "key.json")

    @staticmethod
    def write(path, text):
        path.touch(mode=0o600)
        path.write_text(text)

    def run(self, *words):
        return subprocess.run([self.coffer, *words, "--pin-file", self.pin], capture_output=True,
                              text=True, stdin=subprocess.DEVNULL, env=environment(self.home))

    def find(self, name):
        """The only file of this name below the home, or a path that is not there."""
        found = list(self.home.rglob(name))
        return found[0] if len(found) == 1 else self.home / "none" / name

    def read(self, *words):
        """The command line reader's exit status and values."""
        folder, tokens = self.find("vault.json").parent, self.find("tokens.json")
        done = subprocess.run([sys.executable, "-B", READER, "--vault", folder, "--tokens", tokens,
                               "--pin-file", self.pin, *words], capture_output=True, text=True)
        return done.returncode, parse_values(done.stdout), done.stderr


def test_made(tmp, coffer, kind, options, scheme):
    if not coffer:
        point(False, f"{kind}: there is a program to make a vault", "COFFER names none")
        return
    made = Made(coffer, tmp / kind, options)
    point(made.init.returncode == 0, f"{kind}: coffer init", made.init.stdout + made.init.stderr)
    point(made.add.returncode == 0, f"{kind}: coffer add", made.add.stdout + made.add.stderr)
    status, values, error = made.read("--name", "main")
    equal((status, error), (0, ""), f"{kind}: the reader opens it with the token")
    equal({k: values.get(k) for k in made.fields}, made.fields, f"{kind}: the same fields")
    printed = re.sub("[^0-9a-f]", "", (made.init.stdout + made.init.stderr).lower())
    point(values.get("fingerprint", "none") in printed, f"{kind}: the fingerprint that init gave",
          f"{values.get('fingerprint')} in\n{made.init.stdout}{made.init.stderr}")
    status, alone, error = made.read()
    equal((status, alone.get("VK"), error), (0, values.get("VK"), ""),
          f"{kind}: the wrap in vault.json gives the same VK")
    try:
        test_surroundings(made, kind, scheme)
    except (reader.Refused, OSError, ValueError, KeyError, IndexError) as e:
        point(False, f"{kind}: scheme, names and pin", repr(e))


def test_surroundings(made, kind, scheme):
    """What is at the vault's side: the scheme, the names of files, the pin."""
    vault, record = reader.with_token(
        str(made.find("tokens.json")), str(made.pin), str(made.find("vault.json").parent),
        lambda recipient: reader.open_record(made.find("vault.json").parent, recipient, "main"))
    equal(vault.body["recipients"][0]["scheme"], scheme, f"{kind}: the scheme")
    reader.check_pin(made.find("pin.json").read_bytes(), vault)
    equal(made.find("pin.json").parent.name, vault.vault_id.hex(), f"{kind}: the pin and its place")
    folder = made.find("vault.json").parent
    files = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()} - {"lock"}
    equal(files, {"vault.json", "records/" + vault.body["index"][0]["file"]},
          f"{kind}: no other files in the vault")
    modes = {oct(p.stat().st_mode & 0o777) for p in folder.rglob("*") if p.is_file()}
    equal((oct(folder.stat().st_mode & 0o777), modes), ("0o700", {"0o600"}), f"{kind}: modes")
    equal((record.header["connector"], record.header["custody"], record.header["key"]),
          ("binance", "sealed", "hmac"), f"{kind}: the header")


def main():
    recipient = reader.pem_recipient(EXAMPLE / "key.pem")
    with tempfile.TemporaryDirectory() as name:
        tmp = pathlib.Path(name)
        test_vectors()
        test_values(recipient)
        test_paper(tmp)
        test_flips(tmp, recipient)
        test_changes(tmp, recipient)
        if any(m.exists() for m in MODULES):
            test_made(tmp, program(), "ecdh", (), "ecdh-p256")
            test_made(tmp, program(), "rsa", ("--generate=rsa2048",), "rsa-oaep-1")
        else:
            point(True, "a vault with a token # SKIP the SoftHSM module is not installed")
    print(f"1..{n_points}")
    return 1 if n_failed else 0


if __name__ == "__main__":
    sys.exit(main())
