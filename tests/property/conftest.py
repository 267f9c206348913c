"""How many examples: 1,000 each as a rule, 20,000 with ``--hypothesis-profile=nightly``."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.property.psql import Psql, find_psqls
from tests.support.cutting import WAYS, cut_by

COMMON = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large]}

settings.register_profile("ci", max_examples=1_000, **COMMON)
settings.register_profile("nightly", max_examples=20_000, **COMMON)
settings.load_profile("ci")


@pytest.fixture(scope="session")
def psqls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Psql]]:
    """Every psql of this machine, at least one, each running and waiting for scripts."""
    running = [Psql(binary, tmp_path_factory.mktemp("psql")) for binary in find_psqls()]
    yield running
    for psql in running:
        psql.close()


@pytest.fixture(scope="module", params=WAYS, autouse=True)
def way_to_cut(request: pytest.FixtureRequest) -> Iterator[None]:
    """Every property holds of both: one pattern cuts what is long, code what is short."""
    with pytest.MonkeyPatch.context() as patch:
        cut_by(request.param, patch)
        yield
