-- name: hint
-- Wakes every process that listens on one of the channels. Once per batch, never per message: NOTIFY makes commits wait
-- for each other.
select pg_notify(channel, '')
from unnest($1::text[]) as channel
