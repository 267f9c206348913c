"""Passwords: a value that does not show itself, and a filter that takes known ones out of any text."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import NoReturn
from urllib.parse import unquote

from sqlmig.patterns import pattern

MASK = "***"

SECRET_KEYWORDS = ("password", "sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key")
"""The libpq connection parameters that hold a secret."""

EVERYDAY_WORDS = frozenset({"password", "postgres", "postgresql", "sqlmig"})
"""Passwords that every other message contains. Taking them out everywhere would tell a reader what they are."""

SHORTEST_HIDDEN_EVERYWHERE = 4
SHORTEST_HIDDEN_WITHIN_WORDS = 8


class Secret:
    """A text that is read by ``reveal`` alone: ``repr``, ``str``, ``format`` and copies never show it.

    Pickling raises TypeError: a secret that leaves the process does so by ``reveal``, on purpose.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __repr__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return MASK

    def __eq__(self, other: object) -> bool:
        return self._text == other._text if isinstance(other, Secret) else NotImplemented

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a Secret is not pickled: its text would be in the open")


class Redactor:
    """Replaces every known secret in a text by ``***``, in each spelling in which a program may print it.

    Give it what people see (a message, a value of a JSON document), before it is cut or wrapped, never what is stored
    or run. The password in any ``postgres://user:password@`` goes too, known or not.

    Three rules keep a weak password from blotting out the text around it, which would also give it away:
    one shorter than 4 characters, an everyday word ("postgres"), or one that is part of a value which is shown anyway
    (``public``: the user, the database, the host) goes only where a password stands (``password=x``,
    ``user:x@host``); one of less than 8 letters and digits goes as a whole word; any other goes everywhere.
    """

    __slots__ = ("_filters", "_public", "_secrets")

    def __init__(self, secrets: Iterable[str] = (), public: Iterable[str] = ()) -> None:
        self._secrets = frozenset(filter(None, secrets))
        self._public = frozenset(filter(None, public))
        self._filters: list[Callable[[str], str]] | None = None

    def __call__(self, text: str) -> str:
        if self._filters is None:
            self._filters = list(_filters(self._secrets, self._public))
        for hide in self._filters:
            text = hide(text)
        return text

    def knowing(self, secrets: Iterable[str], public: Iterable[str] = ()) -> Redactor:
        """One that knows these as well."""
        return Redactor(self._secrets.union(secrets), self._public.union(public))

    def __repr__(self) -> str:
        return "Redactor()"

    def __copy__(self) -> Redactor:
        return self

    def __deepcopy__(self, memo: object) -> Redactor:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a Redactor is not pickled: its secrets would be in the open")


def redacted(value: object, secrets: Callable[[str], str]) -> object:
    """A value of a JSON document with every text in it filtered, but for keys."""
    if isinstance(value, str):
        return secrets(value)
    if isinstance(value, dict):
        return {key: redacted(item, secrets) for key, item in value.items()}
    if isinstance(value, list):
        return [redacted(item, secrets) for item in value]
    return value


URL = pattern(r"postgres(?:ql)?(?:\+\w+)?://(?P<rest>.*)", re.IGNORECASE | re.DOTALL)
CONNINFO_SECRET = pattern(
    rf"\b(?:{'|'.join(SECRET_KEYWORDS)})\s*=\s*(?:'((?:[^'\\]|\\.)*)'?|([^\s'](?:[^\s\\]|\\.)*))", re.DOTALL
)


def secrets_in(text: str) -> frozenset[str]:
    """Every password that a connection URL or conninfo string may hold, as written and as meant.

    Knows malformed text too: where an ``@`` or ``/`` of a password was not percent-encoded, each reading is included.
    """
    found: set[str] = set()
    for url in URL.finditer(text):
        rest = url["rest"]
        for user_information, at, _ in (rest.partition("@"), rest.rpartition("@")):
            if at:
                found.add(user_information.partition(":")[2])
        for parameter in re.split("[?&]", rest)[1:]:
            name, _, value = parameter.partition("=")
            if unquote(name) in SECRET_KEYWORDS:
                found.add(value)
    for quoted, plain in CONNINFO_SECRET.findall(text):
        found |= {quoted, plain, re.sub(r"\\(.)", r"\1", quoted or plain, flags=re.DOTALL)}
    return frozenset((found | {unquote(secret) for secret in found}) - {""})


URL_PASSWORD = pattern(r"""(postgres(?:ql)?(?:\+\w+)?://[^\s/:@"'<>]*:)[^\s"'<>]*(@)""", re.IGNORECASE)
PASSWORD_STARTS = (
    rf"""((?:\b\w*(?:{"|".join((*SECRET_KEYWORDS, "passwd"))})\b["']?(?:\s*[=:]\s*|\s+(?=["']))|://[^\s/:@]*:)["']?)"""
)
WORD_STARTS = r"(?:(?<!\w)|(?<=\\[nrt])|(?<=%[0-9A-Fa-f]{2}))"
SHORT_WORD = pattern(rf"\w{{1,{SHORTEST_HIDDEN_WITHIN_WORDS - 1}}}")


def _filters(secrets: frozenset[str], public: frozenset[str]) -> Iterator[Callable[[str], str]]:
    shown = [value.casefold() for value in (*EVERYDAY_WORDS, *public)]
    weak = {
        secret
        for secret in secrets
        if len(secret) < SHORTEST_HIDDEN_EVERYWHERE or any(secret.casefold() in value for value in shown)
    }
    if strong := secrets - weak:
        anywhere = re.compile(_any_of(strong))
        yield lambda text: anywhere.sub(MASK, text)
    yield lambda text: URL_PASSWORD.sub(rf"\1{MASK}\2", text)
    if weak:
        in_place = re.compile(rf"{PASSWORD_STARTS}(?:{_any_of(weak)})(?!\w)", re.IGNORECASE)
        yield lambda text: in_place.sub(rf"\1{MASK}", text)


def _any_of(secrets: Iterable[str]) -> str:
    """A pattern for all spellings of all secrets, the longest first, so that none hides only part of another."""
    patterns: list[tuple[int, str]] = []
    for secret in secrets:
        starts, ends = (WORD_STARTS, r"(?!\w)") if SHORT_WORD.fullmatch(secret) else ("", "")
        for spelling in _spellings(secret):
            patterns.append((len(spelling), f"{starts}{re.escape(spelling)}{ends}"))
        patterns.append((len(secret), f"{starts}{_percent_encoded(secret)}{ends}"))
    return "|".join(pattern for _, pattern in sorted(patterns, reverse=True))


def _spellings(secret: str) -> set[str]:
    """The text as programs quote it, and as they quote what another has quoted."""
    once = {write(secret) for write in QUOTERS}
    return {secret} | once | {write(text) for text in once for write in QUOTERS}


def _repr(text: str) -> str:
    return repr(text + BOTH_QUOTES)[1:-4]


def _ascii(text: str) -> str:
    return ascii(text + BOTH_QUOTES)[1:-4]


def _bytes_repr(text: str) -> str:
    return repr((text + BOTH_QUOTES).encode(errors="surrogatepass"))[2:-4]


def _html(text: str) -> str:
    import html

    return html.escape(text)


BOTH_QUOTES = "'\""
"""Python escapes the single quotes of a text that holds both kinds, as a longer text around a secret may."""

QUOTERS: tuple[Callable[[str], str], ...] = (
    _repr,
    _ascii,
    _bytes_repr,
    lambda text: _repr(text).replace(r"\'", "'"),
    lambda text: _ascii(text).replace(r"\'", "'"),
    lambda text: _bytes_repr(text).replace(r"\'", "'"),
    lambda text: json.dumps(text)[1:-1],
    lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    lambda text: text.replace("'", """'"'"'"""),
    lambda text: text.replace("'", r"'\''"),
    lambda text: re.sub(r"([^\w%+,./:=@#-])", r"\\\1", text),
    lambda text: re.sub(r"(\W)", r"\\\1", text),
    lambda text: re.sub(r"(['\\])", r"\\\1", text),
    lambda text: text.replace("'", "''"),
    lambda text: text.replace('"', '""'),
    _html,
)
"""Python's repr of texts and bytes, JSON and TOML, a shell's ways, libpq's conninfo, SQL, CSV, HTML."""


def _percent_encoded(secret: str) -> str:
    """A pattern for any mixture of plain and percent-encoded characters, in either case, encoded once or twice."""
    return "".join(map(_percent_encoded_character, secret))


def _percent_encoded_character(character: str) -> str:
    encoded = "".join(f"%(?:25)?{byte:02x}" for byte in character.encode(errors="surrogatepass"))
    plus = r"|\+" if character == " " else ""
    return rf"(?:{re.escape(character)}|(?i:{encoded}){plus})"
