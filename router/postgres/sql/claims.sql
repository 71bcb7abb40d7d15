-- name: lock_agents
-- Whoever gives or takes something of these agents does so one after another; in id order, so that nobody deadlocks.
select from agent
where id = any ($1::text::bigint[])
order by id
for no key update

-- name: unseen
-- The oldest ticket of each agent that was assigned and never seen.
select distinct on (assigned_to)
  id, lease_epoch, assigned_to as agent_id, queue, channel,
  extract(epoch from assigned_at - enqueued_at)::float8 as waited_s, assigned_at <= due_at as met_target
from ticket
where assigned_to = any ($1::text::bigint[])
  and state = 'assigned'
  and not is_seen
order by assigned_to, assigned_at, id

-- name: eligible_groups
-- The groups whose tickets each agent may be given.
select agent_id, array_agg(group_id)
from agent_group
where agent_id = any ($1::text::bigint[])
group by agent_id

-- name: heads
-- The tickets due first of each group, as many as agents ask for; reads no more of the index, however many wait.
-- Takes no locks: most of what is read here goes to nobody in this round.
select asked.group_id, head.id
from unnest($1::text::bigint[], $2::text::integer[]) as asked (group_id, depth)
cross join lateral (
  select ticket.id, ticket.due_at
  from ticket
  where ticket.group_id = asked.group_id
    and ticket.state = 'queued'
    and ticket.preferred_agent_id is null
    and ticket.id <> all ($3::text::bigint[])
  order by ticket.due_at, ticket.id
  limit asked.depth
) as head
order by head.due_at, head.id

-- name: take
-- Assigns the tickets that are still queued and writes the event of each.
-- MATERIALIZED: a planner that re-ran the locking would skip nothing, SKIP LOCKED does not skip one's own locks.
-- No key update: intake's key share lock on a ticket that gets a conversation is no reason to pass it over.
-- Not now(): the transaction may have begun, and waited for an agent, before the ticket was queued.
with matched as (
  select *
  from unnest($1::text::bigint[], $2::text::bigint[]) as matched (ticket_id, agent_id)
), chosen as materialized (
  select ticket.id, matched.agent_id
  from matched
  join ticket on ticket.id = matched.ticket_id
  where ticket.state = 'queued'
  for no key update of ticket skip locked
), taken as (
  update ticket
  set
    state = 'assigned',
    assigned_to = chosen.agent_id,
    assigned_at = statement_timestamp(),
    lease_epoch = ticket.lease_epoch + 1,
    is_seen = false
  from chosen
  where ticket.id = chosen.id
  returning
    ticket.id, ticket.lease_epoch, chosen.agent_id, ticket.queue, ticket.channel, ticket.group_id, ticket.due_at,
    ticket.policy_version, ticket.assigned_at, ticket.assigned_at <= ticket.due_at as met_target,
    extract(epoch from ticket.assigned_at - ticket.enqueued_at)::float8 as waited_s
), noted as (
  insert into ticket_event (ticket_id, at, kind, state, actor, data)
  select
    id, assigned_at, 'accept', 'assigned', 'agent:' || agent_id,
    jsonb_build_object(
      'queue', queue, 'group', group_id, 'due_at', due_at, 'lease_epoch', lease_epoch, 'waited_s', waited_s,
      'policy_version', policy_version)
  from taken
)
select id, lease_epoch, agent_id, queue, channel, waited_s, met_target
from taken
