-- Until now a channel spends the budget of its template and, where it says nothing else, bids as its template does.
-- From now on each channel has its own budget and its own strategy, and begins with those of its template.

-- The back-fill reads one table and writes the other: both stand still while it does.
LOCK TABLE campaign_template IN SHARE MODE;
LOCK TABLE google_channel IN ACCESS EXCLUSIVE MODE;

-- Adding a column with a constant default rewrites no row: PostgreSQL keeps the default beside the table.
-- It is also the answer for channels without a template, which the UPDATE below does not reach.
ALTER TABLE google_channel
    ADD COLUMN daily_budget_cents integer NOT NULL DEFAULT 1000 CHECK (daily_budget_cents > 0);

-- The new column has no past worth keeping; bid_strategy has. NULL is a value to remember like any other.
INSERT INTO value_history (migration, table_name, column_name, row_id, old_value, new_value)
SELECT 'give_google_channel_a_budget', 'google_channel', 'bid_strategy',
       channel.id, channel.bid_strategy, template.bid_strategy
FROM google_channel AS channel
JOIN campaign_template AS template ON template.id = channel.campaign_template_id
WHERE channel.bid_strategy IS NULL;

UPDATE google_channel AS channel
SET daily_budget_cents = template.daily_budget_cents,
    bid_strategy = coalesce(channel.bid_strategy, template.bid_strategy)
FROM campaign_template AS template
WHERE template.id = channel.campaign_template_id;

COMMENT ON COLUMN google_channel.bid_strategy IS 'NULL: left to Google.';
