"""docs/configuration.md names every key with the default that the code has, and its examples load."""

from __future__ import annotations

import json
import re
import tomllib

import pytest

from sqlmig.config import load
from sqlmig.config.command import TIME_LIMIT
from sqlmig.config.connection import ADDRESS_KEYS, CHOOSING_VARIABLES
from sqlmig.config.settings import DEFAULT_ENVIRONMENT, DEFAULTS, ENVIRONMENTS, UNNAMED
from tests.docs.documents import ROOT, Block, blocks, sections, table

PAGE = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
EXAMPLES = [block for block in blocks(PAGE) if block.language == "toml"]
VARIABLES = re.compile(r"\bSQLMIG_[A-Z]+\b")


def documented(*head: str) -> dict[str, str]:
    """The first two columns of a table, without their backquotes."""
    return {row[0].strip("`"): row[1].strip("`") for row in table(PAGE, *head)}


@pytest.mark.parametrize(
    ("head", "defaults"),
    [
        ("key", DEFAULTS),
        ("key at the top", {DEFAULT_ENVIRONMENT: UNNAMED, ENVIRONMENTS: None}),
        ("key of a connection", dict.fromkeys(ADDRESS_KEYS)),
    ],
)
def test_every_key_is_documented_with_its_default(head: str, defaults: dict[str, object]) -> None:
    """The tables hold all keys and no other, each with the default as it would stand in the file."""
    written = {key: "" if value is None else json.dumps(value) for key, value in defaults.items()}
    assert documented(head, "default", "meaning") == written


def test_every_variable_is_documented() -> None:
    """The table of variables holds those that the code reads."""
    read = {name for file in (ROOT / "sqlmig" / "config").glob("*.py") for name in VARIABLES.findall(file.read_text())}
    assert documented("variable", "option", "meaning").keys() == read


def test_every_variable_that_means_a_server_is_documented() -> None:
    """So that nobody is surprised by the embedded server, nor by another."""
    (text,) = (text for heading, text in sections(PAGE) if heading == "Where to connect")
    assert set(re.findall(r"`(PG[A-Z]+)`", text)) == set(CHOOSING_VARIABLES)


def test_the_time_limit_is_documented() -> None:
    """The page tells for how long a vault may think."""
    assert f"{TIME_LIMIT:g} seconds" in PAGE


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda block: f"line {block.line}")
def test_examples_load(example: Block, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Every key of every example is known, in each of its environments."""
    folder = tmp_path_factory.mktemp("example")
    (folder / "sqlmig.toml").write_text(example.body)
    for name in tomllib.loads(example.body)["env"]:
        assert load(cwd=folder, env=name, environ={}, connect=False).name == name
