#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# run: once
"""coffer recover: a lost, broken or locked token is replaced through a spare or through paper, by
options and by questions, also on a machine that has the vault's copy only."""
import os
import re
import shutil

import lib
import ops
from recipients_kit import (NEW_PIN, add_paper, add_spare, copy_vault, embedded_is_gone, entries,
                            fresh, key_on, listed, other_machine, put, signs, talk, words_fd)

LOST = ("recover", "--lost", "coffer")


def uses_new(h):
    h.pin_file = h.new_pin
    signs(h)
    h.add("later")


def by_spare():
    """from a spare token to a new one: one commit, and what to do next"""
    h = fresh()
    old = h.fingerprint()
    add_spare(h)
    embedded_is_gone(h)
    backup = os.path.join(h.top, "backup")
    copy_vault(h, backup)
    r = h.ok(*LOST, "--to", h.uris["third"], "--generate", "--label", "new one", "--yes",
             "--pin-file", h.new_pin, "--new-pin-file", h.new_pin, pin=False)
    assert "every other machine refuses it until 'coffer trust'" in r.out, r
    assert re.search(r"goes +'coffer' .*\n +comes +pkcs11:token=third.*\n +stays +'spare'", r.out), r
    assert "token operations  3 of token 'spare'" in r.out, r
    new = h.ok("doctor", "--json", "--pin-file", h.new_pin, pin=False).json()["fingerprint"]
    assert f"fingerprint  {new}" in r.out and old in r.out and f"coffer trust {new}" in r.out, r
    assert f"trust {new} --token URI" in r.out and "directory stays" not in r.out, r
    assert "removed      'coffer'" in r.out and "added        'new one' (serial" in r.out, r
    assert re.search(r"Whoever has 'coffer', its PIN and an older copy.*\n  main okx\n", r.out), r
    assert "coffer rotate NAME" in r.out, r
    assert sorted(listed(h)) == ["new one", "spare"] and len(entries(h)) == 2, entries(h)
    uses_new(h)
    h.ok("recipients", "remove", "spare", "--yes")      # the new one opens it alone
    signs(h)
    assert list(listed(h)) == ["new one"], listed(h)


def none_now():
    """no new token yet: the lost one is gone, and the lack of a spare is said"""
    h = fresh()
    add_spare(h)
    j = h.ok(*LOST, "--token", h.uris["spare"], "--yes", "--json", "--pin-file", h.new_pin,
             pin=False).json()
    assert j["lost"]["label"] == "coffer" and j["added"] is None, j
    assert j["opened_by"] == "spare" and j["old_backups_hold"] == ["main", "okx"], j
    assert j["old_fingerprint"] != j["fingerprint"] and j["files"] == 2 and j["untested"] == 0, j
    uses_new(h)
    h.ok("recipients", "add", h.uris["third"], "--generate", "--new-pin-file", h.new_pin, "--yes")
    r = h.ok("recover", "--lost", "spare", "--token", h.uris["third"], "--yes")
    assert "There is no spare now" in r.out, r
    signs(h)


def by_paper():
    """from paper to a new token; the paper counts as tested afterwards"""
    h = fresh()
    p = add_paper(h)
    embedded_is_gone(h)
    r = words_fd(h, p.text, *LOST, "--paper", "--to", h.uris["spare"], "--generate",
                 "--new-pin-file", h.new_pin, "--yes", run=h.ok, pin=False)
    assert "'paper' was never tested: whether it opens the vault shows now" in r.out, r
    assert "none: the words on paper open the vault" in r.out, r
    assert "at least 3 of the new one" in r.out and "UNTESTED: " not in r.out.split("added")[1], r
    assert listed(h)["paper"]["tested"] and len(entries(h)) == 1, entries(h)
    uses_new(h)


def guided():
    """at a terminal, step by step: which, what happened, what opens it, what comes, a last question"""
    h = fresh()
    p = add_paper(h)
    add_spare(h)
    embedded_is_gone(h)
    before = h.kept()
    start = [("Which one is lost", "nobody"), ("Which one is lost", "coffer"),
             ("What happened to it?", "l")]
    r = talk(h, "recover", answers=[*start, ("What opens the vault now?", "k"),
                                    ("The new token's URI", h.uris["third"]),
                                    ("Make a sealing key on it?", "p"), ("Go on?", "n")])
    assert r.code == 1 and "nothing was changed" in r.out, r
    assert "k  a token that this machine knows: 'spare'" in r.out, r
    assert "p  the 24 words on paper (UNTESTED)" in r.out and h.kept() == before, r
    assert "has no recipient 'nobody'" in r.out and "PIN of" not in r.out, r
    r = talk(h, "recover", answers=[
        *start, ("What opens the vault now?", "t"), ("Its URI", "nonsense"),
        ("What opens the vault now?", "p"),
        ("The new token's URI", "pkcs11:token=third"), ("The new token's URI", h.uris["third"]),
        ("Make a sealing key on it?", "p"), ("PIN of token 'third'", NEW_PIN),
        ("Word 1 of 24", p.text), ("Go on?", "y")])
    assert r.code == 0 and "opened by 'paper'" in r.out, r
    assert sorted(listed(h)) == ["paper", "spare", "third"], listed(h)
    uses_new(h)


def guided_again():
    """a new token that fails is asked for again, before any word is typed; RSA where it is wanted"""
    h = fresh()
    p = add_paper(h)
    spare, third = h.uris["spare"], h.uris["third"]
    nowhere = third.replace("token=third", "token=nowhere")
    start = [("Which one is lost", "coffer"), ("What happened", "l"), ("What opens", "p")]
    before = h.kept()
    fails = [("The new token's URI", nowhere), ("Make a sealing key on it?", "p"),
             ("The new token's URI", third), ("Make a sealing key on it?", "n"),
             ("PIN of token 'third'", NEW_PIN)]
    r = talk(h, "recover", answers=[*start, *fails, ("The new token's URI", third),
                                    ("Make a sealing key on it?", "n"),
                                    ("PIN of token 'third'", NEW_PIN)])
    assert r.code == 1 and r.out.count("no key that can seal") == 2 and h.kept() == before, r
    assert "Word 1" not in r.out and "Go on?" not in r.out, r
    r = talk(h, "recover", answers=[*start, ("The new token's URI", spare),
                                    ("Make a sealing key on it?", "p"), ("PIN of", NEW_PIN),
                                    ("Word 1 of 24", p.text), ("Go on?", "n")])
    assert r.code == 1 and "nothing was changed" in r.out and h.kept() == before, r
    assert re.search(r"the key made for this, id [0-9a-f]+, stays on token 'spare'", r.out), r
    other = "abandon " * 23 + "art"
    r = talk(h, "recover", answers=[*start, *fails, ("The new token's URI", third),
                                    ("Make a sealing key on it?", "y"),
                                    ("Please answer p, r or n: ", "r"),
                                    ("PIN of token 'third'", NEW_PIN), ("Word 1 of 24", other),
                                    ("Word 1 of 24", p.text), ("Go on?", "y")])
    assert r.code == 0 and "of no paper that opens this vault" in r.out, r
    assert listed(h)["third"]["key"] == "RSA 2048", listed(h)
    uses_new(h)


def again_after_spare():
    """by a spare token the new one is reached after its login, and asked for again likewise"""
    h = fresh()
    add_spare(h)
    r = talk(h, "recover", answers=[
        ("Which one is lost", "coffer"), ("What happened", "l"), ("What opens", "t"),
        ("Its URI", h.uris["spare"]), ("The new token's URI", h.uris["third"]),
        ("Make a sealing key on it?", "n"), ("Go on?", "y"), ("PIN of token 'spare'", NEW_PIN),
        ("PIN of token 'third'", NEW_PIN), ("The new token's URI", h.uris["third"]),
        ("Make a sealing key on it?", "p"), ("PIN of token 'third'", NEW_PIN)])
    assert r.code == 0 and "no key that can seal" in r.out, r
    assert sorted(listed(h)) == ["spare", "third"], listed(h)
    uses_new(h)


def words_after_the_token():
    """by options: words are typed after the new token was reached, and not asked for when it fails"""
    h = fresh()
    p = add_paper(h)
    args = (*LOST, "--paper", "--to", h.uris["third"], "--new-pin-file", h.new_pin, "--yes")
    r = talk(h, *args, answers=[])
    assert r.code == 1 and "no key that can seal" in r.out and "Word" not in r.out, r
    r = talk(h, *args, "--generate=rsa2048", answers=[("Word 1 of 24", p.text)])
    assert r.code == 0 and listed(h)["third"]["key"] == "RSA 2048", r
    uses_new(h)


def guided_minimal():
    """a spare by its URI, and no new token"""
    h = fresh()
    add_spare(h)
    r = talk(h, "recover", answers=[
        ("Which one is lost", "coffer"), ("What happened to it?", "l"),
        ("What opens the vault now?", "t"), ("Its URI", h.uris["spare"]),
        ("The new token's URI", ""), ("Go on?", "y"), ("PIN of token 'spare'", NEW_PIN)])
    assert r.code == 0 and "comes             nothing yet" in r.out, r
    assert list(listed(h)) == ["spare"], listed(h)
    uses_new(h)


def locked():
    """locked: how it is unlocked comes first, and nothing is changed when the person does that"""
    h = fresh()
    add_spare(h)
    before = h.kept()
    r = talk(h, "recover", answers=[("Which one is lost", "coffer"), ("What happened to it?", "p"),
                                    ("Stop here, and unlock it first?", "y")])
    assert r.code == 0 and "keeps everything as it is" in r.out and h.kept() == before, r
    assert "SoftHSM never locks" in r.out, r
    embedded_is_gone(h)                             # then by what this machine remembers of it
    r = talk(h, "recover", answers=[("Which one is lost", "coffer"), ("What happened to it?", "p"),
                                    ("Stop here, and unlock it first?", "n"),
                                    ("What opens the vault now?", "k"), ("The new token's URI", ""),
                                    ("Go on?", "y"), ("PIN of token 'spare'", NEW_PIN)])
    assert r.code == 0 and "SoftHSM never locks" in r.out and list(listed(h)) == ["spare"], r


def nothing_left():
    """no other recipient: what is lost, which keys, and what to do; also for one that is not there"""
    h = fresh()
    before = h.kept()
    r = h.run(*LOST, "--yes")
    assert r.code == 1 and "there is no recipient to recover from" in r.err, r
    assert "is only locked" not in r.out, r         # a software token never is
    assert "An older backup may still open by a recipient that was removed since" in r.out, r
    with other_machine(h) as far:                   # nobody here knows what it is
        r = far.run("recover", h.fingerprint(), "--lost", "coffer", "--yes", pin=False)
        assert r.code == 1 and "If 'coffer' is only locked, nothing is lost." in r.out, r
        assert r.out.index("nothing is lost") < r.out.index("are lost for good"), r
    r = h.run(*LOST, "--yes")
    assert "are lost for good" in r.out and re.search(r"^  main \(Binance", r.out, re.M), r
    assert re.search(r"^  okx \(OKX", r.out, re.M) and "coffer init --vault DIR" in r.out, r
    assert "a backup of its directory brings it back" in r.out, r
    add_spare(h)
    after = h.kept()
    r = talk(h, "recover", answers=[("Which one is lost", "coffer"), ("What happened to it?", "l"),
                                    ("What opens the vault now?", "n")])
    assert r.code == 1 and "are lost for good" in r.out and h.kept() == after != before, r


def untested():
    """a spare that was never tested is named so before it is relied on, and serves when it opens"""
    h = fresh()
    far = put(h, "far.der", key_on(h, "spare"))
    h.ok("recipients", "add", "--public-key", far, "--label", "far", "--yes")
    embedded_is_gone(h)
    r = talk(h, *LOST, answers=[("What opens the vault now?", "t"), ("Its URI", h.uris["spare"]),
                                ("The new token's URI", ""), ("Go on?", "y"),
                                ("PIN of token", NEW_PIN)])
    assert r.code == 0 and "stays             'far' (token, not seen here" in r.out, r
    assert "), UNTESTED" in r.out and listed(h)["far"]["tested"], r
    assert len(entries(h)) == 1, entries(h)
    uses_new(h)


def fresh_machine():
    """where only the vault's copy and the paper are: the fingerprint comes from the paper too"""
    h = fresh()
    fp = h.fingerprint()
    p = add_paper(h)
    args = (*LOST, "--to", h.uris["spare"], "--generate", "--new-pin-file", h.new_pin, "--yes")
    with other_machine(h) as far:
        before = far.kept()
        r = words_fd(far, p.text, *args, pin=False)
        assert r.code == 3 and "has not been told to trust" in r.err, r
        assert "coffer recover FINGERPRINT: it stands on the paper" in r.err, r
        for wrong, code, says in (("0" * 32, 3, "does not have the fingerprint"),
                                  ("12", 2, "32 hex digits")):
            r = words_fd(far, p.text, "recover", wrong, *args[1:], "-q", pin=False)
            assert r.code == code and says in r.err and far.kept() == before, r
        r = words_fd(far, p.text, "recover", fp.upper(), *args[1:], run=far.ok, pin=False)
        signs(far)
        far.add("later")
        assert [x["label"] for x in entries(far)] == ["spare"], entries(far)
        assert far.fingerprint() != fp
    with other_machine(h) as far:                   # h's vault still is the old one
        lib.remove_tree(os.path.join(h.home, "tokens"))
        r = talk(far, "recover", answers=[
            ("Which one is lost", "coffer"), ("What happened", "l"),
            ("The vault's fingerprint", "12"), ("The vault's fingerprint", fp),
            ("What opens", "p"), ("The new token's URI", ""), ("Word 1 of", p.text),
            ("Go on?", "y")])
        assert "another of its tokens" not in r.out, r      # there is none
        assert r.code == 0 and "opens the vault by paper only" in r.out, r
        assert list(listed(far)) == ["paper"] and not entries_or_none(far), r


def entries_or_none(h):
    return os.path.exists(os.path.join(h.config, "tokens.json")) and entries(h)


def older_copy():
    """an older copy than this machine has seen: refused, until the fingerprint is given"""
    h = fresh()
    fp = h.fingerprint()
    add_spare(h)
    backup = os.path.join(h.top, "older")
    copy_vault(h, backup)
    h.add("later")
    lib.remove_tree(h.vault)
    shutil.copytree(backup, h.vault)
    args = (*LOST, "--yes", "-q", "--pin-file", h.new_pin)
    h.refuses(*args, code=3, says="older", hint="coffer recover FINGERPRINT", pin=False)
    h.ok("recover", fp, *args[1:], pin=False)
    h.pin_file = h.new_pin
    signs(h)


def refused():
    """what is refused changes nothing"""
    h = fresh()
    add_spare(h)
    p = add_paper(h)
    third, spare = h.uris["third"], h.uris["spare"]
    wrong = h.private("wrong", "wrong wrong wrong\n")
    cases = [
        (("recover", "--yes"), 2, "which recipient is lost", "--lost RECIPIENT"),
        (("recover", "--lost", "nobody", "--yes"), 1, "has no recipient", "coffer recipients"),
        ((*LOST, "--token", spare, "--paper", "--yes"), 2, "exclude each other", None),
        ((*LOST, "--generate", "--yes"), 2, "--generate speaks of the new token", None),
        ((*LOST, "--label", "x", "--yes"), 2, "--label speaks of the new token", None),
        ((*LOST, "--to", third, "--label", "", "--yes"), 2, "--label is empty", None),
        ((*LOST, "--new-pin-file", wrong, "--yes"), 2, "that --to names", None),
        ((*LOST, "--to", "pkcs11:token=third", "--yes"), 2, "--to", "module-path"),
        ((*LOST, "--token", "pkcs11:token=spare", "--yes"), 2, "--token", "module-path"),
        ((*LOST, "--paper", "--yes"), 3, "no terminal", "--words-fd"),
        ((*LOST, "--to", third, "--new-pin-file", h.new_pin, "--pin-file", h.new_pin, "--yes"), 1,
         "no key that can seal", "--generate"),
        ((*LOST, "--to", spare, "--pin-file", h.new_pin, "--yes"), 2, "already", "--generate"),
        (("recover", "--lost", "spare", "--token", spare, "--pin-file", h.new_pin, "--yes"), 2,
         "that is 'spare' itself", "coffer recipients remove"),
        ((*LOST, "--token", third, "--pin-file", h.new_pin, "--yes"), 1, "none of the keys", None),
        ((*LOST, "--pin-file", h.new_pin), 3, "no terminal to ask: Go on?", "--yes does it"),
        ((*LOST, "--pin-file", wrong, "--yes"), 3, "wrong PIN", None),
    ]
    for args, code, says, hint in cases:
        h.refuses(*args, "-q", code=code, says=says, hint=hint, pin="--pin-file" not in args)
    r = words_fd(h, p.text, "recover", "--lost", "paper", "--yes", "-q", pin=False)
    assert r.code == 2 and "that is 'paper' itself" in r.err, r
    assert len(listed(h)) == 3
    signs(h)


def counted():
    """operations of the opening token: as told, one login"""
    with ops.Counted("p256") as c:
        n = 10
        for i in range(n):
            c.h.add(f"key-{i}")
        uri = f"pkcs11:token=counted?module-path={c.module}"
        c.h.ok("recipients", "add", uri, "--generate", "--label", "2nd", "--yes")
        lost = listed(c.h)["2nd"]["id"]
        got = c.count("recover", "--lost", lost, "--yes")
        assert got == (n + 1, 1), got


if __name__ == "__main__":
    lib.main([by_spare, none_now, by_paper, guided, guided_again, again_after_spare,
              words_after_the_token, guided_minimal, locked, nothing_left, untested,
              fresh_machine, older_copy, refused, counted])
