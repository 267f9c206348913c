-- sqlmig: no-transaction
--
-- The way back from ${title}.

DROP INDEX CONCURRENTLY ${table.schema}${index};
