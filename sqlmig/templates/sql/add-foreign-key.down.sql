-- The way back from ${title}.

ALTER TABLE ${table} DROP CONSTRAINT ${constraint};
