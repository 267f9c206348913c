"""A password of difficult characters opens a server by every way there is, and shows on none."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from sqlmig.config import Environment, load
from tests.support.database import Database

NASTY = "p@s:/?#[%&+ '\"é"
PASSWORDS = [NASTY, "plain", "back\\slash\\", "100%25", " spaces at both ends ", "$${HOME}", "x" * 200]


class Account:
    """A role that needs its password, and the parameters that lead to its database."""

    def __init__(self, database: Database, password: str) -> None:
        self.password = password
        self.role = database.role("somebody", password=password)
        self.server = {**conninfo_to_dict(database.conninfo), "user": self.role}

    def url(self, user_information: str = "", **more: str) -> str:
        query = {"host": str(self.server["host"]), **more}
        shown = "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items())
        return f"postgres://{user_information}/{self.server['dbname']}?{shown}"

    def fields(self) -> str:
        return "\n".join(f"{name} = '{value}'" for name, value in self.server.items())


@pytest.fixture(params=PASSWORDS, ids=range(len(PASSWORDS)))
def account(request: pytest.FixtureRequest, database: Database) -> Account:
    return Account(database, request.param)


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """libpq reads the process's own environment and home."""
    for variable in ("PGPASSWORD", "PGPASSFILE", "PGSERVICE", "PGSERVICEFILE", "PGUSER", "PGHOST", "PGDATABASE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


def who(environment: Environment) -> str:
    """The role as which the server lets us in."""
    with psycopg.connect(environment.target.conninfo.reveal()) as connection:
        row = connection.execute("SELECT session_user").fetchone()
    assert row
    return str(row[0])


def load_in(folder: Path, text: str = "", environ: Mapping[str, str] | None = None, **options: Any) -> Environment:
    (folder / "sqlmig.toml").write_text(text, encoding="utf-8")
    return load(cwd=folder, environ=environ or {}, **options)


def toml(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def test_opens_the_server_by_url(account: Account, tmp_path: Path) -> None:
    """Percent-encoded, as user information or as a parameter, by option, variable or file."""
    encoded = quote(account.password, safe="")
    for url in (account.url(f"{account.role}:{encoded}@"), account.url(user=account.role, password=account.password)):
        assert who(load_in(tmp_path, url=url)) == account.role
        assert who(load_in(tmp_path, environ={"SQLMIG_URL": url})) == account.role
        assert who(load_in(tmp_path, 'url = "${U}"', {"U": url})) == account.role
        assert who(load_in(tmp_path, f'url_command = ["echo", {toml(url)}]', {"PATH": "/bin:/usr/bin"})) == account.role


def test_opens_the_server_by_conninfo(account: Account, tmp_path: Path) -> None:
    """In quotes, as libpq has it."""
    assert who(load_in(tmp_path, url=make_conninfo(**account.server, password=account.password))) == account.role


def test_opens_the_server_by_field(account: Account, tmp_path: Path) -> None:
    """As it is, in the file or from a variable; only the dollar sign is doubled there."""
    written = f"password = {toml(account.password.replace('$', '$$'))}"
    assert who(load_in(tmp_path, f"{account.fields()}\n{written}")) == account.role
    variables = {"DB_PASSWORD": account.password}
    assert who(load_in(tmp_path, f'{account.fields()}\npassword = "${{DB_PASSWORD}}"', variables)) == account.role


@pytest.mark.parametrize("account", [text for text in PASSWORDS if text != "100%25"], indirect=True)
def test_opens_the_server_by_a_variable_within_a_url(account: Account, tmp_path: Path) -> None:
    """As it is, without having been encoded; only one that reads as encoded, like 100%25, is taken for that."""
    text = f'url = "{account.url("${DB_USER}:${DB_PASSWORD}@")}"'
    assert who(load_in(tmp_path, text, {"DB_USER": account.role, "DB_PASSWORD": account.password})) == account.role


def test_opens_the_server_by_libpq_variables(account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PGPASSWORD and its like reach libpq without having been touched."""
    variables = {
        "PGPASSWORD": account.password,
        "PGUSER": account.role,
        "PGHOST": str(account.server["host"]),
        "PGDATABASE": str(account.server["dbname"]),
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    environment = load_in(tmp_path, environ=variables)
    assert not environment.target.conninfo
    assert who(environment) == account.role
    assert environment.secrets(f"failed: {account.password}!") == "failed: ***!"


@pytest.mark.parametrize("way", ["home", "PGPASSFILE", "field"])
def test_opens_the_server_by_pgpass(
    way: str, account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is libpq's own business: in the home folder, named by a variable, or by the key passfile."""
    escaped = account.password.replace("\\", "\\\\").replace(":", "\\:")
    file = tmp_path / (".pgpass" if way == "home" else "another file")
    file.write_text(f"*:*:*:{account.role}:{escaped}\n", encoding="utf-8")
    file.chmod(0o600)
    if way == "PGPASSFILE":
        monkeypatch.setenv("PGPASSFILE", str(file))
    more = f"\npassfile = {toml(str(file))}" if way == "field" else ""
    assert who(load_in(tmp_path, account.fields() + more)) == account.role


@pytest.mark.parametrize("way", ["PGSERVICE", "field", "URL"])
def test_opens_the_server_by_service(
    way: str, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service file may hold everything, the password included."""
    account = Account(database, "p@s:/?#[%&+'\"é")
    lines = "\n".join(f"{name}={value}" for name, value in {**account.server, "password": account.password}.items())
    file = tmp_path / "services"
    file.write_text(f"[mine]\n{lines}\n", encoding="utf-8")
    monkeypatch.setenv("PGSERVICEFILE", str(file))
    if way == "PGSERVICE":
        monkeypatch.setenv("PGSERVICE", "mine")
        assert who(load_in(tmp_path, environ={"PGSERVICE": "mine"})) == account.role
    elif way == "field":
        assert who(load_in(tmp_path, 'service = "mine"')) == account.role
    else:
        assert who(load_in(tmp_path, url="postgres:///?service=mine")) == account.role


def test_a_wrong_password_is_refused_and_not_shown(database: Database, tmp_path: Path) -> None:
    """The server really asks for the password; what libpq says of a wrong one, redacted, holds no part of it."""
    account = Account(database, "the right one")
    environment = load_in(tmp_path, url=account.url(f"{account.role}:{quote(NASTY, safe='')}@"))
    with pytest.raises(psycopg.OperationalError, match="password authentication failed") as caught:
        who(environment)
    shown = environment.secrets(f"{caught.value} {environment.target.conninfo.reveal()} {environment!r}")
    assert NASTY not in shown
    assert quote(NASTY, safe="") not in shown
    assert account.role in shown
