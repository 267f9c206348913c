"""What every command begins with: the settings, the migration files, and the way to the database."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from sqlmig import files
from sqlmig.config import Environment
from sqlmig.errors import ConfirmationRequired, UsageError
from sqlmig.events import Listener, Warned
from sqlmig.frozen import dataclass
from sqlmig.migration import Migration
from sqlmig.plan import Plan

if TYPE_CHECKING:
    from sqlmig.access import Access
    from sqlmig.borrowed import Connection
    from sqlmig.database import Opening


@dataclass(frozen=True)
class Workplace:
    """One environment of a project, and who listens to what happens there."""

    environment: Environment
    listener: Listener
    origin: Callable[[], files.Discovery] | None = None
    """Finds the migrations where they are no files in the environment's folders."""
    connection: Connection | None = None
    """The connection of the caller's that is used for the work."""
    opening: Opening | None = None
    """A session on the target that is being opened already."""

    @cached_property
    def access(self) -> Access:
        """The way to the database; nothing is opened before it is asked to."""
        from sqlmig.access import Access

        return Access(self.environment, self.listener, self.connection, self.opening)

    @property
    def folders(self) -> tuple[Path, ...]:
        """Where migration files can be written. Raises UsageError where migrations come from elsewhere."""
        if self.origin is not None:
            raise UsageError("these migrations do not lie in a folder, so none can be written there")
        return self.environment.directories

    def discover(self) -> files.Discovery:
        """The migration files, with everything wrong with their names. Raises FileError without a folder."""
        return self.origin() if self.origin is not None else files.discover(self.environment.directories)

    def migrations(self) -> tuple[Migration, ...]:
        """All of them. Raises FilesInvalid, with all that is wrong with the names, and FileError without a folder."""
        discovery = self.discover()
        discovery.raise_for_problems()
        return discovery.migrations

    def warn(self, plan: Plan) -> None:
        """Tell the listener what the plan warns of."""
        for problem in plan.warnings:
            self.listener(Warned(problem))

    def require_confirmation(self, yes: bool, result: object) -> None:
        """Raise ConfirmationRequired, with the result that shows what would be done, in a protected environment."""
        if self.environment.protected and not yes:
            name = self.environment.name
            error = ConfirmationRequired(
                f"{name} is protected: this has to be confirmed", next_step="repeat the command with --yes"
            )
            error.result = result
            raise error
