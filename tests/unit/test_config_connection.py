"""Where sqlmig connects, what libpq is given, and that no error shows a password on the way."""

from __future__ import annotations

import dataclasses
import os
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from psycopg import pq
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from sqlmig.config import Environment, load
from sqlmig.config import command as url_command
from sqlmig.config.conninfo import LIBPQ_KEYWORDS
from sqlmig.errors import ConfigError

Load = Callable[..., Environment]

NASTY = "p@s:/?#[%&+ '\"é"
ENCODED = quote(NASTY, safe="")


@pytest.fixture
def loaded(tmp_path: Path) -> Load:
    """Loads a file of this text in a folder of its own; without text, there is no file."""

    def load_text(text: str | None = None, environ: Mapping[str, str] | None = None, **options: Any) -> Environment:
        if text is not None:
            (tmp_path / "sqlmig.toml").write_text(text, encoding="utf-8")
        return load(cwd=tmp_path, environ=environ or {}, **options)

    return load_text


def parameters(environment: Environment) -> dict[str, Any]:
    return conninfo_to_dict(environment.target.conninfo.reveal())


def failure(call: Callable[[], object]) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        call()
    return caught.value


def understood(url: str) -> Environment | None:
    """What the URL makes, or None where it is refused, which must happen without showing it."""
    password = url[len("postgres://me:") : -len("@host/db")]
    try:
        return load(url=url, cwd=Path("/"), environ={})
    except ConfigError as error:
        told = all_of(error)
    if password in told:
        raise AssertionError(told)
    return None


def all_of(error: BaseException) -> str:
    """Everything that any reporter could print of an error, its causes and contexts included."""
    texts = traceback.format_exception(error)
    seen: BaseException | None = error
    while seen:
        texts += [str(seen), repr(seen), repr(seen.args), repr(vars(seen))]
        seen = seen.__cause__ or seen.__context__
    return "\n".join(texts)


class TestOrder:
    FILE = 'url = "postgres://file/db"'

    def test_option_variable_file_libpq_embedded(self, loaded: Load) -> None:
        """--url over SQLMIG_URL over the file over PG* variables over the embedded server; the source is told."""
        variables = {"SQLMIG_URL": "postgres://variable/db", "PGHOST": "libpq", "PGUSER": "me"}
        libpq = {"PGHOST": "libpq", "PGUSER": "me"}
        found = [
            loaded(self.FILE, variables, url="postgres://option/db").target,
            loaded(self.FILE, variables).target,
            loaded(self.FILE, libpq).target,
            loaded("", libpq).target,
            loaded("", {}).target,
        ]
        assert [(target.conninfo.reveal(), target.source) for target in found] == [
            ("postgres://option/db", "--url"),
            ("postgres://variable/db", "SQLMIG_URL"),
            ("postgres://file/db", "sqlmig.toml url"),
            ("", "PG* variables (PGHOST, PGUSER)"),
            ("", "nothing configured: embedded PostgreSQL"),
        ]
        assert [target.embedded for target in found] == [False, False, False, False, True]

    @pytest.mark.parametrize(
        "variable",
        ["PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE", "PGUSER", "PGPASSWORD", "PGSERVICE", "PGPASSFILE"],
    )
    def test_each_variable_that_chooses_a_server_does(self, variable: str, loaded: Load) -> None:
        """Whoever sets one of them does not expect the embedded server; an empty one is not set."""
        assert not loaded(None, {variable: "x"}).target.embedded
        assert loaded(None, {variable: ""}).target.embedded

    def test_variables_that_choose_nothing_do_not(self, loaded: Load) -> None:
        """How to connect is not where."""
        assert loaded(None, {"PGSSLMODE": "require", "PGAPPNAME": "x", "PGOPTIONS": "-c a=b"}).target.embedded

    @pytest.mark.parametrize("options", [{"url": "embedded"}, {"environ": {"SQLMIG_URL": " embedded\n"}}])
    def test_the_embedded_server_can_be_asked_for(self, options: dict[str, Any], loaded: Load, tmp_path: Path) -> None:
        """ "embedded" is a URL wherever one is given, and PG* variables do not matter then."""
        options.setdefault("environ", {})["PGHOST"] = "elsewhere"
        target = loaded(self.FILE, **options).target
        assert (target.embedded, target.folder) == (True, tmp_path / ".sqlmig")

    def test_the_option_leaves_nothing_of_the_file(self, loaded: Load) -> None:
        """A password or host of the file is not sent to the server of --url."""
        text = 'host = "file"\npassword = "x"\nsslmode = "require"'
        assert loaded(text, url="postgres://option/db").target.conninfo.reveal() == "postgres://option/db"

    def test_an_empty_variable_is_none_and_an_empty_option_an_error(self, loaded: Load) -> None:
        """A CI job may leave SQLMIG_URL empty; who gives an empty --url meant something."""
        assert loaded(None, {"SQLMIG_URL": " "}).target.embedded
        assert failure(lambda: loaded(None, url="")).message == "--url: is empty"

    def test_an_empty_url_in_the_file_is_an_error(self, loaded: Load) -> None:
        """A variable that is set to nothing must not lead to wherever libpq goes without a URL."""
        assert "is empty" in failure(lambda: loaded('url = "${DATABASE_URL}"', {"DATABASE_URL": ""})).message


class TestWhatLibpqIsGiven:
    @pytest.mark.parametrize(
        "text",
        [
            "postgres://me@host:5432,other:5433/db?target_session_attrs=read-write",
            "postgresql:///db?host=/var/run/postgresql",
            "postgresql://%2Fvar%2Frun/db",
            "postgres://me:a#b[c?d:e@host/db",
            "postgres://host/db?application_name=me@here",
            "postgres://[::1]:5432/db",
            "host=a,b port=5432, dbname='my db' password='it''s'",
            "service=mine",
            "dbname=mine",
        ],
    )
    def test_is_the_very_text(self, text: str, loaded: Load) -> None:
        """A URL or conninfo string reaches libpq unchanged, from an option, a variable or the file."""
        text = text.replace("''", "\\'")
        assert loaded(None, url=text).target.conninfo.reveal() == text
        assert loaded(None, {"SQLMIG_URL": text}).target.conninfo.reveal() == text
        assert loaded('url = "${U}"', {"U": text + "\n"}).target.conninfo.reveal() == text

    def test_fields_make_a_connection(self, loaded: Load) -> None:
        """Any parameter of libpq is a key; numbers and booleans are written as libpq reads them."""
        environment = loaded("""
            host = "h"
            port = 6432
            dbname = "my db"
            keepalives = true
            sslmode = "verify-full"
            password = "it's \\\\ mine"
        """)
        assert parameters(environment) == {
            "host": "h",
            "port": "6432",
            "dbname": "my db",
            "keepalives": "1",
            "sslmode": "verify-full",
            "password": "it's \\ mine",
        }
        assert environment.target.source.startswith("sqlmig.toml host, sqlmig.toml port")

    def test_fields_are_added_to_the_url_beside_them(self, loaded: Load) -> None:
        """And go before what it says."""
        environment = loaded('url = "postgres://me:old@host/db?sslmode=prefer"\npassword = "new"\nsslmode = "require"')
        assert parameters(environment) == {
            "user": "me", "password": "new", "host": "host", "dbname": "db", "sslmode": "require",
        }  # fmt: skip
        assert environment.target.source == "sqlmig.toml url"

    def test_an_environment_goes_before_all(self, loaded: Load) -> None:
        """A URL of an environment goes before the fields at the top, which add what it does not say."""
        environment = loaded(
            'user = "top"\nsslmode = "require"\n[env.a]\nurl = "postgres://me@host/db"\ndbname = "mine"', env="a"
        )
        assert parameters(environment) == {"user": "me", "sslmode": "require", "host": "host", "dbname": "mine"}

    def test_a_field_of_an_environment_changes_the_common_url(self, loaded: Load) -> None:
        """One database more takes one line more."""
        environment = loaded('url = "postgres://me@host/db"\n[env.test]\ndbname = "db_test"', env="test")
        assert parameters(environment) == {"user": "me", "host": "host", "dbname": "db_test"}

    @pytest.mark.parametrize(
        ("text", "server"),
        [
            ('hostaddr = "10.0.0.1"\n[env.a]\nurl = "postgres://host/db"', {"host": "host"}),
            ('service = "top"\n[env.a]\nhost = "host"', {"host": "host"}),
            ('host = "top"\nhostaddr = "10.0.0.1"\n[env.a]\nservice = "mine"', {"service": "mine"}),
            ('url = "postgres://top/db?hostaddr=10.0.0.1"\n[env.a]\nhost = "host"', {"host": "host"}),
            ('url = "postgres://top/db"\n[env.a]\nurl_command = ["echo", "host=host"]', {"host": "host"}),
            ('url_command = ["false"]\n[env.a]\nurl = "postgres://host/db"', {"host": "host"}),
            ('url = "embedded"\n[env.a]\nhost = "host"', {"host": "host"}),
        ],
    )
    def test_an_environment_is_never_led_to_another_server(
        self, text: str, server: dict[str, str], loaded: Load
    ) -> None:
        """What names a server at the top of the file is dropped where an environment names its own."""
        found = parameters(loaded(text, env="a", environ=dict(os.environ)))
        assert {key: found[key] for key in ("host", "hostaddr", "service") if key in found} == server

    def test_an_embedded_environment_ignores_the_common_fields(self, loaded: Load) -> None:
        """They are meant for the environments that have a server elsewhere."""
        assert loaded('sslmode = "require"\n[env.a]\nurl = "embedded"', env="a").target.embedded

    def test_every_parameter_of_libpq_is_a_key(self) -> None:
        """The list of parameters holds all that the installed libpq knows."""
        known = {option.keyword.decode() for option in pq.Conninfo.get_defaults()}
        assert known <= set(LIBPQ_KEYWORDS)

    def test_a_parameter_that_the_installed_libpq_lacks_is_told(
        self, loaded: Load, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """An older libpq knows fewer parameters than the list."""
        fewer = [option for option in pq.Conninfo.get_defaults() if option.keyword != b"require_auth"]
        monkeypatch.setattr(pq.Conninfo, "get_defaults", lambda: fewer)
        error = failure(lambda: loaded('require_auth = "none"'))
        assert "require_auth: the installed libpq" in error.message
        assert str(error.place) == "sqlmig.toml:1"


class TestVariablesInUrls:
    @pytest.mark.parametrize(
        "template",
        [
            "postgres://${DB_USER}:${DB_PASSWORD}@host/db",
            "postgres://host/db?user=${DB_USER}&password=${DB_PASSWORD}",
            "host=host dbname=db user=${DB_USER} password=${DB_PASSWORD}",
            "user = ${DB_USER} password = ${DB_PASSWORD} host=host dbname=db",
        ],
    )
    @pytest.mark.parametrize("password", [NASTY, "plain", "100%", "a/b", "a@b", "x&y=z", "\\'", "%00"])
    def test_a_password_may_be_written_as_it_is(self, template: str, password: str, loaded: Load) -> None:
        """A variable in the place of a password holds the password itself, whatever its characters."""
        environment = loaded(f'url = "{template}"', {"DB_USER": "me@corp", "DB_PASSWORD": password})
        assert parameters(environment) == {"user": "me@corp", "password": password, "host": "host", "dbname": "db"}

    def test_one_that_is_encoded_already_is_left_alone(self, loaded: Load) -> None:
        """Who has encoded the password for the URL is not punished for it."""
        environment = loaded('url = "postgres://me:${P}@host/db"', {"P": ENCODED})
        assert parameters(environment)["password"] == NASTY

    def test_other_parts_are_inserted_as_they_are(self, loaded: Load) -> None:
        """A host with its port, or a whole query, may come from a variable."""
        environment = loaded(
            'url = "postgres://${HOST}/${DB}?${MORE}"',
            {"HOST": "a:1,b:2", "DB": "db", "MORE": "sslmode=require&user=me"},
        )
        assert parameters(environment) == {
            "host": "a,b",
            "port": "1,2",
            "dbname": "db",
            "sslmode": "require",
            "user": "me",
        }


class TestMalformed:
    BAD = (
        "postgres://me:{raw}@host/db",
        "postgres://me:%zz{raw}@host/db",
        "postgres://me:se%cret-word@host/db",
        "postgres://me:secret-word/x@host/db",
        "postgres://me:123/secret-word@host/db",
        "postgres://me:secret-word@x@host/db",
        "postgres://me:secret-word/x",
        "postgres://me:secret-word%00@host/db",
        "postgres://me:secret-word x@host/db",
        "postgres://me:secret-word@[::1/db",
        "postgres://me:secret-word@[::1]x/db",
        "postgres://me:secret-word@host:port/db",
        "postgres://me:secret-word@host/db?pasword=secret-word",
        "postgres://me:secret-word@host/db?sslmode",
        "postgres://me:secret-word@host/db?sslmode=a=b",
        "postgres://me:secret-word@host/db?x%zz=1",
        "postgresql+psycopg://me:secret-word@host/db",
        "POSTGRES://me:secret-word@host/db",
        "jdbc:postgresql://me:secret-word@host/db",
        "mysql://me:secret-word@host/db",
        "me:secret-word@host/db",
        "secret-word",
        "host=x pasword=secret-word",
        "host=x password='secret-word",
        "host=x password=secret-word more",
        "host=x password=secret-word port=99999",
        "host=x password=secret-word\0",
        "host=x password=secret-word\udcff",
    )

    @pytest.mark.parametrize("bad", BAD)
    def test_is_refused_without_being_shown(self, bad: str, loaded: Load) -> None:
        """What libpq refuses, or would take a password for something else in, is an error without a word of it."""
        text = bad.replace("{raw}", NASTY)
        errors = [failure(lambda: loaded(None, url=text)), failure(lambda: loaded(None, {"SQLMIG_URL": text}))]
        errors.append(failure(lambda: loaded('[env.a]\nurl = "${U}"', {"U": text}, env="a")))
        for error, said_by in zip(errors, ("--url", "SQLMIG_URL", "[env.a] url"), strict=True):
            assert error.message.startswith(f"{said_by}: ")
            shown = all_of(error)
            for part in ("secret-word", "cret-word", NASTY, "p@s", "%zz", "'\"é"):
                assert part not in shown

    @pytest.mark.parametrize(
        ("bad", "message", "next_step"),
        [
            ("postgres://me:a%zz@h/d", "% that begins no", "%25"),
            ("postgres://me:a b@h/d", "space", "%20"),
            ("postgres://me:a/b@h/d", "@ or / in the wrong place", "%2F"),
            ("postgres://me:a/b", "port", "%2F"),
            ("postgres://h/d?pasword=x", "does not know", "did you mean password?"),
            ("hots=h", "does not know", "did you mean host?"),
            ("xyzzy=h", "does not know", None),
            ("mysql://h/d", "PostgreSQL only", "postgresql://"),
            ("postgresql+asyncpg://h/d", "postgresql+asyncpg://", "write postgresql://"),
            ("production", "neither a URL", "postgresql://"),
            ("host='x", "quote", r"\'"),
        ],
    )
    def test_says_what_is_wrong_and_what_to_write(
        self, bad: str, message: str, next_step: str | None, loaded: Load
    ) -> None:
        """The reason is told in words of our own."""
        error = failure(lambda: loaded(None, url=bad))
        assert message in error.message
        assert next_step is None or next_step in str(error.next_step)

    def test_says_so_in_other_words_where_libpq_does(self, loaded: Load, monkeypatch: pytest.MonkeyPatch) -> None:
        """A libpq that speaks another language is still not quoted."""
        import psycopg

        def refuse(text: str) -> None:
            raise psycopg.ProgrammingError(f"ungültig: {text}")

        monkeypatch.setattr("psycopg.conninfo.conninfo_to_dict", refuse)
        text = f"postgres://me:{NASTY}@h/d".replace("@s", "").replace("/?", "")
        error = failure(lambda: loaded(None, url=text))
        assert "cannot be read by libpq" in error.message
        assert "#[%&+" not in all_of(error)

    @given(password=st.text(min_size=6, max_size=12))
    def test_any_password_is_either_read_or_hidden(self, password: str) -> None:
        """Written as it is into a URL, a password is either understood as it was meant, or refused unseen."""
        assume("\0" not in password and password.strip() == password)
        assume(not any("\ud800" <= character <= "\udfff" for character in password))
        assume("%" not in password)
        environment = understood(f"postgres://me:{password}@host/db")
        if environment:
            assert parameters(environment) == {"user": "me", "password": password, "host": "host", "dbname": "db"}


class TestUrlCommand:
    def test_the_output_is_the_url(self, loaded: Load, tmp_path: Path) -> None:
        """A list of words is run without a shell, in the folder of the file, with variables replaced."""
        (tmp_path / "url").write_text("postgres://host/db\r\n")
        environment = loaded(
            '[env.a]\nurl_command = ["cat", "${NAME}"]', {"NAME": "url", "PATH": os.environ["PATH"]}, env="a"
        )
        assert environment.target.conninfo.reveal() == "postgres://host/db"
        assert environment.target.source == "sqlmig.toml [env.a] url_command"

    def test_a_text_is_split_into_words_without_a_shell(self, loaded: Load) -> None:
        """Quotes hold words together; nothing else has a meaning."""
        environment = loaded("url_command = \"printf %s 'host=h dbname=$HOME;'\"", dict(os.environ))
        assert parameters(environment) == {"host": "h", "dbname": "$HOME;"}

    def test_its_output_may_be_embedded_or_conninfo(self, loaded: Load) -> None:
        """The output is read as a URL is."""
        assert loaded('url_command = ["echo", "embedded"]', dict(os.environ)).target.embedded

    def test_fields_are_added(self, loaded: Load) -> None:
        """As beside a URL."""
        environment = loaded('url_command = ["echo", "postgres://host/db"]\nuser = "me"', dict(os.environ))
        assert parameters(environment) == {"host": "host", "dbname": "db", "user": "me"}

    def test_runs_only_where_it_decides(self, loaded: Load, tmp_path: Path) -> None:
        """Not for another environment, nor beside --url or SQLMIG_URL."""
        text = 'url_command = ["touch", "was-run"]\n[env.a]\nurl = "postgres://host/db"'
        loaded(text, dict(os.environ), env="a")
        loaded(text, dict(os.environ), url="embedded")
        loaded(text, {**os.environ, "SQLMIG_URL": "embedded"})
        assert not (tmp_path / "was-run").exists()

    @pytest.mark.parametrize(
        ("program", "message"),
        [
            (
                "print('half://me:secret-word@h'); print('line 1\\nno such secret-word', file=sys.stderr); sys.exit(3)",
                "exit code 3",
            ),
            (
                "print('postgres://me:secret-word@h'); print('for secret-word', file=sys.stderr); sys.exit(1)",
                "exit code 1: for ***",
            ),
            ("import os; print(os.environ['VAULT_TOKEN'], file=sys.stderr); sys.exit(1)", "exit code 1: ***"),
            ("print('using', sys.argv[1], file=sys.stderr); sys.exit(1)", "exit code 1: using ***"),
            ("sys.exit(2)", "exit code 2"),
            ("print()", "printed nothing"),
            ("print('secret-word')", "neither a URL"),
            ("print('postgres://me:secret-word%zz@h')", "% that begins no"),
            ("sys.stdout.buffer.write(b'host=secret-word\\xff')", None),
        ],
    )
    def test_a_failure_is_told_without_secrets(
        self, program: str, message: str | None, loaded: Load, tmp_path: Path
    ) -> None:
        """The exit code and the end of what it complained about; nothing of what it printed, no token."""
        (tmp_path / "vault.py").write_text(f"import sys; {program}")
        variables = {**os.environ, "VAULT_TOKEN": "top-secret-word", "PGPASSWORD": "secret-word"}
        text = f"url_command = ['{sys.executable}', 'vault.py', '${{VAULT_TOKEN}}']"
        if message is None:
            assert "secret-word" not in repr(loaded(text, variables).target)
            return
        error = failure(lambda: loaded(text, variables))
        assert error.message.startswith("url_command: ")
        assert message in error.message
        assert str(error.place) == "sqlmig.toml:1"
        assert "secret-word" not in all_of(error)

    def test_the_whole_complaint_is_kept_as_notes(self, loaded: Load) -> None:
        """A vault may need several lines to say why."""
        error = failure(lambda: loaded("url_command = ['ls', '/none', '/nowhere']", dict(os.environ)))
        assert len(error.notes) == 2

    @pytest.mark.parametrize(
        ("word", "reason"), [("no-such-program", "No such file"), (".", "denied"), ("a\\u0000b", "NUL")]
    )
    def test_one_that_cannot_be_run_is_told(self, word: str, reason: str, loaded: Load) -> None:
        """A vault's client may not be installed."""
        error = failure(lambda: loaded(f'url_command = ["{word}"]', dict(os.environ)))
        assert reason in error.message

    def test_one_that_hangs_is_ended(self, loaded: Load, monkeypatch: pytest.MonkeyPatch) -> None:
        """Also where a process that it started keeps the pipe open."""
        monkeypatch.setattr(url_command, "TIME_LIMIT", 0.2)
        began = time.monotonic()
        error = failure(lambda: loaded("url_command = ['sh', '-c', 'sleep 60; true']", dict(os.environ)))
        assert "longer than 0.2 seconds" in error.message
        assert time.monotonic() - began < 50


class TestNothingShows:
    @pytest.mark.parametrize(
        ("text", "environ", "options"),
        [
            (None, {}, {"url": f"postgres://me:{ENCODED}@host/db"}),
            (None, {"SQLMIG_URL": make_conninfo(host="h", password=NASTY)}, {}),
            (None, {"PGPASSWORD": NASTY}, {}),
            (None, {}, {"url": f"postgres://host/db?password={ENCODED}"}),
            ('host = "h"\npassword = "${DB_PASSWORD}"', {"DB_PASSWORD": NASTY}, {}),
            ('host = "h"\nsslpassword = "${X}"', {"X": NASTY}, {}),
            ('url = "${DATABASE_URL}"', {"DATABASE_URL": f"postgres://me:{ENCODED}@host/db"}, {}),
            ('url = "postgres://me:${X}@host/db"', {"X": NASTY}, {}),
            (
                'url_command = ["printenv", "U"]',
                {"U": f"postgres://me:{ENCODED}@host/db", "PATH": os.environ["PATH"]},
                {},
            ),
            ('url = "embedded"', {"PGPASSWORD": NASTY, "SQLMIG_URL": ""}, {}),
        ],
    )
    def test_of_a_password_wherever_it_comes_from(
        self, text: str | None, environ: dict[str, str], options: dict[str, Any], loaded: Load
    ) -> None:
        """Environment, its copies and its dictionary hide the password, and its Redactor knows it."""
        environment = loaded(text, environ, **options)
        shown = repr(environment) + str(environment) + repr(dataclasses.asdict(environment))
        shown += repr(dataclasses.replace(environment, name="x"))
        for spelling in (NASTY, ENCODED, repr(NASTY)[1:-1]):
            assert spelling not in shown
            assert environment.secrets(f"crashed at {spelling}!") == "crashed at ***!"

    def test_the_names_of_user_and_database_stay_readable(self, loaded: Load) -> None:
        """A password equal to the user's name, as in many a test set-up, does not make errors unreadable."""
        environment = loaded(None, url="postgres://shop:shop@host/shop")
        assert environment.secrets('role "shop" does not exist') == 'role "shop" does not exist'
        assert environment.secrets("postgres://shop:shop@host/shop") == "postgres://shop:***@host/shop"
        assert environment.secrets("user=shop password=shop") == "user=shop password=***"

    def test_environments_are_compared_by_their_settings(self, loaded: Load) -> None:
        """Loading twice gives equal values."""
        assert loaded(None, url="postgres://a:b@c/d") == loaded(None, url="postgres://a:b@c/d")
        assert loaded(None, url="postgres://a:b@c/d") != loaded(None, url="postgres://a:x@c/d")

    def test_paths_in_variables_are_no_secrets(self, loaded: Load) -> None:
        """A variable whose name ends in FILE tells where a secret is, not the secret."""
        variables = {"TOKEN_FILE": "/etc/token", "MY_TOKEN": "opensesame"}
        environment = loaded('role = "${TOKEN_FILE:-x}"\nsearch_path = "${MY_TOKEN}"', variables)
        assert environment.secrets("/etc/token opensesame") == "/etc/token ***"
