-- name: now
-- The database's clock, which all decisions use.
select statement_timestamp()

-- name: lock_agent_named
-- Locks an agent of one of these teams (null: any); first in the order of locks.
select id
from agent
where name = $1
  and ($2::text[] is null or exists (
    select from agent_team
    where agent_team.agent_id = agent.id
      and team = any ($2)))
for no key update

-- name: set_draining
-- Stops or restarts new tickets for the agent; no row if nothing changes.
update agent
set is_draining = $2
where id = $1
  and is_draining <> $2
returning name

-- name: requeue
-- Puts everything that the agent is offered or assigned back into its place: the same wait continues.
-- The agent's row is locked, so they get nothing meanwhile; tickets are locked in id order, as everywhere.
with held as materialized (
  select id, state
  from ticket
  where assigned_to = $1
    and state in ('offered', 'assigned')
    and ($2::text[] is null or team = any ($2))
  order by id
  for no key update
), released as (
  update ticket
  set
    state = 'queued', assigned_to = null, assigned_at = null, state_until = null, is_seen = false,
    reserved_for = null, reserved_until = null
  from held
  where ticket.id = held.id
  returning ticket.id, ticket.queue, ticket.channel, ticket.lease_epoch, held.state as was
), noted as (
  insert into ticket_event (ticket_id, at, kind, state, actor, data)
  select
    id, statement_timestamp(), 'release', 'queued', $3,
    jsonb_build_object('reason', 'requeued', 'agent', $1::bigint, 'queue', queue, 'lease_epoch', lease_epoch)
  from released
)
select id, was, queue, channel
from released
order by id

-- name: misroute
-- The last line of a ticket's history that moved it and has not been undone. Where the ticket was reopened or woken
-- since, it says nothing of times: the wait that it tells of has ended.
select
  moved.id,
  case
    when exists (
      select from ticket_event as begun
      where begun.ticket_id = $1
        and begun.id > moved.id
        and begun.kind = 'queue'
        and not begun.data ? 'was')
    then (moved.data -> 'was') - '{enqueued_at,due_at,relaxed,relax_at}'::text[]
    else moved.data -> 'was'
  end as was
from ticket_event as moved
where moved.ticket_id = $1
  and moved.data ? 'was'
  and not exists (
    select from ticket_event as undone
    where undone.ticket_id = $1
      and undone.data ->> 'undone' = moved.id::text)
order by moved.id desc
limit 1

-- name: customers_waiting
-- The customers whose tickets are due first, among those that have waited in the queue since before $3. Goes by the
-- queue's groups and by reservations, so that an index leads to them, however many wait.
select customer_id
from (
  select head.*
  from skill_group
  cross join lateral (
    select ticket.customer_id, ticket.due_at, ticket.id
    from ticket
    where ticket.group_id = skill_group.id
      and ticket.state = 'queued'
      and ticket.reserved_for is null
      and ticket.enqueued_at <= $3
    order by ticket.due_at, ticket.id
    limit $4
  ) as head
  where skill_group.queue = $1
    and ($2::text[] is null or skill_group.team = any ($2))
  union all
  select ticket.customer_id, ticket.due_at, ticket.id
  from ticket
  where ticket.queue = $1
    and ($2::text[] is null or ticket.team = any ($2))
    and ticket.state = 'queued'
    and ticket.reserved_for is not null
    and ticket.enqueued_at <= $3
) as waiting
order by due_at, id
limit $4

-- name: lock_customers
-- Locks and reads customers to rewrite their contacts; before their tickets in the order of locks.
select id, created_at, name, tier, is_blocked, contacts, reopened_count, last_agent_id
from customer
where id = any ($1::bigint[])
order by id
for no key update

-- name: close
-- Resolves these customers' tickets that wait in the queue, except those that somebody is writing to.
-- MATERIALIZED keeps the planner from running the locking twice: SKIP LOCKED does not skip one's own locks.
with chosen as materialized (
  select id
  from ticket
  where customer_id = any ($1::bigint[])
    and is_open
    and state = 'queued'
    and queue = $2
    and ($3::text[] is null or team = any ($3))
    and enqueued_at <= $4
  order by id
  limit $5
  for no key update skip locked
), closed as (
  update ticket
  set
    state = 'resolved', resolved_at = statement_timestamp(), relax_at = null, reserved_for = null,
    reserved_until = null
  from chosen
  where ticket.id = chosen.id
  returning ticket.id, ticket.customer_id, ticket.channel
), noted as (
  insert into ticket_event (ticket_id, at, kind, state, actor, data)
  select
    id, statement_timestamp(), 'resolve', 'resolved', $6,
    jsonb_build_object('reason', 'closed', 'why', $7::text, 'queue', $2::text)
  from closed
)
select id as ticket_id, customer_id, channel
from closed

-- name: stuck
-- A ticket with everything that may hold it up.
select
  ticket.id, ticket.channel, ticket.queue, ticket.team, ticket.skills, ticket.state, ticket.route, ticket.enqueued_at,
  ticket.due_at, ticket.relaxed, ticket.relax_at, ticket.state_until, ticket.reserved_until,
  statement_timestamp() as now, ticket.reserved_for,
  (select name from agent where agent.id = ticket.assigned_to) as holder
from ticket
where ticket.id = $1
  and ($2::text[] is null or ticket.team = any ($2))
