"""``sqlmig switch`` in a real repository: the database follows the checkout."""

from __future__ import annotations

import pytest

from sqlmig.errors import CheckFailed, NotAllowed, StatementFailed
from tests.cli.terminal import at_terminal
from tests.support.project import Project
from tests.support.repository import Repository
from tests.support.runner import Runs, outcomes


@pytest.fixture
def runs(project: Project) -> Runs:
    """``main`` has 010 and 020; ``one`` adds 030 and 040; ``two`` adds another 030, and a 015 that lies below."""
    runs = Runs(project)
    runs.write("010_base", "CREATE TABLE base (x int)", "DROP TABLE base;")
    runs.write("020_shared", "ALTER TABLE base ADD COLUMN shared int", "ALTER TABLE base DROP COLUMN shared;")
    repository = Repository(project.folder)
    repository.commit()
    repository.branch("one")
    runs.write("030_one", "CREATE TABLE one (x int)", "DROP TABLE one;")
    runs.write("040_more", "CREATE INDEX one_x_idx ON one (x)", "DROP INDEX one_x_idx;")
    repository.commit()
    repository.branch("two")
    runs.write("015_late", "ALTER TABLE base ADD COLUMN late int", "ALTER TABLE base DROP COLUMN late;")
    runs.write("030_two", "CREATE TABLE two (x int)", "DROP TABLE two;")
    repository.commit()
    return runs


@pytest.fixture
def repository(runs: Runs) -> Repository:
    """The same repository, with ``one`` checked out and applied."""
    repository = Repository(runs.project.folder)
    repository.checkout("one")
    runs.apply()
    return repository


def test_the_database_follows_the_checkout(runs: Runs, repository: Repository) -> None:
    """There and back: what the other branch did goes, by its stored downs; what is here comes, also below the rest."""
    of_one = runs.database.dump()
    repository.checkout("two")
    result = runs.api.switch()
    assert [(str(step), step.direction.value, step.from_history) for step in result.steps] == [
        ("040_more", "down", True),
        ("030_one", "down", True),
        ("015_late", "up", False),
        ("030_two", "up", False),
    ]
    assert set(runs.states().values()) == {"applied"}
    assert runs.exists("one", "two", "one_x_idx") == [False, True, False]
    assert runs.check().exit_code == 0
    assert runs.api.switch().steps == ()
    repository.checkout("one")
    runs.api.switch()
    assert runs.database.dump() == of_one
    assert runs.applied() == ["010_base", "020_shared", "030_one", "040_more"]


def test_what_both_branches_have_keeps_its_rows(runs: Runs, repository: Repository) -> None:
    runs.database.execute("INSERT INTO base VALUES (1, 2)")
    repository.checkout("two")
    runs.api.switch()
    repository.checkout("main")
    runs.api.switch()
    assert runs.applied() == ["010_base", "020_shared"]
    assert runs.database.rows("SELECT x, shared FROM base") == [(1, 2)]


def test_an_edit_takes_along_what_was_built_on_it(runs: Runs, repository: Repository) -> None:
    """020 adds a column to the table of 010: were it left alone, the column would be gone and 020 called applied."""
    runs.write("010_base", "CREATE TABLE base (x bigint)", "DROP TABLE base;")
    result = runs.api.switch()
    assert [str(step) for step in result.steps] == [
        *("040_more", "030_one", "020_shared", "010_base"),
        *("010_base", "020_shared", "030_one", "040_more"),
    ]
    columns = "SELECT attname, atttypid::regtype::text FROM pg_attribute"
    assert runs.database.rows(f"{columns} WHERE attrelid = 'base'::regclass AND attnum > 0") == [
        ("x", "bigint"),
        ("shared", "integer"),
    ]


def test_the_plan_is_shown_first(runs: Runs, repository: Repository) -> None:
    """Also without a terminal, where nobody is asked: a development database is there to be rolled back."""
    repository.checkout("two")
    for args in (["--dry-run"], []):
        outcome = runs.project.invoke("switch", *args)
        assert outcome.exit_code == 0, outcome
        words = " ".join(outcome.stdout.split())
        assert words.index("roll back") < words.index("040_more") < words.index("030_one") < words.index("015_late")
        assert (("would run" in words), ("rolled back" in words)) == (bool(args), not args)
    assert runs.applied() == ["010_base", "020_shared", "015_late", "030_two"]


def test_on_a_terminal_the_plan_stands_before_the_first_step(runs: Runs, repository: Repository) -> None:
    repository.checkout("two")
    seen = at_terminal(runs.project, "switch")
    assert seen.exit_code == 0, seen
    before, _, behind = seen.text.partition("to roll back: 040_more, 030_one")
    assert "rolled back" not in before
    assert "to apply: 015_late, 030_two" in behind.partition("rolled back")[0]


def test_a_dry_run_changes_nothing(runs: Runs, repository: Repository) -> None:
    repository.checkout("two")
    logged = runs.logged()
    assert outcomes(runs.api.switch(dry_run=True)) == ["planned"] * 4
    assert (runs.logged(), runs.exists("one", "two")) == (logged, [True, False])


def test_what_cannot_be_undone_stops_it_before_anything_runs(runs: Runs, repository: Repository) -> None:
    """The error says what to do, and that works."""
    runs.write("050_gone", "-- sqlmig: irreversible\nALTER TABLE base DROP COLUMN shared")
    runs.apply()
    repository.commit()
    repository.checkout("two")
    error = runs.fails(CheckFailed, runs.api.switch)
    assert (error.exit_code, error.next_step) == (
        3,
        "to keep what it did, accept that its file is gone: sqlmig repair 050",
    )
    assert outcomes(error) == ["not_run"] * 4
    assert runs.exists("one", "two") == [True, False]
    assert runs.project.invoke("repair", "050").exit_code == 0
    runs.api.switch()
    assert runs.exists("one", "two") == [False, True]


@pytest.mark.parametrize("allow_rollback", [True, False])
def test_a_protected_environment_refuses(runs: Runs, repository: Repository, allow_rollback: bool) -> None:
    """Whatever else it allows. To look is allowed."""
    runs.configure(protected=True, allow_rollback=allow_rollback)
    repository.checkout("two")
    error = runs.fails(NotAllowed, lambda: runs.api.switch(yes=True))
    assert error.exit_code == 2
    assert runs.exists("one", "two") == [True, False]
    assert len(runs.api.switch(dry_run=True).steps) == 4


def test_a_failure_on_the_way_leaves_whole_steps_and_the_next_switch_goes_on(
    runs: Runs, repository: Repository
) -> None:
    repository.checkout("two")
    runs.database.execute("CREATE TABLE two ()")
    error = runs.fails(StatementFailed, runs.api.switch)
    assert outcomes(error) == ["rolled_back", "rolled_back", "applied", "failed"]
    runs.database.execute("DROP TABLE two")
    assert [str(step) for step in runs.api.switch().steps] == ["030_two"]
    assert runs.applied() == ["010_base", "020_shared", "015_late", "030_two"]


def test_a_down_without_transaction_goes_on_where_it_stopped(runs: Runs, repository: Repository) -> None:
    """With the stored text, though its file is not in this checkout."""
    head = "-- sqlmig: no-transaction\n"
    runs.write("050_slow", f"{head}CREATE TABLE slow ()", f"{head}DROP TABLE slow;\nDROP TABLE trouble;")
    runs.apply()
    repository.commit()
    repository.checkout("two")
    error = runs.fails(StatementFailed, runs.api.switch)
    assert error.statement == 2
    assert runs.exists("slow", "one") == [False, True]
    runs.database.execute("CREATE TABLE trouble ()")
    result = runs.api.switch()
    assert (str(result.steps[0]), result.steps[0].resumed_at) == ("050_slow", 2)
    assert runs.exists("trouble", "one", "two") == [False, False, True]


def test_json(runs: Runs, repository: Repository) -> None:
    """The keys of every run."""
    repository.checkout("two")
    document = runs.project.invoke("switch", "--json").json
    assert (document["command"], document["ok"], document["dry_run"]) == ("switch", True, False)
    assert [(step["label"], step["outcome"]) for step in document["steps"]] == [
        ("040", "rolled_back"),
        ("030", "rolled_back"),
        ("015", "applied"),
        ("030", "applied"),
    ]
