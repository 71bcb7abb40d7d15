-- name: keep
-- Stores publications in the order of the arrays.
insert into bus_delivery (exchange, routing_key, format, account, body, message_id)
select exchange, routing_key, format, account, body, message_id
from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bytea[], $6::text[])
  with ordinality as publication (exchange, routing_key, format, account, body, message_id, place)
order by place;

-- name: announce
-- Wakes waiting consumers, once per transaction.
select pg_notify('frontdesk_bus', '');

-- name: lease
-- Leases the oldest deliveries that nobody holds; the fence keeps SKIP LOCKED and LIMIT from running again per row.
with oldest as materialized (
  select id, octet_length(body) as size
  from bus_delivery
  where exchange = $1
    and (leased_until is null or leased_until < clock_timestamp())
  order by id
  limit $2
  for update skip locked
),
-- deliveries up to the limit of bytes, but at least one
fitting as (
  select id
  from (select id, sum(size) over (order by id) - size as bytes_before from oldest) as measured
  where bytes_before < $5
)
update bus_delivery
set leased_until = clock_timestamp() + $4::interval,
    lease_owner = $3,
    deliveries = deliveries + 1
from fitting
where bus_delivery.id = fitting.id
returning bus_delivery.id, routing_key, format, account, body, message_id, published_at, deliveries;

-- name: ready
-- How many deliveries wait that nobody holds.
select exchange, count(*) filter (where leased_until is null or leased_until < clock_timestamp()) as ready
from bus_delivery
group by exchange;

-- name: any
-- A row if the table is not empty.
select from bus_delivery limit 1

-- name: renew
-- Extends the lease while deliveries are being taken.
update bus_delivery
set leased_until = clock_timestamp() + $3::interval
where id = any($1::bigint[])
  and lease_owner = $2;

-- name: acknowledge
-- Deletes deliveries that were taken, unless the lease was lost and somebody else has them now.
delete from bus_delivery
where id = any($1::bigint[])
  and lease_owner = $2;

-- name: release
-- Releases deliveries at once instead of at the end of their lease.
update bus_delivery
set leased_until = null,
    lease_owner = null
where id = any($1::bigint[])
  and lease_owner = $2;
