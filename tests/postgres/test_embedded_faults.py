"""What goes wrong around a development server: killed callers and servers, stale files, full disks."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from sqlmig import embedded
from sqlmig.embedded import cluster as clusters
from sqlmig.embedded import processes, server, sockets
from sqlmig.embedded.cluster import Cluster, State
from sqlmig.embedded.processes import account_for
from sqlmig.errors import NoServer
from tests.support.processes import is_alive, python, python_output, until
from tests.support.session import server_environment

ENVIRON = server_environment()
BINARIES = {"SQLMIG_PG_BIN": ENVIRON.get("SQLMIG_PG_BIN", "")}

START = "print(embedded.start(Path(sys.argv[1])).pid, flush=True)"

REFUSED = """
try:
    embedded.start(Path(sys.argv[1]))
except SqlmigError as error:
    print(type(error).__name__, error, *error.notes, sep="\\n")
"""


def count_of_servers(folder: Path) -> int:
    """How many postmasters work in the data folder."""
    count = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            is_here = (process / "cwd").resolve(strict=True) == (folder / "data").resolve()
            words = (process / "cmdline").read_bytes()
        except OSError:
            continue
        count += is_here and b"\0-D\0" in words
    return count


@pytest.mark.parametrize(
    "begun",
    [
        lambda folder: (folder / "lock").exists(),
        lambda folder: (folder / "data.tmp").exists(),
        lambda folder: (folder / "data.tmp" / "PG_VERSION").exists(),
        lambda folder: len(list((folder / "data.tmp" / "base").glob("*"))) > 1,
        lambda folder: (folder / "data").exists(),
        lambda folder: (folder / "server.log").exists(),
        lambda folder: (folder / "data" / "postmaster.pid").exists(),
    ],
    ids=["locked", "making", "initdb", "templates", "made", "starting", "started"],
)
def test_a_caller_may_be_killed_at_any_point(fresh_folder: Path, begun: Callable[[Path], bool]) -> None:
    """kill -9 of a first start, wherever it was: the next start completes the work, with one server."""
    with python(START, fresh_folder, env=BINARIES) as process:
        until(lambda: begun(fresh_folder) or process.poll() is not None, "the start to get that far")
        process.kill()
        process.wait()
        found = embedded.start(fresh_folder, environ=ENVIRON)
    with psycopg.connect(found.conninfo, autocommit=True) as connection:
        connection.execute("CREATE TABLE works ()")
    until(lambda: count_of_servers(fresh_folder) == 1, "a single server")
    assert not (fresh_folder / "data.tmp").exists()
    assert embedded.start(fresh_folder, environ=ENVIRON).pid == found.pid


def test_interrupting_the_caller_leaves_the_server(folder: Path) -> None:
    """Ctrl-C and even SIGKILL reach the caller's whole process group, and not the server."""
    with python(START + "; input()", folder, env=BINARIES) as process:
        assert process.stdout
        pid = int(process.stdout.readline())
        os.killpg(process.pid, signal.SIGINT)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    found = embedded.running(folder)
    assert found
    assert found.pid == pid
    assert os.getsid(pid) != process.pid


def test_interrupting_the_making_of_a_cluster(fresh_folder: Path) -> None:
    """Ctrl-C while initdb runs ends the caller at once; the next start begins anew."""
    begun = fresh_folder / "data.tmp" / "PG_VERSION"

    def interrupted() -> bool:
        """Not where this machine stood still until all was done."""
        with python(START, fresh_folder, env=BINARIES) as process:
            until(lambda: begun.exists() or process.poll() is not None, "initdb to begin")
            process.send_signal(signal.SIGINT)
            if process.wait(timeout=60) != 0:
                return True
        embedded.stop(fresh_folder)
        shutil.rmtree(fresh_folder)
        return False

    until(interrupted, "an interrupt in time")
    assert embedded.start(fresh_folder, environ=ENVIRON)


def test_a_killed_server_is_started_again(folder: Path) -> None:
    """After kill -9 of the server its pid file and socket are stale; what was committed is there again."""
    found = embedded.start(folder, environ=ENVIRON)
    with psycopg.connect(found.conninfo, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept ()")
        os.kill(found.pid, signal.SIGKILL)
        until(lambda: not is_alive(found.pid), "the server to die")
        assert embedded.running(folder) is None
        again = embedded.start(folder, environ=ENVIRON)
    assert again.pid != found.pid
    with psycopg.connect(again.conninfo) as connection:
        assert connection.execute("SELECT to_regclass('kept')::text").fetchone() == ("kept",)


def test_sessions_that_outlive_a_killed_server_are_waited_for(folder: Path) -> None:
    """A busy session keeps the shared memory of a killed server for a while; starting waits for it to notice."""
    found = embedded.start(folder, environ=ENVIRON)
    with psycopg.connect(found.conninfo, autocommit=True) as connection:
        backend = connection.info.backend_pid
        os.kill(backend, signal.SIGSTOP)
        os.kill(found.pid, signal.SIGKILL)
        until(lambda: not is_alive(found.pid), "the server to die")
        with python(START, folder, env=BINARIES) as process:
            until(lambda: "shared memory" in (folder / "server.log").read_text(), "a refused start")
            os.kill(backend, signal.SIGCONT)
            stdout, stderr = process.communicate(timeout=120)
    assert process.returncode == 0, stderr
    assert embedded.running(folder) is not None
    assert int(stdout) != found.pid


def test_a_stale_pid_file_may_name_a_process_of_somebody_else(folder: Path) -> None:
    """After a restart of the machine the old pid often is another process; in a container, one of the same user."""
    found = embedded.start(folder, environ=ENVIRON)
    pid_file = folder / "data" / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    embedded.stop(folder)
    with subprocess.Popen(["sleep", "600"], **account_for(folder / "data").popen) as sleeper:
        pid_file.write_text("\n".join([str(sleeper.pid), *lines[1:]]) + "\n")
        assert embedded.running(folder) is None
        assert embedded.stop(folder) is False
        again = embedded.start(folder, environ=ENVIRON)
        assert again.pid not in (found.pid, sleeper.pid)
        assert sleeper.poll() is None
        sleeper.kill()


@pytest.mark.parametrize("text", ["", "\n", "nonsense\n", "1\n", "999999999\n/x\n"])
def test_a_pid_file_may_be_broken(folder: Path, text: str) -> None:
    """A machine that lost power leaves an empty or half-written pid file, which PostgreSQL itself would not pass."""
    embedded.start(folder, environ=ENVIRON)
    embedded.stop(folder)
    pid_file = folder / "data" / "postmaster.pid"
    pid_file.write_text(text)
    os.chown(pid_file, (folder / "data").stat().st_uid, -1)
    assert embedded.running(folder) is None
    assert embedded.start(folder, environ=ENVIRON)


def test_a_server_without_its_socket_is_restarted(folder: Path) -> None:
    """Where the socket was cleaned away the server cannot be reached: starting gives one that can."""
    found = embedded.start(folder, environ=ENVIRON)
    (found.socket_folder / sockets.SOCKET).unlink()
    assert embedded.running(folder) is None
    assert Cluster(folder).look()[0] is State.DEAF
    again = embedded.start(folder, environ=ENVIRON)
    assert again.pid != found.pid
    assert not is_alive(found.pid)
    psycopg.connect(again.conninfo).close()


def test_a_start_waits_for_a_server_that_is_recovering(folder: Path) -> None:
    """A server that answers, but is not ready yet, is waited for and not started twice."""
    found = embedded.start(folder, environ=ENVIRON)
    pid_file = folder / "data" / "postmaster.pid"
    ready = pid_file.read_text()
    pid_file.write_text(ready.replace("ready   ", "starting"))
    assert embedded.running(folder) is None
    with python(START, folder, env=BINARIES) as process:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=0.5)
        pid_file.write_text(ready)
        stdout, _ = process.communicate(timeout=120)
    assert int(stdout) == found.pid


def test_a_server_that_never_gets_ready(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiting ends with an error that says what is being waited for."""
    embedded.start(folder, environ=ENVIRON)
    pid_file = folder / "data" / "postmaster.pid"
    ready = pid_file.read_text()
    pid_file.write_text(ready.replace("ready   ", "starting"))
    monkeypatch.setattr(server, "READY_SECONDS", 0.05)
    with pytest.raises(NoServer, match="is still starting, recovering or stopping"):
        embedded.start(folder, environ=ENVIRON)
    pid_file.write_text(ready)


def test_a_lock_that_is_never_released(fresh_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiting for another caller ends with an error that names the lock file."""
    fresh_folder.mkdir()
    monkeypatch.setattr(server, "LOCK_SECONDS", 0.05)
    with (
        processes.locked(fresh_folder / "lock", 1),
        pytest.raises(NoServer, match=f"another process has held {fresh_folder / 'lock'}"),
    ):
        embedded.start(fresh_folder, environ=ENVIRON)


def test_a_lock_is_taken_anew_where_its_folder_was_removed(tmp_path: Path) -> None:
    """Whoever waited on the lock file of a removed folder must not go on with a lock that others do not see."""
    path = tmp_path / "lock"
    with processes.locked(path, 1) as first:
        path.unlink()
        with processes.locked(path, 1) as second:
            assert not os.path.samestat(os.fstat(first), os.fstat(second))
            path.rename(tmp_path / "gone")
            assert not processes._is_at(path, second)


def test_a_server_that_does_not_start_says_why(folder: Path) -> None:
    """The error is one line with the server's own reason, and the end of its log; once mended, it starts."""
    embedded.start(folder, environ=ENVIRON)
    embedded.stop(folder)
    settings = folder / "data" / "postgresql.conf"
    good = settings.read_text()
    settings.write_text(good + "\nshared_buffers = nonsense\n")
    with pytest.raises(NoServer) as caught:
        embedded.start(folder, environ=ENVIRON)
    assert "did not start" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert any("shared_buffers" in note for note in caught.value.notes)
    settings.write_text(good)
    assert embedded.start(folder, environ=ENVIRON)


def test_only_this_start_is_blamed_on_the_log(folder: Path) -> None:
    """An old FATAL in the log is not given as the reason for a new failure."""
    embedded.start(folder, environ=ENVIRON)
    embedded.stop(folder)
    with (folder / "server.log").open("a") as log:
        log.write("FATAL:  something of long ago\n")
    settings = folder / "data" / "postgresql.conf"
    settings.write_text(settings.read_text() + "\nport = nonsense\n")
    with pytest.raises(NoServer) as caught:
        embedded.start(folder, environ=ENVIRON)
    assert "long ago" not in str(caught.value) + "".join(caught.value.notes)


def test_no_space_for_a_cluster(fresh_folder: Path) -> None:
    """Where the disk refuses, the error is one line with initdb's reason, and nothing half-made stays."""
    limited = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))\n"
    kind, message, *notes = python_output(limited + REFUSED, fresh_folder, env=BINARIES).splitlines()
    assert kind == "NoServer"
    assert "initdb could not make a database cluster" in message
    assert notes
    assert not (fresh_folder / "data.tmp").exists()
    assert not (fresh_folder / "data").exists()
    assert embedded.start(fresh_folder, environ=ENVIRON)


def test_a_file_where_the_folder_should_be(fresh_folder: Path) -> None:
    """What the operating system refuses is an error of one line that names the path."""
    fresh_folder.write_text("")
    with pytest.raises(NoServer, match=r"cannot use .*\.sqlmig: File exists"):
        embedded.start(fresh_folder, environ=ENVIRON)
    assert embedded.running(fresh_folder) is None
    assert embedded.stop(fresh_folder) is False


def test_a_data_folder_of_another_kind(fresh_folder: Path) -> None:
    """A folder that PostgreSQL did not make is refused, not filled."""
    (fresh_folder / "data").mkdir(parents=True)
    (fresh_folder / "data" / "mine").write_text("")
    with pytest.raises(NoServer, match="no PG_VERSION") as caught:
        embedded.start(fresh_folder, environ=ENVIRON)
    assert "move" in str(caught.value.next_step)
    assert [path.name for path in (fresh_folder / "data").iterdir()] == ["mine"]


def test_the_log_does_not_grow_without_end(folder: Path) -> None:
    """A large log is cut to its end by the next start, also while the server writes to it."""
    found = embedded.start(folder, environ=ENVIRON)
    log = folder / "server.log"
    with log.open("a") as file:
        file.writelines(f"{number:099d}\n" for number in range(server.LOG_LIMIT // 100 + 1))
    assert embedded.start(folder, environ=ENVIRON).pid == found.pid
    kept = log.read_text()
    assert len(kept) <= server.LOG_KEPT
    assert kept.endswith(f"{server.LOG_LIMIT // 100:099d}\n")
    assert len(kept.splitlines()[0]) == 99
    with psycopg.connect(found.conninfo) as connection, pytest.raises(psycopg.errors.UndefinedTable):
        connection.execute("SELECT * FROM not_there")
    until(lambda: "not_there" in log.read_text(), "the server to write on")
    assert len(log.read_text()) <= server.LOG_KEPT + 1000
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_a_server_in_another_container_is_found_and_not_signalled(folder: Path) -> None:
    """A shared folder: its socket answers, but the pid in the file is none of ours. It is used, never stopped."""
    found = embedded.start(folder, environ=ENVIRON)
    pid_file = folder / "data" / "postmaster.pid"
    real = pid_file.read_text()
    with subprocess.Popen(["sleep", "600"]) as sleeper:
        pid_file.write_text(real.replace(str(found.pid), str(sleeper.pid), 1))
        try:
            assert embedded.start(folder, environ=ENVIRON).conninfo == found.conninfo
            with pytest.raises(NoServer, match="is not it") as caught:
                embedded.stop(folder)
            assert "container" in str(caught.value.next_step)
            assert sleeper.poll() is None
        finally:
            pid_file.write_text(real)
            sleeper.kill()


def test_a_server_that_does_not_stop(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways of shutting down are tried; then the error names the process."""
    found = embedded.start(folder, environ=ENVIRON)
    monkeypatch.setattr(processes, "END_SECONDS", 0.1)
    os.kill(found.pid, signal.SIGSTOP)
    try:
        with pytest.raises(NoServer, match=rf"process {found.pid}\) does not stop"):
            embedded.stop(folder)
    finally:
        os.kill(found.pid, signal.SIGCONT)
    until(lambda: not is_alive(found.pid), "the server to end after all")


def test_without_the_right_to_see_processes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a container without CAP_SYS_PTRACE the server is known by its command line: stop and stale files work."""
    monkeypatch.setattr(clusters, "works_in", lambda pid, folder: None)
    found = embedded.start(folder, environ=ENVIRON)
    assert embedded.stop(folder) is True
    with subprocess.Popen(["sleep", "600"]) as sleeper:
        (folder / "data" / "postmaster.pid").write_text(f"{sleeper.pid}\n")
        again = embedded.start(folder, environ=ENVIRON)
        assert again.pid not in (found.pid, sleeper.pid)
        sleeper.kill()


def test_without_proc(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no /proc, ps tells what a process is."""
    found = embedded.start(folder, environ=ENVIRON)
    monkeypatch.setattr(processes, "PROC", tmp_path / "no-proc")
    assert processes.works_in(found.pid, folder / "data") is None
    assert "postgres" in processes.command_line(found.pid)
    assert Cluster(folder).is_postmaster(found.pid)
    assert not Cluster(tmp_path).is_postmaster(found.pid)
    pid_file = folder / "data" / "postmaster.pid"
    text = pid_file.read_text()
    assert embedded.stop(folder) is True
    pid_file.write_text(text)
    assert embedded.start(folder, environ=ENVIRON).pid != found.pid


def test_another_account_cannot_be_looked_into() -> None:
    """What works_in may not see it does not guess."""
    code = "from sqlmig.embedded import processes; print(processes.works_in(1, Path('/')), processes.command_line(0))"
    assert python_output(code, user="nobody") in ("None", "None ")


def test_what_the_system_refuses_is_explained_once(tmp_path: Path) -> None:
    """An OSError without a path names the folder."""
    from sqlmig.embedded.launch import explained

    with (
        pytest.raises(NoServer, match=rf"cannot use {tmp_path}: No space left on device"),
        explained(Cluster(tmp_path)),
    ):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
