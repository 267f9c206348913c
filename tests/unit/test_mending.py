"""What ``repair`` accepts, as SQL for the history."""

from __future__ import annotations

import pytest

from sqlmig import mending
from sqlmig.errors import CheckFailed, FilesInvalid, UsageError
from sqlmig.history import Actor, History
from sqlmig.migration import Applied, Migration, Progress
from sqlmig.standing import Standing, standings
from tests.unit.making import applied, migration

HISTORY = History("sqlmig", Actor("host", "1.0"))
STORED = {1: ("SELECT 1", "SELECT -1")}


def standing(file: Migration | None, record: Applied | None) -> Standing:
    (found,) = standings([file] if file else [], [record] if record else [])
    return found


def test_a_change_is_accepted_with_its_diff() -> None:
    """The record takes the files' checksums, and the log what was accepted."""
    change, texts = mending.accept(standing(migration(1, "SELECT 2"), applied(migration(1))), STORED, HISTORY)
    assert change.what == "001_m is not what was applied: sql/001_m.up.sql changed: SQL"
    assert "-SELECT 1\n" in change.diff
    assert [text.split()[0] for text in texts] == ["UPDATE", "INSERT"]


def test_a_file_that_is_gone_is_accepted() -> None:
    """Its record stays, and is no longer missing."""
    change, texts = mending.accept(standing(None, applied(migration(1))), STORED, HISTORY)
    assert (change.what, change.diff, len(texts)) == ("its file is gone", "", 2)


def test_nothing_is_written_where_nothing_changed() -> None:
    """Not even into the log: a second repair finds nothing to do."""
    change, texts = mending.accept(standing(migration(1), applied(migration(1))), STORED, HISTORY)
    assert (change.what, texts) == ("nothing changed", [])


def test_a_file_that_could_not_be_run_is_not_accepted() -> None:
    """The next database would stop at it, and a stored down that must not run is no way back."""
    for file in (migration(1, "SELECT '"), migration(1, "SELECT 1", "COMMIT"), migration(1, "SELECT 1", "")):
        with pytest.raises(FilesInvalid):
            mending.accept(standing(file, applied(migration(1))), STORED, HISTORY)


def test_what_is_not_applied_is_not_repaired() -> None:
    """Nor what stopped half way: that needs a decision."""
    with pytest.raises(UsageError, match="is not applied"):
        mending.accept(standing(migration(1), None), STORED, HISTORY)
    record = applied(migration(1), progress=Progress.FAILED, statement=1, statements=1)
    with pytest.raises(CheckFailed, match="failed at statement 1/1"):
        mending.accept(standing(migration(1), record), STORED, HISTORY)


def test_what_can_be_accepted() -> None:
    """Drift, comments and a missing file; what is pending or half applied cannot."""
    files = [migration(1, "SELECT 2"), migration(2, "SELECT 1 -- a"), migration(4), migration(5), migration(6)]
    half = applied(migration(5), progress=Progress.FAILED, statement=1, statements=1)
    known = standings(files, [*map(applied, (migration(1), migration(2), migration(3), migration(4))), half])
    assert [standing.version for standing in mending.repairable(known)] == [1, 2, 3]


def test_only_what_stopped_half_way_can_be_decided() -> None:
    """Of the rest there is nothing to decide."""
    for subject in (standing(migration(1), applied(migration(1))), standing(migration(1), None)):
        with pytest.raises(UsageError, match="did not stop half way"):
            mending.decide(subject, "applied", None, HISTORY)


def test_a_decision_is_logged() -> None:
    """In words, behind the change of the record."""
    record = applied(migration(1), progress=Progress.FAILED, statement=1, statements=1)
    change, texts = mending.decide(standing(migration(1), record), "applied", None, HISTORY)
    assert (str(change), change.what) == ("001_m", "marked as applied")
    assert "'marked as applied'" in texts[-1]
    assert len(texts) > 1
