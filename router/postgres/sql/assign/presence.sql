-- name: renew
-- Records a sign of life for all these agents; the first one makes an agent available. In id order, so that two
-- processes that renew the same agents cannot deadlock.
insert into presence (agent_id, status, since, seen_at, idle_since)
select id, 'available', statement_timestamp(), statement_timestamp(), statement_timestamp()
from agent
where id = any ($1::bigint[])
  and retired_at is null
order by id
on conflict (agent_id) do update set seen_at = greatest(presence.seen_at, excluded.seen_at)

-- name: lock_agent
-- First in the order of locks: waits for anybody who is giving the agent a ticket, and makes later ones wait.
select name
from agent
where id = $1
for no key update

-- name: presence
-- What the agent declared before.
select status, reason
from presence
where agent_id = $1

-- name: declare
-- Records what the agent declares, which is also a sign of life. An agent who becomes available is idle from now on.
insert into presence (agent_id, status, reason, since, seen_at, idle_since)
values ($1, $2, $3, statement_timestamp(), statement_timestamp(), statement_timestamp())
on conflict (agent_id) do update set
  status = excluded.status,
  reason = excluded.reason,
  since = case
    when (presence.status, presence.reason) is distinct from (excluded.status, excluded.reason) then excluded.since
    else presence.since
  end,
  seen_at = excluded.seen_at,
  idle_since = case when presence.status = 'available' then presence.idle_since else excluded.idle_since end,
  missed = 0
returning status, reason, since, seen_at, true as is_live

-- name: withdraw_offers
-- Puts the agent's offered tickets back into their places, in all teams or in one; the agent's row is locked. Locks
-- tickets in id order, as everywhere.
with offered as materialized (
  select id
  from ticket
  where assigned_to = $1
    and state = 'offered'
    and ($2::text is null or team = $2)
  order by id
  for no key update
), withdrawn as (
  update ticket
  set state = 'queued', assigned_to = null, assigned_at = null, state_until = null, is_seen = false
  from offered
  where ticket.id = offered.id
  returning ticket.id, ticket.queue, ticket.channel, ticket.lease_epoch
), noted as (
  insert into ticket_event (ticket_id, at, kind, state, actor, data)
  select
    id, statement_timestamp(), 'release', 'queued', $3,
    jsonb_build_object('reason', 'not_available', 'agent', $1::bigint, 'queue', queue, 'lease_epoch', lease_epoch)
  from withdrawn
)
select id, queue, channel
from withdrawn
