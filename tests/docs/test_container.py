"""The container files: checked as far as that goes without a container."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.docs.documents import ROOT

COMPOSE = ROOT / "docker-compose.yml"


def valid_compose_file(path: Path) -> bool:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(path)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    return dict(YAML(typ="safe").load(COMPOSE.read_text())["services"])


@pytest.fixture(scope="module")
def instructions() -> list[tuple[str, str]]:
    lines = (ROOT / "Dockerfile").read_text().replace("\\\n", " ").splitlines()
    return [
        (word, rest.strip()) for word, _, rest in (line.partition(" ") for line in lines) if word and word[0] != "#"
    ]


def copied(instructions: list[tuple[str, str]]) -> list[str]:
    return [source for word, rest in instructions if word == "COPY" for source in rest.split()[:-1]]


def test_compose_file_follows_the_compose_schema() -> None:
    """`docker compose` reads the file: it is valid under the published schema."""
    assert valid_compose_file(COMPOSE)


def test_compose_schema_check_finds_a_slip(tmp_path: Path) -> None:
    """The schema check above can fail: a misspelt key is refused."""
    slip = tmp_path / "docker-compose.yml"
    slip.write_text(COMPOSE.read_text().replace("healthcheck:", "health_check:"))
    assert not valid_compose_file(slip)


def test_compose_applies_once_the_database_is_healthy(services: dict[str, Any]) -> None:
    """sqlmig starts after the health check has passed and still waits, should the server restart just then."""
    assert services["sqlmig"]["depends_on"] == {"db": {"condition": "service_healthy"}}
    assert services["sqlmig"]["command"] == ["apply", "--wait", "60s"]
    assert services["sqlmig"]["build"] == "."


def test_compose_health_check_asks_by_tcp(services: dict[str, Any]) -> None:
    """The first server of the image's set-up answers on the socket alone: only TCP tells that it is the real one."""
    kind, program, *options = services["db"]["healthcheck"]["test"]
    assert (kind, program) == ("CMD", "pg_isready")
    assert any(re.fullmatch(r"--host=(127\.0\.0\.1|localhost)", option) for option in options)


def test_compose_keeps_the_password_out_of_the_url(services: dict[str, Any]) -> None:
    """The password is one variable, the same for both services, and not part of what a process list shows."""
    variables = services["sqlmig"]["environment"]
    assert re.fullmatch(r"postgresql://\w+@db:5432/\w+", variables["SQLMIG_URL"])
    assert variables["PGPASSWORD"] == services["db"]["environment"]["POSTGRES_PASSWORD"]
    assert variables["PGPASSWORD"].startswith("${POSTGRES_PASSWORD:-")


def test_compose_user_and_database_are_those_that_postgres_creates(services: dict[str, Any]) -> None:
    """The URL names the role and the database that the image makes."""
    made = services["db"]["environment"]
    assert services["sqlmig"]["environment"]["SQLMIG_URL"] == (
        f"postgresql://{made['POSTGRES_USER']}@db:5432/{made['POSTGRES_DB']}"
    )


def test_dockerfile_copies_files_that_exist_and_are_not_ignored(instructions: list[tuple[str, str]]) -> None:
    """Each COPY finds its source in the checkout and in the build context that .dockerignore leaves."""
    ignored, *let_in = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    assert ignored == "*"
    for source in copied(instructions):
        assert (ROOT / source).exists(), source
        assert f"!{source}" in let_in, source


def test_dockerfile_copies_what_the_package_is_built_from(instructions: list[tuple[str, str]]) -> None:
    """`pip install .` in the image finds the readme, the licence and the packages that pyproject.toml names."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    project = settings["project"]
    packages = settings["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    before_install = [word for word, _ in instructions].index("RUN")
    present = copied(instructions[:before_install])
    assert {"pyproject.toml", project["readme"], *project["license-files"], *packages} <= set(present)


def test_dockerfile_holds_the_samples_and_their_configuration(instructions: list[tuple[str, str]]) -> None:
    """The image applies sql/ as the checkout does."""
    assert {"sqlmig.toml", "sql"} <= set(copied(instructions))


def test_dockerfile_ends_with_a_user_that_is_not_root(instructions: list[tuple[str, str]]) -> None:
    """What runs in the container is not root; the number lets an orchestrator see that without the image's passwd."""
    user = [rest for word, rest in instructions if word == "USER"][-1]
    assert user.isdecimal()
    assert int(user) > 0
    assert [word for word, _ in instructions].index("USER") < [word for word, _ in instructions].index("ENTRYPOINT")


def test_dockerfile_starts_from_a_python_that_the_package_takes(instructions: list[tuple[str, str]]) -> None:
    """A slim Python image, not older than requires-python."""
    image = re.fullmatch(r"python:(\d+)\.(\d+)-slim", dict(instructions)["FROM"])
    assert image is not None
    assert (int(image[1]), int(image[2])) >= (3, 11)


def test_dockerfile_runs_sqlmig(instructions: list[tuple[str, str]]) -> None:
    """Arguments of `docker run` go to sqlmig, and without any it only looks."""
    assert dict(instructions)["ENTRYPOINT"] == '["sqlmig"]'
    assert dict(instructions)["CMD"] == '["status"]'
