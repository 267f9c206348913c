"""The work that every runner is given: the same migrations, generated."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Migration:
    """One migration; its version is ``number``."""

    number: int
    name: str
    up: str
    down: str

    @property
    def stem(self) -> str:
        return f"{self.number:05d}_{self.name}"


@dataclass(frozen=True)
class Work:
    """Migrations, and a query whose value says whether all of them were applied."""

    title: str
    migrations: tuple[Migration, ...]
    check: str
    expected: int
    repeated: bool = False
    """Whether looking at it, applying it again and rolling it back are of interest too."""


def small(count: int) -> Work:
    """Migrations of a table, an index and a comment each."""
    return Work(
        f"{count} small migrations" if count > 1 else "1 small migration",
        tuple(
            Migration(
                number,
                f"t{number}",
                f"CREATE TABLE t{number} (id bigint PRIMARY KEY, name text NOT NULL, at timestamptz DEFAULT now());\n"
                f"CREATE INDEX t{number}_name_idx ON t{number} (name);\n"
                f"COMMENT ON TABLE t{number} IS 'number {number}';\n",
                f"DROP TABLE t{number};\n",
            )
            for number in range(1, count + 1)
        ),
        "SELECT count(*) FROM pg_class WHERE relname ~ '^t[0-9]+$'",
        count,
        repeated=True,
    )


def many_statements(count: int = 5000) -> Work:
    """One migration of small statements."""
    rows = "".join(f"INSERT INTO many (id, note) VALUES ({number}, 'row {number}');\n" for number in range(1, count))
    up = f"CREATE TABLE many (id int PRIMARY KEY, note text);\n{rows}"
    migration = Migration(1, "many", up, "DROP TABLE many;\n")
    return Work(f"1 migration of {count} statements", (migration,), "SELECT count(*) FROM many", count - 1)


def rows(megabytes: int = 20, length: int = 400) -> Work:
    """One migration of INSERTs of a row each."""
    count = megabytes * 1_000_000 // length
    inserts = "".join(
        f"INSERT INTO bulk (id, body) VALUES ({number}, '{str(number).zfill(8) * (length // 8 - 6)}');\n"
        for number in range(count)
    )
    up = f"CREATE TABLE bulk (id int PRIMARY KEY, body text NOT NULL);\n{inserts}"
    migration = Migration(1, "bulk", up, "DROP TABLE bulk;\n")
    return Work(f"1 migration of {megabytes} MB of INSERTs", (migration,), "SELECT count(*) FROM bulk", count)
