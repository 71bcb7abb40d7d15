-- name: waiting
-- A page of what waits in a queue for anybody, or is reserved for this agent; due first. Goes by the queue's groups, so
-- that an index leads to the page, however many wait. The start of the page is a subquery, because under row-level
-- security a bare `coalesce` can use no index.
select
  id, customer_id, channel, subject, state, queue, team, complexity, enqueued_at, due_at, assigned_to, created_at,
  resolved_at
from (
  select head.*
  from skill_group
  cross join lateral (
    select ticket.*
    from ticket
    where ticket.group_id = skill_group.id
      and ticket.state = 'queued'
      and ticket.reserved_for is null
      and (ticket.due_at, ticket.id) > (select coalesce($3::timestamptz, '-infinity'), coalesce($4::bigint, 0))
    order by ticket.due_at, ticket.id
    limit $5
  ) as head
  where skill_group.queue = $1
    and ($2::text[] is null or skill_group.team = any ($2))
  union all
  select ticket.*
  from ticket
  where ticket.reserved_for = $6::bigint
    and ticket.state = 'queued'
    and ticket.queue = $1
    and ($2::text[] is null or ticket.team = any ($2))
    and (ticket.due_at, ticket.id) > (select coalesce($3::timestamptz, '-infinity'), coalesce($4::bigint, 0))
) as waiting
order by due_at, id
limit $5

-- name: take
-- Assigns the ticket to the agent who chose it, under a new lease; it is on their screen once they read it.
with taken as (
  update ticket
  set
    state = 'assigned', assigned_to = $5, assigned_at = statement_timestamp(), lease_epoch = lease_epoch + 1,
    reserved_for = null, reserved_until = null, is_seen = false
  where id = $1
    and lease_epoch = $2
    and state = $3
    and team = $4
  returning
    id, lease_epoch, queue, channel, group_id, due_at, assigned_at, assigned_at <= due_at as met_target,
    extract(epoch from assigned_at - enqueued_at)::float8 as waited_s
), noted as (
  insert into ticket_event (ticket_id, at, kind, state, actor, data)
  select
    id, assigned_at, 'accept', 'assigned', 'agent:' || $5::bigint,
    jsonb_build_object(
      'reason', 'picked', 'queue', queue, 'group', group_id, 'due_at', due_at, 'waited_s', waited_s, 'lease_epoch',
      lease_epoch, 'policy_version', $6::text)
  from taken
), busy as (
  update presence
  set idle_since = taken.assigned_at
  from taken
  where presence.agent_id = $5
)
select id, lease_epoch, queue, channel, waited_s, met_target
from taken
