-- A view holds no rows of its own, so nothing but the definition goes.

DROP VIEW channel_overview;
