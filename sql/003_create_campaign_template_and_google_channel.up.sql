-- A campaign_template says how a campaign is run; a google_channel runs it on Google, following a template or not.

CREATE TYPE channel_status AS ENUM ('draft', 'active', 'ended');

CREATE TABLE campaign_template (
    id                 bigint  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name               text    NOT NULL UNIQUE,
    owner_id           bigint  NOT NULL REFERENCES user_account (id),
    daily_budget_cents integer NOT NULL CHECK (daily_budget_cents > 0),
    bid_strategy       text    NOT NULL DEFAULT 'clicks'
);

CREATE TABLE google_channel (
    id                   bigint         GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    campaign_template_id bigint         REFERENCES campaign_template (id),
    name                 text           NOT NULL,
    status               channel_status NOT NULL DEFAULT 'draft',
    bid_strategy         text
);

COMMENT ON COLUMN google_channel.bid_strategy IS 'NULL: that of the template.';
