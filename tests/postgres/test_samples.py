"""The samples in sql/: each way back is exact, and each promise that a comment makes holds."""

from __future__ import annotations

import shutil
from pathlib import Path

import psycopg
import pytest
from psycopg import errors, sql

from sqlmig.files import discover
from tests.support.database import Database, Row
from tests.support.project import Project

FOLDER = Path(__file__).resolve().parents[2] / "sql"
SAMPLES = discover([FOLDER]).migrations
LAST = SAMPLES[-1].version


@pytest.fixture
def samples(project: Project) -> Project:
    """A project with the samples, none of them applied."""
    shutil.copytree(FOLDER, project.sql, dirs_exist_ok=True)
    return project


def apply(project: Project, version: int) -> None:
    done = project.invoke("apply", "--to", str(version))
    assert done.exit_code == 0, done


def undo(project: Project, to: int) -> None:
    done = project.invoke("rollback", "--to", str(to))
    assert done.exit_code == 0, done


def tables(connection: psycopg.Connection[Row]) -> list[str]:
    query = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 1"
    return [name for (name,) in connection.execute(query)]


def contents(database: Database) -> dict[str, list[str]]:
    """Every row of every table; their order in the table does not matter."""
    with database.connect() as connection:
        return {
            table: sorted(map(repr, connection.execute(sql.SQL("TABLE {}").format(sql.Identifier(table)))))
            for table in tables(connection)
        }


def state(database: Database) -> tuple[str, dict[str, list[str]]]:
    return database.dump(), contents(database)


def use(database: Database, applied: int) -> None:
    """Rows as an application would write them with the first ``applied`` samples in place."""
    statements = []
    if applied >= 1:
        name = "Ann" if applied < 5 else "ann"
        statements += [
            f"INSERT INTO role VALUES ('guest{applied}', 'By hand')",
            f"INSERT INTO user_account (email, role) VALUES ('{name}{applied}@example.org', 'guest{applied}')",
        ]
    if applied >= 3:
        statements += [
            "INSERT INTO campaign_template (name, owner_id, daily_budget_cents)"
            f" SELECT 'template {applied}', max(id), 700 FROM user_account",
            "INSERT INTO google_channel (campaign_template_id, name, status, bid_strategy)"
            " SELECT max(id), 'follows', 'active'::channel_status, NULL FROM campaign_template"
            " UNION ALL SELECT max(id), 'has its own', 'draft', 'manual' FROM campaign_template"
            " UNION ALL SELECT NULL, 'without a template', 'ended', NULL",
        ]
    with database.connect() as connection:
        for statement in statements:
            connection.execute(statement.encode())


@pytest.mark.parametrize("version", [sample.version for sample in SAMPLES], ids=map(str, SAMPLES))
def test_each_down_gives_back_schema_and_rows(samples: Project, database: Database, version: int) -> None:
    """Up, down, up on tables with rows: the down restores what was there before, the second up equals the first."""
    apply(samples, 1)
    undo(samples, 0)
    for applied in range(1, version):
        apply(samples, applied)
        use(database, applied)
    before = state(database)
    apply(samples, version)
    after = state(database)
    undo(samples, version - 1)
    assert state(database) == before
    apply(samples, version)
    assert state(database) == after


def test_all_down_leaves_nothing_and_all_up_gives_the_same(samples: Project, database: Database) -> None:
    """A used database rolls back to an empty one and comes up with the same schema and seed."""
    apply(samples, LAST)
    fresh = state(database)
    use(database, LAST)
    database.execute("INSERT INTO user_account (email, role) VALUES ('eve@example.org', 'editor')")
    database.execute("INSERT INTO google_channel (name, status) VALUES ('paused', 'paused')")
    undo(samples, 0)
    assert contents(database) == {}
    assert "public." not in database.dump()
    apply(samples, LAST)
    assert state(database) == fresh


def test_rows_written_at_every_step_survive_until_their_table_goes(samples: Project, database: Database) -> None:
    """On the way down, each state has again every row that it had on the way up."""
    on_the_way_up = []
    for sample in SAMPLES:
        use(database, sample.version - 1)
        on_the_way_up.append(contents(database))
        apply(samples, sample.version)
    for sample, expected in reversed(list(zip(SAMPLES, on_the_way_up, strict=True))):
        undo(samples, sample.version - 1)
        now = contents(database)
        assert now.keys() == expected.keys()
        for table, rows in expected.items():
            assert set(rows) <= set(now[table]), (sample, table)


def test_samples_pass_the_strict_check(samples: Project) -> None:
    """Nothing about the samples calls for a word: names, headers, transactions, pairs."""
    done = samples.invoke("check", "--offline", "--strict")
    assert done.exit_code == 0, done


def test_each_file_explains_itself() -> None:
    """Every file begins with a comment that is more than a header."""
    for path in FOLDER.iterdir():
        words = [line for line in path.read_text().splitlines()[:3] if not line.startswith("-- sqlmig:")]
        assert any(len(line) > 10 and line.startswith("-- ") for line in words), path


def test_001_down_refuses_to_take_along_what_depends_on_it(samples: Project, database: Database) -> None:
    """Without CASCADE a view that somebody made keeps the tables, and the refusal names it."""
    apply(samples, 1)
    database.execute("CREATE VIEW made_by_hand AS SELECT email FROM user_account")
    done = samples.invoke("rollback")
    assert done.exit_code == 1, done
    assert "made_by_hand" in done.output
    assert set(contents(database)) == {"role", "user_account"}


def test_002_leaves_a_role_alone_that_was_made_by_hand(samples: Project, database: Database) -> None:
    """Neither the seed nor its way back touches a role of the same name that was there before."""
    apply(samples, 1)
    database.execute("INSERT INTO role VALUES ('editor', 'By hand')")
    apply(samples, 2)
    assert database.rows("SELECT description, built_in FROM role WHERE name = 'editor'") == [("By hand", False)]
    undo(samples, 1)
    assert database.rows("TABLE role") == [("editor", "By hand", False)]


def test_002_down_keeps_a_role_that_is_in_use(samples: Project, database: Database) -> None:
    """A seeded role that an account has stays with the account, and the seed can be applied again over it."""
    apply(samples, 2)
    database.execute("INSERT INTO user_account (email, role) VALUES ('ann@example.org', 'viewer')")
    undo(samples, 1)
    assert database.rows("SELECT name FROM role") == [("viewer",)]
    apply(samples, 2)
    assert database.value("SELECT count(*) FROM role") == 3


def test_005_lower_cases_and_gives_back_the_very_spelling(samples: Project, database: Database) -> None:
    """The way back restores each address letter by letter, but not one that its owner has changed since."""
    apply(samples, 4)
    database.execute("INSERT INTO role VALUES ('guest', '')")
    database.execute(
        "INSERT INTO user_account (email, role)"
        " SELECT email, 'guest' FROM unnest('{Ann@Example.org,BOB@example.org,eve@example.org}'::text[]) AS email"
    )
    apply(samples, 5)
    emails = "SELECT email FROM user_account ORDER BY id"
    assert database.rows(emails) == [("ann@example.org",), ("bob@example.org",), ("eve@example.org",)]
    database.execute("UPDATE user_account SET email = 'robert@example.org' WHERE email = 'bob@example.org'")
    undo(samples, 4)
    assert database.rows(emails) == [("Ann@Example.org",), ("robert@example.org",), ("eve@example.org",)]
    assert database.rows("TABLE value_history") == []


def test_005_refuses_an_upper_case_address_afterwards(samples: Project, database: Database) -> None:
    """The constraint keeps new addresses in lower case."""
    apply(samples, 5)
    database.execute("INSERT INTO role VALUES ('guest', '')")
    with pytest.raises(errors.CheckViolation):
        database.execute("INSERT INTO user_account (email, role) VALUES ('Ann@example.org', 'guest')")


def test_005_changes_nothing_where_two_accounts_would_become_one(samples: Project, database: Database) -> None:
    """Two spellings of one address are for a person to sort out: SQLSTATE, the address, and everything as it was."""
    apply(samples, 4)
    database.execute("INSERT INTO role VALUES ('guest', '')")
    database.execute("INSERT INTO user_account (email, role) VALUES ('A@x.org', 'guest'), ('a@x.org', 'guest')")
    before = state(database)
    done = samples.invoke("apply", "--to", "5")
    assert done.exit_code == 1, done
    assert "23505" in done.output
    assert "(a@x.org)" in done.output
    assert state(database) == before


def test_006_gives_each_channel_the_budget_of_its_template(samples: Project, database: Database) -> None:
    """The back-fill reads the joined table; a channel without a template has the default; a choice is kept."""
    apply(samples, 5)
    use(database, 5)
    apply(samples, 6)
    channels = "SELECT name, daily_budget_cents, bid_strategy FROM google_channel ORDER BY id"
    assert database.rows(channels) == [
        ("follows", 700, "clicks"),
        ("has its own", 700, "manual"),
        ("without a template", 1000, None),
    ]


def test_006_down_keeps_a_strategy_that_was_chosen_since(samples: Project, database: Database) -> None:
    """What the back-fill filled in becomes NULL again; what somebody wrote over it stays."""
    apply(samples, 5)
    use(database, 5)
    database.execute(
        "INSERT INTO google_channel (campaign_template_id, name) SELECT max(id), 'follows' FROM campaign_template"
    )
    apply(samples, 6)
    database.execute(
        "UPDATE google_channel SET bid_strategy = 'views' WHERE id = (SELECT max(id) FROM google_channel"
        " WHERE name = 'follows')"
    )
    undo(samples, 5)
    strategies = "SELECT bid_strategy FROM google_channel WHERE name = 'follows' ORDER BY id"
    assert database.rows(strategies) == [(None,), ("views",)]


@pytest.mark.parametrize("table", ["user_account", "campaign_template", "google_channel"])
def test_007_refuses_a_stale_version(samples: Project, database: Database, table: str) -> None:
    """Two read version 1: the first to save gets version 2, the second is refused and told what to do."""
    apply(samples, 7)
    use(database, 7)
    update = f"UPDATE {table} SET version = 1 WHERE id = 1"
    database.execute(update)
    with pytest.raises(errors.SerializationFailure, match="changed by somebody else") as refusal:
        database.execute(update)
    assert refusal.value.diag.message_detail == "You read version 1; it is at version 2 now."
    assert refusal.value.diag.message_hint == "Read the row again, then repeat the change."
    assert database.value(f"SELECT version FROM {table} WHERE id = 1") == 2


def test_007_counts_an_update_that_does_not_mention_the_version(samples: Project, database: Database) -> None:
    """Such an UPDATE is taken as it is, and whoever read the row before it is refused."""
    apply(samples, 7)
    use(database, 7)
    database.execute("UPDATE user_account SET email = 'new@example.org' WHERE id = 1")
    assert database.value("SELECT version FROM user_account WHERE id = 1") == 2
    with pytest.raises(errors.SerializationFailure):
        database.execute("UPDATE user_account SET email = 'old@example.org', version = 1 WHERE id = 1")


def test_008_value_is_used_only_after_its_transaction(samples: Project, database: Database) -> None:
    """As the comment says: in the transaction that adds it, the value cannot be used yet."""
    apply(samples, 7)
    with database.connect(autocommit=False) as connection:
        connection.execute(SAMPLES[7].up.text().encode())
        with pytest.raises(errors.UnsafeNewEnumValueUsage):
            connection.execute("INSERT INTO google_channel (name, status) VALUES ('too early', 'paused')")
    apply(samples, 8)
    database.execute("INSERT INTO google_channel (name, status) VALUES ('in time', 'paused')")


def test_008_down_turns_paused_into_draft(samples: Project, database: Database) -> None:
    """Rows with the value that goes spend no money afterwards; the others keep theirs, and so does the default."""
    apply(samples, 8)
    database.execute(
        "INSERT INTO google_channel (name, status) VALUES ('a', 'paused'), ('b', 'active'), ('c', 'ended')"
    )
    undo(samples, 7)
    database.execute("INSERT INTO google_channel (name) VALUES ('d')")
    statuses = "SELECT status::text FROM google_channel ORDER BY name"
    assert database.rows(statuses) == [("draft",), ("active",), ("ended",), ("draft",)]
    assert database.value("SELECT enum_range(NULL::channel_status)::text") == "{draft,active,ended}"


def test_009_index_is_built_and_valid(samples: Project, database: Database) -> None:
    """The index is there and usable."""
    apply(samples, 9)
    index = "'google_channel_campaign_template_id_idx'::regclass"
    assert database.value(f"SELECT indisvalid FROM pg_index WHERE indexrelid = {index}") is True


def test_009_does_not_stop_others_from_writing(samples: Project, database: Database) -> None:
    """While the build waits for a transaction that writes, another one writes and commits."""
    apply(samples, 8)
    with database.connect(autocommit=False) as writer:
        writer.execute("INSERT INTO google_channel (name) VALUES ('before')")
        with samples.spawn("apply", "--to", "9") as build:
            wait_for_build(database)
            with database.connect() as other:
                other.execute("SET lock_timeout = '60s'")
                other.execute("INSERT INTO google_channel (name) VALUES ('meanwhile')")
            writer.commit()
            output, trouble = build.communicate(timeout=120)
            assert build.returncode == 0, output + trouble
    assert database.value("SELECT count(*) FROM google_channel") == 2


def wait_for_build(database: Database) -> None:
    """Return once CREATE INDEX CONCURRENTLY is under way; the test's own time limit ends a wait in vain."""
    under_way = "SELECT count(*) FROM pg_stat_progress_create_index WHERE datname = current_database()"
    with database.connect() as connection:
        while connection.execute(under_way).fetchone() == (0,):
            connection.execute("SELECT pg_sleep(0.01)")


def test_010_shows_channels_with_and_without_a_template(samples: Project, database: Database) -> None:
    """The view has a row for each channel; where there is no template there is no owner."""
    apply(samples, LAST)
    use(database, LAST)
    overview = "SELECT name, status::text, daily_budget_cents, template, owner FROM channel_overview ORDER BY id"
    assert database.rows(overview) == [
        ("follows", "active", 1000, "template 10", "ann10@example.org"),
        ("has its own", "draft", 1000, "template 10", "ann10@example.org"),
        ("without a template", "ended", 1000, None, None),
    ]
