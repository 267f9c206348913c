"""Migrations that do not lie in a folder: resources of a package, also inside a zip, and values that a program made."""

from __future__ import annotations

import io
import os
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import field
from importlib.resources.abc import Traversable
from itertools import groupby
from pathlib import Path
from typing import BinaryIO

from sqlmig.errors import FileError, Place, Problem
from sqlmig.files import Discovery, paired, show
from sqlmig.frozen import dataclass
from sqlmig.migration import Migration
from sqlmig.script import Source


@dataclass(frozen=True)
class ResourceSource:
    """A file inside a package, read anew by each reader, whole."""

    resource: Traversable = field(repr=False)
    name: str

    def open(self) -> BinaryIO:
        try:
            return io.BytesIO(self.resource.read_bytes())
        except (KeyError, zipfile.BadZipFile, zlib.error) as error:
            raise OSError(str(error)) from error


def discover_resources(folders: Sequence[Traversable]) -> Discovery:
    """Every migration in these folders of packages and their subfolders, as ``files.discover`` finds those on disk.

    Raises FileError where a folder does not exist.
    """
    for folder in folders:
        if not folder.is_dir():
            name = _shown(folder, folder.name)
            raise FileError(f"{name} is not a folder of the package", place=Place(name))
    found = (item for folder in folders for item in _walk(folder, _shown(folder, folder.name)))
    return paired(found, [])


def given(migrations: Iterable[Migration]) -> Discovery:
    """Migrations that a program made, ordered by version; two of one version are a problem, as two files are."""
    ordered = sorted(migrations, key=lambda migration: migration.version)
    kept: list[Migration] = []
    problems: list[Problem] = []
    for version, group in groupby(ordered, key=lambda migration: migration.version):
        first, *others = group
        kept.append(first)
        if others:
            names = ", ".join(map(str, (first, *others)))
            message = f"version {version} has {len(others) + 1} migrations: {names}"
            advice = "give one of them another version"
            problems.append(Problem("duplicate_version", message, Place(others[0].up.file), version, next_step=advice))
    return Discovery(tuple(kept), tuple(problems))


def _walk(folder: Traversable, shown: str) -> Iterator[tuple[str, Source]]:
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        name = _shown(entry, f"{shown}/{entry.name}")
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            yield from _walk(entry, name)
        elif entry.is_file():
            yield entry.name, ResourceSource(entry, name)


def _shown(resource: Traversable, otherwise: str) -> str:
    """The path of what has one, also inside a zip; else what leads to it from its package."""
    if isinstance(resource, os.PathLike):
        return show(Path(resource))
    return str(resource) if isinstance(resource, zipfile.Path) else otherwise
