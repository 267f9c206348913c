-- The opposite order again: the table that refers, the table referred to, and at last the type, which nothing uses now.

DROP TABLE google_channel;
DROP TABLE campaign_template;
DROP TYPE channel_status;
