"""The plan after a checkout: what another branch applied goes, what this one has comes."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sqlmig.errors import FilesInvalid
from sqlmig.migration import Applied, Direction, Migration, Progress
from sqlmig.plan import Plan, Switch, plan
from tests.unit.making import applied, migration, migrations, recorded


def switch(files: list[Migration], records: list[Applied]) -> Plan:
    return plan(files, records, Switch())


def steps(prepared: Plan) -> list[str]:
    """``+3`` goes up, ``-3`` goes down; with the name where it is not ``m``."""
    return [
        ("+" if step.direction is Direction.UP else "-") + str(step.version) + step.name.removeprefix("m")
        for step in prepared.steps
    ]


def runs(prepared: Plan) -> list[str]:
    assert prepared.refusals == ()
    return steps(prepared)


def test_nothing_to_do_where_all_is_the_same() -> None:
    assert runs(switch(migrations(1, 2), list(recorded(migrations(1, 2))))) == []


def test_what_is_missing_goes_in_reverse_order_of_application_and_what_is_pending_comes_by_version() -> None:
    """Also below what stays applied: the files that stay do without what was never there."""
    records = list(recorded([*migrations(1, 4), migration(3, name="theirs"), migration(2, name="first")]))
    prepared = switch([migration(1), migration(4), migration(3, "SELECT 33", name="ours"), migration(5)], records)
    assert runs(prepared) == ["-2first", "-3theirs", "+3ours", "+5"]


def test_what_goes_runs_the_stored_down() -> None:
    """Never the file of this checkout, which undoes another migration."""
    theirs = migration(2, "SELECT 2", "SELECT -22", name="theirs")
    (down, up) = switch([migration(2, "SELECT 3", "SELECT -33", name="ours")], [applied(theirs)]).steps
    assert down.from_history
    assert (down.script.text(), down.applied) == ("SELECT -22", applied(theirs))
    assert (up.script.text(), up.applied) == ("SELECT 3", None)


def test_findings_that_the_plan_settles_are_not_told() -> None:
    """Others are: a down that alone was edited changes nothing in the database."""
    records = list(recorded([migration(1), migration(2), migration(3)]))
    prepared = switch([migration(1, down_text="SELECT -7"), migration(2, "SELECT 22")], records)
    assert steps(prepared) == ["-3", "-2", "+2"]
    assert [(problem.code, problem.version) for problem in prepared.warnings] == [("drift", 1)]


def test_comments_and_renamed_files_change_nothing() -> None:
    records = list(recorded(migrations(1, 2)))
    assert runs(switch([migration(1, "-- a word\nSELECT 1"), migration(2, name="renamed")], records)) == []


def test_what_was_built_on_an_edited_migration_goes_with_it() -> None:
    """It was applied later, and has a higher version: without that the edit would take its work away unseen."""
    first, second, third, fourth = migrations(1, 2, 3, 4)
    records = [applied(first, 1), applied(third, 2), applied(second, 3), applied(fourth, 4)]
    edited = migration(2, "SELECT 22")
    assert runs(switch([first, edited, third, fourth], records)) == ["-4", "-2", "+2", "+4"]
    other = migration(2, "SELECT 22", name="other")
    assert runs(switch([first, other, third, fourth], records)) == ["-2", "+2other"]


def test_what_cannot_be_undone_refuses_all_of_it() -> None:
    """And says how to keep what it did."""
    prepared = switch(migrations(1), list(recorded([migration(1), migration(2), migration(3, down_text=None)])))
    (problem,) = prepared.refusals
    assert (problem.code, problem.version) == ("irreversible", 3)
    assert "not in this checkout" in problem.message
    assert problem.next_step is not None
    assert problem.next_step.endswith("sqlmig repair 003")


def test_an_irreversible_one_that_was_edited_is_refused_too() -> None:
    prepared = switch([migration(1, "SELECT 11", None)], [applied(migration(1, down_text=None))])
    (problem,) = prepared.refusals
    assert problem.code == "irreversible"
    assert "sql/001_m.up.sql" in problem.message


def test_one_that_was_built_on_an_edited_migration_says_which() -> None:
    """Accepting the edit is the way to keep both."""
    files = [migration(1, "SELECT 11"), migration(2, down_text=None)]
    (problem,) = switch(files, list(recorded([migration(1), migration(2, down_text=None)]))).refusals
    assert (problem.code, problem.version) == ("irreversible", 2)
    assert "applied on top of 001_m, which was edited" in problem.message
    assert problem.next_step == "undo that edit, or accept it: sqlmig repair 001"


@pytest.mark.parametrize("mark", ["retired", "baseline"])
def test_what_is_accepted_as_gone_or_was_never_run_stays(mark: str) -> None:
    records = [applied(migration(1)), applied(migration(2), **{mark: True})]
    assert runs(switch(migrations(1), records)) == []


def test_a_retired_number_that_is_used_again_is_another_migration() -> None:
    """Its stored down undoes what it did."""
    records = [applied(migration(1, name="old"), retired=True)]
    assert runs(switch([migration(1, "SELECT 5", name="new")], records)) == ["-1old", "+1new"]


BRANCHES = st.dictionaries(st.integers(1, 6), st.tuples(st.sampled_from("ab"), st.integers(1, 3)), max_size=6)


def on_branch(branch: dict[int, tuple[str, int]]) -> list[Migration]:
    return [migration(version, f"SELECT {sql}", name=name) for version, (name, sql) in sorted(branch.items())]


@given(BRANCHES, BRANCHES, st.randoms())
def test_from_any_branch_to_any_other(
    theirs: dict[int, tuple[str, int]], ours: dict[int, tuple[str, int]], random: Random
) -> None:
    """Whatever the order in which theirs was applied: afterwards there is what a fresh start here would give."""
    order = random.sample(on_branch(theirs), len(theirs))
    records = [applied(subject, sequence) for sequence, subject in enumerate(order, start=1)]
    prepared = switch(on_branch(ours), records)
    assert prepared.refusals == ()
    there = {record.version: f"SELECT {theirs[record.version][1]}" for record in records}
    sequences = {record.version: record.sequence for record in records}
    undone = [step.version for step in prepared.steps if step.direction is Direction.DOWN]
    assert [sequences[version] for version in undone] == sorted((sequences[v] for v in undone), reverse=True)
    for step in prepared.steps:
        if step.direction is Direction.DOWN:
            del there[step.version]
        else:
            assert step.version not in there
            there[step.version] = step.script.text()
    assert there == {version: f"SELECT {sql}" for version, (_, sql) in ours.items()}
    assert switch(on_branch(ours), [applied(subject) for subject in on_branch(ours)]).steps == ()


NO_TRANSACTION = "-- sqlmig: no-transaction\nSELECT 1; SELECT 2"


def stopped(subject: Migration, direction: Direction) -> Applied:
    return applied(subject, direction=direction, progress=Progress.FAILED, statement=2, statements=2)


def test_a_down_that_stopped_goes_on_and_is_applied_again_where_it_belongs_here() -> None:
    """An interrupted switch is repeated; the other branch may have been checked out meanwhile."""
    half = migration(1, NO_TRANSACTION, NO_TRANSACTION)
    (down,) = switch([], [stopped(half, Direction.DOWN)]).steps
    assert (down.direction, down.resume_at, down.from_history) == (Direction.DOWN, 2, True)
    down, up = switch([half], [stopped(half, Direction.DOWN)]).steps
    assert (down.resume_at, up.resume_at) == (2, None)


def test_an_up_that_stopped_goes_on_where_it_belongs_here_and_is_refused_elsewhere() -> None:
    half = migration(1, NO_TRANSACTION)
    (up,) = switch([migration(1, f"{NO_TRANSACTION}2")], [stopped(half, Direction.UP)]).steps
    assert (up.direction, up.resume_at) == (Direction.UP, 2)
    for files in ([], [migration(1, name="other")]):
        (problem,) = switch(files, [stopped(half, Direction.UP)]).refusals
        assert problem.code == "failed"
        assert "--mark-rolled-back" in (problem.next_step or "")


def test_an_up_that_stopped_and_is_one_transaction_now_is_refused() -> None:
    """It cannot go on in the middle; that is for a person to decide."""
    prepared = switch([migration(1, "SELECT 1; SELECT 2")], [stopped(migration(1, NO_TRANSACTION), Direction.UP)])
    assert (prepared.steps, [problem.code for problem in prepared.refusals]) == ((), ["failed"])


def test_a_file_that_cannot_be_used_is_found_before_anything_is_undone() -> None:
    prepared = switch([migration(2, "COMMIT")], list(recorded(migrations(1))))
    with pytest.raises(FilesInvalid):
        prepared.raise_for_refusals()
