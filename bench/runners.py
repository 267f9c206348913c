"""The command lines of each runner, and the files that it reads."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.work import Migration

Command = list[str]
Line = Callable[[str, Path], Command]
"""From a URL and a folder of migrations to a command line."""

LIMIT = [sys.executable, str(Path(__file__).with_name("limit.py"))]
SQLMIG = [sys.executable, "-m", "sqlmig"]


@dataclass(frozen=True)
class Runner:
    """A runner; what it has no command for is not measured."""

    name: str
    apply: Line
    write: Callable[[Path, Sequence[Migration]], None]
    status: Line | None = None
    rollback: Line | None = None


def pairs(folder: Path, migrations: Sequence[Migration]) -> None:
    """NNN_name.up.sql and NNN_name.down.sql."""
    for migration in migrations:
        (folder / f"{migration.stem}.up.sql").write_text(migration.up)
        (folder / f"{migration.stem}.down.sql").write_text(migration.down)


def marked(up: str, down: str) -> Callable[[Path, Sequence[Migration]], None]:
    """Both directions in one file, below marks."""

    def write(folder: Path, migrations: Sequence[Migration]) -> None:
        for migration in migrations:
            text = f"{up}\n{migration.up}\n{down}\n{migration.down}"
            (folder / f"{migration.stem}.sql").write_text(text)

    return write


def yoyo_files(folder: Path, migrations: Sequence[Migration]) -> None:
    for migration in migrations:
        (folder / f"{migration.stem}.sql").write_text(migration.up)
        (folder / f"{migration.stem}.rollback.sql").write_text(migration.down)


def _sqlmig(*words: str) -> Line:
    return lambda url, folder: [*SQLMIG, *words, "--url", url, "--dir", str(folder)]


def _limit(verb: str) -> Line:
    return lambda url, folder: [*LIMIT, verb, url, str(folder)]


def _psql(url: str, folder: Path) -> Command:
    files = [word for file in sorted(folder.glob("*.up.sql")) for word in ("-f", str(file))]
    return ["psql", "-Xq1", "-v", "ON_ERROR_STOP=1", "-d", url, *files]


def _dbmate(verb: str) -> Line:
    return lambda url, folder: ["dbmate", "--url", url, "--migrations-dir", str(folder), "--no-dump-schema", verb]


def _yoyo(*words: str) -> Line:
    return lambda url, folder: ["yoyo", *words, "--batch", "--no-config-file", "--database", url, str(folder)]


def found() -> list[Runner]:
    """sqlmig, the limit, and of the others those whose program is on PATH."""
    ours = [
        Runner("sqlmig", _sqlmig("apply"), pairs, _sqlmig("status"), _sqlmig("rollback", "--all")),
        Runner("limit", _limit("apply"), pairs, _limit("status"), _limit("rollback")),
    ]
    others = [
        Runner("psql", _psql, pairs),
        Runner("dbmate", _dbmate("migrate"), marked("-- migrate:up", "-- migrate:down"), _dbmate("status")),
        Runner("yoyo", _yoyo("apply"), yoyo_files, _yoyo("list")),
    ]
    return ours + [runner for runner in others if shutil.which(runner.name)]
