"""Scripts for the property tests: soups of everything that is hard to cut, and well-formed statements among them."""

from __future__ import annotations

from hypothesis import strategies as st

CHARACTERS = "';;\"$$-/*()\\EeBxNuU&1a_. \n\n\r\té+😀"

_TOKENS = r"""
    select a insert into table create or replace begin end case atomic loop declare return é a$b 1 1. 1e 1.5e+3 0x1F
    1_000 $1 $$ $a$ $b$ $é$ ' '' " "" e' E' x' b' n' u&' U&" -- /* */ ( ) ; ; ; + - * / || ->> # @> <-> :: .. := [ ] , .
    \' \\ 'a' 'it''s' e'\'' "a;b" $$;$$ $a$;$$;$a$ /*;*/ /*/*;*/;*/
"""
TOKENS = _TOKENS.split()
GAPS = ("", "", " ", " ", "\n", "\n\n", "\r\n", "\t", "\f", " -- ;'\n", "--\n", "/*c*/", "\n  \n")
"""Also between tokens that then become one."""

gaps = st.sampled_from(GAPS)
names = st.sampled_from(("f", "app.f", '"F;"', "begin_", "é"))


def soup_of(tokens: tuple[str, ...] | list[str], *, longest: int = 15) -> st.SearchStrategy[str]:
    """Tokens in any order, with anything or nothing between them."""
    return st.lists(st.tuples(st.sampled_from(tokens), gaps), max_size=longest).map(
        lambda pairs: "".join(token + gap for token, gap in pairs)
    )


soups = soup_of(TOKENS)
character_soups = st.text(CHARACTERS, max_size=60)

expressions = st.sampled_from(
    (
        "1",
        "'a;b'",
        "e'\\';'",
        "$$;$$",
        "$é$ $$ ; $é$",
        '"end;"',
        "(select 1)",
        "case when a then b else c end",
        "case a when 1 then case when b then 2 end end",
        "a # b",
        "a-/*;*/-b",
        "t.a$b",
        "array[1, 2]",
        "x'1F'",
        "u&'\\0061'",
    )
)
queries = st.builds(
    lambda verb, what, gap: f"{verb}{gap} {', '.join(what)}",
    st.sampled_from(
        ("select", "SELECT distinct", "values", "return", "insert into t select", "with x as (select 1) select")
    ),
    st.lists(expressions, min_size=1, max_size=3),
    gaps,
)
routines = st.builds(
    lambda words, name, begin, body, end: f"{words} {name}(a int = 1) returns int {begin} {body} {end};",
    st.sampled_from(
        (
            "create function",
            "CREATE OR REPLACE FUNCTION",
            "create\n/*;*/procedure",
            "Create -- or\nor replace procedure",
        )
    ),
    names,
    st.sampled_from(("begin atomic", "BEGIN\nATOMIC", "begin/* /*;*/ */atomic", "language sql begin -- x\n atomic")),
    st.lists(queries, max_size=4).map(lambda found: " ".join(f"{query};" for query in found)),
    st.sampled_from(("end", "END", "\nend -- ;\n")),
)
bodies = st.builds(
    lambda words, tag, body: f"{words} ${tag}${body}${tag}$;",
    st.sampled_from(("do", "create function f() returns int language plpgsql as", "comment on table t is")),
    st.sampled_from(("", "a", "body", "_", "é1")),
    st.text("begin end;'$-/*\n\\", max_size=30).filter(lambda body: "$" not in body),
)
rows = st.lists(st.text("ab\t;'\\N.$-", max_size=8).filter(lambda row: row != "\\."), max_size=4)
# psql 18 takes a statement without any word for a COPY if the one before it was: hence the select.
copies = st.builds(
    lambda words, found, end: f"\n;\n{words};\n" + "".join(f"{row}\n" for row in found) + f"\\.{end}select 1;",
    st.sampled_from(
        (
            "copy t from stdin",
            'COPY app."T;" (a, "b;") FROM STDIN',
            "copy t (a) from stdin with (format csv, header)",
            "copy t\n  from -- ;\n stdin where a > 1",
        )
    ),
    rows,
    st.sampled_from(("\n", "\n", "\r\n")),
)
settings = st.sampled_from(
    ("\nset standard_conforming_strings = off;\n", "\nSET  standard_conforming_strings = on ;\n")
)
statements = queries.map(lambda query: f"{query};")
rules = st.sampled_from(
    (
        "create rule r as on insert to t do also (insert into a values (1); select ';');",
        'create table begin ("end" int, atomic text);',
        "begin; commit;",
        "select 1 as begin;",
        ";",
    )
)
segments = st.one_of(soups, statements, routines, bodies, copies, settings, rules, gaps, st.just("/* /* ; */ */"))
scripts = st.tuples(st.sampled_from(("", "", "\ufeff")), st.lists(segments, max_size=8)).map(
    lambda parts: parts[0] + "".join(parts[1])
)

openings = st.sampled_from(("'", "e'", "N'", "x'", "u&'", '"', 'U&"', "$$", "$é$", "/*", "/* /* */"))
unclosed = st.builds(
    lambda before, gap, opening, after: before + gap + opening + after,
    scripts,
    gaps,
    openings,
    st.text("ab1 ;\n-(.", max_size=20),
)
