-- name: lock_agents
-- Whoever gives or takes something of these agents does so one after another; in id order, so that nobody deadlocks.
select id
from agent
where id = any ($1::bigint[])
order by id
for no key update

-- name: asking
-- The groups of each agent, and the oldest ticket that was assigned and never seen.
select
  agent.id as agent_id,
  array(select group_id from agent_group where agent_group.agent_id = agent.id) as groups,
  unseen.*
from unnest($1::bigint[]) with ordinality as agent (id, position)
left join lateral (
  select id, lease_epoch, assigned_to, queue, channel, enqueued_at, due_at, assigned_at
  from ticket
  where assigned_to = agent.id
    and state = 'assigned'
    and not is_seen
  order by assigned_at, id
  limit 1
) as unseen on true
order by agent.position

-- name: claim_heads
-- The tickets due first of each group, as many as agents ask for; reads no more of the index, however many wait.
-- Takes no locks: most of what is read here goes to nobody in this round.
select asked.group_id, line.due_at, line.tickets
from unnest($1::bigint[], $2::integer[]) as asked (group_id, depth)
cross join lateral (
  select array_agg(due_at) as due_at, array_agg(id) as tickets
  from (
    select ticket.id, ticket.due_at
    from ticket
    where ticket.group_id = asked.group_id
      and ticket.state = 'queued'
      and ticket.id <> all ($3::bigint[])
    order by ticket.due_at, ticket.id
    limit asked.depth
  ) as head
) as line
where line.tickets is not null

-- name: take
-- Assigns the tickets that are still queued and writes the event of each.
-- MATERIALIZED: a planner that re-ran the locking would skip nothing, SKIP LOCKED does not skip one's own locks.
-- No key update: intake's key share lock on a ticket that gets a conversation is no reason to pass it over.
-- Not now(): the transaction may have begun, and waited for an agent, before the ticket was queued.
with matched as (
  select *
  from unnest($1::bigint[], $2::bigint[]) as matched (ticket_id, agent_id)
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
    ticket.id, ticket.lease_epoch, ticket.assigned_to, ticket.queue, ticket.channel, ticket.enqueued_at, ticket.due_at,
    ticket.assigned_at, ticket.group_id, ticket.policy_version
), noted as (
  insert into ticket_event (ticket_id, at, kind, state, actor, data)
  select
    id, assigned_at, 'accept', 'assigned', 'agent:' || assigned_to,
    jsonb_build_object(
      'queue', queue, 'group', group_id, 'due_at', due_at, 'lease_epoch', lease_epoch,
      'waited_s', extract(epoch from assigned_at - enqueued_at), 'policy_version', policy_version)
  from taken
)
select id, lease_epoch, assigned_to, queue, channel, enqueued_at, due_at, assigned_at
from taken
