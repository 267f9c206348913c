"""``sqlmig renumber`` and ``sqlmig.sum`` in a real repository, beside a database that knows what is applied."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from sqlmig.errors import CheckFailed, NoConnection, UsageError
from sqlmig.plan import Apply
from tests.support.project import Project
from tests.support.repository import Repository
from tests.support.runner import Runs


@pytest.fixture
def runs(project: Project) -> Runs:
    return Runs(project)


def write(runs: Runs, *names: str) -> None:
    for name in names:
        table = name.partition("_")[2]
        runs.write(name, f"CREATE TABLE {table} ();\n", f"DROP TABLE {table};\n")


def names(runs: Runs) -> list[str]:
    """Every migration by its up file."""
    return sorted(path.name.removesuffix(".up.sql") for path in runs.project.sql.rglob("*.up.sql"))


@pytest.fixture
def repository(runs: Runs) -> Repository:
    """``mine`` and ``main`` parted after 002, and both went on; ``mine`` is checked out."""
    repository = Repository(runs.project.folder)
    write(runs, "001_a", "002_b")
    repository.commit()
    repository.branch("mine")
    write(runs, "003_mine", "004_more")
    repository.commit()
    repository.checkout("main")
    write(runs, "003_theirs")
    repository.commit()
    repository.checkout("mine")
    return repository


# Onto another branch


@pytest.mark.parametrize("when", ["before the merge", "after the merge"])
def test_own_migrations_move_behind_those_of_the_other_branch(runs: Runs, repository: Repository, when: str) -> None:
    """Before it, git is asked what the other branch has, since it is not on disk."""
    if when == "after the merge":
        repository.git("merge", "--quiet", "--no-edit", "main")
        assert runs.project.invoke("check", "--offline").exit_code == 2
    result = runs.api.renumber(onto="main")
    assert [(str(one.label), one.new_label, one.name) for one in result.renamed] == [
        ("003", "004", "mine"),
        ("004", "005", "more"),
    ]
    repository.commit()
    repository.git("merge", "--quiet", "--no-edit", "main")
    assert names(runs) == ["001_a", "002_b", "003_theirs", "004_mine", "005_more"]
    assert runs.project.invoke("check", "--offline").exit_code == 0
    assert runs.api.renumber(onto="main").renamed == ()


def test_uncommitted_files_are_own_too(runs: Runs, repository: Repository) -> None:
    write(runs, "003_draft")
    result = runs.api.renumber(onto="main")
    assert [one.name for one in result.renamed] == ["draft", "mine", "more"]


def test_what_came_by_another_way_is_not_own(runs: Runs, repository: Repository) -> None:
    """Cherry-picked from the other branch, or moved to another folder."""
    repository.git("cherry-pick", "main")
    (runs.project.sql / "old").mkdir()
    for path in runs.project.sql.glob("002_b.*"):
        path.rename(path.parent / "old" / path.name)
    assert [one.name for one in runs.api.renumber(onto="main").renamed] == ["mine", "more"]


def test_one_name_on_both_branches_with_another_text_is_own(runs: Runs, repository: Repository) -> None:
    """Git would report a conflict in it; under its own number there is none."""
    repository.branch("third", "main~1")
    runs.write("003_theirs", "CREATE TABLE other ();\n")
    repository.commit()
    assert [one.new_label for one in runs.api.renumber(onto="main").renamed] == ["004"]
    repository.commit()
    repository.git("merge", "--quiet", "--no-edit", "main")
    assert names(runs) == ["001_a", "002_b", "003_theirs", "004_theirs"]


def test_a_dry_run_renames_nothing(runs: Runs, repository: Repository) -> None:
    outcome = runs.project.invoke("renumber", "--onto", "main", "--dry-run")
    assert outcome.exit_code == 0
    assert "sql/003_mine.up.sql -> sql/004_mine.up.sql" in outcome.stdout
    assert "nothing was changed" in outcome.stdout
    assert names(runs) == ["001_a", "002_b", "003_mine", "004_more"]


def test_what_is_applied_is_never_renumbered(runs: Runs, repository: Repository) -> None:
    """The advice works: renumbered all the same, the database follows by switch."""
    runs.apply()
    error = runs.fails(CheckFailed, lambda: runs.api.renumber(onto="main"))
    assert [problem.code for problem in error.problems] == ["applied", "applied"]
    assert error.next_step == "renumber it with --offline, then: sqlmig switch"
    assert names(runs) == ["001_a", "002_b", "003_mine", "004_more"]
    assert runs.project.invoke("renumber", "--onto", "main", "--offline").exit_code == 0
    repository.commit()
    repository.git("merge", "--quiet", "--no-edit", "main")
    assert runs.project.invoke("switch").exit_code == 0
    assert runs.applied() == ["001_a", "002_b", "003_theirs", "004_mine", "005_more"]


def test_an_applied_migration_of_the_other_branch_is_no_obstacle(runs: Runs, repository: Repository) -> None:
    """Its number is the same, it is not this one."""
    repository.checkout("main")
    runs.apply()
    repository.checkout("mine")
    assert len(runs.api.renumber(onto="main").renamed) == 2


def test_without_a_connection_git_is_enough(runs: Runs, repository: Repository) -> None:
    """That nobody was asked is said."""
    runs.url = "postgresql://localhost:1/nowhere"
    result = runs.api.renumber(onto="main")
    assert [problem.code for problem in result.warnings] == ["not_asked"]
    assert (len(result.renamed), result.where) == (2, None)


@pytest.mark.parametrize(
    ("reference", "message"), [("nowhere", "knows no commit 'nowhere'"), ("--all", "knows no commit '--all'")]
)
def test_a_reference_that_git_does_not_know(runs: Runs, repository: Repository, reference: str, message: str) -> None:
    error = runs.fails(UsageError, lambda: runs.api.renumber(onto=reference))
    assert message in error.message
    assert error.exit_code == 2


def test_branches_that_have_nothing_in_common(runs: Runs, repository: Repository) -> None:
    repository.git("checkout", "--quiet", "--orphan", "new")
    repository.git("commit", "--quiet", "--message", "work")
    error = runs.fails(UsageError, lambda: runs.api.renumber(onto="main"))
    assert "in common" in error.message


def test_within_a_hook(runs: Runs, repository: Repository) -> None:
    """git tells its hooks where the repository is, as seen from its top."""
    outcome = runs.project.invoke("renumber", "--onto", "main", env={"GIT_DIR": ".git", "GIT_INDEX_FILE": ".git/index"})
    assert outcome.exit_code == 0, outcome
    assert names(runs) == ["001_a", "002_b", "004_mine", "005_more"]


def test_times_become_the_time_that_it_is(runs: Runs, repository: Repository) -> None:
    """In the order they had."""
    repository.checkout("main")
    write(runs, "20260301120000_theirs")
    repository.commit()
    repository.branch("stamped", "main~1")
    write(runs, "20260101120000_first", "20260102120000_second")
    before = int(datetime.now(UTC).strftime("%Y%m%d%H%M%S"))
    first, second = runs.api.renumber(onto="main").renamed
    assert (first.name, second.name) == ("first", "second")
    assert before <= first.new_version < second.new_version
    assert len(first.new_label) == 14


def test_outside_a_repository(runs: Runs) -> None:
    write(runs, "001_a")
    error = runs.fails(UsageError, lambda: runs.api.renumber(onto="main"))
    assert "not a git repository" in error.message


# Without git


def test_what_shares_its_version_with_an_applied_one_moves(runs: Runs) -> None:
    write(runs, "001_a", "002_b")
    runs.apply()
    write(runs, "002_c", "003_d")
    result = runs.api.renumber()
    assert names(runs) == ["001_a", "002_b", "003_d", "004_c"]
    assert [problem.code for problem in result.warnings] == ["overtaken"]
    runs.apply()


def test_an_applied_one_is_known_by_its_text_where_its_name_is_new(runs: Runs) -> None:
    write(runs, "001_a")
    runs.apply()
    for path in runs.project.sql.glob("001_a.*"):
        path.rename(path.with_name(path.name.replace("_a.", "_renamed.")))
    write(runs, "001_b")
    runs.api.renumber()
    assert names(runs) == ["001_renamed", "002_b"]


def test_what_is_out_of_order_moves_behind_everything(runs: Runs) -> None:
    write(runs, "001_a", "005_e")
    runs.apply()
    write(runs, "002_b", "004_d")
    assert [problem.code for problem in runs.fails(CheckFailed).problems] == ["out_of_order"] * 2
    runs.api.renumber()
    assert names(runs) == ["001_a", "005_e", "006_b", "007_d"]
    runs.apply()
    assert set(runs.states().values()) == {"applied"}


def test_which_of_two_pending_ones_has_to_move_is_not_guessed(runs: Runs) -> None:
    """It is said how to tell."""
    write(runs, "001_a", "001_b")
    error = runs.fails(UsageError, runs.api.renumber)
    assert "001_a and 001_b share version 1" in error.message
    assert (error.next_step or "").startswith("name it: sqlmig renumber 001_b")
    assert [one.new_label for one in runs.api.renumber(["001_a"]).renamed] == ["002"]
    assert names(runs) == ["001_b", "002_a"]


@pytest.mark.parametrize("typed", ["002_a", "sql/002_a.up.sql", "002_a.down.sql", "a"])
def test_one_is_named_as_elsewhere(runs: Runs, typed: str) -> None:
    write(runs, "002_a", "002_b", "003_c")
    runs.api.renumber([typed], offline=True)
    assert names(runs) == ["002_b", "003_c", "004_a"]


@pytest.mark.parametrize("typed", ["002", "nothing"])
def test_a_name_that_does_not_tell_is_refused(runs: Runs, typed: str) -> None:
    write(runs, "002_a", "002_b")
    runs.fails(UsageError, lambda: runs.api.renumber([typed]))
    assert names(runs) == ["002_a", "002_b"]


def test_names_and_a_reference_contradict_each_other(runs: Runs) -> None:
    outcome = runs.project.invoke("renumber", "001_a", "--onto", "main")
    assert outcome.exit_code == 2


def test_without_a_connection_only_git_or_a_name_can_tell(runs: Runs) -> None:
    write(runs, "001_a")
    runs.url = "postgresql://localhost:1/nowhere"
    runs.fails(NoConnection, runs.api.renumber)
    assert runs.api.renumber(offline=True).renamed == ()


def test_nothing_is_written_to_the_database(runs: Runs) -> None:
    write(runs, "001_a")
    runs.api.renumber()
    assert runs.database.value("SELECT to_regnamespace('sqlmig') IS NULL")


def test_a_protected_database_has_the_last_word(runs: Runs) -> None:
    """What is applied there has its number for good."""
    write(runs, "001_a")
    runs.apply()
    runs.configure(protected=True)
    error = runs.fails(CheckFailed, lambda: runs.api.renumber(["001_a"]))
    assert error.next_step == "renumber the other one"
    runs.apply(Apply())


# With a sum file


def test_git_itself_reports_that_two_branches_added_migrations(runs: Runs) -> None:
    """Even under different numbers, in files that do not touch; renumber solves it, and check agrees."""
    repository = Repository(runs.project.folder)
    write(runs, "001_a")
    sums = runs.project.sql / "sqlmig.sum"
    assert runs.project.invoke("repair", "--sum").exit_code == 0
    repository.commit()
    repository.branch("mine")
    write(runs, "002_mine")
    runs.project.invoke("repair", "--sum")
    repository.commit()
    repository.checkout("main")
    write(runs, "003_theirs")
    runs.project.invoke("repair", "--sum")
    repository.commit()
    repository.checkout("mine")
    assert "CONFLICT (content): Merge conflict in sql/sqlmig.sum" in repository.git("merge", "main", check=False)
    outcome = runs.project.invoke("check", "--offline")
    assert (outcome.exit_code, "a merge conflict is not solved" in outcome.stdout) == (2, True)
    outcome = runs.project.invoke("renumber", "--onto", "main")
    assert "wrote sql/sqlmig.sum" in outcome.stdout
    assert listed(sums) == ["001_a", "003_theirs", "004_mine"]
    assert runs.project.invoke("check", "--offline").exit_code == 0
    repository.commit()


def listed(path: Path) -> list[str]:
    return [line.partition(" ")[0] for line in path.read_text().splitlines()[2:]]


def test_new_renumber_and_repair_keep_it(runs: Runs) -> None:
    write(runs, "001_a")
    runs.project.invoke("repair", "--sum")
    sums = runs.project.sql / "sqlmig.sum"
    assert runs.project.invoke("new", "more").exit_code == 0
    assert listed(sums) == ["001_a", "002_more"]
    runs.write("002_more", "SELECT 2", "SELECT -2")
    assert runs.project.invoke("check", "--offline").exit_code == 3
    assert runs.check().exit_code == 3
    runs.apply()
    outcome = runs.project.invoke("repair", "001", "--json")
    assert outcome.json["sums"] == []
    outcome = runs.project.invoke("repair", "--json")
    assert outcome.json["sums"] == ["sql/sqlmig.sum"]
    assert runs.check().exit_code == 0
    runs.write("001_a", "CREATE TABLE a (); -- changed")
    runs.project.invoke("repair", "001")
    assert runs.check(strict=True).exit_code == 0


def test_a_failing_sum_file_keeps_the_files_as_they_were(runs: Runs) -> None:
    write(runs, "001_a", "002_b")
    (runs.project.sql / "sqlmig.sum").write_text("nonsense\n")
    for command in (["renumber", "001_a", "--offline"], ["new", "c"]):
        outcome = runs.project.invoke(*command)
        assert (outcome.exit_code, names(runs)) == (2, ["001_a", "002_b"]), outcome
        assert "sqlmig repair --sum" in outcome.stderr


def test_repair_looks_at_it_before_it_accepts_anything(runs: Runs) -> None:
    write(runs, "001_a")
    runs.apply()
    runs.write("001_a", "CREATE TABLE a (x int);", "DROP TABLE a;")
    (runs.project.sql / "sqlmig.sum").write_text("nonsense\n")
    assert runs.project.invoke("repair").exit_code == 2
    assert runs.states() == {"001_a": "drifted"}
    assert runs.project.invoke("repair", "--sum").exit_code == 0
    assert runs.project.invoke("repair").exit_code == 0
    assert runs.states() == {"001_a": "applied"}


def test_sum_is_about_all_migrations(runs: Runs) -> None:
    write(runs, "001_a")
    for more in (["001"], ["--resume-at", "2"], ["--mark-applied"]):
        assert runs.project.invoke("repair", "--sum", *more).exit_code == 2
    outcome = runs.project.invoke("repair", "--sum", "--json")
    assert (outcome.json["changes"], outcome.json["sums"]) == ([], ["sql/sqlmig.sum"])
