"""The least that a runner written with psycopg must do: a lock, a record with checksums, and nothing else.

    limit.py VERB URL FOLDER      VERB is apply, status or rollback

One message for each file, with its transaction and its record. A yardstick, not a tool.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import psycopg

READ = "SELECT version, checksum FROM limit_history"
BEGIN = f"""
    SELECT pg_advisory_lock(4711);
    CREATE TABLE IF NOT EXISTS limit_history (version text PRIMARY KEY, checksum text, at timestamptz DEFAULT now());
    {READ}"""


def run(connection: psycopg.Connection[tuple[str, ...]], message: str) -> list[tuple[str, ...]]:
    cursor = connection.execute(message.encode())
    while cursor.nextset():
        pass
    return cursor.fetchall() if cursor.description else []


def main(verb: str, url: str, folder: str) -> None:
    direction = "down" if verb == "rollback" else "up"
    with psycopg.connect(url, autocommit=True) as connection:
        applied = {row[0]: row[1] for row in run(connection, READ if verb == "status" else BEGIN)}
        files = sorted(Path(folder).glob(f"*.{direction}.sql"), reverse=verb == "rollback")
        pending = 0
        for file in files:
            text = file.read_bytes().decode()
            version, checksum = file.name.partition("_")[0], hashlib.sha256(text.encode()).hexdigest()
            if verb == "rollback":
                run(connection, f"BEGIN;{text};DELETE FROM limit_history WHERE version = '{version}';COMMIT")
            elif version not in applied:
                pending += 1
                if verb == "apply":
                    run(connection, f"BEGIN;{text};INSERT INTO limit_history VALUES ('{version}', '{checksum}');COMMIT")
            elif applied[version] != checksum:
                sys.exit(f"{file} was changed")
    print(f"{len(applied)} applied, {pending} pending")


if __name__ == "__main__":
    main(*sys.argv[1:])
