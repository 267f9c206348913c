"""What libpq makes of a URL or conninfo string, and why not, said without any part of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote

from sqlmig.config.source import nearest
from sqlmig.patterns import pattern

LIBPQ_KEYWORDS: tuple[str, ...] = tuple(
    re.findall(
        r"\w+",
        """
        application_name channel_binding client_encoding connect_timeout dbname fallback_application_name gssdelegation
        gssencmode gsslib host hostaddr keepalives keepalives_count keepalives_idle keepalives_interval krbsrvname
        load_balance_hosts max_protocol_version min_protocol_version oauth_client_id oauth_client_secret oauth_issuer
        oauth_scope options passfile password port replication require_auth requirepeer scram_client_key
        scram_server_key service servicefile ssl_max_protocol_version ssl_min_protocol_version sslcert sslcertmode
        sslcompression sslcrl sslcrldir sslkey sslkeylogfile sslmode sslnegotiation sslpassword sslrootcert sslsni
        target_session_attrs tcp_user_timeout user
        """,
    )
)
"""PostgreSQL documentation, "Parameter Key Words" of libpq. Listed here so that commands without a database need not
load libpq to know a key of the file."""

SCHEME = pattern(r"(?:jdbc:)?(?P<name>[A-Za-z][A-Za-z0-9+.-]*)://")
USER_INFORMATION = pattern(r"postgres(?:ql)?://(?:\$\{[^{}]*\}|[^/@])*@")
FIT_FOR_USER_INFORMATION = pattern(r"(?:[^\s%/@]|%(?!00)[0-9A-Fa-f]{2})*")
FIT_FOR_QUERY = pattern(r"(?:[^\s%&=]|%(?!00)[0-9A-Fa-f]{2})*")
FIT_FOR_CONNINFO = pattern(r"[^\s'\\]+")

ENCODE = (
    "percent-encode the user name and the password (@ is %40, / is %2F, % is %25, a space is %20), "
    "or give the password by PGPASSWORD, .pgpass or the key password"
)
FORMS = "write postgresql://user@host/dbname or host=... dbname=... user=..."

EXPLANATIONS = (
    ("invalid percent-encoded token", "has a % that begins no percent-encoded character", ENCODE),
    ("forbidden value %00", "has a %00, which PostgreSQL cannot take", None),
    ("unexpected spaces", "has a space that is not percent-encoded", ENCODE),
    ("IPv6", "has a [ that begins no IPv6 address", ENCODE),
    ("unexpected character", "has something unexpected after the host", ENCODE),
    ("URI query parameter", "has a parameter after the ? that libpq does not know", ENCODE),
    ("invalid connection option", "has a parameter that libpq does not know", None),
    (
        "unterminated quoted string",
        "has a quote without its end",
        r"put values into '...', with \' for a quote in them",
    ),
    ('missing "="', "is neither a URL nor a list of parameters", FORMS),
)
"""What libpq says, as much of it as holds nothing of the text; what that means; what to do."""

UNKNOWN_PARAMETER = pattern(r'(?:invalid URI query parameter|invalid connection option) *:? *"(?P<name>\w{1,30})"')


class MisreadError(Exception):
    """libpq would refuse a text, or read it otherwise than it was meant. The message holds nothing of the text."""

    def __init__(self, message: str, next_step: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step


def parse(text: str) -> dict[str, str]:
    """The parameters that libpq reads from a URL or conninfo string. Raises MisreadError.

    More is refused than libpq would: an ``@`` behind the host and a port that is no number, because both come from an
    ``@`` or ``/`` that was not percent-encoded, and libpq would print the end of the password as a host or a database.
    """
    if not text:
        raise MisreadError("is empty", FORMS)
    if scheme := SCHEME.match(text):
        _check_scheme(scheme[0], scheme["name"])
        _check_at_signs(text[scheme.end() :])
    parameters = _read_by_libpq(text)
    if not _is_port(parameters.get("port", "")):
        raise MisreadError("has a port that is not a number from 1 to 65535", ENCODE)
    return parameters


def merge(parameters: Mapping[str, str]) -> str:
    """The conninfo string of parameters that passed ``check_field``."""
    from psycopg.conninfo import make_conninfo

    return make_conninfo("", **parameters)


def in_database(conninfo: str, name: str) -> str:
    """The same server and user, with another database."""
    from psycopg.conninfo import make_conninfo

    return make_conninfo(conninfo, dbname=name)


def keywords_of_libpq() -> frozenset[str]:
    """The parameters of the libpq at hand, which may know fewer or more than are listed here."""
    from psycopg import pq

    return frozenset(option.keyword.decode() for option in pq.Conninfo.get_defaults())


def check_field(name: str, value: str) -> None:
    """Raise MisreadError for a parameter that the libpq at hand does not know, or a value that it cannot take."""
    if name not in keywords_of_libpq():
        raise MisreadError("the installed libpq does not know this parameter")
    _check_characters(value)
    if name == "port" and not _is_port(value):
        raise MisreadError("is not a number from 1 to 65535")


def fit(template: str, reference: re.Match[str], value: str) -> str:
    """What to write for a variable that a URL or conninfo string refers to.

    A value goes in as it is wherever it can stand there. One that cannot (a password with an ``@`` in the place of the
    password, one with a space behind ``password=``) is percent-encoded in a URL and put in quotes elsewhere.
    """
    begun, rest = template[: reference.start()], template[reference.end() :]
    if not SCHEME.match(template):
        stands_alone = begun.rstrip().endswith("=") and (not rest or rest[0].isspace())
        return _quoted(value) if stands_alone and not FIT_FOR_CONNINFO.fullmatch(value) else value
    user_information = USER_INFORMATION.match(template)
    if user_information and reference.end() <= user_information.end():
        return value if FIT_FOR_USER_INFORMATION.fullmatch(value) else quote(value, safe="")
    if begun.endswith("=") and (not rest or rest[0] == "&"):
        return value if FIT_FOR_QUERY.fullmatch(value) else quote(value, safe="")
    return value


def _quoted(value: str) -> str:
    """PostgreSQL documentation, "Keyword/Value Connection Strings" of libpq."""
    return "'" + re.sub(r"(['\\])", r"\\\1", value) + "'"


def _is_port(text: str) -> bool:
    """Whether this is a list of port numbers, each of which may be empty, as libpq takes it."""
    ports = [port.strip() for port in text.split(",")]
    return all(not port or (port.isascii() and port.isdecimal() and 0 < int(port) <= 65535) for port in ports)


def _check_characters(text: str) -> None:
    """A NUL would end the text early; a lone surrogate, which stands for a byte that is not UTF-8, cannot be sent."""
    if "\0" in text:
        raise MisreadError("has a NUL character")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise MisreadError("is not UTF-8")


def _check_scheme(written: str, scheme: str) -> None:
    if written in ("postgres://", "postgresql://"):
        return
    if scheme.lower().startswith("postgres"):
        raise MisreadError(f"begins with {written}, which libpq does not know", "write postgresql://")
    raise MisreadError(f"begins with {written}, and sqlmig speaks to PostgreSQL only", FORMS)


def _check_at_signs(rest: str) -> None:
    """libpq ends the user information at the first @ that comes before any /."""
    user_information, at, behind = rest.partition("@")
    if not at or "/" in user_information:
        behind = rest
    if "@" in behind.partition("?")[0]:
        raise MisreadError("has an @ or / in the wrong place", ENCODE)


def _read_by_libpq(text: str) -> dict[str, str]:
    """The error is raised outside of the handler: what libpq says quotes the text, and must not become a context."""
    import psycopg
    from psycopg.conninfo import conninfo_to_dict

    _check_characters(text)
    try:
        return {key: str(value) for key, value in conninfo_to_dict(text).items() if value is not None}
    except psycopg.ProgrammingError as error:
        said = str(error)
    raise _explained(said)


def _explained(said: str) -> MisreadError:
    unknown = UNKNOWN_PARAMETER.search(said)
    meant = nearest(unknown["name"], LIBPQ_KEYWORDS) if unknown else None
    for sign, message, next_step in EXPLANATIONS:
        if sign in said:
            return MisreadError(message, f"did you mean {meant}?" if meant else next_step)
    return MisreadError("cannot be read by libpq", FORMS)
