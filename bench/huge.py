"""One migration of a gigabyte, beside psql: ``python -m bench.huge [--megabytes 1000] [--repetitions 1]``.

Once as the data of a COPY, once as INSERTs of a row each, into an unlogged table: so the disk has less of a part in it.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg

from bench.measure import Usage, plainly
from bench.runners import SQLMIG
from sqlmig.embedded import Server, ephemeral

ROWS = 10_000
"""Written at a time."""


def copy_data() -> Iterator[str]:
    yield "CREATE UNLOGGED TABLE huge (id int, name text, body text, mail text);\nCOPY huge FROM stdin;\n"
    number = 0
    while True:
        yield "".join(f"{n}\tname {n}\t{'x' * 80}\tuser{n}@example.com\n" for n in range(number, number + ROWS))
        number += ROWS


def inserts() -> Iterator[str]:
    yield "CREATE UNLOGGED TABLE huge (id int, body text NOT NULL);\n"
    number = 0
    while True:
        values = ((n, str(n).zfill(8) * 43) for n in range(number, number + ROWS))
        yield "".join(f"INSERT INTO huge (id, body) VALUES ({n}, '{body}');\n" for n, body in values)
        number += ROWS


def write(file: Path, parts: Iterator[str], megabytes: int, end: str) -> None:
    left = megabytes * 1_000_000
    with file.open("w") as out:
        for part in parts:
            out.write(part)
            left -= len(part)
            if left < 0:
                break
        out.write(end)


def run(server: Server, command: list[str], url_after: str) -> Usage:
    """In a database of its own, which ``url_after`` is the option for."""
    with psycopg.connect(server.conninfo, autocommit=True) as admin:
        admin.execute(b"CREATE DATABASE huge")
        try:
            return plainly([*command, url_after, server.url("huge")])
        finally:
            admin.execute(b"DROP DATABASE huge WITH (FORCE)")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.huge", description=__doc__)
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--repetitions", type=int, default=1)
    options = parser.parse_args()
    print("| a migration of | psql | sqlmig | throughput to psql's |")
    print("| --- | ---: | ---: | ---: |")
    for title, parts, end in (("COPY data", copy_data(), "\\.\n"), ("INSERTs", inserts(), "")):
        with ephemeral(settings={"fsync": "on"}) as server, tempfile.TemporaryDirectory() as place:
            file = Path(place) / "1_huge.up.sql"
            write(file, parts, options.megabytes, end)
            for _ in range(options.repetitions):
                theirs = run(server, ["psql", "-Xq1", "-v", "ON_ERROR_STOP=1", "-f", str(file)], "-d")
                ours = run(server, [*SQLMIG, "apply", "--dir", place], "--url")
                cells = [f"{u.wall:.1f} s, {u.cpu:.1f} s CPU, {u.memory:.0f} MB" for u in (theirs, ours)]
                print(f"| {options.megabytes} MB of {title} | {' | '.join(cells)} | {theirs.wall / ours.wall:.2f} |")


if __name__ == "__main__":
    main()
