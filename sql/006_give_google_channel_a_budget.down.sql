-- Channels follow their template again: what the up file filled in becomes NULL again, as the before-images say.
-- A strategy that somebody has chosen since then stays. Budgets go with their column; those that were changed by hand
-- are lost, for there was no place for them before.

UPDATE google_channel
SET bid_strategy = value_history.old_value
FROM value_history
WHERE value_history.migration = 'give_google_channel_a_budget'
  AND value_history.row_id = google_channel.id
  AND value_history.new_value = google_channel.bid_strategy;

DELETE FROM value_history WHERE migration = 'give_google_channel_a_budget';

-- The column was added last, so dropping it leaves the other columns in their former order.
ALTER TABLE google_channel DROP COLUMN daily_budget_cents;

COMMENT ON COLUMN google_channel.bid_strategy IS 'NULL: that of the template.';
