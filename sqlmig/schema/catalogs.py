"""The catalogs of one server, as it tells of them itself, and the statements that read them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping

from sqlmig.database import Row
from sqlmig.frozen import dataclass
from sqlmig.schema import knowledge
from sqlmig.schema.expressions import settled
from sqlmig.schema.privileges import privileges

Decoder = Callable[[str], object]

INITDB = 16384
"""Objects with a smaller OID were made by initdb (FirstNormalObjectId in PostgreSQL's access/transam.h)."""

SUPERUSER = 10
"""The OID of the role that initdb made."""

MEMBERS = (
    "(SELECT m.objid FROM pg_catalog.pg_depend AS m WHERE m.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass"
    " AND m.deptype = 'e' AND m.classid = {catalog})"
)

NUMBERS = frozenset({"smallint", "integer", "bigint", "oid", "real", "double precision"})
REFERENCES = frozenset({"oid", "regproc", "oidvector", "oid[]"})


@dataclass(frozen=True)
class Catalog:
    """One table of pg_catalog."""

    name: str
    oid: int
    shared: bool
    columns: tuple[tuple[str, str, bool], ...]
    """Name, type, and whether it is never null."""
    key: tuple[str, ...]
    unique: frozenset[str]
    """All columns that stand in some unique key."""
    targets: Mapping[str, str]
    """The catalogs that columns refer to by OID."""
    attributes: Mapping[str, str]
    """Columns that hold numbers of a relation's columns, and the column that holds the relation."""

    @property
    def identified(self) -> bool:
        """Whether its rows are objects of their own."""
        return self.column("oid") is not None and self.name not in knowledge.PARTS

    @property
    def whole(self) -> str | None:
        """The column that holds the object that a row tells of, where it is no object itself."""
        if self.identified:
            return None
        return knowledge.PARTS.get(self.name) or next((name for name in self.key if name in self.targets), None)

    @property
    def addressed(self) -> bool:
        """Whether pg_identify_object is known to know its rows."""
        return self.name in knowledge.ADDRESSED

    def column(self, name: str) -> tuple[str, str, bool] | None:
        return next((column for column in self.columns if column[0] == name), None)

    @property
    def prefix(self) -> str:
        """What the names of all columns begin with."""
        names = [name for name, _, _ in self.columns if name != "oid"]
        first, last = min(names), max(names)
        same = (index for index, letter in enumerate(first) if last[index : index + 1] != letter)
        return first[: next(same, len(first))]

    def word(self, column: str) -> str:
        """What a column is called in a description."""
        if column == self.owner:
            return "owner"
        if column == self.namespace:
            return "schema"
        return knowledge.WORDS.get(column) or column.removeprefix(self.prefix) or column

    def is_name(self, column: str) -> bool:
        """Whether it is a part of the identity already."""
        return self.addressed and column in self.unique and (column, "name", True) in self.columns

    def first_target(self, catalog: str) -> str | None:
        """The first column that refers to this catalog."""
        return next((name for name, _, _ in self.columns if self.targets.get(name) == catalog), None)

    @property
    def owner(self) -> str | None:
        """The column that names the role that owns a row's object."""
        named = (name for name in self.targets if name.endswith(("owner", "dba")))
        return next((name for name in named if self.targets[name] == "pg_authid"), None)

    @property
    def acl(self) -> str | None:
        return next((name for name, type_, _ in self.columns if type_ == "aclitem[]"), None)

    @property
    def namespace(self) -> str | None:
        return self.first_target("pg_namespace") if self.name != "pg_publication_namespace" else None

    @property
    def parents(self) -> tuple[str, ...]:
        """The columns that may hold the object that a row's object is a part of."""
        if self.name in knowledge.OWNERS or not self.identified:
            return knowledge.OWNERS.get(self.name, ())
        if self.namespace is not None and self.namespace in self.unique:
            return ()
        ignored = ("pg_namespace", "pg_authid", "pg_am", "pg_database")
        return tuple(
            name
            for name, type_, _ in self.columns
            if name in self.unique and type_ == "oid" and self.targets.get(name) not in (None, *ignored)
        )[:1]


def catalogs_in(rows: list[Row]) -> list[Catalog]:
    """From the rows of the block ``catalogs``."""
    return [_catalog(row) for row in rows]


def _catalog(row: Row) -> Catalog:
    name, oid, shared, *others = row
    columns, key, unique, foreign = (json.loads(text or "[]") for text in others)
    readable = [column for column in columns if column[3]]  # none: to fail says more than to know nothing
    targets = {fields[0]: target for fields, target, _ in foreign if len(fields) == 1}
    attributes = {
        fields[1]: fields[0] for fields, target, _ in foreign if len(fields) == 2 and target == "pg_attribute"
    }
    attributes |= knowledge.ATTRIBUTES.get(name or "", {})
    return Catalog(
        name=name or "",
        oid=int(oid or 0),
        shared=shared == "t",
        columns=tuple((column, type_.strip('"'), never_null) for column, type_, never_null, _ in readable or columns),
        key=tuple(key),
        unique=frozenset(unique),
        targets=targets,
        attributes=attributes,
    )


@dataclass(frozen=True)
class Field:
    """One value of a row: what it is called, what is read, and how that becomes a value."""

    column: str
    word: str
    expression: str
    decode: Decoder
    target: str | None = None
    """The catalog that OIDs in it refer to."""
    several: bool = False
    zero_is_none: bool = False
    """Whether zero or nothing can be left out, because the column is never null."""


@dataclass(frozen=True)
class Reading:
    """A statement that reads one catalog. Its rows hold the fields in their order."""

    catalog: Catalog
    fields: tuple[Field, ...]
    statement: str
    deviating: bool = False
    """Whether it reads what differs from the start in objects of initdb and of extensions, and nothing else."""


def readings(catalogs: list[Catalog]) -> Iterator[Reading]:
    """The statements that read everything that is schema."""
    for catalog in catalogs:
        if catalog.name in knowledge.NOT_SCHEMA or (catalog.shared and not _database_column(catalog)):
            continue
        if catalog.identified or catalog.whole:
            yield _reading(catalog)
        if catalog.name in knowledge.ACL_KINDS.keys() - {"pg_largeobject_metadata"} and not catalog.shared:
            yield _deviations(catalog)


def _database_column(catalog: Catalog) -> str | None:
    return "oid" if catalog.name == "pg_database" else catalog.first_target("pg_database")


def _reading(catalog: Catalog) -> Reading:
    fields = tuple(_fields(catalog))
    return Reading(catalog, fields, _statement(catalog, fields, " AND ".join(_conditions(catalog))))


def _conditions(catalog: Catalog) -> Iterator[str]:
    database = _database_column(catalog) if catalog.shared else None
    own = catalog.whole or "oid"
    if database:
        yield (
            f"c.{database} = (SELECT d.oid FROM pg_catalog.pg_database AS d"
            " WHERE d.datname = pg_catalog.current_database())"
        )
    elif catalog.name == "pg_namespace":
        yield "c.nspname NOT IN ('pg_catalog', 'pg_toast') AND c.nspname !~ '^pg_(toast_)?temp_'"
    elif catalog.name not in knowledge.WHOEVER_MADE_THEM:
        yield f"c.{own}::pg_catalog.oid >= {INITDB}"
    if not catalog.shared:
        of = str(catalog.oid) if not catalog.whole else f"'pg_catalog.{catalog.targets[own]}'::pg_catalog.regclass"
        yield f"c.{own}::pg_catalog.oid NOT IN {MEMBERS.format(catalog=of)}"
    if catalog.name in knowledge.SCOPE:
        yield knowledge.SCOPE[catalog.name]


def _deviations(catalog: Catalog) -> Reading:
    """What was granted and who owns it, in objects that are PostgreSQL's own or an extension's."""
    needed = {
        "oid",
        catalog.acl,
        catalog.owner,
        catalog.namespace,
        *([] if catalog.identified else (*catalog.key, "attname")),
    }
    fields = tuple(field for field in _fields(catalog, initial=True) if field.column in needed)
    own = catalog.whole or "oid"
    of = str(catalog.oid) if not catalog.whole else f"'pg_catalog.{catalog.targets[own]}'::pg_catalog.regclass"
    acl = f"c.{catalog.acl}"
    conditions = [
        f"(c.{own} < {INITDB} OR c.{own} IN {MEMBERS.format(catalog=of)}{_implied(catalog)})",
        f"({acl} IS NOT NULL AND {acl} IS DISTINCT FROM {_initial(catalog)}"
        f" AND {acl} IS DISTINCT FROM {knowledge.INITIALLY_GRANTED.get(catalog.name, 'NULL')}"
        + (f" OR c.{own} < {INITDB} AND c.{catalog.owner} <> {SUPERUSER})" if catalog.owner else ")"),
    ]
    if catalog.name == "pg_namespace":
        conditions.append("c.nspname IN ('pg_catalog', 'pg_toast')")
    return Reading(catalog, fields, _statement(catalog, fields, " AND ".join(conditions)), deviating=True)


def _implied(catalog: Catalog) -> str:
    """Row types are not described: they are what their tables are. One can still be granted on."""
    return f" OR NOT ({knowledge.SCOPE['pg_type']})" if catalog.name == "pg_type" else ""


def _initial(catalog: Catalog) -> str:
    own, of, sub = ("oid", str(catalog.oid), "0") if catalog.identified else (catalog.whole, "1259", "c.attnum")
    return (
        f"(SELECT p.initprivs FROM pg_catalog.pg_init_privs AS p WHERE p.objoid = c.{own} AND p.classoid = {of}"
        f" AND p.objsubid = {sub})"
    )


def _statement(catalog: Catalog, fields: tuple[Field, ...], condition: str) -> str:
    source = knowledge.SOURCE.get(catalog.name, f"pg_catalog.{catalog.name}")
    identity = ""
    if catalog.identified:
        addressed = knowledge.CLASSES.get(catalog.name)
        class_ = f"'pg_catalog.{addressed or catalog.name}'::pg_catalog.regclass"  # not all may read tableoid
        identity = f" CROSS JOIN LATERAL pg_catalog.pg_identify_object({class_}, c.oid, 0) AS identified"
        if not catalog.addressed:  # asked for what it does not know, it fails; what depends on something it knows
            identity = (
                f" LEFT JOIN LATERAL (SELECT i.type, i.identity FROM pg_catalog.pg_depend AS d CROSS JOIN LATERAL"
                f" pg_catalog.pg_identify_object(d.classid, d.objid, 0) AS i WHERE d.classid = {class_}"
                " AND d.objid = c.oid LIMIT 1) AS identified ON true"
            )
    expressions = ", ".join(field.expression for field in fields)
    return f"SELECT {expressions} FROM {source} AS c{identity} WHERE {condition}"


def _fields(catalog: Catalog, *, initial: bool = False) -> Iterator[Field]:
    if catalog.identified:
        yield Field("oid", "oid", "c.oid", int)
        yield Field("oid", "type", "identified.type", str)
        yield Field("oid", "identity", "identified.identity", str)
    elif catalog.whole:
        yield Field(catalog.whole, "whole", f"c.{catalog.whole}::pg_catalog.oid", int)
    for column, type_, never_null in catalog.columns:
        name = f"{catalog.name}.{column}"
        if name in ("pg_attribute.attnum", "pg_attrdef.adnum"):
            yield Field(column, "number", f"c.{column}", int)
        elif column == catalog.acl:
            yield Field(column, "privileges", _acl(catalog, column, initial), privileges)
        elif column in catalog.parents and column != catalog.whole:
            yield Field(column, "of", f"c.{column}", int, catalog.targets[column])
        elif column not in ("oid", catalog.whole) and name not in knowledge.LEFT_OUT and not catalog.is_name(column):
            field = _field(catalog, column, type_, never_null)
            if field is not None:
                yield field
    for word, expression in knowledge.BESIDES.get(catalog.name, {}).items():
        yield Field(word, word, expression, settled)


def _acl(catalog: Catalog, column: str, initial: bool) -> str:
    """The privileges, those that count as none, and the role whose own grants are a matter of course."""
    kind = knowledge.ACL_KINDS.get(catalog.name)
    owner = knowledge.ACL_OWNERS.get(catalog.name) or (f"c.{catalog.owner}" if catalog.owner else str(SUPERUSER))
    letter = f"'{kind}'" if catalog.name != "pg_class" else "CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::\"char\""
    usual = f"pg_catalog.acldefault({letter}, {owner})" if kind else "NULL::pg_catalog.aclitem[]"
    if initial:
        usual = f"COALESCE({_initial(catalog)}, {knowledge.INITIALLY_GRANTED.get(catalog.name, 'NULL')}, {usual})"
    return (
        f"CASE WHEN c.{column} IS NOT NULL THEN pg_catalog.json_build_array(c.{column}::pg_catalog.text[],"
        f" {usual}::pg_catalog.text[], pg_catalog.pg_get_userbyid({owner})) END"
    )


def _field(catalog: Catalog, column: str, type_: str, never_null: bool) -> Field | None:
    word, name, target = catalog.word(column), f"{catalog.name}.{column}", catalog.targets.get(column)
    expression, needed = f"c.{column}", knowledge.WHERE.get(f"{catalog.name}.{column}")
    decode: Decoder = str
    several = type_ in ("oidvector", "oid[]")
    if name in knowledge.INSTEAD:
        return Field(column, word, knowledge.INSTEAD[name], settled)
    if target is not None:
        expression = f"pg_catalog.array_to_string(c.{column}, ' ')" if several else f"c.{column}::pg_catalog.oid"
    elif column in catalog.attributes:
        expression, decode = _attribute_names(column, type_, catalog.attributes[column]), _list_decoder(column)
    elif type_ in REFERENCES:
        return None
    elif type_ == "pg_node_tree":
        relation = catalog.first_target("pg_class")
        expression, decode = f"pg_catalog.pg_get_expr(c.{column}, {f'c.{relation}' if relation else '0'})", settled
    elif type_.endswith("[]") or type_ == "int2vector":
        expression, decode = f"pg_catalog.to_json(c.{column})", _list_decoder(column)
    else:
        decode = {"boolean": _flag}.get(type_) or (_number if type_ in NUMBERS else _decoder(column))
    expression = f"CASE WHEN {needed} THEN {expression} END" if needed else expression
    return Field(column, word, expression, decode, target, several, never_null)


def _attribute_names(column: str, type_: str, relation: str) -> str:
    numbers = f"ARRAY[c.{column}]" if type_ == "smallint" else f"c.{column}::pg_catalog.int2[]"
    return (
        "(SELECT pg_catalog.json_agg(a.attname ORDER BY n.place)"
        f" FROM pg_catalog.unnest({numbers}) WITH ORDINALITY AS n (number, place)"
        f" JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.{relation} AND a.attnum = n.number)"
    )


def _flag(text: str) -> bool:
    return text == "t"


def _decoder(column: str) -> Decoder:
    """Letters become words; passwords in connection strings stars."""
    if column == "subconninfo":
        return _redacted
    words = knowledge.LETTERS.get(column)
    return (lambda text: words.get(text, text)) if words else str


def _redacted(text: str) -> str:
    from sqlmig.config.secrets import Redactor, secrets_in

    return Redactor(secrets_in(text))(text)


def _number(text: str) -> object:
    return int(text) if text.lstrip("-").isdecimal() else float(text)


def _list_decoder(column: str) -> Decoder:
    if column.endswith(("options", "config")) and column != "extconfig":
        return _options
    return (lambda text: sorted(json.loads(text))) if column in knowledge.UNORDERED else json.loads


def _options(text: str) -> dict[str, str]:
    pairs = (option.partition("=") for option in json.loads(text))
    return {name: "***" if name in knowledge.SECRET_OPTIONS else value for name, _, value in pairs}
