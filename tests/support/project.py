"""A folder with migrations, and sqlmig run in it, as a command or in this process."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pytest

import sqlmig
from tests.support.database import Database, client_environment
from tests.support.session import server_environment

SOURCES = Path(sqlmig.__file__).parents[1]

SECONDS = 120.0


@dataclass(frozen=True)
class Outcome:
    """What a command left. Shown whole where an assertion about it fails."""

    arguments: tuple[str, ...]
    exit_code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        """The document on stdout; there must be nothing else."""
        try:
            return json.loads(self.stdout)
        except ValueError:
            raise AssertionError(f"stdout is not one JSON document\n{self}") from None

    @property
    def output(self) -> str:
        return self.stdout + self.stderr

    def __str__(self) -> str:
        return (
            f"$ sqlmig {' '.join(self.arguments)}\nexit code {self.exit_code}\n"
            f"--- stdout\n{self.stdout}\n--- stderr\n{self.stderr}"
        )

    __repr__ = __str__


class Project:
    """A project folder with its migrations in ``sql``. ``database`` is where its commands go, where it has one."""

    def __init__(self, folder: Path, database: Database | None, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.database = database
        self.sql = folder / "sql"
        self.sql.mkdir()
        self._monkeypatch = monkeypatch
        self._home = folder.parent / f"{folder.name}-home"
        self._home.mkdir()

    def write(self, name: str, text: str | bytes) -> Path:
        """Write a file below ``sql``, byte for byte."""
        path = self.sql / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def write_config(self, text: str, name: str = "sqlmig.toml") -> Path:
        path = self.folder / name
        path.write_text(text)
        return path

    def environment(self, changes: Mapping[str, str | None] | None = None) -> dict[str, str]:
        """What a command sees: no PG*, no SQLMIG_*, a home of its own, SQLMIG_URL; None takes a variable out."""
        environment: dict[str, str | None] = dict(client_environment(self._home))
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(SOURCES), os.environ.get("PYTHONPATH")]))
        environment["SQLMIG_PG_BIN"] = server_environment().get("SQLMIG_PG_BIN")
        environment["SQLMIG_URL"] = self.database.url if self.database else None
        return {name: value for name, value in {**environment, **(changes or {})}.items() if value is not None}

    def run(
        self,
        *arguments: str,
        env: Mapping[str, str | None] | None = None,
        input: str = "",  # noqa: A002 - as subprocess.run calls it
        cwd: Path | None = None,
        seconds: float = SECONDS,
    ) -> Outcome:
        """Run ``python -m sqlmig`` in the folder, as a process of its own."""
        done = subprocess.run(
            [sys.executable, "-m", "sqlmig", *arguments],
            cwd=cwd or self.folder,
            env=self.environment(env),
            input=input,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=seconds,
        )
        return Outcome(arguments, done.returncode, done.stdout, done.stderr)

    @contextlib.contextmanager
    def spawn(self, *arguments: str, env: Mapping[str, str | None] | None = None) -> Iterator[subprocess.Popen[str]]:
        """Start ``python -m sqlmig`` and leave it to the test; killed at the end of the block where it still runs."""
        with subprocess.Popen(
            [sys.executable, "-m", "sqlmig", *arguments],
            cwd=self.folder,
            env=self.environment(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            start_new_session=True,
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    def invoke(self, *arguments: str, env: Mapping[str, str | None] | None = None, input: str = "") -> Outcome:  # noqa: A002
        """Call the command in this process: as ``run``, but faster, and seen by a debugger."""
        from sqlmig.cli import main

        out, err = _Captured(), _Captured()
        with self._monkeypatch.context() as patch:
            patch.chdir(self.folder)
            wanted = self.environment(env)
            for name in set(os.environ) - set(wanted):
                patch.delenv(name)
            for name, value in wanted.items():
                patch.setenv(name, value)
            patch.setattr(sys, "stdin", io.StringIO(input))
            patch.setattr(sys, "stdout", out)
            patch.setattr(sys, "stderr", err)
            try:
                exit_code = main(list(arguments))
            except SystemExit as stopped:
                exit_code = stopped.code if isinstance(stopped.code, int) else int(stopped.code is not None)
        return Outcome(arguments, exit_code, out.text(), err.text())


class _Captured(io.TextIOWrapper):
    """A text stream with the ``buffer`` that a real one has."""

    def __init__(self) -> None:
        self.bytes: IO[bytes] = io.BytesIO()
        super().__init__(self.bytes, encoding="utf-8", newline="\n", write_through=True)

    def text(self) -> str:
        self.flush()
        self.bytes.seek(0)
        return self.bytes.read().decode()
