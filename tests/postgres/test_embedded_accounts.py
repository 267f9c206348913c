"""Who the server runs as, and where its programs lie: as root, and as an ordinary user."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from sqlmig import embedded
from sqlmig.embedded import Server, binaries, processes, programs, sockets
from sqlmig.embedded.processes import Account, account_for
from sqlmig.errors import NoServer
from tests.support.processes import IS_ROOT, PREPARED, SOURCES, ordinary_user, python, python_output
from tests.support.session import server_environment

ENVIRON = server_environment()

START = """
server = embedded.start(Path(sys.argv[1]))
print(server.pid, server.conninfo, flush=True)
"""

REFUSED = """
try:
    embedded.start(Path(sys.argv[1]))
except SqlmigError as error:
    print(error, error.next_step, sep="\\n")
"""


@pytest.fixture
def open_folder(workplace: Path) -> Iterator[Path]:
    """A folder that an ordinary user owns and can walk to; a cluster in ``.sqlmig`` is stopped afterwards."""
    entry = pwd.getpwnam(ordinary_user())
    os.chown(workplace, entry.pw_uid, entry.pw_gid)
    yield workplace
    workplace.chmod(0o755)
    embedded.stop(workplace / ".sqlmig")


def modes(folder: Path) -> list[tuple[int, int, int]]:
    return [(found.st_mode, found.st_uid, found.st_gid) for found in map(os.stat, [folder, *folder.parents])]


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A cache of this test's own, below a folder that nobody else can write."""
    parent = programs.SYSTEM_CACHE if IS_ROOT else Path.home()
    with tempfile.TemporaryDirectory(prefix="sqlmig-test-", dir=parent) as folder:
        Path(folder).chmod(0o755)
        monkeypatch.setattr(programs, "SYSTEM_CACHE", Path(folder))
        yield Path(folder)


def copy_programs(bindir: Path, target: Path) -> Path:
    """Copy an installation below another folder, with the libraries that a wheel keeps beside it."""
    top = bindir.parents[2]
    for part in (bindir.parent, top / f"{bindir.parents[1].name}.libs"):
        if part.is_dir():
            shutil.copytree(part, target / part.relative_to(top), symlinks=True)
    return target / bindir.relative_to(top)


def test_an_ordinary_user_starts_and_stops(open_folder: Path, server: Server) -> None:
    """Without any right the server runs as the user, who can use it and stop it."""
    code = START + "print(embedded.stop(Path(sys.argv[1])), embedded.running(Path(sys.argv[1])))"
    environ = {"SQLMIG_PG_BIN": str(server.bindir), "XDG_RUNTIME_DIR": ""}
    _, stopped = python_output(code, open_folder / ".sqlmig", env=environ, user=ordinary_user()).splitlines()
    assert stopped == "True None"
    assert (open_folder / ".sqlmig" / "data").owner() == ordinary_user()


def test_an_ordinary_user_with_a_long_path(open_folder: Path, server: Server) -> None:
    """The short folder for the socket is the user's own: in XDG_RUNTIME_DIR, else in /tmp."""
    runtime = open_folder / "run"
    code = START + "embedded.stop(Path(sys.argv[1]))"
    environ = {"SQLMIG_PG_BIN": str(server.bindir), "XDG_RUNTIME_DIR": str(runtime)}
    folder = open_folder / ("u" * 150)
    missing = python_output(code, folder, env=environ, user=ordinary_user())
    assert "host=%2Ftmp%2Fsqlmig-" in missing
    runtime.mkdir(mode=0o700)
    entry = pwd.getpwnam(ordinary_user())
    os.chown(runtime, entry.pw_uid, entry.pw_gid)
    present = python_output(code, folder, env=environ, user=ordinary_user())
    assert f"host={str(runtime).replace('/', '%2F')}%2Fsqlmig-" in present


def test_a_read_only_folder(open_folder: Path, server: Server) -> None:
    """Where nothing may be written, the error is one line that names the path and the reason."""
    open_folder.chmod(0o555)
    environ = {"SQLMIG_PG_BIN": str(server.bindir)}
    message, _ = python_output(REFUSED, open_folder / ".sqlmig", env=environ, user=ordinary_user()).splitlines()
    assert message == f"the embedded PostgreSQL cannot use {open_folder / '.sqlmig'}: Permission denied"
    assert list(open_folder.iterdir()) == []


def test_a_running_server_needs_no_writing(open_folder: Path, server: Server) -> None:
    """Once the server runs, it is found in a folder that has become read-only."""
    environ = {"SQLMIG_PG_BIN": str(server.bindir)}
    with python(START + "input()", open_folder / ".sqlmig", env=environ, user=ordinary_user()) as process:
        assert process.stdout
        pid = process.stdout.readline().split()[0]
    for folder in (open_folder, open_folder / ".sqlmig"):
        folder.chmod(0o555)
    again = python_output(START, open_folder / ".sqlmig", env=environ, user=ordinary_user())
    assert again.split()[0] == pid


def test_programs_in_a_folder_that_a_shell_would_misread(workplace: Path, cache: Path) -> None:
    """initdb hands its folder to a shell: programs below such a path are copied to a cache, and run from there."""
    bindir = copy_programs(embedded.find_binaries(ENVIRON).bindir, workplace / 'a "b" $(id) `id`')
    environ = {**ENVIRON, "SQLMIG_PG_BIN": str(bindir), "XDG_CACHE_HOME": str(cache)}
    with embedded.ephemeral(environ=environ) as server, psycopg.connect(server.conninfo) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
        assert server.bindir.is_relative_to(cache)


def test_a_user_without_a_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """initdb looks its user up: a bare user id, as containers like to give, is refused with what to do."""
    monkeypatch.setattr(os, "geteuid", lambda: 3_999_999)
    with pytest.raises(NoServer, match="user id 3999999 has none in /etc/passwd") as caught:
        account_for(tmp_path / "data")
    assert "/etc/passwd" in str(caught.value.next_step)


def test_root_without_anybody_to_become(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Root needs an account for the server; nobody is made up for it."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(processes, "UNPRIVILEGED", ("no-such-user", "nor-this"))
    with pytest.raises(NoServer, match="no user called no-such-user or nor-this") as caught:
        account_for(tmp_path / "data")
    assert caught.value.next_step == "run sqlmig as an ordinary user"


def test_root_becomes_the_first_account_there_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """``postgres`` where there is one, else ``nobody``; and whoever owns existing data, known by name or not."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(processes, "UNPRIVILEGED", ("no-such-user", "nobody"))
    account = account_for(tmp_path / "data")
    entry = pwd.getpwnam("nobody")
    assert account == Account(entry.pw_uid, entry.pw_gid, "nobody", dropped=True)
    assert account.popen == {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def test_a_foreign_folder_in_a_shared_place_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In /tmp somebody may have made the socket's folder before: open to others, a link, or somebody else's."""
    monkeypatch.setattr(sockets, "SYSTEM_RUNTIME", tmp_path)
    account = account_for(tmp_path / "data")
    first = sockets.make_short_folder("sqlmig-0", account, {})
    assert first == tmp_path / "sqlmig-0"
    assert sockets.make_short_folder("sqlmig-0", account, {}) == first
    first.chmod(0o777)
    (tmp_path / "sqlmig-1").symlink_to(first)
    for name in ("sqlmig-0", "sqlmig-1"):
        other = sockets.make_short_folder(name, account, {})
        assert other != tmp_path / name
        assert other.name.startswith(f"{name}-")
        assert stat.S_IMODE(other.stat().st_mode) == 0o700
        assert other.stat().st_uid == account.uid


def test_no_folder_for_a_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no short folder can be made the error says so."""

    def refuse(self: Path, *arguments: object, **options: object) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    account = account_for(tmp_path / "data")
    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(NoServer, match="no folder for the server's socket"):
        sockets.make_short_folder("sqlmig-0", account, {})


if IS_ROOT:

    def test_root_drops_its_rights_and_changes_nothing_above(workplace: Path) -> None:
        """The server is not root's; no folder above changes hands or mode, though its account cannot walk through."""
        closed = workplace / "closed"
        closed.mkdir(mode=0o700)
        before = modes(closed)
        try:
            server = embedded.start(closed / ".sqlmig", environ=ENVIRON)
            account = account_for(closed / ".sqlmig" / "data")
            assert account.uid != 0
            status = Path(f"/proc/{server.pid}/status").read_text()
            assert f"Uid:\t{account.uid}\t{account.uid}\t{account.uid}" in status
            assert "Groups:\t \n" in status
            assert (closed / ".sqlmig" / "data").stat().st_uid == account.uid
            assert modes(closed) == before
        finally:
            assert embedded.stop(closed / ".sqlmig")

    def test_nobody_serves_where_there_is_no_postgres(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A minimal system has no user ``postgres``."""
        shutil.rmtree(folder)
        monkeypatch.setattr(processes, "UNPRIVILEGED", ("nobody",))
        server = embedded.start(folder, environ=ENVIRON)
        psycopg.connect(server.conninfo).close()
        assert (folder / "data").owner() == "nobody"

    def test_root_serves_a_cluster_as_its_owner(open_folder: Path, server: Server) -> None:
        """``sudo sqlmig`` in a user's project works, and the user can go on afterwards."""
        folder = open_folder / ".sqlmig"
        environ = {"SQLMIG_PG_BIN": str(server.bindir)}
        stop = START + "embedded.stop(Path(sys.argv[1]))"
        python_output(stop, folder, env=environ, user=ordinary_user())
        (folder / "server.log").unlink()
        psycopg.connect(embedded.start(folder, environ={**ENVIRON, **environ}).conninfo).close()
        assert embedded.stop(folder)
        python_output(stop, folder, env=environ, user=ordinary_user())
        assert (folder / "data").owner() == ordinary_user()

    def test_root_serves_a_cluster_of_a_nameless_owner(folder: Path) -> None:
        """In a container, files from outside belong to user ids that have no name there."""
        for path in ((folder / "data"), *(folder / "data").rglob("*")):
            os.chown(path, 3_999_999, 3_999_998, follow_symlinks=False)
        server = embedded.start(folder, environ=ENVIRON)
        psycopg.connect(server.conninfo).close()
        assert Path(f"/proc/{server.pid}").stat().st_uid == 3_999_999
        assert embedded.stop(folder)

    def test_a_log_that_is_a_link_is_not_followed(folder: Path, tmp_path: Path) -> None:
        """Root neither writes to nor gives away what a link in somebody's project points to."""
        victim = tmp_path / "victim"
        victim.write_text("root's")
        (folder / "server.log").unlink()
        (folder / "server.log").symlink_to(victim)
        with pytest.raises(NoServer, match=r"server\.log: Too many levels of symbolic links"):
            embedded.start(folder, environ=ENVIRON)
        assert victim.read_text() == "root's"
        assert victim.stat().st_uid == 0

    def test_an_ordinary_user_is_kept_out_of_another_cluster(open_folder: Path, server: Server) -> None:
        """What root started is not an ordinary user's: the error names the owner and what to do."""
        folder = open_folder / ".sqlmig"
        embedded.start(folder, environ=ENVIRON)
        owner = (folder / "data").owner()
        environ = {"SQLMIG_PG_BIN": str(server.bindir)}
        message, advice = python_output(REFUSED, folder, env=environ, user=ordinary_user()).splitlines()
        assert message.endswith("Permission denied")
        assert owner in advice
        assert str(folder) in advice

    @pytest.fixture
    def closed_binaries(workplace: Path, server: Server) -> Path:
        """PostgreSQL's programs below a folder that only root may enter."""
        closed = workplace / "root-only"
        closed.mkdir(mode=0o700)
        return copy_programs(server.bindir, closed)

    def test_programs_that_only_root_can_reach_are_copied_once(
        closed_binaries: Path, tmp_path: Path, cache: Path
    ) -> None:
        """The copy lies where only root writes and everybody reads; it is made again when the programs change."""
        before = modes(closed_binaries)
        account = account_for(tmp_path / "data")
        environ = {**ENVIRON, "SQLMIG_PG_BIN": str(closed_binaries)}
        (closed_binaries.parent / "share" / "private").write_text("")
        (closed_binaries.parent / "share" / "private").chmod(0o600)
        first = programs.find_programs(account, environ).binaries
        assert first.bindir.is_relative_to(cache / "sqlmig")
        assert binaries.ask_version(first.bindir, environ, account) == first.version
        for path in (first.bindir, *first.bindir.parents):
            found = path.stat()
            assert found.st_uid == 0
            assert not found.st_mode & 0o022
        assert stat.S_IMODE((first.bindir.parent / "share" / "private").stat().st_mode) == 0o644
        assert programs.find_programs(account, environ).binaries == first
        assert modes(closed_binaries) == before
        (closed_binaries.parent / "share" / "private").write_text("changed")
        second = programs.find_programs(account, environ).binaries
        assert second.bindir != first.bindir

    def test_a_cache_that_others_could_have_prepared_is_not_used(
        closed_binaries: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Below /tmp, or in a folder of somebody else, a copy could be swapped: it is refused, not used."""
        account = account_for(tmp_path / "data")
        with tempfile.TemporaryDirectory(prefix="sqlmig-test-") as shared:
            Path(shared).chmod(0o755)
            monkeypatch.setattr(programs, "SYSTEM_CACHE", Path(shared))
            environ = {**ENVIRON, "SQLMIG_PG_BIN": str(closed_binaries), "XDG_CACHE_HOME": shared}
            with pytest.raises(NoServer, match="no folder for a copy") as caught:
                programs.find_programs(account, environ)
        assert "SQLMIG_PG_BIN" in str(caught.value.next_step)

    def test_a_folder_of_programs_that_is_no_installation(closed_binaries: Path, tmp_path: Path) -> None:
        """Only an installation of its own can be copied: without its share folder the error says so."""
        shutil.rmtree(closed_binaries.parent / "share")
        account = account_for(tmp_path / "data")
        with pytest.raises(NoServer, match="it is no installation of its own"):
            programs.find_programs(account, {**ENVIRON, "SQLMIG_PG_BIN": str(closed_binaries)})

    def test_a_copy_that_does_not_run_either(tmp_path: Path, cache: Path) -> None:
        """Where the account cannot run the programs wherever they lie, the error says whom to let in."""
        bindir = tmp_path / "only-root" / "pg" / "bin"
        bindir.mkdir(parents=True)
        for program in ("postgres", "initdb"):
            (bindir / program).write_text("#!/bin/sh\n[ $(id -u) = 0 ] && echo 'postgres (PostgreSQL) 18.0'\n")
            (bindir / program).chmod(0o755)
        (bindir.parent / "share").mkdir()
        (bindir.parent / "share" / "postgres.bki").write_text("")
        account = account_for(tmp_path / "data")
        with pytest.raises(NoServer, match=f"the user {account.name} cannot run") as caught:
            programs.find_programs(account, {**ENVIRON, "SQLMIG_PG_BIN": str(bindir)})
        assert account.name in str(caught.value.next_step)
        assert list(cache.glob("sqlmig/*/only-root"))

    def test_two_copies_at_once(
        closed_binaries: Path, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Whoever is second takes the copy of whoever was first, and clears its own away."""
        account = account_for(tmp_path / "data")
        environ = {**ENVIRON, "SQLMIG_PG_BIN": str(closed_binaries)}
        real = programs._open_to_all
        first: list[Path] = []

        def overtaken(copy: Path) -> None:
            real(copy)
            monkeypatch.setattr(programs, "_open_to_all", real)
            first.append(programs.find_programs(account, environ).binaries.bindir)

        monkeypatch.setattr(programs, "_open_to_all", overtaken)
        assert [programs.find_programs(account, environ).binaries.bindir] == first
        assert list((cache / "sqlmig").glob("new-*")) == []

    def test_a_cache_is_open_whatever_the_umask(closed_binaries: Path, tmp_path: Path, cache: Path) -> None:
        """Root often works with umask 077; the account must reach the copy all the same."""
        umask = os.umask(0o077)
        try:
            environ = {**ENVIRON, "SQLMIG_PG_BIN": str(closed_binaries)}
            found = programs.find_programs(account_for(tmp_path / "data"), environ)
        finally:
            os.umask(umask)
        assert found.binaries.bindir.is_relative_to(cache)

    CAP_SETUID, CAP_SYS_PTRACE = 7, 19

    LIMITED = """
import ctypes
PR_CAPBSET_DROP = 24
ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, int(sys.argv[1]))
os.execv(sys.executable, [sys.executable, "-c", *sys.argv[2:]])
"""

    def test_root_that_cannot_become_anybody(workplace: Path) -> None:
        """Root without the right to change its user, as in some containers, is told so before anything is made."""
        code = PREPARED.format(sources=str(SOURCES), user=None) + REFUSED
        folder = workplace / ".sqlmig"
        message, advice = python_output(LIMITED, str(CAP_SETUID), code, folder).splitlines()
        assert "this root cannot become the user" in message
        assert advice == "run sqlmig as an ordinary user"
        assert not (folder / "data").exists()

    def test_root_that_may_not_look_into_processes(workplace: Path) -> None:
        """Docker's root has no CAP_SYS_PTRACE: it starts, finds, restarts after a kill, and stops all the same."""
        code = """
import signal
from sqlmig.embedded.processes import works_in
folder = Path(sys.argv[1])
first = embedded.start(folder)
assert works_in(first.pid, folder / "data") is None
os.kill(first.pid, signal.SIGKILL)
while embedded.running(folder):
    pass
second = embedded.start(folder)
assert second.pid != first.pid
assert embedded.running(folder) == second
print(embedded.stop(folder), embedded.running(folder))
"""
        code = PREPARED.format(sources=str(SOURCES), user=None) + code
        assert python_output(LIMITED, str(CAP_SYS_PTRACE), code, workplace / ".sqlmig") == "True None"
