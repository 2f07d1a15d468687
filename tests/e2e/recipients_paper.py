#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A recipient on paper: the 24 words are shown once, on the terminal and nowhere else, asked back,
typed again, and found nowhere afterwards."""
import hashlib
import hmac
import os
import re
import signal
import subprocess
import time

import lib
import no_secret_left as left
from recipients_kit import (Paper, add_paper, b64, body, embedded_is_gone, entries, fresh,
                            listed, other_machine, signs, talk, words_fd)

SHOWN, CLEARED = "\x1b[?1049h", "\x1b[2J\x1b[H\x1b[?1049l"
N_P256 = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551


def word_list():
    with open(os.path.join(lib.ROOT, "tests/reader/words.txt"), encoding="ascii") as f:
        return f.read().split()


def seed_of(text):
    bits = "".join(f"{word_list().index(w):011b}" for w in text.split())
    return int(bits[:256], 2).to_bytes(32, "big")


def scalar_of(seed):
    """As the format has it, by another program than coffer."""
    prk = hmac.digest(bytes(32), seed, "sha256")
    one = hmac.digest(prk, b"coffer/v1/paper\x01", "sha256")
    two = hmac.digest(prk, one + b"coffer/v1/paper\x02", "sha256")
    return int.from_bytes((one + two)[:48], "big") % (N_P256 - 1) + 1


def forms(text):
    """What the words look like as text and as bytes; not single words, which the program's own list
    has."""
    seed, words = seed_of(text), text.split()
    d = scalar_of(seed).to_bytes(32, "big")
    out = {seed, seed[::-1], seed.hex().encode(), d, d[::-1], d.hex().encode()}
    out |= {x[:16] for x in (seed, seed[::-1], d, d[::-1])}
    out |= {x[16:] for x in (seed, seed[::-1], d, d[::-1])}
    for sep in (" ", "\n", "\r\n"):
        out |= {sep.join(words[i:i + 2]).encode() for i in range(23)}
    return out


def shown_once():
    """add --paper: shown on the second screen, cleared, two words asked back, UNTESTED"""
    h = fresh()
    p = Paper()
    r = talk(h, "recipients", "add", "--paper", "--label", "safe", "--quiet",
             answers=[("Add it?", "y"), *p.dialogue()])
    assert r.code == 0, r
    first, rest = r.out.split(SHOWN)
    screen, after = rest.split(CLEARED)
    assert "PIN of token" in first and h.fingerprint() in screen, r
    assert "without a token and without a PIN" in " ".join(screen.split()), r
    for text in (first, after):
        for a, b in zip(p.text.split(), p.text.split()[1:]):
            assert not re.search(rf"\b{a}\s+{b}\b", text), r
    asked = re.findall(r"Word (\d+) from the paper", after)
    assert len(set(asked)) == 2 and not any(p.words[int(i)] in after for i in asked), r
    one = listed(h)["safe"]
    assert one["kind"] == "paper" and not one["tested"] and one["software"] is None, one
    assert not one["on_this_machine"] and one["serial"] == "" and len(entries(h)) == 1, one
    r = h.ok("recipients", pin=False)
    assert re.search(r"^safe +paper, not a token +- +EC P-256 +ecdh-p256 +UNTESTED +- ", r.out,
                     re.M), r
    assert "coffer recipients test --paper" in r.out and "test URI" not in r.out, r
    signs(h)
    q = add_paper(h)
    assert q.text != p.text and "paper" in listed(h)
    add_paper(h)
    assert "paper 2" in listed(h)


def key_is_the_documented_one():
    """the recipient's key is what the words stand for, by another program's reckoning"""
    h = fresh()
    p = add_paper(h)
    d = scalar_of(seed_of(p.text)).to_bytes(32, "big")
    sec1 = (bytes.fromhex("30310201010420") + d + bytes.fromhex("a00a06082a8648ce3d030107"))
    spki = subprocess.run(["openssl", "pkey", "-inform", "DER", "-pubout", "-outform", "DER"],
                          input=sec1, stdout=subprocess.PIPE, check=True).stdout
    paper = [x for x in body(h)["recipients"] if x["kind"] == "paper"]
    assert [b64(x["spki"]) for x in paper] == [spki], paper
    assert b64(paper[0]["rid"]) == hashlib.sha256(spki).digest()


def not_repeated():
    """words that are not repeated right: nothing is changed"""
    h = fresh()
    before, p = h.kept(), Paper()
    r = talk(h, "recipients", "add", "--paper", "--yes", answers=[
        *p.dialogue()[:3], *[("from the paper", "zoo")] * 3])
    assert r.code == 3 and "was not repeated: nothing was changed" in r.out, r
    assert "That is another word" in r.out and "open nothing" in r.out and h.kept() == before, r


def interrupted():
    """Ctrl-C, a hang-up, a kill while the words are on the screen: cleared first, nothing changed"""
    h = fresh()
    before = h.kept()
    for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        r = talk(h, "recipients", "add", "--paper", "--yes", answers=[
            ("PIN of token", lib.PIN), ("Press Enter", sig)])
        assert r.code == -sig and SHOWN in r.out, r
        assert r.out.rstrip("\n").endswith(CLEARED), r
        assert h.kept() == before, r


def plain_terminal():
    """a terminal without escape sequences: none are sent, and the person is told to clear it"""
    h = fresh()
    p = Paper()
    r = talk(h, "recipients", "add", "--paper", "--yes", answers=p.dialogue(), term="dumb")
    assert r.code == 0 and "clear it and its scroll-back now" in r.out, r
    assert SHOWN not in r.out and "\x1b[?" not in r.out, r


def no_terminal():
    """without a terminal no words, with --json none of them on stdout"""
    h = fresh()
    before = h.kept()
    for more in ((), ("--json",), ("--yes",)):
        r = h.run("recipients", "add", "--paper", *more)
        assert r.code == 3 and "shown on a terminal and nowhere else" in r.err, r
    assert h.kept() == before
    p, path = Paper(), os.path.join(h.top, "stdout")
    h.wrapper = ["sh", "-c", f'exec "$@" > {path}', "sh"]
    r = talk(h, "recipients", "add", "--paper", "--yes", "--json", answers=p.dialogue())
    h.wrapper = []
    assert r.code == 0, r
    with open(path, encoding="utf-8") as f:
        text = f.read()
    assert '"kind":"paper"' in text and not any(x.decode() in text for x in forms(p.text)
                                                if x.isascii()), text


def typed_one_by_one():
    """test --paper: words one by one or several, cut to four letters, wrong ones asked again"""
    h = fresh()
    p = add_paper(h)
    words = p.text.split()
    answers = [("Word 1 of 24", words[0].upper()), ("Word 2 of 24", "xyzzy"),
               ("none of the words", " ".join(x[:4] for x in words[1:20])),
               ("Word 21 of 24", ""), ("Word 21 of 24", "  ".join(words[20:]))]
    r = talk(h, "recipients", "test", "--paper", answers=answers)
    assert r.code == 0 and "tested now" in r.out and "PIN" not in r.out, r
    assert not any(w in r.out for w in words if len(w) > 5), r
    assert listed(h)["paper"]["tested"] is True
    r = words_fd(h, p.text, "recipients", "test", run=h.ok, pin=False)
    assert "tested, as before" in r.out, r


def typed_wrong():
    """words in another order, another paper's, too few: refused, and no word is repeated"""
    h = fresh()
    p = add_paper(h)
    words = p.text.split()
    swapped = [words[1], words[0], *words[2:]]
    for text, code, says in ((" ".join(words[:23]), 2, "23"), (" ".join(swapped), 2, ""),
                             (" ".join([*words, "zoo"]), 2, "25"), ("", 2, ""),
                             (" ".join(["zzz", *words[1:]]), 2, "word 1 is not on the list"),
                             ("abandon " * 23 + "art", 1, "of no paper that opens this vault"),
                             ("x" * 5000, 1, "")):
        r = words_fd(h, text, "recipients", "test", "--paper", pin=False)
        assert r.code == code and says in r.err, (text, r)
        lib.no_secret(r.out + r.err, *(w for w in words if len(w) > 5))
    fd = os.open(os.devnull, os.O_RDONLY)
    h.refuses("recipients", "remove", "paper", "--words-fd", str(fd), "--pin-fd", str(fd), "--yes",
              code=2, says="need two descriptors", pin=False, pass_fds=(fd,))
    os.close(fd)
    for bad in ("999", "x"):
        assert h.run("recipients", "test", "--paper", "--words-fd", bad, pin=False).code in (1, 2)
    r = h.run("recipients", "test", "--paper", pin=False)
    assert r.code == 3 and "--words-fd" in r.err, r
    swapped = " ".join(swapped)
    r = talk(h, "recipients", "test", "--paper", answers=[("Word 1 of 24", swapped)] * 2 +
             [("Word 1 of 24", p.text)])
    assert r.code == 0 and r.out.count("coffer: ") == 2, r


def opens():
    """the vault's only way in: a paper opens it for a new token, and for a removal"""
    h = fresh()
    p = add_paper(h)
    embedded_is_gone(h)
    r = h.refuses("recipients", "add", h.uris["spare"], "--generate", "--new-pin-file", h.new_pin,
                  "--yes", "-q", code=1, says="the software token is gone", hint="--words-fd N")
    r = words_fd(h, p.text, "recipients", "add", h.uris["spare"], "--generate", "--new-pin-file",
                 h.new_pin, "--yes", run=h.ok, pin=False)
    assert "none: the words on paper open the vault" in r.out, r
    h.pin_file = h.new_pin
    signs(h)
    assert listed(h)["paper"]["tested"] is True     # it has just opened all of the vault
    h.refuses("recipients", "remove", "paper", "--yes", "--paper", code=3, says="no terminal")
    r = words_fd(h, p.text, "recipients", "remove", "paper", "--yes", pin=False)
    assert r.code == 2 and "another recipient has to open the vault" in r.err, r
    r = words_fd(h, p.text, "recipients", "remove", "coffer", "--yes", pin=False)
    assert r.code == 0 and "still open by 'coffer' and its PIN" in r.out, r
    signs(h)
    h.ok("recipients", "remove", "paper", "--yes")
    r = words_fd(h, p.text, "recipients", "test", "--paper", pin=False)
    assert r.code == 1 and "no paper opens this vault" in r.err, r


def asked_for():
    """at a terminal, when no token is there, the words are offered"""
    h = fresh()
    p = add_paper(h)
    embedded_is_gone(h)
    r = talk(h, "recipients", "add", h.uris["spare"], "--generate", "--new-pin-file", h.new_pin,
             answers=[("by the 24 words on paper?", "y"), ("Word 1 of", p.text), ("Add it?", "y")])
    assert r.code == 0 and "added        'spare'" in r.out, r
    r = talk(h, "recipients", "remove", "coffer", answers=[("Remove 'coffer'?", "n")])
    assert r.code == 1 and "was not removed" in r.out, r


def elsewhere():
    """on a machine that does not trust the vault, test notes nothing and says why"""
    h = fresh()
    p = add_paper(h)
    with other_machine(h) as far:
        before = far.kept()
        r = words_fd(far, p.text, "recipients", "test", "--paper", pin=False)
        assert r.code == 3 and "has not been told to trust" in r.err, r
        assert h.fingerprint() in r.err and "coffer recover FINGERPRINT" in r.err, r
        assert far.kept() == before and listed(far)["paper"]["tested"] is False, r


def found_nowhere():
    """the words, the seed and the key are in no file, no output but the one screen, no environment"""
    h = fresh()
    for name in ("tmp", "run", "cache"):
        os.mkdir(os.path.join(h.top, name), 0o700) if not os.path.isdir(
            os.path.join(h.top, name)) else None
    h.extra_env |= {"TMPDIR": os.path.join(h.top, "tmp"), "XDG_RUNTIME_DIR": os.path.join(
        h.top, "run"), "XDG_CACHE_HOME": os.path.join(h.top, "cache")}
    p = add_paper(h)
    needles, said = forms(p.text), []

    def run(*args, **kw):
        r = words_fd(h, p.text, *args, pin=False, **kw)
        said.append(r.out + r.err)
        return r

    assert run("recipients", "test", "--paper").code == 0
    assert run("recipients", "test", "--paper", "--json").code == 0
    assert run("recipients", "remove", "paper", "--yes").code == 2
    assert run("recover", "--lost", "coffer", "--yes").code == 0
    said.append(h.run("doctor").out)
    n = 0
    for d, _, files in os.walk(h.top):
        for f in files:
            path = os.path.join(d, f)
            if os.path.isfile(path):
                with open(path, "rb") as file:
                    data = file.read()
                assert not any(x in data for x in needles), path
                n += 1
    assert n > 8
    for text in said:
        assert not any(x in text.encode() for x in needles), text
    assert any(x in p.text.encode() for x in needles)


def environment():
    """not in the environment or the arguments while the words are on the screen"""
    h = fresh()
    p, looked = Paper(), []

    def look(shown):
        p.write(shown)
        me = os.getpid()
        with open(f"/proc/{me}/task/{me}/children", encoding="ascii") as f:
            for pid in f.read().split():
                for name in ("environ", "cmdline"):
                    data = left.read_proc(pid, name)
                    assert not any(x in data for x in forms(p.text)), name
                    looked.append(pid)
        return ""

    r = talk(h, "recipients", "add", "--paper", "--yes", answers=[
        ("PIN of token", lib.PIN), ("Press Enter", look), *p.dialogue()[2:]])
    assert r.code == 0 and looked, r


def memory():
    """memory at exit of add --paper, test --paper and recover: no words, no seed, no key"""
    if "ASAN_OPTIONS" in os.environ:
        return "not run: the leak checker and the search cannot both trace the program"
    h, p = fresh(), Paper()
    before = [] if os.geteuid() == 0 else ["unshare", "-Ur"]
    path = h.private("needles", "")
    here = ("--vault", h.vault)
    # of an add they are known only once they are shown
    h.wrapper = [*before, os.path.join(lib.TOOLS, "memsearch"), "@" + path]

    def note(shown):
        p.write(shown)
        lines = ["control:" + h.vault] + ["hex:" + x.hex() for x in forms(p.text)]
        h.private("needles", "\n".join(lines) + "\n")
        return ""

    def judge(r):
        if "not run" in r.out or (before and "unshare" in r.err):
            return "not run: " + r.out.strip().splitlines()[-1]
        assert "control found; no needle found" in r.out and "memsearch: exit: 0" in r.out, r
        return None

    why = judge(talk(h, "recipients", "add", "--paper", "--yes", *here, answers=[
        ("PIN of token", lib.PIN), ("Press Enter", note), *p.dialogue()[2:]]))
    if why:
        return why
    words = p.text.split()
    answers = [("Word 1 of 24", " ".join(words[:12])), ("Word 13 of 24", " ".join(words[12:]))]
    judge(talk(h, "recipients", "test", "--paper", *here, answers=answers))
    judge(words_fd(h, p.text, "recipients", "test", "--paper", *here, pin=False))
    judge(words_fd(h, p.text, "recover", "--lost", "coffer", "--yes", *here, pin=False))
    h.wrapper = h.wrapper[:-1] + ["@" + path, "sh", "-c", f"x=$(cat {path}.plain); : {h.vault}", "x"]
    h.private("needles.plain", p.text)
    found = h.run(pin=False).out
    assert "NEEDLE FOUND" in found, found               # the search does find them
    return None


def stopped():
    """Ctrl-Z while the words are on the screen is put off"""
    h = fresh()
    p = Paper()

    def stop(shown):
        p.write(shown)
        me = os.getpid()
        with open(f"/proc/{me}/task/{me}/children", encoding="ascii") as f:
            for pid in f.read().split():
                os.kill(int(pid), signal.SIGTSTP)
        time.sleep(0.2)
        return ""

    r = talk(h, "recipients", "add", "--paper", "--yes", answers=[
        ("PIN of token", lib.PIN), ("Press Enter", stop), *p.dialogue()[2:]])
    assert r.code == 0 and CLEARED in r.out, r


if __name__ == "__main__":
    lib.main([shown_once, key_is_the_documented_one, not_repeated, interrupted, stopped,
              plain_terminal, no_terminal, typed_one_by_one, typed_wrong, opens, asked_for,
              elsewhere, found_nowhere, environment, memory])
