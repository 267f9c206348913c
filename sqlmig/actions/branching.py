"""Commands for those who work on several branches: ``renumber`` and ``repair --sum``. They change files alone."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from pathlib import Path

from sqlmig import files, sums
from sqlmig.actions.workplace import Workplace
from sqlmig.errors import CheckFailed, NoConnection, Place, Problem, UsageError
from sqlmig.files import show
from sqlmig.frozen import dataclass
from sqlmig.migration import Applied
from sqlmig.renumbering import Move, Numbered, moves, numbered, path_of, rename, undo
from sqlmig.results import Renamed, RenumberResult, SumResult, Where


@dataclass(frozen=True)
class Known:
    """What there is to choose from: all migrations by their files, and what the database has applied."""

    migrations: tuple[Numbered, ...]
    applied: tuple[Applied, ...]
    where: Where | None
    unheard: NoConnection | None = None
    """Why the database could not be asked."""

    def is_applied(self, migration: Numbered) -> bool:
        return any(migration.is_recorded_as(record) for record in self.applied)


def write_sums(place: Workplace) -> SumResult:
    """Write sqlmig.sum into each folder of migrations, or find that it is right. Needs no database."""
    written, kept = sums.write(place.folders)
    return SumResult(tuple(map(show, written)), tuple(map(show, kept)))


def renumber(
    place: Workplace, names: Sequence[str], *, onto: str | None, offline: bool, dry_run: bool
) -> RenumberResult:
    """Move migrations behind those that they met: the ones named, this branch's own, or what is in the way.

    All files are renamed, or none, and never over another. Raises CheckFailed where one of them is applied, UsageError
    where it cannot be told which of two has to move, NoConnection where only the database could tell.
    """
    if names and onto is not None:
        raise UsageError("MIGRATION and --onto contradict each other; give one of them")
    found = files.by_folder(place.folders)
    known = _known(place, numbered(file for group in found.values() for file in group), offline)
    if onto is not None:
        own, met = _own(place.folders, known, onto)
    else:
        own = [_named(known, name) for name in names] if names else _in_the_way(known)
        met = {record.version for record in known.applied}
    met |= {other.version for other in known.migrations if other not in own}
    chosen = moves(own, met)
    _refuse_applied(place, known, chosen)
    written = [] if dry_run else _carried_out(place.folders, chosen)
    result = tuple(_renamed(move) for move in chosen)
    return RenumberResult(known.where, result, tuple(map(show, written)), _warnings(known, chosen, onto), dry_run)


def _known(place: Workplace, migrations: tuple[Numbered, ...], offline: bool) -> Known:
    if offline:
        return Known(migrations, (), None)
    try:
        with place.access.desk() as desk:
            return Known(migrations, desk.applied(), desk.where)
    except NoConnection as error:
        return Known(migrations, (), None, error)


def _own(folders: Sequence[Path], known: Known, reference: str) -> tuple[list[Numbered], set[int]]:
    """This branch's migrations, and the versions of the other."""
    from sqlmig.repository import ancestry

    own: set[Path] = set()
    met: set[int] = set()
    paths = [path_of(file) for migration in known.migrations for file in migration.files]
    for folder in folders:
        found = ancestry(folder, [path for path in paths if path.is_relative_to(folder)], reference)
        own |= found.own
        met |= found.met
    return [migration for migration in known.migrations if all(path_of(file) in own for file in migration.files)], met


def _named(known: Known, text: str) -> Numbered:
    """The migration meant by its full name, its path, or what is unique of these: its name, its version."""
    name = Path(text).name
    fits: list[Callable[[Numbered], bool]] = [
        lambda migration: name in (str(migration), *(path_of(file).name for file in migration.files)),
        lambda migration: name in (migration.name, migration.label),
    ]
    for fit in fits:
        found = list(filter(fit, known.migrations))
        if len(found) == 1:
            return found[0]
        if found:
            names = " or ".join(map(str, found))
            raise UsageError(f"{text!r} could be {names}", next_step="give the whole name")
    raise UsageError(f"there is no migration {text!r}", next_step="sqlmig check --offline")


def _in_the_way(known: Known) -> list[Numbered]:
    """What shares its version with another, and what is pending below an applied version."""
    if known.unheard is not None:
        raise known.unheard
    highest = max((record.version for record in known.applied), default=-1)
    recorded = {record.version for record in known.applied}
    found = []
    for version in sorted({migration.version for migration in known.migrations}):
        group = [migration for migration in known.migrations if migration.version == version]
        if len(group) > 1:
            found += _all_but_one(known, group)
        elif version < highest and version not in recorded:
            found += group
    return found


def _all_but_one(known: Known, group: Sequence[Numbered]) -> list[Numbered]:
    stays = [migration for migration in group if known.is_applied(migration)]
    if len(stays) != 1:
        names = " and ".join(map(str, group))
        raise UsageError(
            f"{names} share version {group[0].version}, and nothing tells which of them has to move",
            next_step=f"name it: sqlmig renumber {group[-1]}; or ask git: sqlmig renumber --onto main",
        )
    return [migration for migration in group if migration not in stays]


def _refuse_applied(place: Workplace, known: Known, chosen: Sequence[Move]) -> None:
    """Raise CheckFailed for what is applied: the history would miss it."""
    problems = []
    for move in chosen:
        if known.is_applied(move.numbered):
            advice = (
                "renumber the other one"
                if place.environment.protected
                else "renumber it with --offline, then: sqlmig switch"
            )
            told = f"{move.numbered} is applied in {place.environment.name}, and would be missing under its number"
            where = Place(move.numbered.files[0].shown)
            problems.append(Problem("applied", told, where, move.numbered.version, next_step=advice))
    if problems:
        raise CheckFailed(problems)


def _carried_out(folders: Sequence[Path], chosen: Sequence[Move]) -> list[Path]:
    """Rename the files and keep the sum files; returns those that changed."""
    if not chosen:
        return []
    sums.require_readable(folders)
    gone = {str(move.numbered) for move in chosen}
    rename(chosen)
    try:
        return sums.keep(folders, _names(chosen), gone)
    except BaseException:
        undo(pair for move in reversed(chosen) for pair in move.renames)
        with suppress(Exception):
            sums.keep(folders, gone, _names(chosen))
        raise


def _names(chosen: Sequence[Move]) -> Collection[str]:
    return {path.name.rsplit(".", 2)[0] for move in chosen for _, path in move.renames}


def _renamed(move: Move) -> Renamed:
    old = move.numbered
    pairs = tuple((show(before), show(after)) for before, after in move.renames)
    return Renamed(old.version, old.label, old.name, int(move.label), move.label, pairs)


def _warnings(known: Known, chosen: Sequence[Move], onto: str | None) -> tuple[Problem, ...]:
    found = []
    if known.unheard is not None:
        told = f"whether any of these is applied is not known: {known.unheard.message}"
        found.append(Problem("not_asked", told, warning=True))
    moved = {move.numbered for move in chosen}
    staying = [] if onto is not None or known.where is None else known.migrations
    for other in staying:
        passed = [str(move.numbered) for move in chosen if move.numbered.version < other.version < int(move.label)]
        if passed and other not in moved and not known.is_applied(other):
            told = f"{other} is pending too, and now comes before {', '.join(passed)}"
            found.append(Problem("overtaken", told, Place(other.files[0].shown), other.version, warning=True))
    return tuple(found)
