"""Our dataclasses behave as the standard ones, which cost more to import."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from sqlmig import frozen


@dataclasses.dataclass(frozen=True)
class Standard:
    """A value."""

    a: int
    b: str = "b"
    c: list[int] = dataclasses.field(default_factory=list, repr=False, compare=False)


@frozen.dataclass(frozen=True)
class Ours:
    """A value."""

    a: int
    b: str = "b"
    c: list[int] = dataclasses.field(default_factory=list, repr=False, compare=False)


@frozen.dataclass
class Changing:
    a: int
    doubled: int = 0

    def __post_init__(self) -> None:
        self.doubled = 2 * self.a


@frozen.dataclass(frozen=True)
class WithMethods:
    a: int

    def __repr__(self) -> str:
        return "mine"

    def __eq__(self, other: object) -> bool:
        return True


@frozen.dataclass(frozen=True)
class Derived(Ours):
    d: int = 4


BOTH = pytest.mark.parametrize("kind", [Standard, Ours])


@BOTH
def test_defaults_are_filled_in(kind: Callable[..., Any]) -> None:
    value, other = kind(1), kind(a=1)
    assert (value.a, value.b, value.c) == (1, "b", [])
    assert value.c is not other.c


@BOTH
@pytest.mark.parametrize(
    ("args", "given"),
    [((), {}), ((1, "b", [], 4), {}), ((1,), {"a": 1}), ((1,), {"d": 4}), ((), {"b": "b"}), ((), {"b": "", "d": 1})],
)
def test_arguments_that_do_not_fit_are_refused(kind: Callable[..., Any], args: Any, given: Any) -> None:
    with pytest.raises(TypeError):
        kind(*args, **given)


def test_what_does_not_fit_is_named() -> None:
    with pytest.raises(TypeError, match="Ours: a is missing; d is no field"):
        Ours(b="", d=1)  # type: ignore[call-arg]


@BOTH
def test_fields_that_do_not_compare_do_not_count(kind: Callable[..., Any]) -> None:
    assert kind(1, c=[1]) == kind(1, c=[2])
    assert hash(kind(1, c=[1])) == hash(kind(1, c=[2]))
    assert kind(1) != kind(2)
    assert kind(1) != (1, "b")


def test_another_class_is_never_equal() -> None:
    assert Ours(1) != Standard(1)
    assert Ours(1) != Derived(1)


@BOTH
def test_a_frozen_value_does_not_change(kind: Callable[..., Any]) -> None:
    value = kind(1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        value.a = 2
    with pytest.raises(dataclasses.FrozenInstanceError):
        del value.a
    assert value.a == 1


def test_the_tools_of_the_standard_library_know_them() -> None:
    value = Ours(1, c=[2])
    assert dataclasses.replace(value, b="x") == Ours(1, "x")
    assert dataclasses.asdict(value) == {"a": 1, "b": "b", "c": [2]}
    assert [field.name for field in dataclasses.fields(Derived)] == ["a", "b", "c", "d"]
    assert copy.deepcopy(value) == pickle.loads(pickle.dumps(value)) == value
    match value:
        case Ours(a, b):
            assert (a, b) == (1, "b")


def test_repr_is_the_standard_one() -> None:
    assert repr(Ours(1, c=[5])) == repr(Standard(1, c=[5])).replace("Standard", "Ours")


def test_what_is_not_frozen_changes_and_has_no_hash() -> None:
    value = Changing(1)
    value.a = 5
    assert (value.a, value.doubled) == (5, 2)
    with pytest.raises(TypeError):
        hash(value)


def test_methods_of_the_class_itself_stay() -> None:
    assert repr(WithMethods(1)) == "mine"
    assert WithMethods(1) == 7
    assert hash(WithMethods(1)) == hash(WithMethods(1))


def test_what_the_standard_decorator_does_is_put_off() -> None:
    """Until somebody looks at the fields, of a class or of one that is derived from it; then it is as always."""

    @frozen.dataclass(frozen=True)
    class Base:
        a: int
        b: list[int] = dataclasses.field(default_factory=list)

    @frozen.dataclass(frozen=True)
    class Late(Base):
        c: str = dataclasses.field(default="c", repr=False)

    assert Late(1) == Late(1, [], "c")
    assert (Late(1).c, Late.c) == ("c", "c")
    assert isinstance(vars(Base)["__dataclass_fields__"], frozen.LateFields)
    assert dataclasses.replace(Late(1), c="x") == Late(1, c="x")
    assert not isinstance(vars(Base)["__dataclass_fields__"], frozen.LateFields)
    assert [(field.name, field.repr) for field in dataclasses.fields(Late)] == [("a", True), ("b", True), ("c", False)]
    assert not hasattr(Late, "b")
    assert Late.c == "c"
    assert Late(2).b is not Late(2).b
