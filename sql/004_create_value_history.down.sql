-- Nothing is lost: the migrations that keep values here are rolled back before this one, and each empties its part.

DROP TABLE value_history;
