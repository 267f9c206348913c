-- name: validity
-- Whether an index exists and is valid, by its name as a statement writes it; no row where there is none.
SELECT i.indisvalid AND i.indisready, i.indexrelid::pg_catalog.regclass::text
  FROM pg_catalog.pg_index AS i WHERE i.indexrelid = pg_catalog.to_regclass({name})
