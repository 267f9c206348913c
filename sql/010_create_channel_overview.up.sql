-- What the start page shows, in one place instead of in every program. A channel without a template is shown as well.
--
-- The columns are named one by one. A view with SELECT * would keep the columns of today and miss those of tomorrow.

CREATE VIEW channel_overview AS
SELECT channel.id,
       channel.name,
       channel.status,
       channel.daily_budget_cents,
       template.name AS template,
       owner.email AS owner
FROM google_channel AS channel
LEFT JOIN campaign_template AS template ON template.id = channel.campaign_template_id
LEFT JOIN user_account AS owner ON owner.id = template.owner_id;
