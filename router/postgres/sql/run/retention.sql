-- name: ensure_partitions
-- Makes the monthly partitions up to $1 months ahead and returns the new ones.
select ensure_partitions($1) as partition

-- name: drop_partitions
-- Drops the partitions of table $1 that hold nothing younger than $2 and returns them.
select drop_partitions_before($1, now() - $2::interval) as partition

-- name: count_blocks
-- How many blocks the table has; a round of pruning goes through them piece by piece.
select pg_relation_size($1::text::regclass) / current_setting('block_size')::bigint as blocks

-- name: prune_received
-- Deletes keys received longer ago than $1 in the blocks from $2 up to $3.
with pruned as (
  delete from received
  where ctid >= format('(%s,0)', $2::bigint)::tid
    and ctid < format('(%s,0)', $3::bigint)::tid
    and received_at < now() - $1::interval
  returning 1
)
select count(*) as rows from pruned

-- name: prune_namesake
-- Deletes keys received longer ago than $1, which others had, in the blocks from $2 up to $3.
with pruned as (
  delete from namesake
  where ctid >= format('(%s,0)', $2::bigint)::tid
    and ctid < format('(%s,0)', $3::bigint)::tid
    and received_at < now() - $1::interval
  returning 1
)
select count(*) as rows from pruned

-- name: prune_audit
-- Deletes changes made longer ago than $1 in the blocks from $2 up to $3.
with pruned as (
  delete from audit
  where ctid >= format('(%s,0)', $2::bigint)::tid
    and ctid < format('(%s,0)', $3::bigint)::tid
    and at < now() - $1::interval
  returning 1
)
select count(*) as rows from pruned

-- name: prune_refusal
-- Deletes refusals older than $1 in the blocks from $2 up to $3.
with pruned as (
  delete from refusal
  where ctid >= format('(%s,0)', $2::bigint)::tid
    and ctid < format('(%s,0)', $3::bigint)::tid
    and at < now() - $1::interval
  returning 1
)
select count(*) as rows from pruned

-- name: prune_unprocessable
-- Deletes payloads kept as unprocessable for longer than $1 in the blocks from $2 up to $3.
with pruned as (
  delete from unprocessable
  where ctid >= format('(%s,0)', $2::bigint)::tid
    and ctid < format('(%s,0)', $3::bigint)::tid
    and at < now() - $1::interval
  returning 1
)
select count(*) as rows from pruned

-- name: prune_attempt
-- Deletes attempts that last began longer ago than $1 in the blocks from $2 up to $3.
with pruned as (
  delete from attempt
  where ctid >= format('(%s,0)', $2::bigint)::tid
    and ctid < format('(%s,0)', $3::bigint)::tid
    and last_at < now() - $1::interval
  returning 1
)
select count(*) as rows from pruned

-- name: prune_bus_delivery
-- Deletes replies that nobody fetched from the embedded bus for $1 in the blocks from $2 up to $3; keeps inbound ones.
with pruned as (
  delete from bus_delivery
  where ctid >= format('(%s,0)', $2::bigint)::tid
    and ctid < format('(%s,0)', $3::bigint)::tid
    and exchange = 'frontdesk.outbound'
    and published_at < now() - $1::interval
  returning 1
)
select count(*) as rows from pruned

-- name: prune_message_default
-- Deletes messages older than $1 that had no partition for their month, in the blocks from $2 up to $3.
with pruned as (
  delete from message_default
  where ctid >= format('(%s,0)', $2::bigint)::tid
    and ctid < format('(%s,0)', $3::bigint)::tid
    and received_at < now() - $1::interval
  returning 1
)
select count(*) as rows from pruned

-- name: prune_payload_default
-- Deletes raw bytes older than $1 that had no partition for their month, in the blocks from $2 up to $3.
with pruned as (
  delete from payload_default
  where ctid >= format('(%s,0)', $2::bigint)::tid
    and ctid < format('(%s,0)', $3::bigint)::tid
    and received_at < now() - $1::interval
  returning 1
)
select count(*) as rows from pruned

-- name: prune_ticket_event_default
-- Deletes events older than $1 that had no partition for their month, in the blocks from $2 up to $3.
with pruned as (
  delete from ticket_event_default
  where ctid >= format('(%s,0)', $2::bigint)::tid
    and ctid < format('(%s,0)', $3::bigint)::tid
    and at < now() - $1::interval
  returning 1
)
select count(*) as rows from pruned
