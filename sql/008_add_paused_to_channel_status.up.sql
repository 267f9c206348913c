-- A channel can be paused: a fourth value between 'active' and 'ended'.
--
-- This may run in a transaction, but no row may use the new value before that transaction has committed
-- (SQLSTATE 55P04). A migration that sets a status to 'paused' therefore has to be another one, after this.

ALTER TYPE channel_status ADD VALUE 'paused' BEFORE 'ended';
