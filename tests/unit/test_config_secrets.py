"""Passwords do not show: not in values, copies, tracebacks, nor in any text that a Redactor has seen."""

from __future__ import annotations

import copy
import dataclasses
import html
import json
import pickle
import shlex
import time
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg import pq
from psycopg.conninfo import make_conninfo

from sqlmig.config import Redactor, Secret, known_redactor
from sqlmig.config.secrets import EVERYDAY_WORDS, MASK, SECRET_KEYWORDS, secrets_in

NASTY = "p@s:/?#[%&+ '\"é"


def every_byte_encoded(text: str) -> str:
    return "".join(f"%{byte:02x}" for byte in text.encode())


def as_bash_prints_it(text: str) -> str:
    return "".join(character if character.isalnum() else f"\\{character}" for character in text)


SPELLINGS: dict[str, Callable[[str], str]] = {
    "raw": str,
    "URL": lambda text: quote(text, safe=""),
    "URL with some characters left": lambda text: quote(text, safe=":/?#[&+'"),
    "URL in lower case": lambda text: quote(text, safe="").lower(),
    "URL, every byte": every_byte_encoded,
    "URL form": quote_plus,
    "URL twice": lambda text: quote(quote(text, safe=""), safe=""),
    "repr": repr,
    "repr beside other quotes": lambda text: repr(f"'\"{text}"),
    "repr of a repr": lambda text: repr(repr(text)),
    "ascii": ascii,
    "bytes": lambda text: repr(text.encode()),
    "JSON": json.dumps,
    "JSON, not ASCII": lambda text: json.dumps(text, ensure_ascii=False),
    "JSON of a repr": lambda text: json.dumps(repr({"password": text})),
    "shell": shlex.quote,
    "shell with backslashes": as_bash_prints_it,
    "conninfo": lambda text: make_conninfo(password=text),
    "SQL": lambda text: "'" + text.replace("'", "''") + "'",
    "CSV": lambda text: '"' + text.replace('"', '""') + '"',
    "HTML": html.escape,
}


CHARACTERS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters=MASK + "\0"), min_size=8)


class TestSecret:
    def test_shows_itself_to_nobody_but_who_asks(self) -> None:
        """No way of making text of a Secret gives the text away, except reveal."""
        secret = Secret(NASTY)
        shown = [repr(secret), str(secret), f"{secret}", f"{secret!r:>40}", "%s" % secret, repr([secret])]  # noqa: UP031
        shown += [str(dataclasses.asdict(Holder(secret))), json.dumps({"a": secret}, default=str)]
        assert all(NASTY not in text for text in shown)
        assert f"{secret:>20}" == MASK
        assert secret.reveal() == NASTY

    def test_is_compared_by_what_it_holds(self) -> None:
        """Equal secrets are equal and hash alike; a Secret never equals a plain text, so that no search finds it."""
        assert Secret("a") == Secret("a")
        assert hash(Secret("a")) == hash(Secret("a"))
        assert Secret("a") != Secret("b")
        assert Secret("a") != "a"
        assert not Secret("")
        assert Secret("a")

    def test_copies_are_as_closed_as_itself(self) -> None:
        """Copies hold the same; none of the ways to copy opens it."""
        for twin in (copy.copy(Secret("x")), copy.deepcopy(Secret("x"))):
            assert twin == Secret("x")

    @pytest.mark.parametrize("closed", [Secret(NASTY), Redactor([NASTY])], ids=["Secret", "Redactor"])
    def test_is_not_pickled(self, closed: object) -> None:
        """What holds a password cannot be written out by accident."""
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            with pytest.raises(TypeError, match="not pickled"):
                pickle.dumps(closed, protocol)


@dataclasses.dataclass(frozen=True)
class Holder:
    secret: Secret


class TestRedactor:
    @pytest.mark.parametrize("write", SPELLINGS.values(), ids=SPELLINGS)
    @pytest.mark.parametrize("password", [NASTY, "hunter2", "back\\slash'quote", 'tab\there "and" é€😀', "a%40b%2525"])
    def test_hides_a_password_however_it_is_written(self, password: str, write: Callable[[str], str]) -> None:
        """Each spelling in which a program may print a password goes, and the text around it stays."""
        text = f"connection failed: {write(password)} (was not accepted)"
        hidden = Redactor([password])(text)
        assert password not in hidden
        assert write(password).strip("'\"b") not in hidden
        assert MASK in hidden
        assert hidden.startswith("connection failed: ")
        assert hidden.endswith(" (was not accepted)")

    @given(
        password=CHARACTERS.filter(lambda text: text.casefold() not in EVERYDAY_WORDS),
        before=st.text(max_size=10),
        behind=st.text(max_size=10),
        write=st.sampled_from(list(SPELLINGS.values())),
    )
    def test_hides_any_password_of_eight_characters(
        self, password: str, before: str, behind: str, write: Callable[[str], str]
    ) -> None:
        """A password of 8 characters or more never comes through, wherever it stands."""
        hidden = Redactor([password])(f"{before}{write(password)}{behind}")
        assert password not in hidden
        assert quote(password, safe="") not in hidden

    def test_hides_the_whole_of_the_longer_secret(self) -> None:
        """Where one secret is the beginning of another, nothing of the longer one remains."""
        assert Redactor(["opensesame", "opensesame-and-more"])("opensesame-and-more") == MASK

    def test_a_short_password_does_not_blot_out_the_text(self) -> None:
        """A password of one letter is hidden where a password stands, and only there."""
        redact = Redactor(["a"])
        assert redact("a table has a name") == "a table has a name"
        for text in (
            "host=x password=a",
            "postgres://me:a@host/a",
            "{'password': 'a'}",
            '{"password": "a"}',
            "PGPASSWORD=a",
        ):
            assert MASK in redact(text)
        assert redact("postgres://me:a@host/data") == f"postgres://me:{MASK}@host/data"
        assert redact("host=x password=a user=a") == f"host=x password={MASK} user=a"
        assert redact("password=apple") == "password=apple"

    @pytest.mark.parametrize("word", ["postgres", "password", "sqlmig", "app_owner", "owner"])
    def test_a_password_that_is_shown_anyway_is_hidden_only_as_a_password(self, word: str) -> None:
        """Taking "postgres" out of every message would tell the password, and hide what the message says."""
        redact = Redactor([word], public=["app_owner"])
        message = f'password authentication failed for user "app_owner" of sqlmig on postgres, {word}'
        assert redact(message) == message
        assert redact(f"user=x password={word}") == f"user=x password={MASK}"
        assert redact(f"x PASSWORD '{word}'") == f"x PASSWORD '{MASK}'"

    def test_a_short_word_is_hidden_as_a_word(self) -> None:
        """A password that is a short word is not cut out of longer words, whatever stands before it."""
        redact = Redactor(["test"])
        assert redact('latest: "test"') == f'latest: "{MASK}"'
        assert redact(repr("first\ntest")) == repr(f"first\n{MASK}")
        assert redact("x%20test") == f"x%20{MASK}"

    @pytest.mark.parametrize(
        "text",
        [
            "usage: no such option --ulr=postgres://me:s3cr@t/x@host/db",
            "postgresql+psycopg://me:s3cr@t/x@host",
            "POSTGRES://me:s3cr@t/x@host",
        ],
    )
    def test_hides_the_password_of_a_url_that_nobody_told_it(self, text: str) -> None:
        """A URL with a password may come from anywhere: a mistyped option, another program's output."""
        hidden = Redactor()(text)
        assert "s3cr" not in hidden
        assert "t/x" not in hidden

    @pytest.mark.parametrize(
        "text", ["", "postgres://host/db", "postgres://me@host:5432/db", "password authentication", "password='"]
    )
    def test_leaves_other_text_alone(self, text: str) -> None:
        """What holds no password comes back unchanged."""
        assert Redactor(["hunter22"])(text) == text

    def test_nothing_of_it_shows(self) -> None:
        """Neither repr nor a copy of a Redactor lists what it knows."""
        redact = Redactor([NASTY])
        assert NASTY not in repr(redact) + str(redact) + repr(copy.deepcopy(redact)) + repr(copy.copy(redact))
        assert copy.deepcopy(redact)(NASTY) == MASK

    def test_empty_secrets_are_none(self) -> None:
        """An empty password hides nothing."""
        assert Redactor([""], public=[""])("some text") == "some text"

    def test_takes_no_longer_for_a_hostile_text(self) -> None:
        """Passwords and texts of backslashes and quotes are handled in time that grows with the text alone."""
        redact = Redactor(["\\" * 20, "'" * 20, "%25" * 10, "pass" * 30])
        began = time.process_time()
        redact(("\\" * 19 + "'" * 19 + "x") * 500 + "%25" * 5000 + "password" * 2000)
        assert time.process_time() - began < 5


class TestSecretsIn:
    @pytest.mark.parametrize(
        ("text", "secret"),
        [
            (f"postgres://me:{quote(NASTY, safe='')}@host/db", NASTY),
            (f"postgresql://me:{NASTY}@host/db", NASTY),
            (f"postgres://host/db?user=me&password={quote(NASTY, safe='')}", NASTY),
            ("postgres://host/db?sslpassword=hush%20now", "hush now"),
            (f"--url=postgres://me:{quote(NASTY, safe='')}@host/db", NASTY),
            (make_conninfo(host="x", password=NASTY, user="me"), NASTY),
            ("password = plain host=x", "plain"),
            (r"password = a\ b host=x", "a b"),
            ("host=x password='never closed", "never closed"),
            ("oauth_client_secret=abcd", "abcd"),
        ],
    )
    def test_finds_every_password(self, text: str, secret: str) -> None:
        """URL and conninfo string, well-formed or not: what libpq or a person would call the password is found."""
        assert secret in secrets_in(text)
        assert secret not in known_redactor({}, text)(f"failed with {text} and {quote(secret, safe='')}")

    @pytest.mark.parametrize("text", ["", "postgres://host/db", "postgres://me@host/db", "host=x user=me", "embedded"])
    def test_finds_none_where_none_is(self, text: str) -> None:
        """A URL without a password yields nothing to hide."""
        assert secrets_in(text) == frozenset()

    def test_knows_every_secret_parameter_of_libpq(self) -> None:
        """libpq marks with * what a form should hide; all of that is known."""
        marked = {option.keyword.decode() for option in pq.Conninfo.get_defaults() if option.dispchar == b"*"}
        assert marked <= set(SECRET_KEYWORDS)


def test_the_environment_tells_its_passwords() -> None:
    """PGPASSWORD and SQLMIG_URL are known before any file is read; the user's name is not taken for a secret."""
    redact = known_redactor(
        {"PGPASSWORD": "first-one", "SQLMIG_URL": "postgres://me:second-one@h/d", "PGUSER": "postgres"}
    )
    assert redact("first-one second-one postgres") == f"{MASK} {MASK} postgres"
