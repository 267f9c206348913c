"""What is known of PostgreSQL's catalogs beyond what the server tells of them.

A snapshot holds every column of every catalog. Here is what it leaves out and why, and what it says in better words. A
catalog or column that is not named here, because a newer PostgreSQL added it, is described as it stands.
"""

from __future__ import annotations

from collections.abc import Mapping

NOT_SCHEMA = frozenset(
    {
        *("pg_statistic", "pg_statistic_ext_data", "pg_largeobject"),  # data, and what ANALYZE found in it
        *("pg_subscription_rel", "pg_replication_origin"),  # how far replication got
        *("pg_shdepend", "pg_depend", "pg_init_privs"),  # follow from the rest; read where they say more
        *("pg_description", "pg_shdescription", "pg_seclabel", "pg_shseclabel"),  # told with their objects
    }
)
"""Catalogs that are not walked for objects."""

PHYSICAL = frozenset(
    {
        *("pg_class.relfilenode", "pg_class.relpages", "pg_class.reltuples", "pg_class.relallvisible"),
        *("pg_class.relallfrozen", "pg_class.relfrozenxid", "pg_class.relminmxid", "pg_class.relrewrite"),
        *("pg_class.reltoastrelid", "pg_class.relispopulated", "pg_attribute.atthasmissing"),
        *("pg_attribute.attmissingval", "pg_attribute.attcacheoff", "pg_collation.collversion"),
        *("pg_index.indcheckxmin", "pg_index.indisclustered"),
        *("pg_database.datfrozenxid", "pg_database.datminmxid", "pg_database.datcollversion"),
        *("pg_database.datlastsysoid", "pg_subscription.subskiplsn", "pg_subscription.subtwophasestate"),
    }
)
"""Where things are stored, and what maintenance does to them: VACUUM, CLUSTER, REINDEX, REFRESH."""

HINTS = frozenset(
    {
        *("pg_class.relhasindex", "pg_class.relhasrules", "pg_class.relhastriggers", "pg_class.relhassubclass"),
        *("pg_database.dathasloginevt", "pg_class.relisshared"),
    }
)
"""What PostgreSQL sets at once and takes back late, if ever."""

DERIVED = frozenset(
    {
        *("pg_class.reltype", "pg_class.relnatts", "pg_class.relchecks", "pg_class.relkind", "pg_class.relispartition"),
        *("pg_attribute.attrelid", "pg_attribute.attnum", "pg_attribute.attlen", "pg_attribute.attbyval"),
        *("pg_attribute.attalign", "pg_attribute.atthasdef", "pg_attribute.attisdropped", "pg_attribute.atttypmod"),
        *("pg_proc.pronargs", "pg_proc.pronargdefaults", "pg_proc.proargtypes"),
        *("pg_type.typrelid", "pg_type.typarray", "pg_type.typtypmod"),
        *("pg_index.indnatts", "pg_index.indnkeyatts", "pg_partitioned_table.partnatts"),
        *("pg_amop.amopmethod", "pg_subscription.subdbid"),
        *("pg_db_role_setting.setdatabase",),
        # Which encoding a collation works for is decided by the database it was made in.
        "pg_collation.collencoding",
        # How many dimensions an array was declared with means nothing, and pg_dump does not keep it.
        *("pg_attribute.attndims", "pg_type.typndims"),
    }
)
"""What follows from other columns or is said by the identity."""

OF_THE_DATABASE_ITSELF = frozenset(
    {
        *("pg_database.datname", "pg_database.encoding", "pg_database.datlocprovider", "pg_database.datcollate"),
        *("pg_database.datctype", "pg_database.datlocale", "pg_database.daticulocale", "pg_database.daticurules"),
        "pg_database.datallowconn",
    }
)
"""What is chosen when a database is created: its schema can be restored into one that chose otherwise."""

IN_DEFINITION = frozenset(
    {
        *("pg_index.indrelid", "pg_index.indkey", "pg_index.indcollation", "pg_index.indclass"),
        *("pg_index.indoption", "pg_index.indexprs", "pg_index.indpred", "pg_index.indisunique"),
        *("pg_index.indnullsnotdistinct",),
        *("pg_constraint.condeferrable", "pg_constraint.condeferred", "pg_constraint.conenforced"),
        *("pg_constraint.confrelid", "pg_constraint.confupdtype", "pg_constraint.confdeltype"),
        *("pg_constraint.confmatchtype", "pg_constraint.connoinherit", "pg_constraint.conperiod"),
        *("pg_constraint.conkey", "pg_constraint.confkey", "pg_constraint.conpfeqop", "pg_constraint.conppeqop"),
        *("pg_constraint.conffeqop", "pg_constraint.confdelsetcols", "pg_constraint.conexclop"),
        *("pg_constraint.conbin", "pg_constraint.convalidated", "pg_constraint.contype"),
        *("pg_trigger.tgfoid", "pg_trigger.tgtype", "pg_trigger.tgisinternal", "pg_trigger.tgconstrrelid"),
        *("pg_trigger.tgconstrindid", "pg_trigger.tgconstraint", "pg_trigger.tgdeferrable"),
        *("pg_trigger.tginitdeferred", "pg_trigger.tgnargs", "pg_trigger.tgattr", "pg_trigger.tgargs"),
        *("pg_trigger.tgqual", "pg_trigger.tgoldtable", "pg_trigger.tgnewtable"),
        *("pg_rewrite.ev_type", "pg_rewrite.is_instead", "pg_rewrite.ev_qual", "pg_rewrite.ev_action"),
        *("pg_partitioned_table.partstrat", "pg_partitioned_table.partattrs", "pg_partitioned_table.partclass"),
        *("pg_partitioned_table.partcollation", "pg_partitioned_table.partexprs"),
    }
)
"""What a definition says that the pg_get_*def family gives (documentation, "System Catalog Information Functions")."""

LEFT_OUT = PHYSICAL | HINTS | DERIVED | OF_THE_DATABASE_ITSELF | IN_DEFINITION

INSTEAD: Mapping[str, str] = {
    "pg_attribute.atttypid": "pg_catalog.format_type(c.atttypid, c.atttypmod)",
    "pg_attrdef.adbin": "pg_catalog.pg_get_expr(c.adbin, c.adrelid)",
    "pg_class.relpartbound": "pg_catalog.pg_get_expr(c.relpartbound, c.oid)",
    "pg_policy.polqual": "pg_catalog.pg_get_expr(c.polqual, c.polrelid)",
    "pg_policy.polwithcheck": "pg_catalog.pg_get_expr(c.polwithcheck, c.polrelid)",
    "pg_proc.proargdefaults": "pg_catalog.pg_get_expr(c.proargdefaults, 0)",
    "pg_proc.prosqlbody": "pg_catalog.pg_get_function_sqlbody(c.oid)",
    "pg_publication_rel.prqual": "pg_catalog.pg_get_expr(c.prqual, c.prrelid)",
    "pg_statistic_ext.stxexprs": "pg_catalog.array_to_string("
    "pg_catalog.pg_get_statisticsobjdef_expressions(c.oid), ', ')",
    "pg_type.typbasetype": "CASE WHEN c.typtype = 'd' THEN pg_catalog.format_type(c.typbasetype, c.typtypmod) END",
    "pg_type.typdefaultbin": "pg_catalog.pg_get_expr(c.typdefaultbin, 0)",
    "pg_type.typdefault": "CASE WHEN c.typdefaultbin IS NULL THEN c.typdefault END",
}
"""What is read instead of a column that holds a node tree, or only half of what it means."""

WHERE: Mapping[str, str] = {
    "pg_class.relreplident": "c.relkind IN ('r', 'p', 'm')",
    "pg_class.relam": "c.relkind IN ('r', 'p', 'm')",
    "pg_attribute.attstorage": "c.attstorage <> (SELECT t.typstorage FROM pg_catalog.pg_type AS t"
    " WHERE t.oid = c.atttypid)",
    "pg_attribute.attcollation": "c.attcollation <> (SELECT t.typcollation FROM pg_catalog.pg_type AS t"
    " WHERE t.oid = c.atttypid)",
    **dict.fromkeys(
        (
            *("pg_type.typlen", "pg_type.typbyval", "pg_type.typcategory", "pg_type.typalign", "pg_type.typstorage"),
            *("pg_type.typinput", "pg_type.typoutput", "pg_type.typreceive", "pg_type.typsend", "pg_type.typmodin"),
            *("pg_type.typmodout", "pg_type.typanalyze", "pg_type.typsubscript", "pg_type.typispreferred"),
        ),
        "c.typtype = 'b'",
    ),
}
"""When a column says something of its own: storage and collation may be the type's, most types have no functions."""

ATTRIBUTES: Mapping[str, Mapping[str, str]] = {"pg_publication_rel": {"prattrs": "prrelid"}}
"""Columns that hold numbers of a relation's columns, which the server does not tell."""

BESIDES: Mapping[str, Mapping[str, str]] = {
    "pg_class": {
        "definition": "CASE WHEN c.relkind IN ('v', 'm') THEN pg_catalog.pg_get_viewdef(c.oid)"
        " WHEN c.relkind IN ('i', 'I') THEN pg_catalog.pg_get_indexdef(c.oid) END",
        "partition key": "CASE WHEN c.relkind = 'p' THEN pg_catalog.pg_get_partkeydef(c.oid) END",
    },
    "pg_constraint": {"definition": "pg_catalog.pg_get_constraintdef(c.oid)"},
    "pg_rewrite": {"definition": "pg_catalog.pg_get_ruledef(c.oid)"},
    "pg_trigger": {"definition": "pg_catalog.pg_get_triggerdef(c.oid)"},
}
"""Definitions that are read besides the columns."""

SCOPE: Mapping[str, str] = {
    # Toast tables are called by OIDs; the columns of a composite type are told as those of the type.
    "pg_class": "c.relkind NOT IN ('t', 'c') AND c.relpersistence <> 't'",
    "pg_attribute": "c.attnum > 0 AND NOT c.attisdropped AND c.attrelid IN (SELECT oid FROM pg_catalog.pg_class"
    " WHERE oid >= 16384 AND relkind NOT IN ('t', 'i', 'I', 'S'))",
    # Every table has a row type, every type an array type.
    "pg_type": "NOT EXISTS (SELECT FROM pg_catalog.pg_class AS r WHERE r.oid = c.typrelid AND r.relkind <> 'c')"
    " AND NOT (c.typelem <> 0 AND EXISTS (SELECT FROM pg_catalog.pg_type AS e WHERE e.typarray = c.oid))",
    # Not-null constraints are told with their columns. What a foreign key to a partitioned table has for each partition
    # there has chosen names.
    "pg_constraint": "(c.contype <> 'n' OR c.contypid <> 0) AND NOT (c.conparentid <> 0 AND c.conrelid ="
    " (SELECT p.conrelid FROM pg_catalog.pg_constraint AS p WHERE p.oid = c.conparentid))",
    # Triggers of foreign keys and of deferrable keys are called by OIDs. Before 15 clones on partitions are internal.
    "pg_trigger": "(NOT c.tgisinternal OR (c.tgparentid <> 0 AND c.tgconstraint = 0))",
    "pg_rewrite": "c.rulename <> '_RETURN'",
    # A large object is data; that somebody may read it is not.
    "pg_largeobject_metadata": "c.lomacl IS DISTINCT FROM pg_catalog.acldefault('L', c.lomowner)"
    " AND c.lomacl IS NOT NULL",
}
"""Rows of a catalog that are described."""

ADDRESSED = frozenset(
    {
        *("pg_am", "pg_amop", "pg_amproc", "pg_cast", "pg_class", "pg_collation", "pg_constraint", "pg_conversion"),
        *("pg_database", "pg_default_acl", "pg_event_trigger", "pg_extension", "pg_foreign_data_wrapper"),
        *("pg_foreign_server", "pg_language", "pg_largeobject_metadata", "pg_namespace", "pg_opclass", "pg_operator"),
        *("pg_opfamily", "pg_policy", "pg_proc", "pg_publication", "pg_publication_namespace", "pg_publication_rel"),
        *("pg_rewrite", "pg_statistic_ext", "pg_subscription", "pg_transform", "pg_trigger", "pg_ts_config"),
        *("pg_ts_dict", "pg_ts_parser", "pg_ts_template", "pg_type", "pg_user_mapping"),
    }
)
"""Catalogs whose objects pg_identify_object knows. It fails for others; a newer server knows what is in pg_depend."""

WHOEVER_MADE_THEM = frozenset({"pg_namespace", "pg_extension", "pg_largeobject_metadata"})
"""Catalogs whose objects are described even where initdb made them, or where a person may choose small OIDs."""

CLASSES: Mapping[str, str] = {"pg_largeobject_metadata": "pg_largeobject"}
"""The catalog by which PostgreSQL addresses the objects of another one."""

SOURCE: Mapping[str, str] = {
    "pg_user_mapping": "(SELECT umid AS oid, umuser, srvid AS umserver, umoptions FROM pg_catalog.pg_user_mappings)",
}
"""Catalogs that are read through the view that everybody may read."""

PARTS: Mapping[str, str] = {"pg_enum": "enumtypid", "pg_attrdef": "adrelid"}
"""Catalogs with OIDs whose rows are told with the object in this column."""

OWNERS: Mapping[str, tuple[str, ...]] = {
    "pg_constraint": ("conrelid", "contypid"),
    "pg_index": ("indrelid",),
    "pg_statistic_ext": ("stxrelid",),
}
"""The columns that name what a row is a part of, where its unique keys do not say it."""

ACL_KINDS: Mapping[str, str] = {
    "pg_attribute": "c",
    "pg_class": "r",
    "pg_database": "d",
    "pg_foreign_data_wrapper": "F",
    "pg_foreign_server": "S",
    "pg_language": "l",
    "pg_largeobject_metadata": "L",
    "pg_namespace": "n",
    "pg_proc": "f",
    "pg_type": "T",
}
"""The letters by which acldefault knows the objects of a catalog."""

ACL_OWNERS: Mapping[str, str] = {
    "pg_attribute": "(SELECT r.relowner FROM pg_catalog.pg_class AS r WHERE r.oid = c.attrelid)",
    "pg_default_acl": "c.defaclrole",
}
"""Who owns what a row's privileges are about, where no column says it."""

INITIALLY_GRANTED: Mapping[str, str] = {
    "pg_class": "(SELECT pg_catalog.acldefault('r', c.relowner)"
    " || pg_catalog.makeaclitem(0, c.relowner, 'SELECT', false) FROM pg_catalog.pg_namespace AS n"
    " WHERE n.oid = c.relnamespace AND n.nspname = 'information_schema')",
}
"""What initdb granted without noting it in pg_init_privs."""

UNORDERED = frozenset({"polroles", "prattrs", "stxkeys", "stxkind", "evttags", "subpublications"})
"""Lists whose order means nothing, besides those of options, settings and privileges."""

WORDS: Mapping[str, str] = {
    "attname": "name",
    "atttypid": "type",
    "attnotnull": "not null",
    "attstattarget": "statistics target",
    "attislocal": "local",
    "attinhcount": "inherited from",
    "attfdwoptions": "foreign options",
    "conindid": "index",
    "conparentid": "parent",
    "conislocal": "local",
    "coninhcount": "inherited from",
    "contype": "kind",
    "datconnlimit": "connection limit",
    "datistemplate": "template",
    "dattablespace": "tablespace",
    "enumlabel": "label",
    "prosrc": "body",
    "prosqlbody": "sql body",
    "prosecdef": "security definer",
    "proretset": "returns set",
    "prorettype": "returns",
    "proargdefaults": "argument defaults",
    "proargmodes": "argument modes",
    "proargnames": "argument names",
    "proallargtypes": "argument types",
    "proisstrict": "strict",
    "proleakproof": "leak proof",
    "provolatile": "volatility",
    "prolang": "language",
    "proconfig": "settings",
    "relrowsecurity": "row security",
    "relforcerowsecurity": "row security forced",
    "relreplident": "replica identity",
    "relpartbound": "bound",
    "relam": "access method",
    "reloftype": "of type",
    "relpersistence": "persistence",
    "reltablespace": "tablespace",
    "setconfig": "settings",
    "setrole": "role",
    "stxexprs": "expressions",
    "stxkeys": "columns",
    "stxkind": "kinds",
    "stxstattarget": "statistics target",
    "tgenabled": "enabled",
    "tgparentid": "parent",
    "typbasetype": "base type",
    "typdefaultbin": "default",
    "typdefault": "default text",
    "typnotnull": "not null",
    "umoptions": "options",
    "typtype": "kind",
    "amopopr": "operator",
    "amproc": "function",
    "castfunc": "function",
    "castmethod": "method",
    "casttarget": "target",
    "polcmd": "command",
    "polqual": "using",
    "polwithcheck": "with check",
    "prattrs": "columns",
    "partdefid": "default partition",
    "prqual": "where",
    "srvfdw": "foreign data wrapper",
    "ev_enabled": "enabled",
    "rngmultitypid": "multirange",
    "defaclobjtype": "objects",
}
"""What a column is called in a description, where its name without the catalog's prefix would not be understood."""

LETTERS: Mapping[str, Mapping[str, str]] = {
    "attcompression": {"p": "pglz", "l": "lz4"},
    "attgenerated": {"s": "stored", "v": "virtual"},
    "attidentity": {"a": "always", "d": "by default"},
    "attstorage": {"p": "plain", "e": "external", "m": "main", "x": "extended"},
    "castcontext": {"e": "explicit", "a": "assignment", "i": "implicit"},
    "castmethod": {"f": "function", "i": "inout", "b": "binary"},
    "defaclobjtype": {"r": "tables", "S": "sequences", "f": "functions", "T": "types", "n": "schemas"},
    "ev_enabled": {"D": "no", "R": "on replica", "A": "always"},
    "evtenabled": {"D": "no", "R": "on replica", "A": "always"},
    "polcmd": {"*": "all", "r": "SELECT", "a": "INSERT", "w": "UPDATE", "d": "DELETE"},
    "prokind": {"a": "aggregate", "p": "procedure", "w": "window"},
    "proparallel": {"s": "safe", "r": "restricted", "u": "unsafe"},
    "provolatile": {"i": "immutable", "s": "stable", "v": "volatile"},
    "relpersistence": {"u": "unlogged"},
    "relreplident": {"n": "nothing", "f": "full", "i": "index"},
    "tgenabled": {"D": "no", "R": "on replica", "A": "always"},
    "typtype": {"b": "base", "c": "composite", "d": "domain", "e": "enum", "r": "range", "m": "multirange"},
}
"""What a letter in a catalog means. One that is not named here stands for itself."""

USUAL: Mapping[str, str] = {
    "attislocal": "t",
    "attcompression": "",
    "conislocal": "t",
    "datconnlimit": "-1",
    "dattablespace": "1663",
    "ev_enabled": "O",
    "evtenabled": "O",
    "indimmediate": "t",
    "indislive": "t",
    "indisready": "t",
    "indisvalid": "t",
    "prokind": "f",
    "proparallel": "u",
    "provolatile": "v",
    "relam": "2",
    "relpersistence": "p",
    "relreplident": "d",
    "tgenabled": "O",
    "attstattarget": "-1",
    "stxstattarget": "-1",
    "typdelim": ",",
    "typisdefined": "t",
}
"""Values that go without saying, as the server writes them."""

SECRET_OPTIONS = frozenset({"password", "passfile", "sslpassword", "sslkey", "secret", "secret_key", "token"})
"""Options whose values never leave the database."""

PART_WORDS: Mapping[str, str] = {
    "pg_enum": "labels",
    "pg_inherits": "inherits",
    "pg_ts_config_map": "mappings",
    "pg_db_role_setting": "settings",
    "pg_partitioned_table": "partitioning",
}
"""What the rows of a catalog are called in the description of the object that they are told with."""
