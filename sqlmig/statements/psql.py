"""psql's own commands: the two that pg_dump writes are accepted, the others are refused with a way out."""

from __future__ import annotations

from sqlmig.patterns import pattern

RESTRICT = pattern(r"\\(?:un)?restrict[ \t]++[A-Za-z0-9]++[ \t]*+(?=[\r\n]|\Z)")
"""pg_dump writes these lines around its output since 2025; they tell psql to refuse its other commands."""

_COMMAND = pattern(r"\\(?:[A-Za-z_]+[+]?|[!?;:.]|)")

_INSTEAD = {
    ("i", "ir", "include", "include_relative"): "put the statements of that file here, or in a migration of its own",
    ("copy",): "write COPY ... FROM STDIN; with the data on the lines below it and \\. on the last",
    ("c", "connect"): "a migration runs in one database: choose it with --env or --url",
    ("set", "unset", "getenv", "prompt", "gset"): "write the value itself: nothing is interpolated into a migration",
    ("gexec",): "run the statements from a DO block, with EXECUTE format(...)",
    ("g", "gx", "gdesc", "crosstabview", "crosstab", "watch", "bind", "parse", "bind_named", "sendpipeline"): (
        "end the statement with ;"
    ),
    (";",): "write ; alone: each statement is sent as it stands",
    (":",): "write : alone: nothing is interpolated into a migration",
    ("if", "elif", "else", "endif"): "write the condition in SQL, in a DO block or with IF [NOT] EXISTS",
    ("echo", "qecho", "warn"): "write a comment, or RAISE NOTICE in a DO block",
    ("encoding",): "remove it: migrations are UTF-8",
    ("password",): "write ALTER ROLE ... PASSWORD with a hash, or keep passwords out of migrations",
    ("lo_import",): "write SELECT lo_from_bytea(0, decode('...', 'base64'))",
    ("lo_export", "lo_list", "lo_unlink"): "use the SQL functions for large objects, such as lo_unlink(oid)",
    ("!", "cd", "o", "out", "w", "write", "setenv", "e", "edit", "s"): "do this outside of the migration",
    ("q", "quit"): "remove it and what follows it: a migration always runs to its end",
    (".",): "remove it, or end the COPY ... FROM STDIN above it with ; so that its data are read",
    ("startpipeline", "endpipeline", "syncpipeline", "flush", "flushrequest", "getresults", "close"): (
        "remove it: statements already travel together"
    ),
    ("restrict", "unrestrict"): "write it on a line of its own between statements, as pg_dump does",
}
_ADVICE = {command: text for commands, text in _INSTEAD.items() for command in commands}


def advice(text: str, at: int) -> tuple[str, str]:
    """What is wrong with the backslash at ``at``, and what to write instead."""
    match = _COMMAND.match(text, at)
    command = match[0] if match else "\\"
    name = command[1:].rstrip("+")
    if not name:
        return "a backslash stands outside of a literal", "quote it, or remove it"
    if name[0] == "d" and name not in _ADVICE:
        return f"{command} is a command of psql, not SQL", "remove it: it only shows what is in the database"
    return f"{command} is a command of psql, not SQL", _ADVICE.get(name, "remove it, or write it in SQL")
