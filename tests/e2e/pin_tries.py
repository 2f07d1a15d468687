#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Where a PIN comes from, wrong ones, and how often one is tried: never twice unattended."""
import os

from lib import PIN, Home, main, no_secret, shared

SIGN = ("sign", "main", "GET", "/api/v3/account")
WRONG = "not the right pin"
ASKED = "PIN of token"


def prepare(h):
    h.init()
    h.add("main")


fresh = shared(prepare)


def guards(h):
    """What the guards of unattended logins hold."""
    return [b for p, b in h.snapshot().items() if p.endswith(".pin-guard")]


def pin_file(h, text, mode=0o600):
    path = h.private("other-pin", text)
    os.chmod(path, mode)
    return path


def signs(h, *more, **kw):
    r = h.ok(*SIGN, *more, **kw)
    assert '"signature=' in r.out or "signature=" in r.out, r
    no_secret(r.out + r.err, PIN)


def test_typed():
    """a wrong PIN at the terminal, then the right one"""
    h = fresh()
    before = h.kept()
    r = h.tty(*SIGN, answers=[(ASKED, WRONG), (ASKED, PIN)])
    assert r.code == 0 and "wrong PIN" in r.out and "signature=" in r.out, r
    assert h.kept() == before
    no_secret(r.out, PIN, WRONG)


def test_typed_thrice():
    """three wrong PINs at the terminal end it, and do not block the next command"""
    h = fresh()
    r = h.refuses(*SIGN, answers=[(ASKED, WRONG)] * 3, code=3, says="wrong PIN",
                  hint="enter the token's user PIN again")
    assert r.err.count("wrong PIN") == 3, r
    no_secret(r.out, WRONG)
    signs(h)


def test_typed_nothing():
    """no PIN typed: a person is needed, nothing is tried"""
    fresh().refuses(*SIGN, answers=[(ASKED, "")], code=3, says="no PIN was given")


def test_once():
    """one unattended failure, then no second try until a person succeeds"""
    h = fresh()
    wrong = pin_file(h, WRONG + "\n")
    r = h.refuses(*SIGN, "--pin-file", wrong, pin=False, code=3, says="wrong PIN",
                  hint=["not tried again until one was typed",
                        "type the PIN once at a terminal: coffer doctor"])
    no_secret(r.err, WRONG)
    assert "enter the token's user PIN again" not in r.err, r
    for args, kw in ((("--pin-file", wrong), {}), (("--pin-file", h.pin_file), {}),
                     (("--pin-fd", "0"), {"stdin": PIN + "\n"})):
        h.refuses(*SIGN, *args, pin=False, code=3, says="none is tried again",
                  hint="type the PIN", **kw)
    for args in (("rename", "main", "other"), ("remove", "main", "--yes"), ("pin",)):
        h.refuses(*args, code=3, says="none is tried again")
    r = h.tty(*SIGN, answers=[(ASKED, PIN)])
    assert r.code == 0, r
    signs(h)


def test_person_must_succeed():
    """a person who types it wrong does not clear the guard"""
    h = fresh()
    h.run(*SIGN, "--pin-file", pin_file(h, WRONG), pin=False)
    h.refuses(*SIGN, answers=[(ASKED, WRONG)] * 3, code=3, says="wrong PIN")
    h.refuses(*SIGN, code=3, says="none is tried again")


def test_interrupted():
    """a try that was never finished counts as a failure"""
    h = fresh()
    guard = [p for p in h.snapshot() if p.endswith(".pin-guard")]
    assert len(guard) == 1, guard
    with open(guard[0], "w", encoding="ascii") as f:
        f.write("tried\n")
    h.refuses(*SIGN, code=3, says="did not finish")


def test_length():
    """a PIN of impossible length is not tried, and so does not block"""
    h = fresh()
    for text, says in (("abc", "4 to 255 characters"), ("x" * 256, "longer than 255 bytes"),
                       ("x" * 2000, "longer than")):
        r = h.refuses(*SIGN, "--pin-file", pin_file(h, text + "\n"), pin=False, code=3, says=says)
        no_secret(r.err, text)
        assert "not tried again" not in r.err, r
        assert guards(h) == [b""], guards(h)
    signs(h)


def test_file_form():
    """a PIN file with LF, CR LF or no line end; the first line alone counts"""
    h = fresh()
    for text in (PIN, PIN + "\n", PIN + "\r\n", PIN + "\nsecond line\n"):
        signs(h, "--pin-file", pin_file(h, text), pin=False)


def test_file_exact():
    """blanks in a PIN file belong to the PIN"""
    for text in (PIN + " \n", " " + PIN + "\n", PIN + "\n\n"):
        h = fresh()
        args = (*SIGN, "--pin-file", pin_file(h, text))
        if text == PIN + "\n\n":
            signs(h, "--pin-file", pin_file(h, text), pin=False)
        else:
            h.refuses(*args, pin=False, code=3, says="wrong PIN")


def test_file_bad():
    """a PIN file that others can read, is missing, empty, a link or a directory"""
    h = fresh()
    for mode in (0o644, 0o640, 0o602):
        h.refuses(*SIGN, "--pin-file", pin_file(h, PIN, mode), pin=False, code=3,
                  says="can be", hint="chmod 0600")
    for text in ("", "\n", "\r\n", "\n" + PIN + "\n"):
        h.refuses(*SIGN, "--pin-file", pin_file(h, text), pin=False, code=3, says="is empty")
    h.refuses(*SIGN, "--pin-file", os.path.join(h.top, "gone"), pin=False, code=3,
              says="does not exist", hint="write the PIN into that file")
    os.symlink(h.pin_file, os.path.join(h.home, "link"))
    h.refuses(*SIGN, "--pin-file", os.path.join(h.home, "link"), pin=False, code=3,
              says="is a symbolic link", hint="name the real place")
    h.refuses(*SIGN, "--pin-file", h.home, pin=False, code=3, says="read the PIN")
    assert guards(h) == [b""]
    signs(h)


def test_file_owner():
    """a PIN file of another user"""
    if os.geteuid() != 0:
        return "changing an owner needs root"
    h = fresh()
    path = pin_file(h, PIN)
    os.chown(path, 12345, -1)
    h.refuses(*SIGN, "--pin-file", path, pin=False, code=3, says="belongs to")
    os.chown(path, 0, -1)
    return None


def test_fd():
    """--pin-fd: a pipe works; a closed one, an empty one, no number and both options do not"""
    h = fresh()
    read, write = os.pipe()
    os.write(write, PIN.encode() + b"\n")
    os.close(write)
    signs(h, "--pin-fd", str(read), pin=False, pass_fds=(read,))
    os.close(read)
    signs(h, "--pin-fd", "0", pin=False, stdin=PIN)
    h.refuses(*SIGN, "--pin-fd", "0", pin=False, code=3, says="is empty")
    h.refuses(*SIGN, "--pin-fd", "977", pin=False, code=1, says="descriptor 977")
    for n in ("x", "-1", "", "99999999999"):
        h.refuses(*SIGN, "--pin-fd", n, pin=False, code=2, says="--pin-fd")
    h.refuses(*SIGN, "--pin-fd", "0", code=2, says="exclude each other")


def test_not_in_argv():
    """a PIN on the command line is no option"""
    for option in ("--pin", "--password", "--secret"):
        r = fresh().refuses(*SIGN, option, "1234", pin=False, code=2, says=option,
                            hint="--pin-file or --pin-fd")
        assert "did you mean" not in r.err and "1234" not in r.err, r


def test_no_terminal():
    """without a terminal and without a PIN: exit 3, and the hint names both options"""
    h = fresh()
    for args in (SIGN, ("rename", "main", "other"), ("remove", "main", "--yes"), ("pin",)):
        h.refuses(*args, pin=False, code=3, says="no terminal",
                  hint=["--pin-fd", "--pin-file"])
    assert guards(h) == [b""]
    with Home() as empty:
        empty.refuses("init", "--softhsm", pin=False, code=3, says="no terminal",
                      hint=["--pin-fd", "--pin-file"])
        assert not os.path.exists(empty.vault) and not os.listdir(empty.home), "init left files"


def test_kept_file():
    """--keep-pin-file: used from then on; after a failure a person is asked, a service is not"""
    with Home() as h:
        h.init("--keep-pin-file")
        h.add("main")
        signs(h, pin=False)
        h.private("pin", WRONG + "\n")
        h.refuses(*SIGN, pin=False, code=3, says="wrong PIN")
        h.private("pin", PIN + "\n")
        h.refuses(*SIGN, pin=False, code=3, says="none is tried again")
        r = h.tty(*SIGN, answers=[(ASKED, PIN)])
        assert r.code == 0, r
        signs(h, pin=False)


def test_guard_unusable():
    """a guard that cannot be kept is not told as a failed PIN; a person may type it"""
    with Home() as h:
        h.init("--keep-pin-file")
        h.add("main")
        guard = [p for p in h.snapshot() if p.endswith(".pin-guard")][0]
        os.unlink(guard)
        os.mkfifo(guard, 0o600)
        h.refuses(*SIGN, pin=False, code=3, says="is not a regular file")
        r = h.run("doctor", pin=False)
        assert "PIN guard" not in r.out and "nobody typed failed" not in r.out + r.err, r
        r = h.tty(*SIGN, answers=[(ASKED, PIN)])
        assert r.code == 0 and "signature=" in r.out, r


def test_doctor_tells_guard():
    """doctor tells a set guard, and only asks about it"""
    h = fresh()
    guard = [p for p in h.snapshot() if p.endswith(".pin-guard")][0]
    os.unlink(guard)
    r = h.run("doctor", pin=False)
    assert "PIN guard" not in r.out and not os.path.exists(guard), r
    h.run(*SIGN, "--pin-file", pin_file(h, WRONG), pin=False)
    r = h.run("doctor", pin=False)
    assert "PIN guard" in r.out and guards(h) == [b"tried\n"], r
    r = h.tty("doctor", answers=[(ASKED, PIN)])
    assert r.code == 0 and guards(h) == [b""], (r, guards(h))
    assert "a touch each" not in r.out, "a software token asks for no touch"
    signs(h)


def test_credentials_directory():
    """$CREDENTIALS_DIRECTORY/coffer-pin is a source, and its failure counts as unattended"""
    h = fresh()
    os.mkdir(os.path.join(h.home, "cred"))
    path = os.path.join(h.home, "cred/coffer-pin")
    for text, code in ((PIN, 0), (WRONG, 3), (PIN, 3)):
        credential(path, text)
        r = h.run(*SIGN, pin=False, env=h.environ(CREDENTIALS_DIRECTORY=os.path.dirname(path)))
        assert r.code == code, r


def credential(path, text, mode=0o400):
    if os.path.lexists(path):
        os.unlink(path)
    with open(path, "w", encoding="ascii") as f:
        f.write(text + "\n")
    os.chmod(path, mode)


def test_credential_form():
    """a credential that others can read, a group can write, a link or a fifo is not tried"""
    h = fresh()
    os.mkdir(os.path.join(h.home, "cred"))
    path = os.path.join(h.home, "cred/coffer-pin")
    env = h.environ(CREDENTIALS_DIRECTORY=os.path.dirname(path))
    for mode, says in ((0o644, "is open to others"), (0o601, "is open to others"),
                       (0o660, "can be changed by a group")):
        credential(path, PIN, mode)
        h.refuses(*SIGN, pin=False, env=env, code=3, says=says, hint="0400 or 0440")
    os.unlink(path)
    os.symlink(h.pin_file, path)
    h.refuses(*SIGN, pin=False, env=env, code=3, says="is a symbolic link")
    os.unlink(path)
    os.mkfifo(path, 0o600)
    h.refuses(*SIGN, pin=False, env=env, code=3, says="is not a regular file")
    assert guards(h) == [b""]
    for mode in (0o400, 0o440, 0o600):
        credential(path, PIN, mode)
        signs(h, pin=False, env=env)


def test_kept_gone():
    """a remembered PIN file that is gone or open to others: exit 3; at a terminal it is asked"""
    with Home() as h:
        h.init("--keep-pin-file")
        h.add("main")
        os.rename(h.pin_file, h.pin_file + ".away")
        for says in ("does not exist", "can be read by others"):
            h.refuses(*SIGN, pin=False, code=3, says=says, hint="remembers that file")
            r = h.tty(*SIGN, answers=[(ASKED, WRONG), (ASKED, PIN)])
            assert r.code == 0 and r.out.count("coffer: warning: ") == 1 and says in r.out, r
            r = h.run("doctor", pin=False)
            assert r.code == 1 and r.out.count(says) == 1 and "mend the PIN file" in r.out, r
            h.private("pin", PIN)
            os.chmod(h.pin_file, 0o644)
        os.chmod(h.pin_file, 0o600)
        signs(h, pin=False)


def test_pipe_file():
    """--pin-file of a pipe: the hint names --pin-fd"""
    h = fresh()
    fifo = os.path.join(h.home, "fifo")
    os.mkfifo(fifo, 0o600)
    h.refuses(*SIGN, "--pin-file", fifo, pin=False, code=3, says="is not a regular file",
              hint="--pin-fd 9")


def test_state_read_only():
    """where a failure cannot be remembered, an unattended PIN is not tried"""
    if os.geteuid() == 0:
        return "root can write everywhere"
    h = fresh()
    for d, _, _ in os.walk(h.state, topdown=False):
        os.chmod(d, 0o500)
    h.refuses(*SIGN, code=3, says="no place to remember", hint="type the PIN")
    return None


if __name__ == "__main__":
    main([test_typed, test_typed_thrice, test_typed_nothing, test_once, test_person_must_succeed,
          test_interrupted, test_length, test_file_form, test_file_exact, test_file_bad,
          test_file_owner, test_fd, test_not_in_argv, test_no_terminal, test_kept_file,
          test_guard_unusable, test_doctor_tells_guard, test_credentials_directory,
          test_credential_form, test_kept_gone, test_pipe_file, test_state_read_only])
