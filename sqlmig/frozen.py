"""Dataclasses that cost nothing to import: ``from sqlmig.frozen import dataclass`` is the standard one to its users.

The standard decorator compiles up to six functions for each class. A command imports sixty classes, and half of its
start-up was spent on that. Here all classes share functions that look at their fields. ``dataclasses.fields``,
``replace`` and ``asdict`` work as always; type checkers see the standard decorator.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeVar

T = TypeVar("T")

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:

    def dataclass(cls: type[T] | None = None, /, *, frozen: bool = False) -> Any:
        """``dataclasses.dataclass`` with its ``init``, ``repr``, ``eq`` and, where asked for, ``frozen``."""
        return _made(cls, frozen) if cls is not None else lambda decorated: _made(decorated, frozen)


def _made(cls: type[T], frozen: bool) -> type[T]:
    cls.__doc__ = cls.__doc__ or cls.__name__  # without one, dataclasses has inspect make a signature
    dataclasses.dataclass(init=False, repr=False, eq=False)(cls)
    fields = dataclasses.fields(cls)  # type: ignore[arg-type]  # it has become a dataclass
    compared = _values_of([field.name for field in fields if field.compare])
    methods: dict[str, Callable[..., object] | None] = {
        "__init__": _initializer(fields, getattr(cls, "__post_init__", None)),
        "__repr__": _representation([field.name for field in fields if field.repr]),
        "__eq__": lambda self, other: (
            compared(self) == compared(other) if type(other) is type(self) else NotImplemented
        ),
    }
    if frozen:
        methods |= {"__hash__": lambda self: hash(compared(self)), "__setattr__": _refuse, "__delattr__": _refuse}
    else:
        methods["__hash__"] = None
    for name, method in methods.items():
        if vars(cls).get(name) is None:
            setattr(cls, name, method)
    return cls


def _values_of(names: list[str]) -> Callable[[object], object]:
    return attrgetter(*names) if names else lambda value: ()


def _initializer(
    fields: tuple[dataclasses.Field[Any], ...], finish: Callable[[object], None] | None
) -> Callable[..., None]:
    names = tuple(field.name for field in fields)
    known, count = frozenset(names), len(names)
    defaults = {field.name: field.default for field in fields if field.default is not dataclasses.MISSING}
    factories = {
        field.name: field.default_factory for field in fields if field.default_factory is not dataclasses.MISSING
    }

    def initialize(self: object, *args: object, **given: object) -> None:
        if len(args) == count and not given:
            self.__dict__.update(zip(names, args))  # noqa: B905 - counted
            if finish is not None:
                finish(self)
            return
        if not args and given.keys() == known:
            self.__dict__.update(given)
            if finish is not None:
                finish(self)
            return
        values = dict(zip(names, args), **given) if given else dict(zip(names, args))  # noqa: B905 - counted below
        each_once = len(values) == len(args) + len(given)
        if len(values) < count:
            values = {**defaults, **{name: make() for name, make in factories.items() if name not in values}, **values}
        if not each_once or len(values) != count or (given and not known.issuperset(given)):
            raise _misfit(type(self).__qualname__, names, args, given, values)
        self.__dict__.update(values)
        if finish is not None:
            finish(self)

    return initialize


def _misfit(
    name: str,
    names: tuple[str, ...],
    args: tuple[object, ...],
    given: Mapping[str, object],
    values: Mapping[str, object],
) -> TypeError:
    missing = [field for field in names if field not in values]
    unknown = [field for field in given if field not in names]
    twice = [field for field in names[: len(args)] if field in given]
    told = {"is missing": missing, "is no field": unknown, "is given twice": twice}
    reasons = [f"{', '.join(found)} {what}" for what, found in told.items() if found]
    return TypeError(f"{name}: " + ("; ".join(reasons) or f"{len(names)} fields, not {len(args)}"))


def _representation(names: list[str]) -> Callable[[object], str]:
    def represent(self: object) -> str:
        return f"{type(self).__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in names)})"

    return represent


def _refuse(self: object, name: str, value: object = None) -> None:
    raise dataclasses.FrozenInstanceError(f"{type(self).__name__} does not change: {name}")
