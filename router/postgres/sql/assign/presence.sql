-- name: renew
-- Records a sign of life for all these agents who have declared a status; returns those whose status is their own word.
-- In id order, so that two processes that renew the same agents cannot deadlock.
update presence
set seen_at = greatest(presence.seen_at, statement_timestamp())
from (
  select agent_id
  from presence
  where agent_id = any ($1::bigint[])
  order by agent_id
  for no key update
) as present
where presence.agent_id = present.agent_id
returning presence.agent_id, presence.cause is distinct from 'lost' as is_declared

-- name: ask
-- Makes an agent available who asks for work and has declared nothing, or was lost since.
insert into presence (agent_id, status, since, seen_at, idle_since)
select id, 'available', statement_timestamp(), statement_timestamp(), statement_timestamp()
from agent
where id = $1
  and retired_at is null
on conflict (agent_id) do update set
  status = excluded.status, reason = null, cause = null, since = excluded.since, seen_at = excluded.seen_at,
  idle_since = excluded.idle_since, missed = 0
where presence.cause = 'lost'

-- name: lock_agent
-- First in the order of locks: waits for anybody who is giving the agent a ticket, and makes later ones wait.
select name
from agent
where id = $1
for no key update

-- name: presence
-- What the agent declared before, and why they have it otherwise.
select status, reason, cause
from presence
where agent_id = $1

-- name: declare
-- Records what the agent declares, which is also a sign of life. An agent who becomes available is idle from now on.
insert into presence (agent_id, status, reason, since, seen_at, idle_since)
values ($1, $2, $3, statement_timestamp(), statement_timestamp(), statement_timestamp())
on conflict (agent_id) do update set
  status = excluded.status,
  reason = excluded.reason,
  cause = null,
  since = case
    when (presence.status, presence.reason) is distinct from (excluded.status, excluded.reason) then excluded.since
    else presence.since
  end,
  seen_at = excluded.seen_at,
  idle_since = case when presence.status = 'available' then presence.idle_since else excluded.idle_since end,
  missed = 0
returning status, reason, cause, since, seen_at, true as is_live

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
