"""What differs between two snapshots, in a person's words."""

from __future__ import annotations

import sys
from collections.abc import Mapping

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sqlmig.errors import ConfigError
from sqlmig.schema.diff import Change, diff
from sqlmig.schema.expressions import settled
from sqlmig.schema.ignore import NONE, Ignore
from sqlmig.schema.privileges import privileges
from sqlmig.schema.snapshot import Json, Snapshot

TABLE = "table app.users"
EMAIL = "column app.users.email"


def snapshot(**objects: Mapping[str, Json]) -> Snapshot:
    return Snapshot(objects, 180000)


def of(objects: dict[str, dict[str, Json]]) -> Snapshot:
    return Snapshot(objects, 180000)


def changes(before: dict[str, dict[str, Json]], after: dict[str, dict[str, Json]]) -> tuple[Change, ...]:
    return diff(of(before), of(after))


def change(before: dict[str, Json], after: dict[str, Json], identity: str = TABLE) -> Change:
    (only,) = changes({identity: before}, {identity: after})
    return only


def test_equal_snapshots_do_not_differ() -> None:
    """Nothing is said where nothing differs."""
    assert changes({TABLE: {"owner": "joe"}}, {TABLE: {"owner": "joe"}}) == ()


def test_a_column_is_told_with_its_table() -> None:
    """The sentence names table, column, property and both values."""
    told = change({"of": TABLE, "type": "text"}, {"of": TABLE, "type": "citext"}, EMAIL)
    assert told.sentence == "table app.users: column email: type: text -> citext"
    assert (told.identity, told.kind, told.category, told.diff) == (EMAIL, "changed", "definition", None)


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        ({}, {"not null": True}, "table app.users: not null: no -> yes"),
        ({"not null": True}, {}, "table app.users: not null: yes -> no"),
        ({"valid": False}, {}, "table app.users: valid: no -> yes"),
        ({}, {"cost": 5}, "table app.users: cost: none -> 5"),
        ({}, {"default": "1"}, "table app.users: default: none -> 1"),
        ({"label": ""}, {"label": "x"}, "table app.users: label: '' -> x"),
        ({}, {"options": {"fillfactor": "70"}}, "table app.users: options fillfactor: none -> 70"),
        ({"labels": ["a", "b"]}, {"labels": ["a", "c", "b"]}, "table app.users: labels: a, b -> a, c, b"),
        ({"a": {"b": {"c": 1}}}, {"a": {"b": {"c": 2}}}, "table app.users: a b c: 1 -> 2"),
    ],
)
def test_values_in_words(before: dict[str, Json], after: dict[str, Json], sentence: str) -> None:
    """A property that is not there is false, true where that goes without saying, or none."""
    assert change(before, after).sentence == sentence


@pytest.mark.parametrize(
    ("before", "after", "category"),
    [
        ({"owner": "a"}, {"owner": "b"}, "owner"),
        ({}, {"comment": "x"}, "comment"),
        ({}, {"privileges": {"joe": ["SELECT"]}}, "privileges"),
        ({"column order": ["a", "b"]}, {"column order": ["b", "a"]}, "column_order"),
        ({"body": "a"}, {"body": "b"}, "definition"),
    ],
)
def test_classes(before: dict[str, Json], after: dict[str, Json], category: str) -> None:
    """Owner, comment, privileges and the order of columns are classes of their own."""
    assert change(before, after).category == category


def test_kinds_of_several_words() -> None:
    """A column of a materialized view is told with it."""
    view = "materialized view app.m"
    told = change({"of": view, "type": "text"}, {"of": view, "type": "citext"}, "column app.m.x")
    assert told.sentence == "materialized view app.m: column x: type: text -> citext"


def test_long_values_are_shown_as_a_diff() -> None:
    """A body is not put into the sentence."""
    told = change({"body": "BEGIN\n  a;\nEND"}, {"body": "BEGIN\n  b;\nEND"}, "function app.f(integer)")
    assert told.sentence == "function app.f(integer): body differs"
    assert told.diff == "--- before\n+++ after\n@@ -1,3 +1,3 @@\n BEGIN\n-  a;\n+  b;\n END\n"


def test_values_that_differ_in_white_space_alone_are_told() -> None:
    """There is always something to see."""
    told = change({"body": "a" * 80}, {"body": "a" * 80 + "\n"})
    assert told.diff is not None
    assert "+" in told.diff


def test_added_and_removed_objects_take_their_parts_along() -> None:
    """A new table is one line; a new column of an old table is one too."""
    parts: dict[str, dict[str, Json]] = {TABLE: {}, EMAIL: {"of": TABLE}, "index app.i": {"of": TABLE}}
    (added,) = changes({}, parts)
    assert added == Change(TABLE, "added", "definition", "table app.users: only after", None, (EMAIL, "index app.i"))
    (removed,) = changes(parts, {})
    assert (removed.kind, removed.sentence) == ("removed", "table app.users: only before")
    (column,) = changes({TABLE: {}}, {TABLE: {}, EMAIL: {"of": TABLE}})
    assert column.sentence == "table app.users: column email: only after"
    (index,) = changes({**parts}, {TABLE: {}, EMAIL: {"of": TABLE}})
    assert index.sentence == "index app.i: only before"


def test_a_circle_of_owners_ends() -> None:
    """Whatever a file says, the difference is told."""
    circle: dict[str, dict[str, Json]] = {"a x": {"of": "b y"}, "b y": {"of": "a x"}}
    assert {name for told in changes({}, circle) for name in (told.identity, *told.parts)} == {"a x", "b y"}


def test_the_order_of_columns_is_told_only_where_it_differs() -> None:
    """A column that came or went is told by itself."""
    before = {TABLE: {"column order": ["a", "b", "c"]}}
    assert changes(before, {TABLE: {"column order": ["a", "c", "d"]}}) == ()
    (told,) = changes(before, {TABLE: {"column order": ["c", "a"]}})
    assert told.sentence == "table app.users: column order: a, c -> c, a"
    assert diff(of(before), of({TABLE: {"column order": ["c", "b", "a"]}}), ignore_column_order=True) == ()


def test_changes_are_sorted() -> None:
    """The same difference is always the same text."""
    names = [f"table t{number}" for number in range(50)]
    told = changes({}, {name: {} for name in reversed(names)})
    assert [one.identity for one in told] == sorted(names)


def test_a_large_difference_takes_steps_in_proportion() -> None:
    """Work grows with the size of the snapshots, not with its square."""

    def steps(size: int) -> int:
        tables: dict[str, dict[str, Json]] = {f"table t{number}": {} for number in range(size)}
        columns = {f"column t{n}.c{m}": {"of": f"table t{n}", "type": "text"} for n in range(size) for m in range(5)}
        counted = 0

        def count(*_: object) -> None:
            nonlocal counted
            counted += 1

        sys.setprofile(count)
        try:
            told = changes({}, {**tables, **columns})
        finally:
            sys.setprofile(None)
        assert len(told) == size
        return counted

    assert steps(1000) < 11 * steps(100)


objects = st.dictionaries(
    st.sampled_from(["table a", "table b", "column a.x", "view c"]),
    st.dictionaries(
        st.sampled_from(["owner", "type", "column order", "options", "comment"]),
        st.one_of(
            st.booleans(),
            st.integers(),
            st.text(max_size=90),
            st.lists(st.text(max_size=3), max_size=3),
            st.dictionaries(st.text(max_size=3), st.text(max_size=3), min_size=1, max_size=2),
        ),
        max_size=3,
    ),
    max_size=4,
)


@example({"view c": {"comment": False}}, {"view c": {"comment": 0}})
@given(objects, objects)
def test_nothing_that_differs_is_passed_over(
    before: dict[str, dict[str, Json]], after: dict[str, dict[str, Json]]
) -> None:
    """There is a change exactly where the fingerprints differ."""
    for described in (*before.values(), *after.values()):
        described.pop("column order", None)
    assert (changes(before, after) == ()) == (of(before).fingerprint == of(after).fingerprint)


@given(objects)
def test_a_snapshot_survives_json_and_packing(described: dict[str, dict[str, Json]]) -> None:
    """What comes back is equal, with the same fingerprint and the same text."""
    first = of(described)
    for second in (Snapshot.from_json(first.to_json()), Snapshot.unpacked(first.packed())):
        assert second == first
        assert second.fingerprint == first.fingerprint
        assert second.to_json() == first.to_json()


def test_the_text_does_not_depend_on_the_order_of_objects() -> None:
    """Canonical: sorted through and through."""
    first = of({"a": {"x": 1, "y": 2}, "b": {}})
    second = of({"b": {}, "a": {"y": 2, "x": 1}})
    assert first.to_json() == second.to_json()
    assert first.fingerprint == second.fingerprint


def test_a_minor_upgrade_changes_no_fingerprint() -> None:
    """The fingerprint is that of the objects."""
    assert Snapshot({"a": {}}, 180001).fingerprint == Snapshot({"a": {}}, 180002).fingerprint


@pytest.mark.parametrize("text", ["[]", "{}", '{"format": 2}', '{"format": 1, "objects": []}', "nonsense"])
def test_other_texts_are_no_snapshots(text: str) -> None:
    """What is read is what was written, or an error."""
    with pytest.raises(ValueError):  # noqa: PT011 - json's own words differ
        Snapshot.from_json(text)


def test_other_bytes_are_no_snapshots() -> None:
    """Bytes that were cut or never packed are refused."""
    with pytest.raises(ValueError, match="packed"):
        Snapshot.unpacked(b"nonsense")
    with pytest.raises(ValueError, match="packed"):
        Snapshot.unpacked(of({"a": {}}).packed()[:-5])


@pytest.mark.parametrize(
    ("patterns", "left"),
    [
        (["table:app.part_*"], {"table app.users", "schema app", "schema partman", "table partman.t", "view v"}),
        (["schema:partman"], {"table app.users", "schema app", "table app.part_1", "column app.part_1.a", "view v",
                              "sequence app.s"}),
        (["table:*"], {"schema app", "schema partman", "view v"}),
        (["*:app.part_1"], {"table app.users", "schema app", "schema partman", "table partman.t", "view v"}),
        (["schema:*"], {"view v"}),
        ([], None),
    ],
)  # fmt: skip
def test_ignored_objects(patterns: list[str], left: set[str] | None) -> None:
    """A pattern takes the objects that it names, and their parts with them."""
    whole = of(
        {
            "schema app": {},
            "schema partman": {},
            "table app.users": {"schema": "app"},
            "table app.part_1": {"schema": "app"},
            "column app.part_1.a": {"of": "table app.part_1"},
            "sequence app.s": {"schema": "app", "owned by": "column app.part_1.a"},
            "table partman.t": {"schema": "partman"},
            "view v": {},
        }
    )
    kept = Ignore.parse(patterns).apply(whole).objects.keys()
    assert kept == (left if left is not None else whole.objects.keys())
    assert NONE.apply(whole) is whole


def test_an_ignored_column_has_no_place_in_the_order() -> None:
    """Whether it is there makes no difference."""
    order: list[Json] = ["a", "Odd name", "b"]
    with_it = of({TABLE: {"column order": order}, 'column app.users."Odd name"': {"of": TABLE}})
    without = of({TABLE: {"column order": ["a", "b"]}})
    ignore = Ignore.parse(['column:app.users."Odd*"'])
    assert ignore.apply(with_it).fingerprint == ignore.apply(without).fingerprint
    assert with_it.objects[TABLE]["column order"] == order


@pytest.mark.parametrize("pattern", ["partman", "schema:", ":x", "", " : "])
def test_patterns_without_kind_or_name_are_refused(pattern: str) -> None:
    """The message shows how to write one."""
    with pytest.raises(ConfigError, match="names no kind") as caught:
        Ignore.parse([pattern])
    assert "schema:partman" in (caught.value.next_step or "")


@pytest.mark.parametrize(
    ("acl", "usual", "words"),
    [
        (["joe=arwdDxt/joe"], ["joe=arwdDxt/joe"], None),
        (["joe=arwdDxt/joe", "=r/joe"], ["joe=arwdDxt/joe"], {"PUBLIC": ["SELECT"]}),
        (["=r/joe", "joe=arwdDxt/joe"], ["joe=arwdDxt/joe", "=r/joe"], None),
        (["joe=r/joe"], ["joe=arw/joe"], {"joe": ["no INSERT", "no UPDATE"]}),
        ([], ["=X/joe", "joe=X/joe"], {"PUBLIC": ["no EXECUTE"], "joe": ["no EXECUTE"]}),
        (["ann=r*w/joe"], None, {"ann": ["SELECT with grant option", "UPDATE"]}),
        (["bob=r/ann"], [], {"bob": ["SELECT granted by ann"]}),
        (['"odd = ""name"""=r/joe'], [], {'odd = "name"': ["SELECT"]}),
        (["ann=?/joe"], [], {"ann=?/joe": [""]}),
        (["ann=Z/joe"], [], {"ann": ["Z"]}),
    ],
)
def test_privileges_are_told_against_the_default(
    acl: list[str], usual: list[str] | None, words: dict[str, list[str]] | None
) -> None:
    """What was granted beyond it, what was revoked of it, and nothing where an ACL only spells it out."""
    import json

    assert privileges(json.dumps([acl, usual, "joe"])) == words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a = ANY (ARRAY[1, 2])", None),
        ("(a)::text = ANY ((ARRAY['x'::bpchar, 'y'::bpchar])::text[])",
         "(a)::text = ANY (ARRAY[('x'::bpchar)::text, ('y'::bpchar)::text])"),
        ("((ARRAY['],)'::bpchar, ('(ARRAY['::bpchar)])::text[])",
         "(ARRAY[('],)'::bpchar)::text, (('(ARRAY['::bpchar))::text])"),
        ("'(ARRAY[a])::text[]'", None),
        ('"(ARRAY[a])::text[]"', None),
        ("(ARRAY[f(a, b), c[1, 2]])::numeric(3,2)[]", "ARRAY[(f(a, b))::numeric(3,2), (c[1, 2])::numeric(3,2)]"),
        ("(ARRAY[a])::double precision[]", "ARRAY[(a)::double precision]"),
        ("(ARRAY[a])::timestamp(3) without time zone[]", "ARRAY[(a)::timestamp(3) without time zone]"),
        ('(ARRAY[a])::app."Odd ""type"[]', 'ARRAY[(a)::app."Odd ""type"]'),
        ("(ARRAY[ARRAY[a, b], ARRAY[c, d]])::text[]",
         "ARRAY[ARRAY[(a)::text, (b)::text], ARRAY[(c)::text, (d)::text]]"),
        ("(ARRAY[(ARRAY[a])::text[], b])::int[]", "ARRAY[(ARRAY[(a)::text])::int, (b)::int]"),
        ("x || (ARRAY[a, b])", None),
        ("(ARRAY[a])::app.list", None),
        ("SELECT NULL::integer AS int4,\n 'x'::text AS text;", "SELECT NULL::integer,\n 'x'::text;"),
        ("SELECT NULL::timestamp(3) with time zone AS timestamptz\n", "SELECT NULL::timestamp(3) with time zone\n"),
        ('SELECT a::app."Odd Name"[] AS "Odd Name";', 'SELECT a::app."Odd Name"[];'),
        ("SELECT a::integer AS int8,\n '::integer AS int4,' AS x;", None),
        ("(ARRAY[a", None),
        ("(ARRAY[", None),
    ],
)  # fmt: skip
def test_casts_of_arrays_are_handed_down(text: str, expected: str | None) -> None:
    """As the parser does; literals and names are not looked into, and what is not understood stays as it is."""
    assert settled(text) == (expected if expected is not None else text)


@given(st.text(alphabet="(ARAY[]),:'\"x t"))
def test_any_text_is_settled(text: str) -> None:
    """It ends, raises nothing, and settles what is settled no further."""
    once = settled(f"(ARRAY[{text}])::text[]")
    assert settled(once) == settled(settled(once))
