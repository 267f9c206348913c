-- sqlmig: lock_timeout = 2s
--
-- PostgreSQL adds a value to an enum but never takes one away, so the type is built anew without it and the column is
-- moved over. That rewrites the table, and nobody reads it meanwhile: the first line is a header, read by sqlmig, and
-- lets this file wait only two seconds for the lock, so that a long query does not make everybody queue behind it.

-- Rows that are paused have to become something else. 'draft' is the value with which no money is spent.
UPDATE google_channel SET status = 'draft' WHERE status = 'paused';

ALTER TYPE channel_status RENAME TO channel_status_with_paused;
CREATE TYPE channel_status AS ENUM ('draft', 'active', 'ended');

-- The default is a value of the old type: it leaves before the column moves and returns after it.
ALTER TABLE google_channel
    ALTER COLUMN status DROP DEFAULT,
    ALTER COLUMN status TYPE channel_status USING status::text::channel_status,
    ALTER COLUMN status SET DEFAULT 'draft';

DROP TYPE channel_status_with_paused;
