"""How commands that read grow with the number of migrations: ``python -m bench.scale [--counts 1000,10000,50000]``.

Half of them are applied, by ``baseline``; each has a down file. CPU of the client, and the memory resident at most.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import psycopg

from bench.measure import plainly
from bench.runners import SQLMIG
from sqlmig.embedded import ephemeral

COMMANDS = (
    ("status", ("status",)),
    ("plan", ("plan",)),
    ("check", ("check", "--pending-ok")),
    ("check --offline", ("check", "--offline")),
    ("apply --dry-run", ("apply", "--dry-run")),
)


def write(folder: Path, first: int, last: int) -> None:
    for number in range(first, last + 1):
        up = f"CREATE TABLE t{number} (id bigint PRIMARY KEY);\nCREATE INDEX ON t{number} (id);\n"
        (folder / f"{number:06d}_t{number}.up.sql").write_text(up)
        (folder / f"{number:06d}_t{number}.down.sql").write_text(f"DROP TABLE t{number};\n")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.scale", description=__doc__)
    parser.add_argument("--counts", default="1000,10000,50000")
    options = parser.parse_args()
    counts = [int(count) for count in options.counts.split(",")]
    print(f"| command | {' | '.join(f'{count:,} migrations' for count in counts)} |")
    print("| --- |" + " ---: |" * len(counts))
    cells: dict[str, list[str]] = {name: [] for name, _ in COMMANDS}
    with ephemeral() as server, tempfile.TemporaryDirectory() as place:
        folder, before = Path(place), 0
        for count in counts:
            write(folder, before + 1, count)
            before = count
            database = f"scale_{count}"
            with psycopg.connect(server.conninfo, autocommit=True) as admin:
                admin.execute(f"CREATE DATABASE {database}".encode())
            at = ["--url", server.url(database), "--dir", str(folder)]
            plainly([*SQLMIG, "baseline", str(count // 2), *at])
            for name, words in COMMANDS:
                usage = plainly([*SQLMIG, *words, *(at[2:] if "--offline" in words else at)])
                cells[name].append(f"{usage.cpu:.2f} s, {usage.memory:.0f} MB")
    for name, found in cells.items():
        print(f"| `{name}` | {' | '.join(found)} |")


if __name__ == "__main__":
    main()
