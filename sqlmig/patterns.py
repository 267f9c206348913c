"""Regular expressions that are compiled when they are first used: a command uses few of those that it imports."""

from __future__ import annotations

import re
from typing import Any, cast

METHODS = ("match", "fullmatch", "search", "sub", "findall", "finditer")


class Late:
    """Stands for a compiled pattern, and from its first use on has the methods of one."""

    def __init__(self, source: str, flags: int) -> None:
        self._source = source
        self._flags = flags

    def __getattr__(self, name: str) -> Any:
        compiled = re.compile(self._source, self._flags)
        self.__dict__.update({method: getattr(compiled, method) for method in METHODS})
        return getattr(compiled, name)


def pattern(source: str, flags: int = 0) -> re.Pattern[str]:
    """What ``re.compile`` gives, but for the time it takes; a mistake in it shows when it is used."""
    return cast("re.Pattern[str]", Late(source, flags))
