"""From files, records and a goal to the steps that run, and to what is found on the way."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqlmig.errors import CheckFailed, FilesInvalid, UsageError
from sqlmig.migration import Applied, Direction, Migration, Progress, Script
from sqlmig.plan import Apply, Goal, Plan, Redo, Refresh, Rollback, Seed, plan
from sqlmig.script import Shelf
from tests.unit.making import Changing, Unreadable, applied, down, migration, migrations, recorded

NO_TRANSACTION = "-- sqlmig: no-transaction\n"
TWO = f"{NO_TRANSACTION}SELECT 1; SELECT 2"


def steps(prepared: Plan) -> list[str]:
    """``+3`` goes up, ``-3`` goes down."""
    return [("+" if step.direction is Direction.UP else "-") + str(step.version) for step in prepared.steps]


def codes(prepared: Plan) -> list[str]:
    return [problem.code for problem in prepared.refusals]


def warnings(prepared: Plan) -> list[str]:
    return [problem.code for problem in prepared.warnings]


def runs(prepared: Plan) -> list[str]:
    """The steps of a plan that nothing forbids."""
    assert codes(prepared) == []
    return steps(prepared)


def refused(prepared: Plan) -> CheckFailed:
    with pytest.raises(CheckFailed) as caught:
        prepared.raise_for_refusals()
    return caught.value


def batches(*of_versions: tuple[int, ...]) -> list[Applied]:
    """Records of batches 1, 2, ..., applied in the order given."""
    pairs = [(version, batch) for batch, versions in enumerate(of_versions, start=1) for version in versions]
    return [applied(migration(version), sequence, batch) for sequence, (version, batch) in enumerate(pairs, start=1)]


def stopped(subject: Migration, direction: Direction = Direction.UP, at: int = 2, **facts: Any) -> Applied:
    given = {"progress": Progress.FAILED, "statements": 2, **facts}
    return applied(subject, direction=direction, statement=at, **given)


# Applying


@pytest.mark.parametrize(
    ("goal", "expected"),
    [
        (Apply(), ["+2", "+5", "+7", "+10"]),
        (Apply(to=7), ["+2", "+5", "+7"]),
        (Apply(to=1), []),
        (Apply(to=10), ["+2", "+5", "+7", "+10"]),
        (Apply(steps=1), ["+2"]),
        (Apply(steps=3), ["+2", "+5", "+7"]),
        (Apply(steps=99), ["+2", "+5", "+7", "+10"]),
        (Apply(to=7, steps=1), ["+2"]),
        (Apply(to=2, steps=9), ["+2"]),
        (Apply(only="7"), ["+7"]),
        (Apply(only="007_m"), ["+7"]),
        (Apply(only="1"), []),
    ],
)
def test_what_is_pending_is_applied(goal: Apply, expected: list[str]) -> None:
    """All of it, up to a version, a number of them, or one."""
    assert runs(plan(migrations(1, 2, 5, 7, 10), list(recorded(migrations(1))), goal)) == expected


def test_nothing_to_do() -> None:
    """No files, or all of them applied."""
    assert plan([], [], Apply()) == Plan(Apply(), (), ())
    assert runs(plan(migrations(1, 2), list(recorded(migrations(1, 2))), Apply())) == []


def test_a_step_holds_all_that_its_execution_needs() -> None:
    """The script, the files, how it runs; no record, since there is none."""
    (first, second) = plan([migration(1, TWO), migration(2)], [], Apply()).steps
    assert (str(first), first.label, first.script.file, first.transaction) == (
        "001_m",
        "001",
        "sql/001_m.up.sql",
        False,
    )
    assert (second.transaction, second.applied, second.resume_at, second.from_history) == (True, None, None, False)
    assert second.migration is not None
    assert second.script is second.migration.up


def test_out_of_order_is_refused_and_listed() -> None:
    """Each of them, and not only the first; with leave they run, by version."""
    files, records = migrations(1, 2, 3, 4, 5), list(recorded(migrations(1, 4)))
    prepared = plan(files, records, Apply())
    assert codes(prepared) == ["out_of_order", "out_of_order"]
    error = refused(prepared)
    assert [problem.version for problem in error.problems] == [2, 3]
    assert error.exit_code == 3
    assert runs(plan(files, records, Apply(allow_out_of_order=True))) == ["+2", "+3", "+5"]


@pytest.mark.parametrize("goal", [Apply(to=2), Apply(steps=1), Apply(only="2")])
def test_out_of_order_is_refused_only_where_it_would_run(goal: Apply) -> None:
    """Naming it is no leave; what the goal leaves out is not refused."""
    files, records = migrations(1, 2, 4, 5), list(recorded(migrations(1, 4)))
    assert codes(plan(files, records, goal)) == ["out_of_order"]
    assert runs(plan(files, records, Apply(only="5"))) == ["+5"]


@pytest.mark.parametrize("goal", [Apply(to=3), Apply(only="3"), Rollback(to=3), Rollback(only="3")])
def test_a_version_that_is_not_there(goal: Goal) -> None:
    """Those near it are named."""
    with pytest.raises(UsageError, match="there is no version 3; near it: 001_m, 002_m, 005_m"):
        plan(migrations(1, 2, 5, 9), list(recorded(migrations(1))), goal)


@pytest.mark.parametrize(
    "goal",
    [
        Apply(only="1", to=1),
        Apply(only="1", steps=1),
        Apply(steps=0),
        Apply(steps=-1),
        Rollback(steps=0),
        Rollback(steps=-1),
        Rollback(steps=1, to=1),
        Rollback(steps=1, batch=1),
        Rollback(to=0, everything=True),
        Rollback(only="1", batch=1),
        Rollback(batch=1, everything=True),
    ],
)
def test_goals_that_make_no_sense(goal: Goal) -> None:
    """They are refused, and not read as one of the things that they might mean."""
    with pytest.raises(UsageError):
        plan(migrations(1, 2), list(recorded(migrations(1))), goal)


# What is found on the way


def test_drift_and_missing_are_warnings_of_apply() -> None:
    """Every one is told, also what the goal does not touch; strict refuses them all."""
    files = [migration(1, "SELECT 2"), migration(2, "SELECT 1 -- a"), migration(4)]
    records = list(recorded(migrations(1, 2, 3)))
    prepared = plan(files, records, Apply())
    assert warnings(prepared) == ["drift", "comments_changed", "missing"]
    assert runs(prepared) == ["+4"]
    prepared.raise_for_refusals()
    assert codes(plan(files, records, Apply(), strict=True)) == ["drift", "comments_changed", "missing"]


def test_drift_can_be_an_error_alone() -> None:
    """Changed comments and missing files stay warnings."""
    files = [migration(1, "SELECT 2"), migration(2, "SELECT 1 -- a")]
    prepared = plan(files, list(recorded(migrations(1, 2, 3))), Apply(), drift_is_error=True)
    assert (codes(prepared), warnings(prepared)) == (["drift"], ["comments_changed", "missing"])


def test_what_must_not_run_is_found_before_anything_does() -> None:
    """In every script of the plan: ups, the downs that are stored with them, all at once."""
    files = [
        migration(1, "COMMIT; VACUUM"),
        migration(2, "SELECT 1", "-- nothing"),
        migration(3, "SELECT 'x"),
        migration(4, "-- sqlmig: what\nSELECT 1"),
        migration(5, "SELECT 1; -- sqlmig: role = x"),
        replace(migration(6), up=Script(Direction.UP, Unreadable())),
    ]
    prepared = plan(files, [], Apply())
    found = ["transaction_control", "needs_no_transaction", "empty_down", "script", "script", "misplaced_directive"]
    assert codes(prepared) == [*found, "file_format"]
    assert [problem.version for problem in prepared.refusals] == [1, 1, 2, 3, 4, 5, 6]
    with pytest.raises(FilesInvalid) as caught:
        prepared.raise_for_refusals()
    assert len(caught.value.problems) == 7


def test_only_the_scripts_of_the_steps_are_read() -> None:
    """What is beyond the goal may be unfinished work."""
    files = [migration(1), migration(2, "COMMIT")]
    assert runs(plan(files, [], Apply(to=1))) == ["+1"]


def test_files_that_cannot_be_used_weigh_more_than_history() -> None:
    """The exit code is that of a file-format error, as for check; the error has all of it."""
    prepared = plan([migration(1, "COMMIT"), migration(2)], [applied(migration(2))], Apply())
    with pytest.raises(FilesInvalid) as caught:
        prepared.raise_for_refusals()
    assert [problem.code for problem in caught.value.problems] == ["transaction_control", "out_of_order"]


# Rolling back


HISTORY = batches((1, 3), (2,), (7, 5))


@pytest.mark.parametrize(
    ("goal", "expected"),
    [
        (Rollback(), ["-5", "-7"]),
        (Rollback(batch=1), ["-3", "-1"]),
        (Rollback(batch=2), ["-2"]),
        (Rollback(steps=1), ["-5"]),
        (Rollback(steps=3), ["-5", "-7", "-2"]),
        (Rollback(steps=99), ["-5", "-7", "-2", "-3", "-1"]),
        (Rollback(everything=True), ["-5", "-7", "-2", "-3", "-1"]),
        (Rollback(to=0), ["-5", "-7", "-2", "-3", "-1"]),
        (Rollback(to=2), ["-5", "-7", "-3"]),
        (Rollback(to=7), []),
        (Rollback(to=6), ["-7"]),
        (Rollback(to=9), []),
        (Rollback(only="3"), ["-3"]),
        (Rollback(only="m_one"), ["-1"]),
    ],
)
def test_rollback_goes_back_in_the_order_of_application(goal: Rollback, expected: list[str]) -> None:
    """Whatever the versions say; ``to`` keeps its version and everything below, be that one applied or pending."""
    files = [migration(1, name="m_one"), *migrations(2, 3, 5, 6, 7, 9)]
    records = [applied(migration(1, name="m_one")), *HISTORY[1:]]
    assert runs(plan(files, records, goal)) == expected


def test_nothing_to_undo() -> None:
    """An empty history is no error, unless something is named."""
    for goal in (Rollback(), Rollback(steps=1), Rollback(everything=True), Rollback(to=0), Redo(), Rollback(to=1)):
        assert runs(plan(migrations(1), [], goal)) == []
    with pytest.raises(UsageError, match="001_m is not applied"):
        plan(migrations(1), [], Rollback(only="1"))
    with pytest.raises(UsageError, match=r"no applied migration is of batch 1 \(batches: none\)"):
        plan(migrations(1), [], Rollback(batch=1))


def test_a_batch_that_is_not_there() -> None:
    """Those that are there are named."""
    with pytest.raises(UsageError, match=r"no applied migration is of batch 4 \(batches: 1, 2, 3\)"):
        plan(migrations(1, 2, 3, 5, 7), HISTORY, Rollback(batch=4))


def test_back_to_version_0() -> None:
    """Everything, unless there is a migration of that version: then it stays, as any other would."""
    files = migrations(0, 1)
    records = [applied(migration(0), 1), applied(migration(1), 2)]
    assert runs(plan(files, records, Rollback(to=0))) == ["-1"]
    assert runs(plan(files, records, Rollback(everything=True))) == ["-1", "-0"]


def test_a_rollback_runs_the_file_that_was_applied() -> None:
    """The very file where it is unchanged, be it in its line breaks."""
    (step,) = plan([migration(1, "SELECT 1", "SELECT -1")], batches((1,)), Rollback()).steps
    assert (step.script.file, step.from_history) == ("sql/001_m.down.sql", False)
    assert step.applied is not None


@pytest.mark.parametrize(
    "files",
    [
        [],
        [migration(1, "SELECT 1", "SELECT -2")],
        [migration(1, "SELECT 1", "SELECT -1 -- a")],
        [migration(1, "SELECT 1", None)],
        [replace(migration(1), down=Script(Direction.DOWN, Unreadable()))],
        [migration(1, "SELECT 1", "COMMIT")],
    ],
)
def test_a_rollback_runs_what_was_stored_where_the_file_differs(files: list[Migration]) -> None:
    """Gone, edited, unreadable: another branch may be checked out. The step says so."""
    prepared = plan(files, batches((1,)), Rollback())
    assert runs(prepared) == ["-1"]
    (step,) = prepared.steps
    assert (step.script.text(), step.from_history) == ("SELECT -1", True)
    assert step.script.file == "001_m.down.sql (stored)"


def test_one_irreversible_migration_refuses_the_whole_rollback() -> None:
    """Before anything runs, with every reason."""
    files = [migration(1, down_text=None), migration(2), migration(3, "-- sqlmig: irreversible\nSELECT 1")]
    prepared = plan(files, list(recorded(files)), Rollback(everything=True))
    error = refused(prepared)
    assert error.exit_code == 3
    assert [(problem.code, problem.version) for problem in error.problems] == [("irreversible", 3), ("irreversible", 1)]
    assert error.problems[1].next_step == "write its down file and accept it: sqlmig repair 001"
    assert runs(plan(files, list(recorded(files)), Rollback(only="2"))) == ["-2"]


def test_a_down_that_was_written_later_has_to_be_accepted() -> None:
    """An unreviewed way back is not run, though its file is there."""
    prepared = plan([migration(1)], [applied(migration(1, down_text=None))], Rollback())
    assert (codes(prepared), warnings(prepared)) == (["irreversible"], ["drift"])


def test_a_way_back_that_is_nowhere() -> None:
    """A finding, where neither file nor history has it."""
    prepared = plan([], [applied(migration(1), stored_down=None)], Rollback())
    assert refused(prepared).message == "001_m is irreversible: its down is neither stored nor in the files"


def test_strict_refuses_a_rollback_with_drift() -> None:
    """Without it, drift is told, and the stored text undoes what was applied."""
    files = [migration(1, "SELECT 2")]
    assert warnings(plan(files, batches((1,)), Rollback())) == ["drift"]
    assert codes(plan(files, batches((1,)), Rollback(), strict=True)) == ["drift"]


# Baselines


def baseline(*versions: int) -> list[Applied]:
    """Those versions recorded by a baseline in batch 1; 10 and 11 applied in batch 2."""
    records = [applied(migration(version), baseline=True) for version in versions]
    return [*records, applied(migration(10), 10, 2), applied(migration(11), 11, 2)]


@pytest.mark.parametrize(
    ("goal", "expected", "told"),
    [
        (Rollback(), ["-11", "-10"], None),
        (Rollback(steps=2), ["-11", "-10"], None),
        (Rollback(steps=3), ["-11", "-10"], "002_m: recorded"),
        (Rollback(everything=True), ["-11", "-10"], "001_m, 002_m: recorded"),
        (Rollback(to=0), ["-11", "-10"], "001_m, 002_m: recorded"),
        (Rollback(to=1), ["-11", "-10"], "002_m: recorded"),
        (Rollback(batch=1), [], "001_m, 002_m: recorded"),
        (Redo(), ["-11", "-10", "+10", "+11"], None),
        (Refresh(), ["-11", "-10", "+10", "+11"], "001_m, 002_m: recorded"),
    ],
)
def test_what_a_baseline_recorded_is_left_out(goal: Goal, expected: list[str], told: str | None) -> None:
    """Its downs would undo what was never done here. That it was meant is said."""
    prepared = plan(migrations(1, 2, 10, 11), baseline(1, 2), goal)
    assert runs(prepared) == expected
    assert warnings(prepared) == (["baseline"] if told else [])
    if told:
        assert prepared.warnings[0].message == f"{told} by a baseline and never run here, so not undone"
        assert "sqlmig rollback 002" in (prepared.warnings[0].next_step or "")


def test_a_baseline_can_be_undone_by_name() -> None:
    """Whoever names it means it."""
    prepared = plan(migrations(1, 2, 10, 11), baseline(1, 2), Rollback(only="2"))
    assert (runs(prepared), warnings(prepared)) == (["-2"], [])


def test_a_baseline_is_no_batch_to_step_over() -> None:
    """Where the last thing was a baseline, nothing older is undone in its place."""
    records = [applied(migration(1), 1, 1), applied(migration(2), 2, 2, baseline=True)]
    for goal in (Rollback(), Rollback(steps=1), Redo()):
        prepared = plan(migrations(1, 2), records, goal)
        assert (runs(prepared), warnings(prepared)) == ([], ["baseline"])


@pytest.mark.parametrize(
    ("versions", "told", "about"),
    [((1,), "001_m", 1), ((1, 2, 3), "001_m, 002_m, 003_m", None), ((1, 2, 3, 4), "001_m to 004_m", None)],
)
def test_a_baseline_is_told_in_one_line(versions: tuple[int, ...], told: str, about: int | None) -> None:
    """Each by name where they are few, the first and the last of many."""
    records = [applied(subject, baseline=True) for subject in migrations(*versions)]
    (warning,) = plan(migrations(*versions), records, Rollback(everything=True)).warnings
    assert warning.message.startswith(f"{told}: recorded")
    assert warning.version == about


def test_an_irreversible_baseline_stands_in_nobodys_way() -> None:
    """It is left out before it is asked for its down."""
    files = [migration(1, down_text=None), migration(2)]
    records = [applied(files[0], baseline=True), applied(files[1], batch=2)]
    assert runs(plan(files, records, Rollback(everything=True))) == ["-2"]
    assert codes(plan(files, records, Rollback(only="1"))) == ["irreversible"]


def test_strict_undoes_all_or_nothing() -> None:
    """A rollback that would leave something out is refused."""
    assert codes(plan(migrations(1, 10, 11), baseline(1), Rollback(everything=True), strict=True)) == ["baseline"]


# What stopped half way


@pytest.mark.parametrize("progress", [Progress.FAILED, Progress.RUNNING])
def test_an_unfinished_up_is_resumed(progress: Progress) -> None:
    """At the statement that did not complete, before what is above it, with the file as it is now."""
    files = [migration(1), migration(2, TWO.replace("2", "3")), migration(3)]
    records = [applied(migration(1)), stopped(migration(2, TWO), progress=progress)]
    prepared = plan(files, records, Apply())
    assert runs(prepared) == ["+2", "+3"]
    assert (prepared.steps[0].resume_at, prepared.steps[0].applied) == (2, records[1])
    assert prepared.steps[0].script is files[1].up
    assert prepared.steps[1].resume_at is None


def test_an_unfinished_up_is_not_rolled_back() -> None:
    """Its down would undo what is not there; both ways out are named, and nothing else runs."""
    records = [applied(migration(1)), stopped(migration(2, TWO))]
    for goal in (Rollback(), Rollback(only="2"), Redo(), Refresh()):
        prepared = plan([migration(1), migration(2, TWO)], records, goal)
        assert codes(prepared) == ["failed"]
        advice = prepared.refusals[0].next_step or ""
        assert "sqlmig apply" in advice
        assert "sqlmig repair 002 --mark-rolled-back" in advice


def test_an_unfinished_up_without_its_file_stops_everything() -> None:
    """What it left behind is in the way of the rest."""
    prepared = plan(migrations(3), [stopped(migration(2, TWO))], Apply())
    error = refused(prepared)
    assert error.message == "002_m: failed at statement 2/2; its file is gone"
    assert "restore the file" in (error.next_step or "")


@pytest.mark.parametrize("progress", [Progress.FAILED, Progress.RUNNING])
def test_a_file_that_became_transactional_is_not_resumed(progress: Progress) -> None:
    """A part of it is committed: all or nothing cannot be had any more."""
    prepared = plan([migration(2)], [stopped(migration(2, TWO), progress=progress)], Apply())
    error = refused(prepared)
    assert "does not say no-transaction any more" in error.message
    assert str(error.place) == "sql/002_m.up.sql"
    assert "--mark-rolled-back" in (error.next_step or "")


def test_what_failed_in_its_first_statement_may_become_transactional() -> None:
    """Nothing of it is there. Unless it is not known: then it may be."""
    assert runs(plan([migration(2)], [stopped(migration(2, TWO), at=1)], Apply())) == ["+2"]
    record = stopped(migration(2, TWO), at=1, progress=Progress.RUNNING)
    assert codes(plan([migration(2)], [record], Apply())) == ["failed"]


def test_an_unfinished_rollback_is_no_unfinished_apply() -> None:
    """Apply does not take it for one: it refuses, and says which rollback goes on."""
    files = [migration(2, TWO, TWO), migration(3)]
    prepared = plan(files, [stopped(files[0], Direction.DOWN)], Apply())
    assert codes(prepared) == ["failed"]
    assert steps(prepared) == ["+3"]
    assert prepared.refusals[0].next_step == "correct that statement and continue: sqlmig rollback 002"
    assert runs(plan(files, [stopped(files[0], Direction.DOWN)], Apply(only="3"))) == ["+3"]


def test_an_unfinished_rollback_goes_on_with_the_corrected_file() -> None:
    """The stored text is the one that failed; the file is where it is corrected."""
    files = [migration(2, TWO, TWO.replace("2", "3"))]
    for goal in (Rollback(), Rollback(only="2"), Redo()):
        prepared = plan(files, [stopped(migration(2, TWO, TWO), Direction.DOWN)], goal)
        assert codes(prepared) == []
        step = prepared.steps[0]
        assert (step.direction, step.resume_at, step.from_history) == (Direction.DOWN, 2, False)
        assert step.script is files[0].down


def test_an_unfinished_rollback_goes_on_without_the_file() -> None:
    """With the text that was stored."""
    (step,) = plan([], [stopped(migration(2, TWO, TWO), Direction.DOWN)], Rollback()).steps
    assert (step.script.text(), step.resume_at, step.from_history) == (TWO, 2, True)


def test_a_down_that_became_transactional_is_not_resumed() -> None:
    """As for an up."""
    prepared = plan([migration(2, TWO, "SELECT 1")], [stopped(migration(2, TWO, TWO), Direction.DOWN)], Rollback())
    assert codes(prepared) == ["failed"]
    assert "sql/002_m.down.sql does not say no-transaction any more" in prepared.refusals[0].message


# Down and up again


def test_redo_takes_the_last_batch() -> None:
    """Down in reverse, the same up by version, out of order or not; what is pending stays pending."""
    prepared = plan(migrations(1, 2, 3, 5, 6, 7), HISTORY, Redo())
    assert runs(prepared) == ["-5", "-7", "+5", "+7"]
    assert [step.applied is None for step in prepared.steps] == [False, False, True, True]
    assert all(step.resume_at is None for step in prepared.steps)


def test_redo_runs_the_old_down_and_the_new_up() -> None:
    """That is how a migration is worked on."""
    files = [migration(1, "SELECT 2", "SELECT -2")]
    prepared = plan(files, batches((1,)), Redo())
    assert [step.script.text() for step in prepared.steps] == ["SELECT -1", "SELECT 2"]
    assert warnings(prepared) == ["drift"]


def test_refresh_takes_everything_there_is() -> None:
    """Also what was never applied."""
    assert runs(plan(migrations(1, 2, 3, 5, 6, 7), HISTORY, Refresh())) == [
        *("-5", "-7", "-2", "-3", "-1"),
        *("+1", "+2", "+3", "+5", "+6", "+7"),
    ]


@pytest.mark.parametrize("goal", [Redo(), Refresh()])
def test_what_could_not_be_applied_again_is_not_undone(goal: Goal) -> None:
    """Its down is stored, its up file is gone: refused, and named."""
    prepared = plan(migrations(1), batches((1, 2)), goal)
    assert codes(prepared) == ["lost"]
    assert refused(prepared).message == "002_m cannot be applied again: its file is gone"


def test_what_was_retired_is_not_missed_by_refresh() -> None:
    """That its file is gone was accepted: it is undone, and is no more. Redo means the same again, and refuses."""
    records = [applied(migration(1)), applied(migration(2), retired=True)]
    assert runs(plan(migrations(1), records, Refresh())) == ["-2", "-1", "+1"]
    assert codes(plan(migrations(1), records, Redo())) == ["lost"]


def test_a_script_that_is_checked_twice_is_reported_once() -> None:
    """As the down that runs, and as the one that is stored with the up."""
    old = migration(1, "SELECT 1", "-- nothing")
    record = applied(old, reversible=True)
    assert codes(plan([old], [record], Redo())) == ["empty_down"]


# Properties


FILES = migrations(*range(1, 9))
VERSIONS = st.integers(1, 8)
GOALS = st.one_of(
    st.builds(Apply, to=st.none() | VERSIONS, steps=st.none() | VERSIONS, allow_out_of_order=st.booleans()),
    st.builds(Apply, only=VERSIONS.map(str), allow_out_of_order=st.booleans()),
    st.builds(Rollback),
    st.builds(Rollback, steps=VERSIONS),
    st.builds(Rollback, to=VERSIONS | st.just(0)),
    st.builds(Rollback, everything=st.just(True)),
    st.builds(Redo),
    st.builds(Refresh),
)


@st.composite
def histories(draw: st.DrawFn) -> list[Applied]:
    """Some versions, applied in any order, in up to three batches, some of them recorded by a baseline."""
    versions = draw(st.permutations(range(1, 9)))[: draw(st.integers(0, 8))]
    cuts = sorted(draw(st.lists(st.integers(0, len(versions)), max_size=2)))
    return [
        applied(FILES[version - 1], sequence, 1 + sum(cut <= place for cut in cuts), baseline=draw(st.booleans()))
        for place, version in enumerate(versions)
        for sequence in [place + 1]
    ]


def after(records: list[Applied], prepared: Plan) -> list[Applied]:
    """The history once the steps were run."""
    kept = {record.version: record for record in records}
    for step in prepared.steps:
        if step.direction is Direction.DOWN:
            del kept[step.version]
        else:
            assert step.version not in kept
            assert step.migration is not None
            sequence = max((record.sequence for record in kept.values()), default=0) + 1
            kept[step.version] = applied(step.migration, sequence, 9)
    return list(kept.values())


@given(histories(), GOALS)
@settings(max_examples=50, deadline=None)
def test_a_plan_is_pure_and_has_each_step_once(records: list[Applied], goal: Goal) -> None:
    """The same goal from the same place is the same plan; every step can be taken when its turn comes."""
    prepared = plan(FILES, records, goal)
    assert prepared == plan(list(reversed(FILES)), list(reversed(records)), goal)
    assert len(set(steps(prepared))) == len(prepared.steps)
    after(records, prepared)


@given(histories())
@settings(max_examples=25, deadline=None)
def test_once_applied_nothing_is_pending(records: list[Applied]) -> None:
    """And a second apply has nothing to do."""
    goal = Apply(allow_out_of_order=True)
    done = after(records, plan(FILES, records, goal))
    assert {record.version for record in done} == set(range(1, 9))
    assert plan(FILES, done, goal).steps == ()


@given(histories(), st.integers(1, 8))
@settings(max_examples=25, deadline=None)
def test_applying_step_by_step_is_applying_at_once(records: list[Applied], stride: int) -> None:
    """The same migrations, in the same order."""
    goal = Apply(allow_out_of_order=True)
    at_once = steps(plan(FILES, records, goal))
    one_by_one: list[str] = []
    while (prepared := plan(FILES, records, replace(goal, steps=stride))).steps:
        one_by_one += steps(prepared)
        records = after(records, prepared)
    assert one_by_one == at_once


@given(histories())
@settings(max_examples=25, deadline=None)
def test_rollback_is_the_exact_reverse_of_application(records: list[Applied]) -> None:
    """Of everything that was run; what a baseline recorded, and nothing else, is still there."""
    prepared = plan(FILES, records, Rollback(everything=True))
    ran = [record for record in records if not record.baseline]
    assert [step.version for step in prepared.steps] == [record.version for record in reversed(ran)]
    assert after(records, prepared) == [record for record in records if record.baseline]
    assert warnings(prepared) == (["baseline"] if len(ran) < len(records) else [])


@given(histories(), VERSIONS | st.just(0))
@settings(max_examples=25, deadline=None)
def test_back_to_a_version_leaves_nothing_above_it(records: list[Applied], version: int) -> None:
    """But for what a baseline recorded."""
    done = after(records, plan(FILES, records, Rollback(to=version)))
    assert [record for record in done if record.version > version and not record.baseline] == []
    assert [record for record in records if record.version <= version] == [r for r in done if r.version <= version]


@given(histories())
@settings(max_examples=25, deadline=None)
def test_redo_ends_where_it_began(records: list[Applied]) -> None:
    """With the same migrations applied."""
    prepared = plan(FILES, records, Redo())
    assert {record.version for record in after(records, prepared)} == {record.version for record in records}


def test_seeds_need_no_migration() -> None:
    """What is pending, missing or drifted neither runs with them nor keeps them from running."""
    records = [applied(migration(1), 1), applied(migration(2, "SELECT 'other'"), 2)]
    assert codes(plan([migration(2), migration(3)], records, Apply(), strict=True)) == ["missing", "drift"]
    assert plan([migration(2), migration(3)], records, Seed(), strict=True) == Plan(Seed(), (), ())


@pytest.mark.parametrize("room", [0, 1_000])
def test_a_plan_reads_each_script_whole_before_anything_runs(room: int) -> None:
    """What is sent is what was looked at: it was kept, or is read again and compared."""
    source = Changing(["SELECT 1"])
    subject = replace(migration(1), up=Script(Direction.UP, source, Shelf(room)), down=down("SELECT -1"))
    (step,) = plan([subject], [], Apply()).steps
    looked = len(source.opened)
    assert looked
    assert [piece.text for piece in step.script.verified_pieces()] == ["SELECT 1"]
    assert (len(source.opened) > looked) is not bool(room)
