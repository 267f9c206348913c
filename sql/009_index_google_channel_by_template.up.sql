-- sqlmig: no-transaction
--
-- Deleting a template looks for its channels, and PostgreSQL makes no index for a foreign key by itself.
--
-- CONCURRENTLY builds the index while others go on writing, and PostgreSQL allows that only outside a transaction:
-- hence the header in the first line. Each statement then commits by itself, so such a file holds as few as possible.
-- There is no IF NOT EXISTS on purpose: a build that was interrupted leaves an index that is marked INVALID, and
-- IF NOT EXISTS would take it for the finished one.

CREATE INDEX CONCURRENTLY google_channel_campaign_template_id_idx ON google_channel (campaign_template_id);
