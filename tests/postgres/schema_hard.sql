-- Definitions that come out of pg_dump, or of the parser, in another form than they went in.

CREATE SCHEMA hard;
CREATE TABLE hard.gone (a int, b varchar(9), c int DEFAULT 1, d text, CHECK (b IN ('x', 'y')), UNIQUE (d, c));
ALTER TABLE hard.gone DROP COLUMN a;
CREATE INDEX ON hard.gone (b, c) WHERE b IN ('x', 'y');
CREATE INDEX ON hard.gone ((CASE WHEN b IN ('p', 'q') THEN 1 ELSE 2 END));
ALTER TABLE hard.gone ADD a int NOT NULL DEFAULT 4, ADD e int[][], ADD UNIQUE (a);
ALTER TABLE hard.gone ADD CHECK (b NOT IN ('it''s', 'b,(') AND b = ANY ('{k,l}'::varchar[]) AND d LIKE 'a%');
CREATE DOMAIN hard.dom AS varchar(20) DEFAULT 'a' CHECK (VALUE IN ('a', 'b'));
CREATE TABLE hard.parent (id int PRIMARY KEY, at timestamptz DEFAULT '2020-01-01 00:00+02', f float8 DEFAULT 0.1);
CREATE TABLE hard.kid (more int, at timestamptz NOT NULL) INHERITS (hard.parent);
ALTER TABLE hard.kid ALTER at SET DEFAULT now();
CREATE TABLE hard.list (k varchar(5), id int, PRIMARY KEY (k, id)) PARTITION BY LIST (k);
CREATE TABLE hard.list_a PARTITION OF hard.list FOR VALUES IN ('a', 'b');
CREATE TABLE hard.list_rest PARTITION OF hard.list DEFAULT PARTITION BY RANGE (id);
CREATE TABLE hard.list_rest_1 (id int NOT NULL, x int, k varchar(5) NOT NULL);
ALTER TABLE hard.list_rest_1 DROP x;
ALTER TABLE hard.list_rest ATTACH PARTITION hard.list_rest_1 FOR VALUES FROM (1) TO (10);
CREATE INDEX ON hard.list (id);
CREATE TABLE hard.refers (id int PRIMARY KEY, k varchar(5), l int, FOREIGN KEY (k, l) REFERENCES hard.list);
CREATE TABLE hard.list_late PARTITION OF hard.list FOR VALUES IN ('z');
CREATE TABLE hard.p_refers (id int REFERENCES hard.parent, k varchar(5), FOREIGN KEY (k, id) REFERENCES hard.list)
 PARTITION BY HASH (id);
CREATE TABLE hard.p_refers_0 PARTITION OF hard.p_refers FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE hard.p_refers_1 PARTITION OF hard.p_refers FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE VIEW hard.v AS SELECT g.*, p.f, l.k FROM hard.gone g LEFT JOIN hard.parent p ON p.id = g.c
 JOIN hard.list l ON l.id = p.id WHERE g.b IN ('x', 'y') AND l.k BETWEEN 'a' AND 'c' AND p.at > '2020-01-01';
CREATE VIEW hard.w AS SELECT v.*, v AS wholerow, ARRAY(SELECT DISTINCT b FROM hard.gone ORDER BY b) FROM hard.v;
ALTER VIEW hard.v RENAME COLUMN f TO g;
ALTER TABLE hard.gone RENAME COLUMN c TO cc;
CREATE TABLE hard._t (a int); CREATE TABLE hard.t (a int);
CREATE TYPE hard."Odd, ""name""" AS (a int, "B b" text);
CREATE TABLE hard."Table.x" ("Col 1" hard."Odd, ""name""", d hard.dom, "é" hard."Odd, ""name"""[]);
CREATE TABLE hard.serials (a serial, b bigint GENERATED ALWAYS AS IDENTITY (START 7 INCREMENT 2), c smallserial);
ALTER TABLE hard.serials RENAME a TO aa;
CREATE FUNCTION hard.f(a int DEFAULT 1, VARIADIC b text[] DEFAULT '{}') RETURNS TABLE (x int, y hard.dom)
 LANGUAGE sql AS $$ SELECT 1, 'a'::hard.dom $$;
CREATE MATERIALIZED VIEW hard.m AS SELECT count(*) FROM hard.gone;
CREATE UNIQUE INDEX ON hard.m (count);
CREATE RULE r AS ON INSERT TO hard.v DO INSTEAD INSERT INTO hard.gone (b) VALUES (NEW.b);
CREATE POLICY p ON hard.gone USING (b IN ('x', 'y') OR EXISTS (SELECT FROM hard.parent WHERE id = gone.cc));
CREATE STATISTICS hard.st ON (lower(d)), cc, (cc + a) FROM hard.gone;
REVOKE ALL ON hard.gone FROM PUBLIC; GRANT SELECT (b), UPDATE (d) ON hard.gone TO PUBLIC;
CLUSTER hard.gone USING gone_a_key;
CREATE VIEW hard.u AS SELECT q.a, q.b FROM (SELECT 1 AS a, b FROM hard.gone UNION SELECT NULL, 'x' UNION ALL SELECT 2, NULL) q
 WHERE EXISTS (SELECT 1::bigint, now());
