"""A development server: started once, found again, stopped, whatever its folder is called."""

from __future__ import annotations

import concurrent.futures
import os
import stat
from pathlib import Path

import psycopg
import pytest

from sqlmig import embedded
from sqlmig.errors import NoServer
from tests.support.processes import python, python_output, until
from tests.support.session import server_environment

ENVIRON = server_environment()

START = "print(embedded.start(Path(sys.argv[1])).pid)"


def ask(server: embedded.Server, query: str) -> object:
    with psycopg.connect(server.conninfo) as connection:
        (value,) = connection.execute(query.encode()).fetchone() or (None,)
        return value


def test_a_server_is_started_once_and_found_again(fresh_folder: Path) -> None:
    """The first start makes the cluster, the second returns the running server, and ``running`` finds it."""
    assert embedded.running(fresh_folder) is None
    assert not fresh_folder.exists()
    server = embedded.start(fresh_folder, environ=ENVIRON)
    assert ask(server, "SELECT current_database() || ' ' || current_user") == "app postgres"
    assert embedded.start(fresh_folder, environ=ENVIRON) == server
    assert embedded.running(fresh_folder) == server
    assert server.version == ask(server, "SELECT split_part(current_setting('server_version'), '.', 1)")
    assert (server.bindir / "postgres").exists()


def test_stopping_keeps_the_data(fresh_folder: Path) -> None:
    """``stop`` ends sessions and says whether there was a server; the next start finds what was written."""
    assert embedded.stop(fresh_folder) is False
    server = embedded.start(fresh_folder, environ=ENVIRON)
    with psycopg.connect(server.conninfo, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept ()")
        assert embedded.stop(fresh_folder) is True
    assert embedded.running(fresh_folder) is None
    assert embedded.stop(fresh_folder) is False
    assert ask(embedded.start(fresh_folder, environ=ENVIRON), "SELECT 'kept'::regclass::text") == "kept"


def test_nothing_but_a_private_socket_leads_in(fresh_folder: Path) -> None:
    """No TCP, a data folder and log for the owner alone, and a .gitignore that hides all of it."""
    server = embedded.start(fresh_folder, environ=ENVIRON)
    assert ask(server, "SHOW listen_addresses") == ""
    assert stat.S_IMODE(server.socket_folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((fresh_folder / "data").stat().st_mode) == 0o700
    assert stat.S_IMODE((fresh_folder / "server.log").stat().st_mode) == 0o600
    assert (fresh_folder / ".gitignore").read_text() == "*\n"


def test_what_is_written_is_durable_and_the_same_everywhere(fresh_folder: Path) -> None:
    """fsync is on; encoding, collation, messages and time zone do not come from this machine."""
    server = embedded.start(fresh_folder, environ=ENVIRON)
    assert ask(server, "SHOW fsync") == "on"
    assert ask(server, "SHOW full_page_writes") == "on"
    assert ask(server, "SHOW server_encoding") == "UTF8"
    assert ask(server, "SHOW lc_messages") == "C"
    assert ask(server, "SHOW timezone") == "UTC"
    assert ask(server, "SELECT 'a' > 'B'") is True
    if int(server.version) >= 17:
        assert ask(server, "SELECT upper('é')") == "É"


@pytest.mark.parametrize(
    "name",
    [
        "with a space",
        'it\'s "quoted" $HOME `id` \\ back',
        "per%20cent & # ? ü 日本",
        "comma, separated",
        "line\nbreak",
        os.fsdecode(b"latin-\xe9"),
        "x" * 150,
        "/".join(["y" * 200] * 6),
    ],
    ids=["space", "quotes", "url", "comma", "newline", "bytes", "150", "1200"],
)
def test_a_folder_may_have_any_name(workplace: Path, name: str) -> None:
    """Where a socket cannot lie in the folder, it lies in a private one elsewhere, gone when the server stops."""
    folder = workplace / name / ".sqlmig"
    try:
        server = embedded.start(folder, environ=ENVIRON)
        assert ask(server, "SELECT 1") == 1
        assert ask(embedded.start(folder, environ=ENVIRON), "SELECT 2") == 2
        assert stat.S_IMODE(server.socket_folder.stat().st_mode) == 0o700
        assert len(os.fsencode(server.socket_folder)) < 90
    finally:
        assert embedded.stop(folder)
    assert server.socket_folder == folder / "data" or not server.socket_folder.exists()


def test_the_url_of_a_long_path_stays_the_same(workplace: Path) -> None:
    """Other tools keep the URL: it must not change from start to start."""
    folder = workplace / ("z" * 150)
    first = embedded.start(folder, environ=ENVIRON)
    embedded.stop(folder)
    second = embedded.start(folder, environ=ENVIRON)
    assert embedded.stop(folder)
    assert first.conninfo == second.conninfo


def test_the_environment_of_the_caller_does_not_matter(fresh_folder: Path) -> None:
    """Neither a locale that does not exist, nor settings for clients, nor a strange umask reach server or client."""
    hostile = {
        "LC_ALL": "xx_YY.UTF-8",
        "LANG": "zz_ZZ",
        "LC_COLLATE": "nowhere",
        "PGHOST": "db.invalid",
        "PGPORT": "1",
        "PGDATABASE": "nothing",
        "PGUSER": "nobody-at-all",
        "PGDATA": "/nonexistent",
        "PGOPTIONS": "",
        "TZ": "Nowhere/Land",
        "SQLMIG_PG_BIN": ENVIRON.get("SQLMIG_PG_BIN", ""),
    }
    code = "os.umask(0o077); print(embedded.start(Path(sys.argv[1])).conninfo); import psycopg\n" + (
        "print(*psycopg.connect(embedded.running(Path(sys.argv[1])).conninfo).execute('SHOW lc_messages').fetchone())"
    )
    conninfo, shown = python_output(code, fresh_folder, env=hostile).splitlines()
    assert shown == "C"
    with psycopg.connect(conninfo) as connection:
        assert connection.execute("SHOW timezone").fetchone() == ("UTC",)


def test_the_url_names_any_database(folder: Path) -> None:
    """``Server.url`` encodes whatever a database is called."""
    server = embedded.start(folder, environ=ENVIRON)
    name = 'o\'dd / "name" é?'
    with psycopg.connect(server.conninfo, autocommit=True) as connection:
        connection.execute(psycopg.sql.SQL("CREATE DATABASE {}").format(psycopg.sql.Identifier(name)))
    with psycopg.connect(server.url(name)) as connection:
        assert connection.info.dbname == name


def test_many_at_once_get_one_server(fresh_folder: Path) -> None:
    """Five processes on a fresh folder make one cluster and get the same server."""
    environ = {"SQLMIG_PG_BIN": ENVIRON.get("SQLMIG_PG_BIN", "")}
    with concurrent.futures.ThreadPoolExecutor() as pool:
        pids = list(pool.map(lambda _: python_output(START, fresh_folder, env=environ), range(5)))
    assert len(set(pids)) == 1
    server = embedded.running(fresh_folder)
    assert server
    assert pids[0] == str(server.pid)


def test_threads_get_one_server_while_others_stop_it(folder: Path) -> None:
    """Starting and stopping at the same time never fails, and leaves a cluster that starts."""

    def toggle(number: int) -> None:
        if number % 3:
            embedded.start(folder, environ=ENVIRON)
        else:
            embedded.stop(folder)

    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        list(pool.map(toggle, range(12)))
    assert ask(embedded.start(folder, environ=ENVIRON), "SELECT 1") == 1


def test_the_server_holds_nothing_of_its_starter(folder: Path) -> None:
    """Whoever reads the output of the command that started it sees it end; the lock is free."""
    environ = {"SQLMIG_PG_BIN": ENVIRON.get("SQLMIG_PG_BIN", "")}
    with python(START, folder, env=environ) as process:
        stdout, _ = process.communicate(timeout=120)
    server = embedded.running(folder)
    assert server
    assert stdout.strip() == str(server.pid)
    assert embedded.stop(folder)


def test_a_moved_folder_takes_its_server_along(workplace: Path, folder: Path) -> None:
    """A project may be renamed while its server runs."""
    server = embedded.start(folder, environ=ENVIRON)
    moved = workplace / "moved"
    folder.rename(moved)
    found = embedded.running(moved)
    assert found
    assert found.pid == server.pid
    assert ask(found, "SELECT 1") == 1
    assert embedded.stop(moved)


def test_a_folder_moved_to_a_long_path_restarts_its_server(workplace: Path, folder: Path) -> None:
    """Where the socket can no longer be named after a move, the server is restarted with another one."""
    server = embedded.start(folder, environ=ENVIRON)
    with psycopg.connect(server.conninfo, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept ()")
    (workplace / ("m" * 150)).mkdir()
    moved = workplace / ("m" * 150) / ".sqlmig"
    folder.rename(moved)
    try:
        found = embedded.start(moved, environ=ENVIRON)
        assert found.pid != server.pid
        assert ask(found, "SELECT 'kept'::regclass::text") == "kept"
    finally:
        assert embedded.stop(moved)


@pytest.mark.parametrize("name", ["short", "l" * 150])
def test_a_copied_folder_gets_a_server_of_its_own(workplace: Path, name: str) -> None:
    """The copy of a running cluster brings a pid file and a socket along; neither leads to the original."""
    import shutil
    import subprocess

    original, copy = workplace / name / ".sqlmig", workplace / (name + "2") / ".sqlmig"
    server = embedded.start(original, environ=ENVIRON)
    try:
        with psycopg.connect(server.conninfo, autocommit=True) as connection:
            connection.execute("CHECKPOINT")
        copy.parent.mkdir()
        subprocess.run([shutil.which("cp") or "cp", "-a", original, copy], check=True)
        assert embedded.running(copy) is None
        other = embedded.start(copy, environ=ENVIRON)
        assert other.pid != server.pid
        with psycopg.connect(other.conninfo, autocommit=True) as connection:
            connection.execute("CREATE TABLE only_in_the_copy ()")
        assert ask(server, "SELECT to_regclass('only_in_the_copy')") is None
    finally:
        assert embedded.stop(original)
        assert embedded.stop(copy)


def test_a_removed_folder_leaves_its_name_free(workplace: Path) -> None:
    """Removing the folder under a running server and starting again gives a new one, also where they share a socket."""
    import shutil

    folder = workplace / ("r" * 150)
    server = embedded.start(folder, environ=ENVIRON)
    shutil.rmtree(folder)
    again = embedded.start(folder, environ=ENVIRON)
    assert again.pid != server.pid
    assert ask(again, "SELECT 1") == 1
    assert embedded.stop(folder)
    until(lambda: not Path(f"/proc/{server.pid}").exists(), "the orphan to end")


def test_another_major_version_is_refused(folder: Path) -> None:
    """Data of another major version is left alone; the error says which programs to use."""
    server = embedded.start(folder, environ=ENVIRON)
    embedded.stop(folder)
    (folder / "data" / "PG_VERSION").write_text("12\n")
    with pytest.raises(NoServer, match="was made by PostgreSQL 12") as caught:
        embedded.start(folder, environ=ENVIRON)
    assert "SQLMIG_PG_BIN" in str(caught.value.next_step)
    assert str(folder / "data") in str(caught.value.next_step)
    (folder / "data" / "PG_VERSION").write_text(f"{server.version}\n")
    assert embedded.start(folder, environ=ENVIRON)


def test_the_programs_that_fit_are_named(folder: Path, workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where another PostgreSQL of this machine made the data, its folder is the advice."""
    from sqlmig.embedded import binaries

    server = embedded.start(folder, environ=ENVIRON)
    embedded.stop(folder)
    version = "14" if server.version != "14" else "16"
    old = workplace / "debian" / version / "bin"
    old.mkdir(parents=True)
    for program in ("postgres", "initdb"):
        (old / program).write_text(f"#!/bin/sh\necho 'postgres (PostgreSQL) {version}.9 (Debian)'\n")
        (old / program).chmod(0o755)
    monkeypatch.setattr(binaries, "DEBIAN", workplace / "debian")
    (folder / "data" / "PG_VERSION").write_text(f"{version}\n")
    with pytest.raises(NoServer) as caught:
        embedded.start(folder, environ={**ENVIRON, "SQLMIG_PG_BIN": str(server.bindir)})
    assert f"SQLMIG_PG_BIN={old}" in str(caught.value.next_step)
