"""Links between the project's documents."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.documents import DOCUMENTS, LINK, ROOT, SPAN, anchor, prose, sections


def anchors(document: Path) -> set[str]:
    return {anchor(heading) for heading, _ in sections(document.read_text())}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    """Each relative link names a file of the checkout, and each fragment a heading of it."""
    dead = []
    for target in LINK.findall(prose(document.read_text())):
        if "://" in target:
            continue
        name, _, fragment = target.partition("#")
        there = document.parent / name if name else document
        if not there.exists() or (fragment and fragment not in anchors(there)):
            dead.append(target)
    assert dead == []


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_paths_that_are_mentioned_exist(name: str) -> None:
    """A path of the checkout in a code span, alone or within a command, is there."""
    text = prose((ROOT / name).read_text())
    paths = [path for span in SPAN.findall(text) for path in re.findall(r"\b(?:tests|sqlmig|docs|sql)/[\w./-]*", span)]
    assert paths
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_readme_leads_to_every_page() -> None:
    """Nothing under docs/ can be found only by looking into the folder."""
    linked = {(ROOT / target).resolve() for target in LINK.findall((ROOT / "README.md").read_text())}
    assert set((ROOT / "docs").glob("*.md")) <= linked
