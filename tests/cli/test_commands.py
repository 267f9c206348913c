"""Every command and every option, from end to end, as a person meets them."""

from __future__ import annotations

import re

import pytest

from tests.support.chaos import nothing_left
from tests.support.project import Outcome, Project


def write(project: Project, *names: str) -> None:
    """Migrations 001, 002, ... that each make a table of their name, and their way back."""
    for number, name in enumerate(names, start=1):
        project.write(f"{number:03}_{name}.up.sql", f"-- {name}\nCREATE TABLE {name} (id int);\n")
        project.write(f"{number:03}_{name}.down.sql", f"DROP TABLE {name};\n")


def ran(outcome: Outcome, exit_code: int = 0) -> Outcome:
    assert outcome.exit_code == exit_code, outcome
    return outcome


def names(outcome: Outcome, word: str) -> list[str]:
    """The migrations of the lines that begin with a word, in their order."""
    return re.findall(rf"^{word} +(\d\w*)", outcome.stdout, re.MULTILINE)


def tables(project: Project) -> set[str]:
    assert project.database is not None
    rows = project.database.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    return {name for (name,) in rows}


def states(project: Project) -> dict[int, str]:
    migrations = ran(project.invoke("status", "--json")).json["migrations"]
    return {migration["version"]: migration["state"] for migration in migrations}


@pytest.fixture
def three(project: Project) -> Project:
    write(project, "a", "b", "c")
    return project


def test_apply_tells_each_migration_and_what_it_came_to(three: Project) -> None:
    outcome = ran(three.invoke("apply"))
    assert names(outcome, "applied") == ["001_a", "002_b", "003_c"]
    assert re.search(r"^3 migrations applied, batch 1, \S+ m?s\n", outcome.stdout, re.MULTILINE)
    assert three.database is not None
    assert three.database.name in outcome.stdout
    assert outcome.stderr == ""
    assert tables(three) == {"a", "b", "c"}


def test_nothing_to_do_is_said_and_is_no_failure(three: Project) -> None:
    ran(three.invoke("apply"))
    assert ran(three.invoke("apply")).stdout.startswith("nothing to do on ")
    assert ran(three.invoke("rollback", "--steps", "3")).exit_code == 0
    assert ran(three.invoke("rollback")).stdout.startswith("nothing to do on ")


@pytest.mark.parametrize(
    ("words", "applied"),
    [
        (["--to", "2"], "ab"),
        (["--to", "002"], "ab"),
        (["--steps", "1"], "a"),
        (["001"], "a"),
        (["1"], "a"),
        (["a"], "a"),
        (["001_a"], "a"),
    ],
    ids=" ".join,
)
def test_apply_goes_as_far_as_told(three: Project, words: list[str], applied: str) -> None:
    ran(three.invoke("apply", *words))
    assert tables(three) == set(applied)


@pytest.mark.parametrize("word", ["apply", "latest", "migrate", "up:all"])
def test_apply_by_its_other_names(three: Project, word: str) -> None:
    outcome = ran(three.invoke(word, "--json"))
    assert outcome.json["command"] == "apply"
    assert tables(three) == {"a", "b", "c"}


@pytest.mark.parametrize(
    "words",
    [
        ["apply", "--wait", "1s", "--lock-wait", "500ms", "--unsupported-server", "--single-transaction", "--strict"],
        ["rollback", "--wait", "1", "--lock-wait", "1min", "--strict"],
        ["redo", "--wait", "0", "--lock-wait", "0", "--strict"],
    ],
    ids=lambda words: words[0],
)
def test_options_for_other_days_are_no_obstacle(three: Project, words: list[str]) -> None:
    """Waiting, refusing and confirming where nothing is to be waited for, refused or confirmed."""
    assert three.database is not None
    if words[0] != "apply":
        ran(three.invoke("apply"))
        nothing_left(three.database)
    outcome = ran(three.invoke(*words, "--yes", "--verbose"))
    assert "running 001_a (" in outcome.stderr
    assert tables(three) == (set() if words[0] == "rollback" else {"a", "b", "c"})


def test_up_and_down_are_about_one_migration(three: Project) -> None:
    """As in Knex; with an option they do what it says."""
    ran(three.invoke("up"))
    assert tables(three) == {"a"}
    ran(three.invoke("up", "--steps", "2"))
    assert tables(three) == {"a", "b", "c"}
    ran(three.invoke("down"))
    assert tables(three) == {"a", "b"}
    ran(three.invoke("down", "--all"))
    assert tables(three) == set()


def test_dry_run_and_plan_show_the_same_and_change_nothing(three: Project) -> None:
    assert three.database is not None
    before = three.database.dump()
    planned, dry = ran(three.invoke("plan")), ran(three.invoke("apply", "--dry-run"))
    assert planned.stdout == dry.stdout
    assert "  sql/001_a.up.sql:2  CREATE TABLE a" in planned.stdout
    assert planned.stdout.endswith("3 migrations would run; nothing was changed\n")
    assert three.database.dump() == before
    assert "      CREATE TABLE a (id int);" in ran(three.invoke("plan", "--verbose")).stdout


@pytest.mark.parametrize(("words", "count"), [([], 3), (["--to", "2"], 2), (["--steps", "1"], 1)])
def test_plan_goes_as_far_as_told(three: Project, words: list[str], count: int) -> None:
    document = ran(three.invoke("plan", "--json", *words)).json
    assert [step["outcome"] for step in document["steps"]] == ["planned"] * count
    (entry,) = document["steps"][0]["script"]
    assert entry == {"file": "sql/001_a.up.sql", "line": 2, "column": 1, "kind": "CREATE TABLE a", "repeat": None}
    assert document["dry_run"] is True


def test_single_transaction_is_all_or_nothing(three: Project) -> None:
    three.write("004_d.up.sql", "SELECT 1/0;")
    outcome = ran(three.invoke("apply", "--single-transaction"), 1)
    assert tables(three) == set()
    assert names(outcome, "failed") == ["004_d"]
    assert names(outcome, "not run") == ["001_a", "002_b", "003_c"]


def test_out_of_order_is_refused_unless_allowed(three: Project) -> None:
    ran(three.invoke("apply", "003"))
    assert "002_b" in ran(three.invoke("apply"), 3).stderr
    planned = ran(three.invoke("plan"), 3)
    assert "002_b" in planned.stderr
    assert planned.stdout.endswith("none of this can run as it stands; nothing was changed\n")
    assert tables(three) == {"c"}
    assert set(states(three).values()) == {"out_of_order", "applied"}
    assert ran(three.invoke("plan", "--allow-out-of-order", "--json")).json["problems"] == []
    ran(three.invoke("apply", "--allow-out-of-order"))
    assert tables(three) == {"a", "b", "c"}


def test_drift_is_a_warning_and_with_strict_a_refusal(three: Project) -> None:
    ran(three.invoke("apply", "--steps", "2"))
    three.write("001_a.up.sql", "CREATE TABLE a (id int, more int);\n")
    refused = ran(three.invoke("apply", "--strict"), 3)
    assert "sql/001_a.up.sql changed: SQL" in refused.stderr
    assert ran(three.invoke("plan", "--strict", "--json"), 3).json["problems"][0]["code"] == "drift"
    outcome = ran(three.invoke("apply"))
    assert "warning: 001_a is not what was applied: sql/001_a.up.sql changed: SQL" in outcome.stderr
    assert names(outcome, "applied") == ["003_c"]


def test_rollback_undoes_the_last_batch(three: Project) -> None:
    ran(three.invoke("apply", "--steps", "1"))
    ran(three.invoke("apply"))
    outcome = ran(three.invoke("rollback"))
    assert names(outcome, "rolled back") == ["003_c", "002_b"]
    assert tables(three) == {"a"}


@pytest.mark.parametrize(
    ("words", "left"),
    [
        (["--steps", "1"], "ab"),
        (["--to", "1"], "a"),
        (["--to", "0"], ""),
        (["--batch", "1"], "bc"),
        (["--all"], ""),
        (["002"], "ac"),
        (["b"], "ac"),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("command", ["rollback", "down"])
def test_rollback_goes_as_far_as_told(three: Project, command: str, words: list[str], left: str) -> None:
    ran(three.invoke("apply", "--steps", "1"))
    ran(three.invoke("apply"))
    before = tables(three)
    planned = ran(three.invoke(command, *words, "--dry-run", "--json")).json
    assert tables(three) == before
    done = ran(three.invoke(command, *words, "--json")).json
    assert tables(three) == set(left)
    assert [step["version"] for step in planned["steps"]] == [step["version"] for step in done["steps"]]
    assert {step["outcome"] for step in done["steps"]} == {"rolled_back"}


def test_rollback_with_the_file_gone_says_where_its_down_comes_from(three: Project) -> None:
    ran(three.invoke("apply"))
    for path in three.sql.glob("003_*"):
        path.unlink()
    outcome = ran(three.invoke("rollback", "--steps", "1"))
    assert "by the stored down" in outcome.stdout
    assert tables(three) == {"a", "b"}


def test_redo_reset_refresh_and_fresh(three: Project) -> None:
    ran(three.invoke("apply", "--steps", "2"))
    ran(three.invoke("apply"))
    outcome = ran(three.invoke("redo"))
    assert (names(outcome, "rolled back"), names(outcome, "applied")) == (["003_c"], ["003_c"])
    outcome = ran(three.invoke("refresh"))
    assert names(outcome, "rolled back") == ["003_c", "002_b", "001_a"]
    assert names(outcome, "applied") == ["001_a", "002_b", "003_c"]
    assert three.database is not None
    three.database.execute("CREATE TABLE extra ()")
    ran(three.invoke("reset"))
    assert tables(three) == {"extra"}
    outcome = ran(three.invoke("fresh"))
    assert names(outcome, "applied") == ["001_a", "002_b", "003_c"]
    assert tables(three) == {"a", "b", "c"}


@pytest.mark.parametrize("command", ["redo", "refresh", "reset", "fresh"])
def test_dry_run_of_the_others_changes_nothing(three: Project, command: str) -> None:
    ran(three.invoke("apply"))
    assert three.database is not None
    before = three.database.dump()
    document = ran(three.invoke(command, "--dry-run", "--json", "--wait", "1s", "--lock-wait", "1s")).json
    assert {step["outcome"] for step in document["steps"]} == {"planned"}
    assert (document["command"], document["dry_run"]) == (command, True)
    assert three.database.dump() == before


@pytest.mark.parametrize("command", ["status", "list"])
def test_status_shows_every_state_and_exits_0(three: Project, command: str) -> None:
    write(three, "a", "b", "c", "d", "e", "f")
    three.write("006_f.up.sql", "-- sqlmig: no-transaction\nSELECT 1;\nSELECT 1/0;\nSELECT 3;\n")
    ran(three.invoke("apply", "--to", "5"))
    ran(three.invoke("rollback", "001"))
    ran(three.invoke("apply", "006"), 1)
    three.write("002_b.up.sql", "CREATE TABLE b (id bigint);\n")
    (three.sql / "003_c.up.sql").unlink()
    (three.sql / "003_c.down.sql").unlink()
    three.write("007_g.up.sql", "SELECT 1;")
    outcome = ran(three.invoke(command))
    rows = dict(re.findall(r"^(\d\d\d_\w+) +([a-z ]+?)(?:  .*)?$", outcome.stdout, re.MULTILINE))
    assert rows == {
        "001_a": "out of order",
        "002_b": "drifted",
        "003_c": "missing",
        "004_d": "applied",
        "005_e": "applied",
        "006_f": "failed",
        "007_g": "pending",
    }
    assert re.search(r"^006_f .* failed at 2/3$", outcome.stdout, re.MULTILINE)
    assert outcome.stdout.splitlines()[-1] == (
        "7 migrations: 1 pending, 2 applied, 1 drifted, 1 missing, 1 out of order, 1 failed"
    )
    assert outcome.stderr == ""


@pytest.mark.parametrize("command", ["current-version", "currentVersion"])
def test_current_version_is_the_highest_that_is_applied(three: Project, command: str) -> None:
    assert ran(three.invoke(command)).stdout == "none\n"
    ran(three.invoke("apply", "--to", "2"))
    assert ran(three.invoke(command)).stdout == "002\n"
    document = ran(three.invoke(command, "--json")).json
    assert (document["version"], document["label"], document["name"]) == (2, "002", "b")


def test_check_finds_what_is_pending_unless_that_is_fine(three: Project) -> None:
    outcome = ran(three.invoke("check"), 3)
    assert outcome.stdout.splitlines()[-1] == "3 migrations checked: 3 problems"
    assert ran(three.invoke("check", "--pending-ok")).stdout.endswith("3 migrations checked: all is well\n")
    ran(three.invoke("apply"))
    assert ran(three.invoke("check")).stdout.endswith("3 migrations checked: all is well\n")


def test_check_takes_comments_for_a_warning_unless_strict(three: Project) -> None:
    ran(three.invoke("apply"))
    three.write("001_a.up.sql", "-- another comment\nCREATE TABLE a (id int);\n")
    outcome = ran(three.invoke("check"))
    assert "warning: 001_a" in outcome.stdout
    assert "+-- another comment" in outcome.stdout
    document = ran(three.invoke("check", "--strict", "--json"), 3).json
    assert (document["ok"], document["strict"], document["checked"]) == (False, True, 3)
    three.write("001_a.up.sql", "CREATE TABLE a (id bigint);\n")
    document = ran(three.invoke("check", "--json"), 3).json
    assert [problem["code"] for problem in document["problems"]] == ["drift"]
    assert "+CREATE TABLE a (id bigint);" in document["problems"][0]["diff"]


def test_check_offline_needs_no_database(offline_project: Project) -> None:
    write(offline_project, "a")
    outcome = ran(offline_project.invoke("check", "--offline", env={"PGHOST": "/nowhere"}))
    assert outcome.stdout == "1 migration checked: all is well\n"
    offline_project.write("1_b.up.sql", "VACUUM;")
    offline_project.write("002_c.down.sql", "")
    document = ran(offline_project.invoke("check", "--offline", "--json"), 2).json
    codes = {problem["code"] for problem in document["problems"]}
    assert {"duplicate_version", "down_without_up"} <= codes
    assert (document["database"], document["error"]) == (None, None)


def test_repair_shows_and_accepts_what_changed(three: Project) -> None:
    ran(three.invoke("apply"))
    three.write("001_a.up.sql", "CREATE TABLE a (id bigint);\n")
    three.write("002_b.down.sql", "DROP TABLE IF EXISTS b;\n")
    outcome = ran(three.invoke("repair", "001"))
    assert "    +CREATE TABLE a (id bigint);" in outcome.stdout
    assert states(three) == {1: "applied", 2: "drifted", 3: "applied"}
    ran(three.invoke("repair"))
    assert set(states(three).values()) == {"applied"}
    assert ran(three.invoke("repair")).stdout.startswith("nothing to repair on ")
    assert ran(three.invoke("repair", "nonsense"), 2).stderr.startswith("error: there is no migration 'nonsense'")


STOPPED = "-- sqlmig: no-transaction\nCREATE TABLE one ();\nSELECT 1/0;\nCREATE TABLE three ();\n"


@pytest.fixture
def stopped(project: Project) -> Project:
    """001 stopped at statement 2 of 3."""
    project.write("001_steps.up.sql", STOPPED)
    project.write("001_steps.down.sql", "DROP TABLE one, three;")
    outcome = ran(project.invoke("apply"), 1)
    assert "statement 2 of 3" in outcome.stderr
    return project


def test_migration_that_stopped_goes_on_where_it_is_told_to(stopped: Project) -> None:
    ran(stopped.invoke("repair", "001", "--resume-at", "3"))
    outcome = ran(stopped.invoke("apply"))
    assert "from statement 3 on" in outcome.stdout
    assert tables(stopped) == {"one", "three"}


def test_migration_that_stopped_can_be_marked(stopped: Project) -> None:
    ran(stopped.invoke("repair", "001", "--mark-applied"))
    assert states(stopped) == {1: "applied"}
    events = ran(stopped.invoke("history", "--json")).json["events"]
    assert [event["event"] for event in events][-1] == "repair"


def test_migration_that_stopped_can_be_marked_as_undone(stopped: Project) -> None:
    ran(stopped.invoke("repair", "001", "--mark-rolled-back"))
    assert states(stopped) == {1: "pending"}


def test_baseline_records_without_running(three: Project) -> None:
    outcome = ran(three.invoke("baseline", "002"))
    assert outcome.stdout.splitlines()[:2] == ["001_a", "002_b"]
    assert tables(three) == set()
    assert states(three) == {1: "applied", 2: "applied", 3: "pending"}
    assert "baseline" in ran(three.invoke("status")).stdout
    assert ran(three.invoke("baseline", "2")).stdout.startswith("nothing to record")
    assert ran(three.invoke("baseline", "9"), 2).stderr.startswith("error: there is no")


def test_history_tells_what_happened(three: Project) -> None:
    assert "nothing has happened yet" in ran(three.invoke("history")).stdout
    ran(three.invoke("apply"))
    ran(three.invoke("rollback", "003"))
    three.write("003_c.up.sql", "SELECT 1/0;")
    ran(three.invoke("apply"), 1)
    events = ran(three.invoke("history", "--json")).json["events"]
    assert [(event["event"], event["version"]) for event in events] == [
        ("apply", 1),
        ("apply", 2),
        ("apply", 3),
        ("rollback", 3),
        ("failure", 3),
    ]
    last = ran(three.invoke("history", "--limit", "2", "--verbose")).stdout
    assert re.findall(r"^\S+ \S+  (\w+)", last, re.MULTILINE) == ["rollback", "failure"]
    assert "22012" in last


def test_new_writes_the_next_pair(offline_project: Project) -> None:
    assert ran(offline_project.invoke("new", "create users")).stdout == (
        "sql/001_create_users.up.sql\nsql/001_create_users.down.sql\n"
    )
    assert ran(offline_project.invoke("make", "more", "--no-transaction")).stdout.startswith("sql/002_more.up.sql\n")
    assert (offline_project.sql / "002_more.up.sql").read_text().startswith("-- sqlmig: no-transaction\n")
    document = ran(offline_project.invoke("new", "stamped", "--timestamp", "--json")).json
    assert re.fullmatch(r"sql/20\d{12}_stamped\.up\.sql", document["up"])
    assert ran(offline_project.invoke("new", "!!!"), 2).stderr.startswith("error: '!!!' makes no file name")


def test_init_writes_what_is_not_there(offline_project: Project) -> None:
    offline_project.sql.rmdir()
    assert ran(offline_project.invoke("init")).stdout == "wrote sqlmig.toml\nwrote sql/\n"
    text = (offline_project.folder / "sqlmig.toml").read_text()
    document = ran(offline_project.invoke("init", "--json")).json
    assert (document["written"], document["kept"]) == ([], ["sqlmig.toml", "sql/"])
    assert (offline_project.folder / "sqlmig.toml").read_text() == text


def test_target_is_that_of_the_options(three: Project) -> None:
    """Environment, URL, folders and configuration file, wherever else they are set."""
    assert three.database is not None
    other = three.folder / "elsewhere"
    other.mkdir()
    for path in three.sql.iterdir():
        path.rename(other / path.name)
    config = three.write_config(f'[env.ci]\nurl = "{three.database.url}"\n', "other.toml")
    words = ["--env", "ci", "--config", str(config), "--dir", "elsewhere", "--json"]
    document = ran(three.invoke("apply", *words, env={"SQLMIG_URL": None})).json
    assert (document["environment"], len(document["steps"])) == ("ci", 3)
    words = ["--url", three.database.url, "--dir", "elsewhere", "--dir", "sql", "--json"]
    assert ran(three.invoke("check", *words, env={"SQLMIG_URL": None})).json["checked"] == 3
