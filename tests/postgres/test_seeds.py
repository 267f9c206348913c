"""Seeds: run each time, in order of name, each in one transaction, where they are allowed."""

from __future__ import annotations

import os

import pytest

from tests.cli.terminal import at_terminal
from tests.support.project import Outcome, Project


@pytest.fixture
def seeded(project: Project) -> Project:
    """A table, and a configuration with the environments development and production."""
    project.write("001_note.up.sql", "CREATE TABLE note (id int GENERATED ALWAYS AS IDENTITY, text text);\n")
    project.write("001_note.down.sql", "DROP TABLE note;\n")
    configure(project)
    return project


def configure(project: Project, *, production: str = "", general: str = "") -> None:
    assert project.database is not None
    project.write_config(
        f'default_environment = "development"\n{general}\n[env.development]\nurl = "{project.database.url}"\n'
        f'[env.production]\nurl = "{project.database.url}"\nprotected = true\n{production}\n'
    )


def seed(project: Project, name: str, text: str, folder: str = "seeds") -> None:
    path = project.folder / folder / f"{name}.sql"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def note(text: str) -> str:
    return f"INSERT INTO note (text) VALUES ('{text}');\n"


def notes(project: Project) -> list[str]:
    assert project.database is not None
    return [text for (text,) in project.database.rows("SELECT text FROM note ORDER BY id")]


def run(project: Project, *words: str, env: str | None = None) -> Outcome:
    return project.invoke(*words, env={"SQLMIG_URL": None, "SQLMIG_ENV": env})


def logged(project: Project) -> list[tuple[str, str | None]]:
    assert project.database is not None
    return [(event, name) for event, name in project.database.rows("SELECT event, name FROM sqlmig.event ORDER BY id")]


def test_seeds_run_each_time_in_order_of_name(seeded: Project) -> None:
    """Those of the environment's own folder among them, those of another's never; nothing else in the folder runs."""
    for name in ("020_b", "010_a", "README"):
        seed(seeded, name, note(name))
    seed(seeded, "015_own", note("015_own"), "seeds/development")
    seed(seeded, "016_other", note("016_other"), "seeds/production")
    (seeded.folder / "seeds" / "notes.txt").write_text("not SQL")
    (seeded.folder / "seeds" / ".hidden.sql").write_text("not SQL")
    assert run(seeded, "apply").exit_code == 0
    order = ["010_a", "015_own", "020_b", "README"]
    for _ in range(2):
        done = run(seeded, "seed", "run", "--json")
        assert done.exit_code == 0, done
        told = [(step["name"], step["kind"], step["version"], step["outcome"]) for step in done.json["steps"]]
        assert told == [(name, "seed", None, "ran") for name in order]
        assert all(step["duration_ms"] is not None for step in done.json["steps"])
    assert notes(seeded) == [*order, *order]
    assert seeded.database is not None
    assert seeded.database.value("SELECT count(*) FROM sqlmig.migration") == 1
    assert logged(seeded) == [("apply", "note"), *[("seed", name) for name in order] * 2]
    durations = seeded.database.rows("SELECT duration_ms FROM sqlmig.event WHERE event = 'seed'")
    assert all(duration > 0 for (duration,) in durations)


def test_seeds_by_name(seeded: Project) -> None:
    """With or without the ending, in their own order; one that is not there is named before anything runs."""
    for name in ("a", "b", "c"):
        seed(seeded, name, note(name))
    run(seeded, "apply")
    assert run(seeded, "seed", "run", "c", "a.sql").exit_code == 0
    assert notes(seeded) == ["a", "c"]
    wrong = run(seeded, "seed", "run", "a", "people")
    assert wrong.exit_code == 2
    assert "there is no seed 'people'" in wrong.stderr
    assert notes(seeded) == ["a", "c"]


def test_several_folders(seeded: Project) -> None:
    """One order for all of them."""
    configure(seeded, general='seeds = ["one", "two"]')
    seed(seeded, "a", note("a"), "two")
    seed(seeded, "b", note("b"), "one")
    seed(seeded, "c", note("c"), "two/development")
    run(seeded, "apply")
    assert run(seeded, "seed", "run").exit_code == 0
    assert notes(seeded) == ["a", "b", "c"]


def test_a_seed_that_fails_leaves_nothing_of_itself(seeded: Project) -> None:
    """Those before it stay, those behind it do not run; file, line, column, statement, SQLSTATE, what to type next."""
    seed(seeded, "a", note("a"))
    seed(seeded, "b", note("b") + "INSERT INTO note (txt) VALUES ('x');\n")
    seed(seeded, "c", note("c"))
    run(seeded, "apply")
    failed = run(seeded, "seed", "run", "--json")
    assert failed.exit_code == 1
    assert [step["outcome"] for step in failed.json["steps"]] == ["ran", "failed", "not_run"]
    error = failed.json["error"]
    assert (error["file"], error["line"], error["column"]) == (f"seeds{os.sep}b.sql", 2, 19)
    assert (error["statement"], error["statements"], error["sqlstate"]) == (2, 2, "42703")
    assert error["left_behind"] == "b was rolled back: nothing of it stays"
    assert error["next_step"] == f"correct seeds{os.sep}b.sql, then: sqlmig seed run b"
    assert notes(seeded) == ["a"]
    assert logged(seeded)[-2:] == [("seed", "a"), ("failure", "b")]
    told = run(seeded, "seed", "run")
    assert "1 ran, 1 failed, 1 not run" in told.stdout
    assert "seeds/b.sql:2:19" in told.stderr


def test_header_and_baseline_hold_for_seeds(seeded: Project) -> None:
    """The role of the header; what one seed sets is not set in the next."""
    assert seeded.database is not None
    role = seeded.database.role("writer", "NOLOGIN")
    seed(seeded, "a", f"-- sqlmig: role = {role}\nCREATE TABLE owned ();\nSET search_path = pg_catalog;\n")
    seed(seeded, "b", note("b"))
    run(seeded, "apply")
    seeded.database.execute(f"GRANT CREATE ON SCHEMA public TO {role}")
    assert run(seeded, "seed", "run").exit_code == 0
    owner = seeded.database.value("SELECT relowner::regrole::text FROM pg_class WHERE relname = 'owned'")
    assert (owner, notes(seeded)) == (role, ["b"])


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        ("-- A.\n-- sqlmig: no-transaction\nVACUUM;\n", "needs_transaction", 2),
        ("SELECT 1;\nVACUUM;\n", "needs_no_transaction", 2),
        ("SELECT 1;\nCOMMIT;\n", "transaction_control", 2),
        ("-- sqlmig: roll = x\nSELECT 1;\n", "script", 1),
        ("SELECT 'open;\n", "script", 1),
    ],
)
def test_what_must_not_run_is_found_before_anything_runs(seeded: Project, text: str, code: str, line: int) -> None:
    """A seed runs in one transaction: what cannot is refused, with its line; the seeds before it do not run."""
    seed(seeded, "a", note("a"))
    seed(seeded, "b", text)
    run(seeded, "apply")
    refused = run(seeded, "seed", "run", "--json")
    assert refused.exit_code == 2
    (problem,) = refused.json["problems"]
    assert (problem["code"], problem["file"], problem["line"]) == (code, f"seeds{os.sep}b.sql", line)
    assert "header" not in problem["next_step"]
    assert notes(seeded) == []


def test_dry_run_shows_and_changes_nothing(seeded: Project) -> None:
    seed(seeded, "a", note("a"))
    run(seeded, "apply")
    before = logged(seeded)
    shown = run(seeded, "seed", "run", "--dry-run")
    assert shown.exit_code == 0
    assert "seeds/a.sql:1" in shown.stdout
    assert "1 seed would run; nothing was changed" in shown.stdout
    assert (notes(seeded), logged(seeded)) == ([], before)


def test_apply_and_fresh_with_seeds(seeded: Project) -> None:
    """Behind the migrations, also where none is pending; never unless asked for."""
    seed(seeded, "a", note("a"))
    assert run(seeded, "apply").exit_code == 0
    assert notes(seeded) == []
    done = run(seeded, "apply", "--seed")
    assert done.exit_code == 0
    assert "1 seed ran" in done.stdout
    assert notes(seeded) == ["a"]
    document = run(seeded, "fresh", "--seed", "--json").json
    assert [(step["kind"], step["outcome"]) for step in document["steps"]] == [
        ("migration", "applied"),
        ("seed", "ran"),
    ]
    assert notes(seeded) == ["a"]
    run(seeded, "fresh")
    assert notes(seeded) == []
    dry = run(seeded, "apply", "--seed", "--dry-run")
    assert "run seed a" in dry.stdout


def test_single_transaction_leaves_seeds_their_own(seeded: Project) -> None:
    """Migrations stay applied where a seed behind them fails."""
    seeded.write("002_more.up.sql", "ALTER TABLE note ADD COLUMN more int;\n")
    seed(seeded, "a", note("a"))
    seed(seeded, "b", "SELECT 1/0;\n")
    failed = run(seeded, "apply", "--single-transaction", "--seed", "--json")
    assert [step["outcome"] for step in failed.json["steps"]] == ["applied", "applied", "ran", "failed"]
    assert notes(seeded) == ["a"]


def test_protected_environments_refuse_seeds(seeded: Project) -> None:
    """Unless the configuration allows them, and somebody confirms it."""
    seed(seeded, "a", note("a"))
    run(seeded, "apply")
    for command in (["seed", "run", "--yes"], ["apply", "--seed", "--yes"]):
        refused = run(seeded, *command, "--json", env="production")
        assert (refused.exit_code, refused.json["error"]["code"]) == (2, "not_allowed")
        assert "allow_seeds = true" in refused.json["error"]["next_step"]
    configure(seeded, production="allow_seeds = true")
    refused = run(seeded, "seed", "run", "--json", env="production")
    assert (refused.exit_code, refused.json["error"]["code"]) == (2, "confirmation_required")
    assert notes(seeded) == []
    assert run(seeded, "seed", "run", "--yes", env="production").exit_code == 0
    assert notes(seeded) == ["a"]


def test_a_person_confirms_seeds_by_name(seeded: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    configure(seeded, production="allow_seeds = true")
    seed(seeded, "a", note("a"))
    run(seeded, "apply")
    plain = seeded.environment
    monkeypatch.setattr(seeded, "environment", lambda changes=None: plain({"SQLMIG_URL": None, **(changes or {})}))
    seen = at_terminal(seeded, "seed", "run", "--env", "production", typed="production\n")
    assert seen.exit_code == 0, seen
    assert "seeds/a.sql:1" in seen.text
    assert notes(seeded) == ["a"]


def test_seeds_run_under_the_lock(seeded: Project) -> None:
    """Who holds it keeps them out: exit code 4."""
    assert seeded.database is not None
    seed(seeded, "a", note("a"))
    run(seeded, "apply")
    from sqlmig.lock import lock_key

    with seeded.database.connect() as other:
        other.execute("SELECT pg_advisory_lock(%s)", [lock_key("sqlmig")])
        assert run(seeded, "seed", "run", "--lock-wait", "0s").exit_code == 4
    assert notes(seeded) == []


def test_seed_new_writes_a_file_once(seeded: Project) -> None:
    """For all environments, or for one; never over a file."""
    assert run(seeded, "seed", "new", "010 people").stdout == "seeds/010_people.sql\n"
    assert run(seeded, "seed", "new", "x", "--for", "development", "--json").json["file"] == "seeds/development/x.sql"
    again = run(seeded, "seed", "new", "010 people")
    assert again.exit_code == 2
    assert "exists already" in again.stderr
    assert run(seeded, "seed", "new", "x", "--for", "../out").exit_code == 2
    run(seeded, "apply")
    assert run(seeded, "seed", "run").exit_code == 0


def test_without_a_folder_of_seeds(seeded: Project) -> None:
    """It is told, with the command that makes one; an empty one is nothing to do."""
    missing = run(seeded, "seed", "run")
    assert missing.exit_code == 2
    assert "sqlmig seed new" in missing.stderr
    (seeded.folder / "seeds").mkdir()
    done = run(seeded, "seed", "run")
    assert (done.exit_code, "nothing to do" in done.stdout) == (0, True)


def test_a_seed_of_rows_for_copy(seeded: Project) -> None:
    """The same text as a migration's may hold: COPY with its rows."""
    seed(seeded, "a", "COPY note (text) FROM STDIN;\none\ntwo\n\\.\n")
    run(seeded, "apply")
    assert run(seeded, "seed", "run").exit_code == 0
    assert notes(seeded) == ["one", "two"]


def test_history_tells_seeds(seeded: Project) -> None:
    seed(seeded, "people", note("a"))
    run(seeded, "apply", "--seed")
    assert "seed   people" in run(seeded, "history").stdout.replace("      ", "   ")
