"""How fast scripts are cut into statements, and how much memory it takes: ``python -m bench.splitting [--quick]``.

Three tables: beside ``sqlparse.split`` on the same input in the same run, the growth from 1 to 64 MB, and the memory of
a process that cuts a stream. Times are CPU times, the least of several rounds.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import sqlparse

from sqlmig.statements import scan, split, token_digest

MEGABYTE = 1 << 20


def small_inserts() -> Iterator[str]:
    """Many small statements."""
    for number in itertools.count():
        yield f"INSERT INTO role (id, name) VALUES ({number}, 'name {number}');\n"


def one_insert() -> Iterator[str]:
    """One huge statement: rows and rows, until somebody ends it."""
    yield "INSERT INTO user_account (id, email, note, manager, score) VALUES\n"
    for number in itertools.count():
        yield f"    ({number}, 'user{number}@example.com', 'it''s a note; really', NULL, {number % 100}.5),\n"


def functions() -> Iterator[str]:
    """Functions in PL/pgSQL."""
    for number in itertools.count():
        yield f"""CREATE OR REPLACE FUNCTION app.touch_{number}() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    newest integer;
BEGIN
    -- the version of a row; it only grows
    SELECT max(version) INTO newest FROM app.versions WHERE id = NEW.id;
    IF newest IS DISTINCT FROM OLD.version THEN
        RAISE EXCEPTION 'row % was changed by somebody else; read it again', OLD.id USING ERRCODE = '40001';
    END IF;
    NEW.version := OLD.version + 1;
    NEW.changed_at := clock_timestamp();
    RETURN NEW;
END;
$$;

"""


def routines() -> Iterator[str]:
    """Functions in SQL with BEGIN ATOMIC."""
    for number in itertools.count():
        yield f"""CREATE OR REPLACE FUNCTION app.grade_{number}(points integer) RETURNS text LANGUAGE sql
BEGIN ATOMIC
    INSERT INTO app.log (at, what) VALUES (clock_timestamp(), 'grade {number};');
    SELECT CASE WHEN points > 90 THEN 'a' WHEN points > 50 THEN CASE WHEN true THEN 'b' END ELSE 'c' END;
END;

"""


def dump() -> Iterator[str]:
    """A dump: a table, and its rows in a COPY block."""
    yield "SET standard_conforming_strings = on;\n\nCREATE TABLE public.users (\n    id integer NOT NULL\n);\n\n"
    yield "COPY public.users (id, name, email) FROM stdin;\n"
    for number in itertools.count():
        yield f"{number}\tname {number}\tuser{number}@example.com\\\\x\t\\N\n"


def text_of(make: Callable[[], Iterator[str]], megabytes: float) -> str:
    """As many whole parts as fit into a size; the last statement ends."""
    found = []
    size = 0
    for part in make():
        size += len(part)
        if size > megabytes * MEGABYTE:
            break
        found.append(part)
    text = "".join(found)
    return f"{text[:-2]};\n" if make is one_insert else text


def seconds(work: Callable[[], object], rounds: int) -> float:
    """The least CPU time of several rounds."""
    best = float("inf")
    for _ in range(rounds):
        gc.collect()
        begin = time.process_time()
        work()
        best = min(best, time.process_time() - begin)
    return best


def drain(pieces: Iterator[object]) -> None:
    for _ in pieces:
        pass


BESIDE = (
    ("small INSERTs", small_inserts, 1, 80),
    ("one INSERT", one_insert, 10, 140),
    ("PL/pgSQL", functions, 5, 40),
    ("BEGIN ATOMIC", routines, 1, 60),
    ("dump with COPY", dump, 5, 250),
)
GROWING = (("small INSERTs", small_inserts), ("one INSERT", one_insert), ("PL/pgSQL", functions), ("COPY block", dump))


def beside_sqlparse(rounds: int) -> None:
    print("| input | sqlparse.split | split | times | asked | scan | token_digest |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for name, make, megabytes, asked in BESIDE:
        text = text_of(make, megabytes)
        theirs = seconds(lambda text=text: sqlparse.split(text), 1)
        ours = seconds(lambda text=text: drain(split(text)), rounds)
        whole = seconds(lambda text=text: drain(scan(text)), rounds)
        digest = seconds(lambda text=text: token_digest(text), rounds)
        size = len(text) / 1e6
        speeds = f"{size / theirs:.2f} MB/s | {size / ours:.0f} MB/s | {theirs / ours:.0f} | {asked}"
        print(f"| {name}, {megabytes} MB | {speeds} | {size / whole:.0f} MB/s | {size / digest:.0f} MB/s |", flush=True)


def growth(sizes: list[int], rounds: int) -> None:
    print(f"| input | {' | '.join(f'{size} MB' for size in sizes)} | largest factor for twice the input |")
    print("| --- |" + " ---: |" * (len(sizes) + 1))
    for name, make in GROWING:
        times = []
        for size in sizes:
            text = text_of(make, size)
            times.append(seconds(lambda text=text: drain(split(text)), rounds))
        factors = [after / before for before, after in itertools.pairwise(times)]
        print(f"| {name} | {' | '.join(f'{t:.4f} s' for t in times)} | {max(factors):.2f} |", flush=True)


def memory(sizes: list[int]) -> None:
    print(f"| stream | {' | '.join(f'{size} MB' for size in sizes)} |")
    print("| --- |" + " ---: |" * len(sizes))
    for name in ("small_inserts", "functions", "routines", "dump"):
        command = [sys.executable, "-m", "bench.splitting", "--stream", name]
        peaks = [int(subprocess.check_output([*command, str(size)], text=True)) // 1024 for size in sizes]
        print(f"| {name} | {' | '.join(f'{peak} MB' for peak in peaks)} |", flush=True)


def stream(name: str, megabytes: int) -> None:
    """Cut a stream of a size; print the memory that was resident at most, in kilobytes."""
    left = megabytes * MEGABYTE

    def parts() -> Iterator[str]:
        nonlocal left
        for part in globals()[name]():
            yield part
            left -= len(part)
            if left < 0:
                return

    drain(scan(parts()))
    status = Path("/proc/self/status").read_text()
    print(re.search(r"VmHWM:\s+(\d+)", status)[1])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.splitting", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one round, and up to 8 MB")
    parser.add_argument("--stream", nargs=2, metavar=("INPUT", "MB"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.stream:
        stream(options.stream[0], int(options.stream[1]))
        return
    largest = 8 if options.quick else 64
    sizes = [size for size in (1, 2, 4, 8, 16, 32, 64) if size <= largest]
    rounds = 1 if options.quick else 5
    beside_sqlparse(rounds)
    print()
    growth(sizes, rounds)
    print()
    memory([1, largest])


if __name__ == "__main__":
    main()
