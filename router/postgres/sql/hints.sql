-- name: hint
-- Wakes every process that listens on one of the topics. Once per batch, never per message: NOTIFY makes commits wait
-- for each other.
select pg_notify(topic, '')
from unnest($1::text[]) as topic
