"""Which settings count: options, variables, the file, defaults; and what an error in them says."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from sqlmig.config import Environment, find_config, load, write_default
from sqlmig.config.settings import DEFAULT_FILE, DEFAULTS, ENVIRONMENT_KEYS
from sqlmig.errors import ConfigError

Load = Callable[..., Environment]


@pytest.fixture
def loaded(tmp_path: Path) -> Load:
    """Loads a file of this text in a folder of its own; without text, there is no file."""

    def load_text(text: str | None = None, environ: Mapping[str, str] | None = None, **options: Any) -> Environment:
        if text is not None:
            (tmp_path / "sqlmig.toml").write_text(text, encoding="utf-8")
        return load(cwd=tmp_path, environ=environ or {}, **options)

    return load_text


def failure(call: Callable[[], object]) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        call()
    return caught.value


class TestFile:
    def test_nothing_configured_means_the_defaults(self, loaded: Load, tmp_path: Path) -> None:
        """Without a file, an option or a variable: ./sql, and the embedded PostgreSQL of this folder."""
        environment = loaded()
        assert environment.name == "default"
        assert environment.root == tmp_path
        assert environment.config_file is None
        assert environment.directories == (tmp_path / "sql",)
        assert environment.target.embedded
        assert environment.target.folder == tmp_path / ".sqlmig"
        assert environment.target.source == "nothing configured: embedded PostgreSQL"
        assert not environment.target.conninfo
        assert (environment.protected, environment.allow_rollback) == (False, False)
        assert (environment.role, environment.search_path, environment.statement_timeout) == (None, None, None)
        assert (environment.lock_timeout, environment.lock_retries, environment.lock_wait) == ("3s", 5, "30s")
        assert (environment.on_drift, environment.history_schema) == ("warn", "sqlmig")
        assert (environment.store_up_limit, environment.message_size) == (1024 * 1024, 512 * 1024)

    def test_every_key_is_read(self, loaded: Load, tmp_path: Path) -> None:
        """Each key of the file reaches the environment, as it was written."""
        environment = loaded("""
            directory = ["a", "b/c"]
            url = "postgres://somewhere/db"
            protected = true
            allow_rollback = true
            role = "app owner"
            search_path = "app, public"
            lock_timeout = "1500ms"
            statement_timeout = "5min"
            lock_retries = 0
            lock_wait = "2min"
            on_drift = "error"
            history_schema = "Änderungen"
            store_up_limit = "0"
            message_size = 4096
        """)
        assert environment.directories == (tmp_path / "a", tmp_path / "b" / "c")
        assert environment.target.conninfo.reveal() == "postgres://somewhere/db"
        assert (environment.protected, environment.allow_rollback) == (True, True)
        assert (environment.role, environment.search_path) == ("app owner", "app, public")
        assert (environment.lock_timeout, environment.statement_timeout) == ("1500ms", "5min")
        assert (environment.lock_retries, environment.lock_wait) == (0, "2min")
        assert (environment.on_drift, environment.history_schema) == ("error", "Änderungen")
        assert (environment.store_up_limit, environment.message_size) == (0, 4096)

    def test_is_found_upwards(self, tmp_path: Path) -> None:
        """The nearest file wins, and all that it names is relative to its own folder."""
        inner = tmp_path / "a" / "b"
        inner.mkdir(parents=True)
        (tmp_path / "sqlmig.toml").write_text('directory = "db"')
        assert find_config(inner) == tmp_path / "sqlmig.toml"
        environment = load(cwd=inner, environ={})
        assert (environment.root, environment.directories) == (tmp_path, (tmp_path / "db",))
        (tmp_path / "a" / "pyproject.toml").write_text('[tool.sqlmig]\ndirectory = "nearer"')
        assert load(cwd=inner, environ={}).directories == (tmp_path / "a" / "nearer",)
        (tmp_path / "a" / "sqlmig.toml").write_text('directory = "its own file"')
        assert load(cwd=inner, environ={}).directories == (tmp_path / "a" / "its own file",)

    @pytest.mark.parametrize(
        "text",
        [
            '[project]\ndependencies = ["sqlmig"]',
            "[tool.other]\n",
            "tool = 3 # sqlmig",
            "sqlmig <<<<<<< not TOML",
            "\udcff",
        ],
    )
    def test_a_pyproject_of_others_is_passed_over(self, text: str, tmp_path: Path) -> None:
        """A pyproject.toml without a [tool.sqlmig] table, broken or not, is no configuration."""
        (tmp_path / "pyproject.toml").write_bytes(text.encode(errors="surrogateescape"))
        assert find_config(tmp_path) != tmp_path / "pyproject.toml"

    def test_a_broken_pyproject_with_our_table_is_not_passed_over(self, tmp_path: Path) -> None:
        """Passing it over would run with the defaults."""
        (tmp_path / "pyproject.toml").write_text('[tool.sqlmig]\nurl = "postgres://\n')
        error = failure(lambda: load(cwd=tmp_path, environ={}))
        assert str(error.place).startswith("pyproject.toml:2")

    def test_a_folder_of_this_name_is_no_file(self, tmp_path: Path) -> None:
        """Only a file configures."""
        (tmp_path / "sqlmig.toml").mkdir()
        assert load(cwd=tmp_path, environ={}).config_file is None

    def test_a_folder_that_cannot_be_looked_into_holds_none(self) -> None:
        """Not being able to look is no reason to stop looking further up."""
        assert find_config(Path("/") / ("x" * 300)) is None

    def test_one_that_is_named_is_used_alone(self, loaded: Load, tmp_path: Path) -> None:
        """--config goes before SQLMIG_CONFIG, that before the search; both are relative to the working directory."""
        for name in ("first", "second"):
            (tmp_path / name).mkdir()
            (tmp_path / name / "any.toml").write_text(f'role = "{name}"')
        variables = {"SQLMIG_CONFIG": "second/any.toml"}
        assert loaded('role = "searched"').role == "searched"
        assert loaded(environ=variables).role == "second"
        chosen = loaded(environ=variables, config=Path("first/any.toml"))
        assert (chosen.role, chosen.root) == ("first", tmp_path / "first")

    def test_one_that_is_named_has_to_exist(self, loaded: Load) -> None:
        """A file that was asked for is never replaced by defaults."""
        error = failure(lambda: loaded(config=Path("none.toml")))
        assert "none.toml" in error.message
        assert "No such file" in error.message

    def test_a_named_pyproject_has_to_have_our_table(self, loaded: Load, tmp_path: Path) -> None:
        """A pyproject.toml is read as one, wherever it is named."""
        (tmp_path / "pyproject.toml").write_text("[project]\n")
        assert "[tool.sqlmig]" in failure(lambda: loaded(config=Path("pyproject.toml"))).message

    def test_may_come_from_windows(self, loaded: Load, tmp_path: Path) -> None:
        """A byte order mark and CRLF change nothing."""
        (tmp_path / "sqlmig.toml").write_bytes('\ufeffrole = "ä"\r\nprotected = true\r\n'.encode())
        assert (loaded().role, loaded().protected) == ("ä", True)

    def test_other_encodings_are_refused_by_byte(self, loaded: Load, tmp_path: Path) -> None:
        """Where the file is not UTF-8, the byte is named."""
        (tmp_path / "sqlmig.toml").write_bytes('\ufeffrole = "'.encode() + b'\xe4"')
        assert "byte 11" in failure(loaded).message

    def test_broken_toml_is_addressed(self, loaded: Load) -> None:
        """Line and column of what is not TOML, and nothing of the line, which may hold a password."""
        error = failure(lambda: loaded('protected = true\npassword = "top secret\n'))
        assert str(error.place) == "sqlmig.toml:2:23"
        assert "secret" not in str(error) + str(error.__dict__)

    def test_the_file_that_init_writes_is_the_default(self, tmp_path: Path) -> None:
        """It loads, in each of its environments; development differs from no file in its name alone."""
        path = write_default(tmp_path)
        assert path.read_text() == DEFAULT_FILE
        environment = load(cwd=tmp_path, environ={})
        plain = load(cwd=Path("/"), environ={})
        assert (environment.name, environment.target.embedded) == ("development", True)
        for field in dataclasses.fields(Environment):
            if field.compare and field.name not in ("name", "root", "config_file", "directories", "seeds", "target"):
                assert getattr(environment, field.name) == getattr(plain, field.name)
        production = load(cwd=tmp_path, environ={"DATABASE_URL": "postgres://h/d"}, env="production")
        assert (production.protected, production.target.conninfo.reveal()) == (True, "postgres://h/d")

    def test_every_line_that_init_comments_out_is_valid(self, loaded: Load) -> None:
        """What a reader uncomments has to work."""
        environment = loaded(DEFAULT_FILE.replace("\n# ", "\n"), {"DATABASE_URL": "postgres://h/d"}, env="production")
        assert (environment.role, environment.on_drift) == ("app_owner", "error")

    def test_init_never_writes_over_a_file(self, tmp_path: Path) -> None:
        """A file that is there stays as it is."""
        (tmp_path / "sqlmig.toml").write_text("mine")
        assert "exists already" in failure(lambda: write_default(tmp_path)).message
        assert (tmp_path / "sqlmig.toml").read_text() == "mine"
        assert "cannot write" in failure(lambda: write_default(tmp_path / "no such folder")).message


class TestEnvironments:
    TWO = """
        role = "everywhere"
        lock_retries = 7
        [env.staging]
        url = "postgres://staging/db"
        [env.production]
        url = "postgres://production/db"
        role = "owner"
    """

    def test_what_one_says_goes_before_what_all_share(self, loaded: Load) -> None:
        """Keys at the top of the file are the defaults of every environment."""
        staging, production = (loaded(self.TWO, env=name) for name in ("staging", "production"))
        assert (staging.role, staging.lock_retries) == ("everywhere", 7)
        assert (production.role, production.lock_retries) == ("owner", 7)
        assert production.target.conninfo.reveal() == "postgres://production/db"
        assert production.target.source == "sqlmig.toml [env.production] url"

    def test_is_chosen_by_option_variable_or_file(self, loaded: Load) -> None:
        """--env over SQLMIG_ENV over default_environment; an empty variable is none."""
        text = 'default_environment = "staging"\n' + self.TWO
        assert loaded(text).name == "staging"
        assert loaded(text, {"SQLMIG_ENV": ""}).name == "staging"
        assert loaded(text, {"SQLMIG_ENV": "production"}).name == "production"
        assert loaded(text, {"SQLMIG_ENV": "production"}, env="staging").name == "staging"
        assert (
            loaded('default_environment = "${STAGE:-staging}"\n' + self.TWO, {"STAGE": "production"}).name
            == "production"
        )

    @pytest.mark.parametrize(
        ("environ", "options", "said_by"),
        [
            ({}, {"env": "prod"}, "--env"),
            ({"SQLMIG_ENV": "prod"}, {}, "SQLMIG_ENV"),
            ({}, {"env": "prod", "connect": False}, "--env"),
        ],
    )
    def test_an_unknown_one_is_refused_with_those_that_exist(
        self, loaded: Load, environ: dict[str, str], options: dict[str, Any], said_by: str
    ) -> None:
        """A mistyped name never falls back to another environment."""
        error = failure(lambda: loaded(self.TWO, environ, **options))
        assert said_by in error.message
        assert '"prod"' in error.message
        assert "staging, production" in str(error.next_step)

    def test_an_unknown_default_is_addressed(self, loaded: Load) -> None:
        """The line of default_environment is named where that is wrong."""
        error = failure(lambda: loaded('protected = true\ndefault_environment = "x"\n'))
        assert str(error.place) == "sqlmig.toml:2"
        assert "[env.x]" in str(error.next_step)

    def test_none_is_guessed(self, loaded: Load) -> None:
        """Where only the environments say where to connect, one has to be chosen; a URL, or no need of one, will do."""
        error = failure(lambda: loaded(self.TWO))
        assert "no environment is chosen" in error.message
        assert "staging, production" in str(error.next_step)
        assert loaded(self.TWO, url="embedded").name == "default"
        assert loaded(self.TWO, {"SQLMIG_URL": "embedded"}).name == "default"
        assert loaded(self.TWO, connect=False).name == "default"
        assert loaded('url = "embedded"\n' + self.TWO).target.embedded

    def test_one_named_default_is_the_default(self, loaded: Load) -> None:
        """Without default_environment, [env.default] is used if there is one."""
        assert loaded(self.TWO + '[env.default]\nrole = "d"\nurl = "embedded"').role == "d"

    def test_without_a_file_there_is_none(self, loaded: Load) -> None:
        """--env production without a file must not reach the embedded server in its place."""
        error = failure(lambda: loaded(env="production"))
        assert '"production"' in error.message
        assert "[env.production]" in str(error.next_step)

    def test_an_empty_role_is_none(self, loaded: Load) -> None:
        """An environment can take back what all share."""
        assert loaded(self.TWO + '[env.x]\nurl = "embedded"\nrole = ""\nstatement_timeout = ""', env="x").role is None


class TestDirectories:
    def test_option_variable_file(self, loaded: Load, tmp_path: Path) -> None:
        """--dir over SQLMIG_DIR over the file; the first two count from the working directory, and may be several."""
        inner = tmp_path / "inner"
        inner.mkdir()
        (tmp_path / "sqlmig.toml").write_text('directory = "file"')
        variables = {"SQLMIG_DIR": f"one{os.pathsep}/two"}
        assert load(cwd=inner, environ={}).directories == (tmp_path / "file",)
        assert load(cwd=inner, environ=variables).directories == (inner / "one", Path("/two"))
        assert load(cwd=inner, environ=variables, directories=[Path("x"), Path("y")]).directories == (
            inner / "x",
            inner / "y",
        )
        assert load(cwd=inner, environ={"SQLMIG_DIR": ""}).directories == (tmp_path / "file",)

    def test_variables_are_replaced_in_each(self, loaded: Load, tmp_path: Path) -> None:
        """A list of folders may refer to variables too."""
        assert loaded('directory = ["${A}/sql", "b"]', {"A": "/far"}).directories == (Path("/far/sql"), tmp_path / "b")


class TestVariables:
    @pytest.mark.parametrize(
        ("template", "value"),
        [
            ("${A}", "one"),
            ("x-${A}-${A}", "x-one-one"),
            ("${A:-other}", "one"),
            ("${NONE:-other}", "other"),
            ("${NONE:-}x", "x"),
            ("${EMPTY:-other}", "other"),
            ("${EMPTY}x", "x"),
            ("$$", "$"),
            ("$${A}", "${A}"),
            ("$A", "$A"),
            ("cost: 5$", "cost: 5$"),
            ("${NESTED}", "${A}"),
        ],
    )
    def test_are_replaced(self, template: str, value: str, loaded: Load) -> None:
        """${VAR} and ${VAR:-default} as in a shell, $$ for a dollar sign; a value is never expanded again."""
        variables = {"A": "one", "EMPTY": "", "NESTED": "${A}"}
        assert loaded(f"role = '{template}'", variables).role == value

    def test_one_that_is_not_set_is_named(self, loaded: Load) -> None:
        """The variable, the key, the environment and the line."""
        error = failure(lambda: loaded('[env.x]\n\nurl = "${DATABASE_URL}"', env="x"))
        assert "DATABASE_URL" in error.message
        assert "[env.x] url" in error.message
        assert str(error.place) == "sqlmig.toml:3"

    @pytest.mark.parametrize("template", ["${", "${A", "${}", "${1}", "${A-b}", "${A:?b}", "${A:-${B}}", "${A b}"])
    def test_other_forms_are_refused(self, template: str, loaded: Load) -> None:
        """A reference that is not understood is not passed on as text."""
        error = failure(lambda: loaded(f'role = "{template}"', {"A": "one"}))
        assert "role" in error.message
        assert "${NAME:-default}" in str(error.next_step)

    def test_only_those_that_count_have_to_be_set(self, loaded: Load) -> None:
        """Another environment's variables, and those of a value that is overridden, are not asked for."""
        text = """
            url = "${TOP}"
            password = "${TOP_PASSWORD}"
            role = "${TOP_ROLE}"
            [env.a]
            url = "postgres://host/db"
            password = "x"
            role = "r"
            [env.b]
            url = "${B}"
            [env.c]
            url = "embedded"
            role = "r"
        """
        assert loaded(text, env="a").role == "r"
        assert loaded(text, env="c").target.embedded
        assert loaded(text, {"TOP_ROLE": "t"}, env="b", url="embedded").role == "t"
        assert "variable B " in failure(lambda: loaded(text, {"TOP_ROLE": "t"}, env="b")).message

    def test_offline_commands_ask_for_nothing_of_the_connection(self, loaded: Load, tmp_path: Path) -> None:
        """Without a connection no command runs, and neither the URL's variables nor the role's have to be set."""
        text = """
            role = "${NONE}"
            search_path = "${NONE}"
            password = "${NONE}"
            [env.a]
            url = "${NONE}"
            [env.b]
            url_command = ["touch", "was-run"]
        """
        for name in ("a", "b"):
            environment = loaded(text, {"SQLMIG_URL": "mysql://not looked at"}, env=name, connect=False)
            assert environment.name == name
            assert not environment.target.embedded
            assert not environment.target.conninfo
        assert not (tmp_path / "was-run").exists()


class TestErrors:
    @pytest.mark.parametrize(
        ("text", "line", "message", "next_step"),
        [
            ("lock_timeuot = '3s'", 1, "lock_timeuot", "lock_timeout"),
            ("[env.a]\nprotect = true", 2, "[env.a] protect", "protected"),
            ("[env.a]\npasswrod = 'x'", 2, "[env.a] passwrod", "password"),
            ("[env.a]\nLOCK-TIMEOUT = '1s'", 2, "LOCK-TIMEOUT", "lock_timeout"),
            ("[env.a]\ndefault_environment = 'b'", 2, "default_environment", "top of the file"),
            ("x = 1\n[production]\nurl = 'x'", 1, "x:", "the keys are"),
            ("\n[production]\nurl = 'x'", 2, "production", "[env.production]"),
            ("env = 3", 1, "env", "[env.NAME]"),
            ("[env]\nurl = 'x'", 2, "[env] url", "[env.NAME]"),
            ("protected = 'true'", 1, "without quotes", None),
            ("role = 3", 1, "text", None),
            ("role = 'a\\u0000b'".replace("'", '"'), 1, "NUL", None),
            ("lock_retries = true", 1, "whole number", None),
            ("lock_retries = -1", 1, "whole number", None),
            ("lock_retries = 1.5", 1, "whole number", None),
            ("lock_timeout = 3", 1, "write 3s", None),
            ("lock_timeout = false", 1, "text", None),
            ("statement_timeout = 'soon'", 1, "soon", None),
            ("lock_wait = '1 moment'", 1, "moment", None),
            ("on_drift = 'erorr'", 1, '"warn" or "error"', None),
            ("store_up_limit = 'all'", 1, "all", None),
            ("store_up_limit = -1", 1, "whole number", None),
            ("history_schema = 'pg_mine'", 1, "keeps for itself", None),
            ("history_schema = 'information_schema'", 1, "keeps for itself", None),
            ("history_schema = ''", 1, "empty", None),
            ("history_schema = '" + "ä" * 32 + "'", 1, "63 bytes", None),
            ("directory = []", 1, "folder", None),
            ("directory = ''", 1, "folder", None),
            ("directory = [1]", 1, "text", None),
            ("default_environment = 1", 1, "text", None),
            ("url = 3", 1, "url", None),
            ("host = ['a']", 1, "host", None),
            ("port = '70000'", 1, "65535", None),
            ("port = 'abc'", 1, "65535", None),
            ('host = "a\\u0000b"', 1, "NUL", None),
            ("url = 'embedded'\nhost = 'x'", 2, "host", "one of the two"),
            ("url = 'embedded'\nurl_command = ['x']", 2, "url_command", "one of the two"),
            ("url_command = []", 1, "list of words", None),
            ("url_command = [1]", 1, "list of words", None),
            ("url_command = 'a \"b'", 1, "quote", None),
            ("url = ''", 1, "empty", None),
            ("'role' = 3", 1, "role", None),
            ("env.a.role = 3\nenv.a.url = 'embedded'\ndefault_environment='a'", 1, "[env.a] role", None),
        ],
    )
    def test_name_file_line_key_and_remedy(
        self, text: str, line: int, message: str, next_step: str | None, loaded: Load
    ) -> None:
        """Each error in the file says where it is, which key it is about and what to write."""
        error = failure(lambda: loaded(text))
        assert str(error.place) == f"sqlmig.toml:{line}"
        assert message in error.message
        assert next_step is None or next_step in str(error.next_step)
        assert error.exit_code == 2

    def test_a_line_that_is_hard_to_find_is_left_out(self, loaded: Load) -> None:
        """The file is named in any case."""
        error = failure(lambda: loaded("env = {a = {role = 3, url = 'embedded'}}", env="a"))
        assert str(error.place) == "sqlmig.toml"
        assert "[env.a] role" in error.message

    def test_a_file_above_is_named_by_its_whole_path(self, tmp_path: Path) -> None:
        """From a folder below, the file's name alone would be looked for in the wrong place."""
        (tmp_path / "inner").mkdir()
        (tmp_path / "sqlmig.toml").write_text("role = 3")
        error = failure(lambda: load(cwd=tmp_path / "inner", environ={}))
        assert str(error.place) == f"{tmp_path}/sqlmig.toml:1"

    def test_a_working_directory_that_is_gone_is_told(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A removed folder is no reason for a traceback."""
        gone = tmp_path / "gone"
        gone.mkdir()
        monkeypatch.chdir(gone)
        gone.rmdir()
        assert "does not exist any more" in failure(load).message


def test_keys_do_not_collide() -> None:
    """No parameter of libpq has the name of a key of ours."""
    assert len(set(ENVIRONMENT_KEYS)) == len(ENVIRONMENT_KEYS)
    assert set(DEFAULTS) <= {field.name for field in dataclasses.fields(Environment)} | {"directory"}


def test_offline_commands_do_not_load_the_driver() -> None:
    """Loading psycopg costs more than the rest of the start: only what connects to a server elsewhere does."""
    code = (
        "import sys; from sqlmig.config import load; load(environ={}, connect=False); load(environ={}, url='embedded')"
    )
    code += "; sys.exit('psycopg' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
