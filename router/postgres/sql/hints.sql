-- name: hint
-- Wakes every process that listens for one of the channels. Once a batch and never for every message: NOTIFY puts one
-- commit after another.
select pg_notify(channel, '')
from unnest($1::text[]) as channel
