-- sqlmig: no-transaction
--
-- Each file speaks for itself: the down file needs the header too, since DROP INDEX CONCURRENTLY also refuses to run
-- in a transaction.

DROP INDEX CONCURRENTLY google_channel_campaign_template_id_idx;
