#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# run: once
# sanitizers: no
# time-out: 240 s
"""The permission grid: every combination of what the four exchanges can say about a key, through
'coffer verify', 'coffer status' and 'coffer add', against what the exchanges' documentation says it
means. Above all: no key is called safe that the exchange did not plainly call so."""
import itertools
import json
import os
import re
import sys

import kit
import lib

sys.path.insert(0, lib.ROOT + "/tests")
import grid_cells as cells                                     # noqa: E402

# Keys of one pool that are verified side by side; the grid goes over them again and again.
SIZES = {"binance live": 64, "okx live www": 16, "okx demo www": 16, "kraken live": 32,
         "coinbase live": 10, "binance test": 4, "binance demo": 4}
OPTIONS = ("--no-verify", "--accept-risk", "test")
MONEY = ("withdraw", "transfer")
SPOILT = ("missing", "wrong_type", "dup", "dup_escaped", "unknown_right", "truncated", "short",
          "deep", "huge", "empty", "not_json", "html", "html403", "503", "429", "418", "rate",
          "redirect", "closed", "big_number")


def split(pool):
    """exchange, environment, region."""
    return (*pool.split(), None)[:3]


class World:
    """One home with the keys of every pool, sealed without a trial."""

    def __init__(self, x, h, pools):
        self.x, self.h, self.keys = x, h, {}
        h.init()
        for pool, wanted in pools.items():
            size = min(SIZES.get(pool, 4), len(wanted))
            self.keys[pool] = [self.add(pool, n) for n in range(size)]

    def add(self, pool, n):
        exchange, env, region = split(pool)
        key = self.x.key(exchange, env, region, ("p256", "ed25519")[n % 2]
                         if exchange == "coinbase" else None)
        name = pool.replace(" ", "-") + f"-{n}"
        self.h.ok(*self.words(name, pool), *OPTIONS, stdin=json.dumps(key.fields))
        return name, key

    def words(self, name, pool):
        exchange, env, region = split(pool)
        return ("add", name, exchange, "--env", env, *(("--region", region) if region else ()),
                "--connect-to", self.x.connect_to, "--ca-file", self.x.ca_file, "--from-json", "-")

    def rounds(self, pools):
        """One list of (name, cell) after the other, the keys made so, until no cell is left."""
        left = {p: iter(c) for p, c in pools.items()}
        while left:
            now = []
            for pool in list(left):
                part = list(zip(self.keys[pool], itertools.islice(left[pool],
                                                                  len(self.keys[pool]))))
                if not part:
                    del left[pool]
                for (name, key), cell in part:
                    cell.apply(key)
                    now.append((name, cell))
            if now:
                yield now

    def verify(self):
        r = self.h.run("verify", "--json")
        kit.calm(r)
        assert r.code in (0, 4), r
        return {k["name"]: k for k in r.json()["keys"]}, r.code


def is_one_of(got, want):
    """Types count: False is not 0."""
    return any(got is w or (type(got) is type(w) and got == w)
               for w in (want if isinstance(want, tuple) else (want,)))


def listed(j, weight):
    return {p["problem"] for p in j["problems"] if p["weight"] == weight}


def judge(j, cell):
    """What is wrong with coffer's word on a cell, as text; "" when all is right."""
    wrong = [f"{n} is {j[n]!r}, not {cell.want[n]!r}" for n in cells.FACTS
             if not is_one_of(j[n], cell.want[n])]
    if j["works"] is not cell.works:
        return f"works is {j['works']}"
    if not cell.works:
        return "; ".join(wrong)
    dangers = cell.dangers | {p for n in MONEY for p in cells.danger(n, j[n])}
    if not dangers <= listed(j, "danger") <= dangers | cell.may:
        wrong.append(f"dangers {listed(j, 'danger')}, not {dangers}")
    if not cell.warns <= listed(j, "warn") <= cell.warns | cell.may:
        wrong.append(f"warnings {listed(j, 'warn')}, not {cell.warns}")
    if ("ip-list-unknown" in listed(j, "note")) != (j["ip_allow_list"] is None):
        wrong.append("ip-list-unknown is listed wrongly")
    if not all(p["text"] and (p["todo"] or p["weight"] == "note") for p in j["problems"]):
        wrong.append("a problem without words")
    return "; ".join(wrong)


def is_false_safe(j, cell):
    """The one thing that must never be."""
    return any(j[n] is False and not is_one_of(False, cell.want[n]) for n in MONEY)


def go_over(world, pools):
    """Every cell of the grid; gives how many there were."""
    n, wrong, unsafe = 0, [], 0
    for now in world.rounds(pools):
        found, code = world.verify()
        is_any_refused = any(j["works"] is False for j in found.values())
        assert code == (4 if is_any_refused else 0), code
        for name, cell in now:
            bad = judge(found[name], cell)
            unsafe += is_false_safe(found[name], cell)
            n += 1
            if bad:
                wrong.append(f"{bad}\n   {cell}")
    assert not unsafe, f"{unsafe} of {n} cells: called safe and not known to be\n" + \
        "\n".join(wrong[:20])
    assert not wrong, f"{len(wrong)} of {n} cells are wrong:\n" + "\n".join(wrong[:20])
    return n


def whole_grid():
    """every cell: facts, dangers, warnings; Kraken's with both spellings of its members"""
    pools = cells.every()
    with lib.exchange() as x, lib.Home() as h:
        world = World(x, h, pools)
        n = go_over(world, pools)
        x.kraken_camel = True
        once_more = [c for c in pools["kraken live"][::3] if not c.is_both]
        n += go_over(world, {"kraken live": once_more})
        print(f"# {n} cells, {sum(map(len, world.keys.values()))} keys")
        assert n > 3000


def one_of_each(wanted):
    """A cell of every kind: by pool, rights to move money, dangers and warnings."""
    kinds = {}
    for cell in wanted:
        kinds.setdefault((cell.pool, cell.works, *(str(cell.want[n]) for n in MONEY),
                          *sorted(cell.dangers), *sorted(cell.warns)), cell)
    return list(kinds.values())


def in_words():
    """the tables of 'verify' and 'status' say the same as the JSON: yes, no or unknown"""
    pools = {p: one_of_each(c) for p, c in cells.every().items()}
    word = {True: "yes", False: "no", None: "unknown"}
    with lib.exchange() as x, lib.Home() as h:
        world, n = World(x, h, pools), 0
        for now in world.rounds(pools):
            found, _ = world.verify()
            noted = {k["name"]: k["verified"] for k in
                     h.ok("status", "--json", pin=False).json()["keys"]}
            text = h.run("verify")
            kit.calm(text)
            table, *rest = text.out.split("\n\n")
            head, *lines = [re.split(r"  +", row) for row in table.splitlines()]
            rows = {cells[0]: dict(zip(head, cells)) for cells in lines}
            blocks = {b.split()[0]: b for b in rest}
            for name, cell in now:
                row = rows[name]
                for right in MONEY if cell.works else ():
                    said = row[right.upper()].partition(" ")
                    assert said[0] == word[found[name][right]], (cell, row)
                    assert (said[2] == "!") == (found[name][right] is not False), (cell, row)
                    line = re.search(rf"^{right} +(\S+)$", blocks.get(name, ""), re.M)
                    assert not line or line[1] == said[0], (cell, blocks[name])
                    assert is_one_of(noted[name][right], found[name][right]), (cell, noted[name])
                    n += 1
                if not cell.works:
                    assert all(row[right.upper()] == "-" for right in MONEY), row
                    assert "\nwithdraw " not in blocks[name], blocks[name]
                safe = cell.works and all(found[name][m] is False for m in MONEY)
                assert safe or not cell.works or ("DANGER" in blocks[name] and
                                                  "DANGER" in row["NOTE"]), row
        print(f"# {n} lines")


def added_or_not():
    """'add' seals what is plainly safe, and with exit 5 nothing else; 4 where it is refused"""
    pools = cells.every()
    with lib.exchange() as x, lib.Home() as h:
        world, got = World(x, h, {p: c[:1] for p, c in pools.items()}), {}
        for n, cell in enumerate(one_of_each(itertools.chain(*pools.values()))):
            _, key = world.keys[cell.pool][0]
            cell.apply(key)
            r = h.run(*world.words(f"new{n}", cell.pool), "--json", stdin=json.dumps(key.fields))
            kit.calm(r)
            is_safe = cell.works and not cell.dangers and \
                all(is_one_of(False, cell.want[m]) for m in MONEY)
            # Where the answer may be read in two ways, both ends are right.
            either = any(isinstance(cell.want[m], tuple) for m in MONEY)
            right = (0, 5) if either else (0,) if is_safe else (5,) if cell.works else (4,)
            assert r.code in right, (cell, r)
            kept = [f for f in os.listdir(h.records) if f.startswith(f"new{n}.")]
            assert bool(kept) == (r.code == 0), (cell, r)
            got[r.code] = got.get(r.code, 0) + 1
        print(f"# exits: {got}")
        assert got[0] >= 10 and got[5] >= 50 and got[4] >= 4, got


def spoilt_answers():
    """an answer about rights that is spoilt on the way, of keys that are safe and that are not"""
    with lib.exchange() as x, lib.Home() as h:
        pools = {p: [None] * 4 for p in ("binance live", "okx live www", "kraken live",
                                         "coinbase live")}
        world, n = World(x, h, pools), 0
        for camel, kind in itertools.product((False, True), SPOILT):
            x.heal()
            x.kraken_camel = camel
            for exchange, path in cells.RIGHTS_AT.items():
                x.fail(kind, exchange, path)
            for pool, keys in world.keys.items():
                for i, (_, key) in enumerate(keys):
                    key.withdraw, key.transfer = i % 2 == 1, i > 1
                    key.spot = not pool.startswith("okx") or i > 1
            r = h.run("verify", "--json")
            kit.calm(r)
            for j in r.json()["keys"]:
                i = int(j["name"][-1])
                both = j["connector"].startswith("coinbase") and i > 0
                is_off = {"withdraw": i % 2 == 0 and not both, "transfer": i < 2 and not both}
                is_told = kind in ("big_number", "unknown_right")
                for right in MONEY:
                    assert j[right] is not False or (is_told and is_off[right]), (kind, j)
                    assert j["works"] is not True or j[right] is False or \
                        listed(j, "danger") & {f"may-{right}", right + "-unknown"}, (kind, j)
                assert kind != "unknown_right" or "unknown-right" in listed(j, "danger"), j
                n += 1
        print(f"# {n} cells")


if __name__ == "__main__":
    lib.main([whole_grid, in_words, added_or_not, spoilt_answers])
