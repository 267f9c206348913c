-- The triggers first, since they use the function and the columns; then the columns; then the function.

DROP TRIGGER keep_row_version ON google_channel;
DROP TRIGGER keep_row_version ON campaign_template;
DROP TRIGGER keep_row_version ON user_account;

ALTER TABLE google_channel    DROP COLUMN version;
ALTER TABLE campaign_template DROP COLUMN version;
ALTER TABLE user_account      DROP COLUMN version;

DROP FUNCTION keep_row_version();
