-- name: roll
-- Each agent's standing: whether they get tickets, what they can carry and hold, and their oldest assigned ticket that
-- they have not seen, as a document. Each row also has the tokens shown that have ended. The array of agents is a
-- subquery, so that it is read once and not per row. Not now(): the transaction may have waited for an agent.
select
  agent.id as agent_id, agent.capacity, agent.weights, agent.most, agent.is_retired, agent.is_draining, agent.status, agent.cause,
  exists (select from agent_team where agent_team.agent_id = agent.id) as is_in_a_team,
  array(select group_id from agent_group where agent_group.agent_id = agent.id) as groups,
  coalesce(work.held, '{}') as held, work.unseen,
  array(
    select token.id
    from unnest($2::text::bigint[]) as shown (id)
    join token on token.id = shown.id
    where token.revoked_at is not null
      or token.expires_at <= statement_timestamp()
  ) as ended
from agent_standing as agent
cross join lateral (
  select
    array_agg(channel) as held,
    (array_agg(
      json_build_object(
        'id', id, 'lease_epoch', lease_epoch, 'agent_id', assigned_to, 'queue', queue, 'channel', channel,
        'waited_s', extract(epoch from assigned_at - enqueued_at)::float8, 'met_target', assigned_at <= due_at
      ) order by assigned_at, id
    ) filter (where state = 'assigned' and not is_seen))[1] as unseen
  from ticket
  where assigned_to = agent.id
) as work
where agent.id = any ((select $1::text::bigint[])::bigint[])

-- name: heads
-- The tickets due first in each group, as many as asked for, and each agent's first reserved ticket of each channel.
-- Reads only that much of a group's index, however many wait. Takes no locks: most of what is read goes to nobody.
-- The arrays are subqueries here too.
select group_id, reserved_for, channel, id
from (
  select asked.group_id, null::bigint as reserved_for, skill_group.channel, head.id, head.due_at
  from unnest($1::text::bigint[], $2::text::integer[]) as asked (group_id, depth)
  join skill_group on skill_group.id = asked.group_id
  cross join lateral (
    select ticket.id, ticket.due_at
    from ticket
    where ticket.group_id = asked.group_id
      and ticket.state = 'queued'
      and ticket.reserved_for is null
      and ticket.id <> all ((select $4::text::bigint[])::bigint[])
    order by ticket.due_at, ticket.id
    limit asked.depth
  ) as head
  where skill_group.queue <> all ($5::text[])
  union all
  (
    select distinct on (ticket.reserved_for, ticket.channel)
      ticket.group_id, ticket.reserved_for, ticket.channel, ticket.id, ticket.due_at
    from ticket
    join agent_team on agent_team.agent_id = ticket.reserved_for and agent_team.team = ticket.team
    where ticket.reserved_for = any ((select $3::text::bigint[])::bigint[])
      and ticket.state = 'queued'
      and ticket.id <> all ((select $4::text::bigint[])::bigint[])
      and ticket.queue <> all ($5::text[])
    order by ticket.reserved_for, ticket.channel, ticket.due_at, ticket.id
  )
) as head
order by due_at, id

-- name: take
-- Assigns the tickets that still wait where they were read, and writes the event of each.
-- MATERIALIZED keeps the planner from running the locking twice: SKIP LOCKED does not skip one's own locks.
-- No key update: intake's key share lock on a ticket that gets a conversation must not make us pass it over.
-- Presence in id order, because renewing several leases at once locks it in that order too.
-- Not now(): the transaction may have started, and waited for an agent, before the ticket was queued.
with matched as (
  select *
  from unnest($1::text::bigint[], $2::text::bigint[], $3::text::bigint[], $4::text::integer[])
    as matched (ticket_id, agent_id, group_id, load)
), chosen as materialized (
  select ticket.id, matched.agent_id, matched.load, ticket.reserved_for is not null as is_reserved
  from matched
  join ticket on ticket.id = matched.ticket_id
  where ticket.state = 'queued'
    and ticket.group_id = matched.group_id
    and (ticket.reserved_for is null or ticket.reserved_for = matched.agent_id)
  for no key update of ticket skip locked
), taken as (
  update ticket
  set
    state = 'assigned',
    assigned_to = chosen.agent_id,
    assigned_at = statement_timestamp(),
    lease_epoch = ticket.lease_epoch + 1,
    reserved_for = null,
    reserved_until = null,
    is_seen = false
  from chosen
  where ticket.id = chosen.id
  returning
    ticket.id, ticket.lease_epoch, chosen.agent_id, chosen.load, chosen.is_reserved, ticket.queue, ticket.channel,
    ticket.group_id, ticket.due_at, ticket.assigned_at, ticket.assigned_at <= ticket.due_at as met_target,
    extract(epoch from ticket.assigned_at - ticket.enqueued_at)::float8 as waited_s
), noted as (
  insert into ticket_event (ticket_id, at, kind, state, actor, data)
  select
    id, assigned_at, 'accept', 'assigned', 'agent:' || agent_id,
    jsonb_build_object(
      'queue', queue, 'group', group_id, 'is_reserved', is_reserved, 'due_at', due_at, 'waited_s', waited_s,
      'lease_epoch', lease_epoch, 'asked', $5::integer, 'load', load, 'policy_version', $6::text)
  from taken
), busy as (
  update presence
  set idle_since = statement_timestamp()
  from (
    select presence.agent_id
    from presence
    where presence.agent_id in (select taken.agent_id from taken)
    order by presence.agent_id
    for no key update
  ) as given
  where presence.agent_id = given.agent_id
)
select id, lease_epoch, agent_id, queue, channel, waited_s, met_target
from taken

-- name: have
-- Notes which of these tickets an agent has on screen; one that is not theirs, or no longer, is left as it is.
update ticket
set is_seen = true
where id = any ($2::bigint[])
  and assigned_to = $1
  and state = 'assigned'
  and not is_seen
