"""Errors and findings as lines for people: where, what, what is left, what to type."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from sqlmig.errors import Place, Problem, ServerReport, SqlmigError
from sqlmig.report.style import Style, styled
from sqlmig.report.text import Fixed, count, excerpt, harmless, redacted_excerpt

Redact = Callable[[str], str]


def error_lines(error: SqlmigError, secrets: Redact, limit: int | None) -> Iterator[str]:
    """An error with everything it knows; of several findings, all."""
    problems: Sequence[Problem] = getattr(error, "problems", ())
    if len(problems) > 1:
        yield styled(Style.BAD, "error:") + f" {count(len(problems), 'problem')}"
        yield from problem_lines(problems, secrets, limit)
    else:
        yield from _field(styled(Style.BAD, "error:"), error.message, indent="")
        if at := _at(error):
            yield "  " + at
        if error.place is not None:
            yield from excerpt_lines(error.place, secrets, limit)
        if problems and problems[0].diff:
            yield from diff_lines(secrets(problems[0].diff))
        if error.server is not None:
            yield from _server_lines(error.server, told=error.message)
    for note in error.notes:
        yield from _field("", note)
    if error.left_behind:
        yield from _field("", error.left_behind)
    if error.next_step and len(problems) < 2 and error.next_step not in error.message:
        yield from next_line(error.next_step)


def _at(error: SqlmigError) -> str:
    facts = []
    if error.place is not None and (error.place.line is not None or error.place.file not in error.message):
        facts.append("at " + styled(Style.STRONG, str(error.place)))
    if error.statement is not None:
        total = f" of {error.statements}" if error.statements is not None else ""
        facts.append(f"statement {error.statement}{total}")
    if error.server is not None and error.server.sqlstate:
        facts.append(f"SQLSTATE {error.server.sqlstate}")
    return ", ".join(facts)


def _server_lines(report: ServerReport, told: str) -> Iterator[str]:
    if report.message not in told:
        yield from _field("server:", report.message)
    for label, text in (("detail:", report.detail), ("hint:", report.hint), ("context:", report.context)):
        if text:
            yield from _field(label, text)


def next_line(step: str) -> Iterator[str]:
    """What to type, or to change, in the same words wherever it is told."""
    yield from _field(styled(Style.STRONG, "next:"), step)


def _field(label: str, text: str, indent: str = "  ") -> Iterator[str]:
    first, *others = text.strip("\r\n").split("\n")
    yield f"{indent}{label} {first}" if label else indent + first
    for line in others:
        yield f"{indent}  {line}"


def excerpt_lines(place: Place, secrets: Redact, limit: int | None) -> Iterator[str]:
    """The line of the file, and a caret under the place."""
    if place.excerpt is None or place.line is None:
        return
    gutter = f"  {place.line} | "
    line, column = redacted_excerpt(place.excerpt, place.column, secrets)
    shown = excerpt(line, column or 1, max((limit or 120) - len(gutter), 20))
    yield ""
    yield Fixed(gutter + shown.text)
    if column is not None:
        yield Fixed(" " * (len(gutter) - 2) + "| " + " " * shown.caret + styled(Style.BAD, "^"))
    yield ""


def problem_lines(problems: Iterable[Problem], secrets: Redact, limit: int | None) -> Iterator[str]:
    """Each finding, and what to do about it: once, where it is the same for several in a row."""
    listed = list(problems)
    for number, problem in enumerate(listed, start=1):
        shared = number < len(listed) and listed[number].next_step == problem.next_step
        label = styled(Style.CAREFUL, "warning:") if problem.warning else styled(Style.BAD, "error:")
        place = problem.place
        about_a_line = place is not None and place.line is not None
        unnamed = place is not None and problem.version is None and place.file not in problem.message
        where = f"{place}: " if about_a_line or unnamed else ""
        yield from _field(label, where + problem.message, indent="")
        if place is not None:
            yield from excerpt_lines(place, secrets, limit)
        if problem.diff:
            yield from diff_lines(secrets(problem.diff))
        if problem.next_step and not shared:
            yield from next_line(problem.next_step)


def diff_lines(diff: str) -> Iterator[Fixed]:
    """A unified diff with what is gone and what is new in colours. Take its secrets out before."""
    styles = {"+": Style.GOOD, "-": Style.BAD, "@": Style.FAINT}
    for line in diff.rstrip("\n").split("\n"):
        yield Fixed("    " + styled(styles.get(line[:1]), harmless(line.rstrip("\r"))))


def notice_lines(report: ServerReport, about: str | None) -> Iterator[str]:
    """What the server sent along while it worked."""
    style = Style.CAREFUL if report.severity == "WARNING" else Style.FAINT
    label = styled(style, report.severity.lower() + ":")
    yield from _field(f"{about}: {label}" if about else label, report.message, indent="")
    for name, text in (("detail:", report.detail), ("hint:", report.hint)):
        if text:
            yield from _field(name, text)
