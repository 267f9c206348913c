-- The way back from ${title}: gives back what was there before, from what was kept.
-- A row that was changed since then is left alone: its newer values are the ones that are wanted.

LOCK TABLE ${table} IN SHARE ROW EXCLUSIVE MODE;

UPDATE ${table} AS changed
SET (${columns}) = (
    SELECT ${columns.of.earlier} FROM ${history} AS earlier
    WHERE earlier.sqlmig_image = 'before' AND (${key.of.earlier}) = (${key.of.changed})
)
WHERE EXISTS (
    SELECT FROM ${history} AS later
    WHERE later.sqlmig_image = 'after' AND (${key.of.later}) = (${key.of.changed})
      AND ROW(${columns.of.later})::text = ROW(${columns.of.changed})::text
);

DROP TABLE ${history};
