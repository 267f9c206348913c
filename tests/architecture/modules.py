"""The modules of sqlmig, as source: what each is called, what it imports, what it defines."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import sqlmig

PACKAGE = Path(sqlmig.__file__).parent
ROOT = PACKAGE.parent


@dataclass(frozen=True)
class Module:
    """One file of sqlmig."""

    path: Path

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        """``sqlmig.runner.run``; a package is called by its folder."""
        parts = self.path.relative_to(ROOT).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    @property
    def layer(self) -> str:
        """The part of sqlmig that it belongs to; empty for the package itself."""
        return self.name.partition(".")[2].partition(".")[0]

    @cached_property
    def source(self) -> str:
        return self.path.read_text()

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.source, str(self.path))

    def imports(self) -> Iterator[tuple[int, str]]:
        """Line and full name of everything that is imported, wherever in the file that is."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from ((node.lineno, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert not node.level, f"{self.name} imports relatively in line {node.lineno}"
                yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)

    def definitions(self) -> Iterator[ast.ClassDef | ast.FunctionDef]:
        """The classes and functions of the file; not the mere signatures that type checkers know a function by."""
        found = (node for node in self.tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef))
        return (node for node in found if "overload" not in map(ast.unparse, node.decorator_list))

    def exports(self) -> list[str]:
        """What ``__all__`` lists."""
        for node in self.tree.body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
                return [str(name) for name in ast.literal_eval(node.value)]
        return []

    def calls(self, function: str) -> list[int]:
        """The lines in which a function is called by its bare name."""
        return [
            node.lineno
            for node in ast.walk(self.tree)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == function
        ]


MODULES = [Module(path) for path in sorted(PACKAGE.rglob("*.py"))]


def project() -> dict[str, Any]:
    """pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text())
