"""How migrations stand: files compared with records, as sets."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqlmig.errors import Problem, UsageError
from sqlmig.migration import Applied, Checksum, Direction, Migration, Progress, Script
from sqlmig.standing import Standing, State, drift, find, standings
from tests.unit.making import Unreadable, applied, migration, migrations, of_bytes, recorded

UP = "CREATE TABLE t (x int DEFAULT 1);"
DOWN = "DROP TABLE t;"


def states(files: list[Migration], records: list[Applied]) -> dict[int, str]:
    return {standing.version: standing.state.value for standing in standings(files, records)}


def stopped(subject: Migration, progress: Progress, direction: Direction = Direction.UP, **facts: Any) -> Applied:
    return applied(subject, progress=progress, direction=direction, statement=2, statements=3, **facts)


def problem_of(files: list[Migration], records: list[Applied]) -> Problem:
    (problem,) = [standing.problem for standing in standings(files, records) if standing.problem]
    return problem


def edited(up: str = UP, down: str | None = DOWN, *, of: tuple[str, str | None] = (UP, DOWN)) -> Problem | None:
    """The drift of a migration that was applied with other texts."""
    return drift(migration(1, up, down), applied(migration(1, *of)))


# States


def test_states_are_of_sets_and_not_of_a_high_water_mark() -> None:
    """What is applied above does not hide what is pending below, and says nothing of what is missing."""
    files = migrations(1, 2, 4, 5, 7)
    records = list(recorded(migrations(1, 3, 5)))
    assert states(files, records) == {
        1: "applied",
        2: "out_of_order",
        3: "missing",
        4: "out_of_order",
        5: "applied",
        7: "pending",
    }


def test_nothing_at_all() -> None:
    """No files, no records, no states."""
    assert standings([], []) == ()


def test_a_first_migration_of_version_0_is_pending() -> None:
    """Nothing applied is below nothing."""
    assert states(migrations(0, 1), []) == {0: "pending", 1: "pending"}


@given(st.sets(st.integers(0, 12)), st.sets(st.integers(0, 12)))
@settings(max_examples=40, deadline=None)
def test_every_version_has_the_state_that_the_sets_say(on_disk: set[int], in_history: set[int]) -> None:
    """One standing for each known version, in order, whatever the order of application."""
    files = migrations(*sorted(on_disk))
    records = list(recorded(migrations(*sorted(in_history, reverse=True))))
    found = standings(files, records)
    assert [standing.version for standing in found] == sorted(on_disk | in_history)
    for standing in found:
        version, top = standing.version, max(in_history, default=-1)
        if version in in_history:
            expected = State.APPLIED if version in on_disk else State.MISSING
        else:
            expected = State.OUT_OF_ORDER if version < top else State.PENDING
        assert standing.state is expected
        assert (standing.problem is None) == (expected in (State.APPLIED, State.PENDING))
        assert (standing.migration is not None, standing.applied is not None) == (
            version in on_disk,
            version in in_history,
        )


def test_order_of_application_is_no_state() -> None:
    """Applied is applied, whatever came first."""
    assert set(states(migrations(1, 2, 3), list(recorded(migrations(3, 1, 2)))).values()) == {"applied"}


def test_a_pending_file_is_not_read() -> None:
    """Status needs nothing of what is not applied."""
    broken = migration(2)
    broken = replace(broken, up=Script(Direction.UP, Unreadable()))
    assert states([migration(1), broken], [applied(migration(1))]) == {1: "applied", 2: "pending"}


def test_out_of_order_names_the_file_and_the_way_on() -> None:
    """And the version that it is below."""
    problem = problem_of(migrations(2, 10), [applied(migration(10))])
    assert problem.code == "out_of_order"
    assert problem.message == "002_m is pending below version 10, which is applied"
    assert str(problem.place) == "sql/002_m.up.sql"
    assert "--allow-out-of-order" in (problem.next_step or "")
    assert not problem.warning


def test_missing_says_who_applied_it_and_when() -> None:
    """With every way out that there is."""
    facts = {"applied_at": datetime(2026, 11, 21, 9, 30, tzinfo=UTC), "applied_by": "ann"}
    problem = problem_of([], [applied(migration(3), **facts)])
    assert problem.message == "003_m was applied on 2026-11-21 by ann, and its file is gone"
    assert problem.next_step == "restore it, or undo it: sqlmig rollback 003, or accept it: sqlmig repair 003"
    problem = problem_of([], [applied(migration(3, down_text=None))])
    assert problem.message == "003_m was applied, and its file is gone"
    assert problem.next_step == "restore it, or accept it: sqlmig repair 003"


def test_what_was_retired_is_not_missing() -> None:
    """That its file is gone was accepted; once the file is back, it is compared again."""
    record = applied(migration(3), retired=True)
    assert states([], [record]) == {3: "applied"}
    assert states([migration(3, "SELECT 2")], [record]) == {3: "drifted"}


@pytest.mark.parametrize(
    ("progress", "direction", "message", "advice"),
    [
        (
            Progress.FAILED,
            Direction.UP,
            "003_m: failed at statement 2/3: 22012: division by zero",
            "correct that statement and continue: sqlmig apply",
        ),
        (
            Progress.RUNNING,
            Direction.UP,
            "003_m: was interrupted at statement 2/3: 22012: division by zero",
            "continue: sqlmig apply",
        ),
        (
            Progress.FAILED,
            Direction.DOWN,
            "003_m: its rollback failed at statement 2/3: 22012: division by zero",
            "correct that statement and continue: sqlmig rollback 003",
        ),
        (
            Progress.RUNNING,
            Direction.DOWN,
            "003_m: its rollback was interrupted at statement 2/3: 22012: division by zero",
            "continue: sqlmig rollback 003",
        ),
    ],
)
def test_what_stopped_half_way(progress: Progress, direction: Direction, message: str, advice: str) -> None:
    """Where, why, and the command that goes on with this very migration; with the file or without."""
    record = stopped(migration(3), progress, direction, error="22012: division by zero")
    for files in (migrations(3), [], [migration(3, "SELECT 2")]):
        assert states(files, [record]) == {3: "failed"}
        problem = problem_of(files, [record])
        assert (problem.code, problem.message, problem.next_step) == ("failed", message, advice)


def test_a_stopped_one_counts_for_the_order() -> None:
    """Part of it is in the database."""
    assert states(migrations(2, 3), [stopped(migration(3), Progress.FAILED)]) == {2: "out_of_order", 3: "failed"}


def test_a_baseline_counts_as_applied() -> None:
    """It drifts, goes missing and orders like any other."""
    records = [applied(migration(1), baseline=True), applied(migration(3), baseline=True)]
    assert states([migration(1, "SELECT 2"), migration(2)], records) == {1: "drifted", 2: "out_of_order", 3: "missing"}


# Drift


def test_unchanged_files_have_not_drifted() -> None:
    """Nor have files with other line breaks."""
    assert edited() is None
    assert edited(UP.replace("(", "(\r\n"), DOWN, of=(UP.replace("(", "(\n"), DOWN)) is None


@pytest.mark.parametrize(
    ("up", "down", "message"),
    [
        ("-- a\n" + UP, DOWN, "sql/001_m.up.sql changed: comments or white space only"),
        (UP, DOWN + "\n", "sql/001_m.down.sql changed: comments or white space only"),
        (UP.replace("int", "int "), "/* a */" + DOWN, None),
        ("-- sqlmig: lock_timeout = 1s\n" + UP, DOWN, None),
    ],
)
def test_comments_and_white_space_are_a_warning(up: str, down: str, message: str | None) -> None:
    """The state stays applied."""
    problem = edited(up, down)
    assert problem is not None
    assert (problem.code, problem.warning) == ("comments_changed", True)
    assert problem.message == f"001_m is not what was applied: {message}" or message is None
    assert states([migration(1, up, down)], [applied(migration(1, UP, DOWN))]) == {1: "applied"}


@pytest.mark.parametrize(
    ("up", "down", "told"),
    [
        (UP.replace("1", "2"), DOWN, ["sql/001_m.up.sql changed: SQL"]),
        (UP, "DROP TABLE u;", ["sql/001_m.down.sql changed: SQL"]),
        (
            UP.replace("1", "2"),
            "-- a\n" + DOWN,
            ["sql/001_m.up.sql changed: SQL", "sql/001_m.down.sql changed: comments or white space only"],
        ),
        ("-- sqlmig: role = x\n" + UP, DOWN, ["sql/001_m.up.sql changed: SQL"]),
        ("-- sqlmig: irreversible\n" + UP, DOWN, ["sql/001_m.up.sql changed: SQL"]),
        (UP, None, ["its down file is gone"]),
        ("-- a\n" + UP, None, ["sql/001_m.up.sql changed: comments or white space only", "its down file is gone"]),
        ("SELECT 'open", DOWN, ["sql/001_m.up.sql changed: SQL"]),
        ("", DOWN, ["sql/001_m.up.sql changed: SQL"]),
    ],
)
def test_any_other_change_is_drift(up: str, down: str | None, told: list[str]) -> None:
    """Of either file, or both, each named; a file that cannot be cut into statements any more has changed."""
    problem = edited(up, down)
    assert problem is not None
    assert (problem.code, problem.warning, problem.version) == ("drift", False, 1)
    assert problem.message == "001_m is not what was applied: " + "; ".join(told)
    assert problem.next_step == "undo the edit, or accept it: sqlmig repair 001"
    assert states([migration(1, up, down)], [applied(migration(1, UP, DOWN))]) == {1: "drifted"}


def test_a_down_that_was_added_later_is_drift() -> None:
    """What was irreversible when it was applied is not made reversible in silence."""
    problem = edited(of=(UP, None))
    assert problem is not None
    assert (problem.code, problem.message) == (
        "drift",
        "001_m is not what was applied: sql/001_m.down.sql was added later",
    )
    assert str(problem.place) == "sql/001_m.up.sql"


def test_the_place_is_the_first_file_that_changed() -> None:
    """That is the one to look at."""
    problem = edited(UP, "DROP TABLE u;")
    assert problem is not None
    assert str(problem.place) == "sql/001_m.down.sql"


def test_without_a_stored_token_hash_a_change_is_one_of_sql() -> None:
    """What cannot be told to be harmless is not."""
    problem = drift(migration(1, "-- a\n" + UP), applied(migration(1, UP), up=migration(1, UP).up.checksum))
    assert problem is not None
    assert problem.code == "drift"


def test_a_file_that_cannot_be_read_has_drifted() -> None:
    """One finding beside the others, not the end of the command."""
    broken = replace(migration(1), up=Script(Direction.UP, Unreadable("sql/001_m.up.sql")))
    records = [applied(migration(1)), applied(migration(2))]
    assert states([broken], records) == {1: "drifted", 2: "missing"}
    problem = drift(broken, records[0])
    assert problem is not None
    assert (
        problem.message == "001_m is not what was applied: sql/001_m.up.sql changed: cannot be read: Permission denied"
    )


def test_a_file_that_is_no_text_any_more_has_drifted() -> None:
    """By its bytes."""
    problem = drift(replace(migration(1), up=of_bytes(b"\xff")), applied(migration(1)))
    assert problem is not None
    assert "is not UTF-8" in problem.message


def test_checksums_of_a_later_way_are_not_compared() -> None:
    """Hashes that were made otherwise say nothing about a change; that is told."""
    problem = drift(migration(1), applied(migration(1), up=Checksum("x", "y", algorithm=2)))
    assert problem is not None
    assert problem.message.endswith("sql/001_m.up.sql was recorded by another sqlmig, with checksums of kind 2")


# Names


def known() -> tuple[Standing, ...]:
    files = [migration(3, name="create_users"), migration(20, name="add_email"), migration(21, name="add_email")]
    return standings(files, [applied(migration(4, name="gone"))])


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("3", 3),
        ("003", 3),
        ("0000000000003", 3),
        ("create_users", 3),
        ("003_create_users", 3),
        ("003_create_users.up.sql", 3),
        ("sql/003_create_users.down.sql", 3),
        ("C:\\app\\sql\\003_create_users.up.sql", 3),
        ("gone", 4),
        ("004_gone", 4),
        ("021_add_email", 21),
    ],
)
def test_a_migration_is_found_by_what_people_call_it(text: str, version: int) -> None:
    """Its number, its name, both, or a path to its file."""
    assert find(known(), text).version == version


def test_a_name_of_two_migrations_is_asked_back() -> None:
    """Both are named."""
    with pytest.raises(UsageError, match="'add_email' could be 020_add_email or 021_add_email"):
        find(known(), "add_email")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("5", "there is no version 5; near it: 003_create_users, 004_gone, 020_add_email"),
        (
            "99999999999999999999",
            "there is no version 99999999999999999999; near it: 004_gone, 020_add_email, 021_add_email",
        ),
        ("create_user", "there is no migration 'create_user'; near it: create_users, 003_create_users"),
        ("3_create_users", "there is no migration '3_create_users'; near it: 003_create_users, create_users"),
        ("zzz", "there is no migration 'zzz'"),
        ("", "there is no migration ''"),
        ("-3", "there is no migration '-3'"),
        ("³", "there is no migration '³'"),
        ("9" * 5000, f"there is no migration '{'9' * 5000}'"),
    ],
)
def test_what_is_not_found_is_answered_with_what_is_near(text: str, message: str) -> None:
    """Numbers near in number, names near in spelling."""
    with pytest.raises(UsageError) as caught:
        find(known(), text)
    assert caught.value.message == message
    assert caught.value.next_step == "sqlmig status"


def test_nothing_is_near_where_nothing_is() -> None:
    """An empty folder and an empty history."""
    with pytest.raises(UsageError, match=r"^there is no version 1$"):
        find((), "1")


def test_another_migration_under_the_same_version_is_named() -> None:
    """Two branches took one number: what is in the database is not an edit of this file."""
    problem = drift(migration(1, "SELECT 2", name="ours"), applied(migration(1, name="theirs")))
    assert problem is not None
    assert problem.message.startswith("001_ours is not what was applied, 001_theirs: sql/001_ours.up.sql changed: SQL")
    assert problem.next_step == "undo what was applied, and apply this: sqlmig switch, or accept it: sqlmig repair 001"
