"""Dataclasses that cost nothing to import: ``from sqlmig.frozen import dataclass`` is the standard one to its users.

The standard decorator compiles up to six functions for each class. A command imports seventy classes, and half of its
start-up was spent on that. Here all classes share functions that look at their fields, and the standard decorator does
the rest when somebody first asks for it: ``dataclasses.fields``, ``replace`` and ``asdict`` work as always; type
checkers see the standard decorator.
"""

from __future__ import annotations

import dataclasses
import threading
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
    late = LateFields(cls)
    names, fields = tuple(late.fields), late.fields
    compared = _values_of([name for name in names if fields[name].compare])
    methods: dict[str, object] = {
        "__dataclass_fields__": late,
        "__match_args__": names,
        "__init__": _initializer(fields, getattr(cls, "__post_init__", None)),
        "__repr__": _representation([name for name in names if fields[name].repr]),
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


class LateFields:
    """Stands for ``__dataclass_fields__`` of a class until somebody looks at it: they take as long as the rest."""

    lock = threading.RLock()

    def __init__(self, cls: type) -> None:
        self.cls = cls
        self.own: dict[str, dataclasses.Field[Any]] = {}
        """Those that the class gives as ``field(...)``, which an ordinary class attribute stands for meanwhile."""
        self.fields = {name: field for base in reversed(cls.__bases__) for name, field in _fields_of(base).items()}
        for name, said in vars(cls).get("__annotations__", {}).items():
            if not said.startswith("ClassVar"):
                self.fields[name] = self._field(name)

    def _field(self, name: str) -> dataclasses.Field[Any]:
        given = vars(self.cls).get(name, dataclasses.MISSING)
        if not isinstance(given, dataclasses.Field):
            return NO_DEFAULT if given is dataclasses.MISSING else dataclasses.field(default=given)
        self.own[name] = given
        if given.default is dataclasses.MISSING:
            delattr(self.cls, name)
        else:
            setattr(self.cls, name, given.default)
        return given

    def __get__(self, instance: object, owner: type) -> object:
        with self.lock:
            if vars(self.cls)["__dataclass_fields__"] is self:
                for name, field in self.own.items():
                    setattr(self.cls, name, field)
                del self.cls.__dataclass_fields__
                dataclasses.dataclass(init=False, repr=False, eq=False)(self.cls)
            return vars(self.cls)["__dataclass_fields__"]


NO_DEFAULT: dataclasses.Field[Any] = dataclasses.field()


def _fields_of(base: type) -> dict[str, dataclasses.Field[Any]]:
    for cls in base.__mro__:
        late = vars(cls).get("__dataclass_fields__")
        if late is not None:
            return late.fields if isinstance(late, LateFields) else dict(late)
    return {}


def _values_of(names: list[str]) -> Callable[[object], object]:
    return attrgetter(*names) if names else lambda value: ()


def _initializer(
    fields: Mapping[str, dataclasses.Field[Any]], finish: Callable[[object], None] | None
) -> Callable[..., None]:
    names = tuple(fields)
    known, count = frozenset(names), len(names)
    missing = dataclasses.MISSING
    defaults = {name: field.default for name, field in fields.items() if field.default is not missing}
    factories = {name: field.default_factory for name, field in fields.items() if field.default_factory is not missing}

    def completed(name: str, args: tuple[object, ...], given: dict[str, object]) -> dict[str, object]:
        values = dict(zip(names, args), **given)  # noqa: B905 - counted below
        each_once = len(values) == len(args) + len(given)
        if len(values) < count:
            values = {**defaults, **{name: make() for name, make in factories.items() if name not in values}, **values}
        if not each_once or len(values) != count or not known.issuperset(given):
            raise _misfit(name, names, args, given, values)
        return values

    def initialize(self: object, *args: object, **given: object) -> None:
        if len(args) == count and not given:
            self.__dict__.update(zip(names, args))  # noqa: B905 - counted
        elif not args and given.keys() == known:
            self.__dict__.update(given)
        else:
            self.__dict__.update(completed(type(self).__qualname__, args, given))
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
