-- name: ticket
-- A ticket as a write finds it, not locked yet.
select
  id, customer_id, channel, queue, team, skills, state, assigned_to, lease_epoch, complexity, route, target_s, enqueued_at,
  due_at, relaxed, relax_at, reserved_for, reserved_until, statement_timestamp() as now,
  (extract(epoch from last_customer_at) * 1000000)::bigint as read_up_to
from ticket
where id = $1
  and ($2::text[] is null or team = any ($2))

-- name: lock_tickets
-- Locks tickets to the end of the transaction and reads them; last in the order of locks. The clock is read after the
-- lock: a new wait must not start before what the last holder of the lock did.
with locked as materialized (
  select
    id, customer_id, channel, queue, team, skills, state, assigned_to, lease_epoch, complexity, route, target_s, enqueued_at,
    due_at, relaxed, relax_at, reserved_for, reserved_until, last_customer_at
  from ticket
  where id = any ($1::bigint[])
    and ($2::text[] is null or team = any ($2))
  order by id
  for no key update
)
select
  locked.*, clock_timestamp() as now, (extract(epoch from last_customer_at) * 1000000)::bigint as read_up_to
from locked
