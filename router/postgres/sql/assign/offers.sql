-- name: line
-- What waits in push queues, due first: from every group a share of $3 in all, but at least one, and the first ten
-- tickets reserved for each agent who takes tickets now and is in their team. Takes no locks, and reads only that much
-- of the indexes, however many wait.
-- MATERIALIZED looks up only once which groups are empty.
with waiting as materialized (
  select skill_group.id
  from skill_group
  where skill_group.queue = any ($1::text[])
    and exists (
      select from ticket
      where ticket.group_id = skill_group.id
        and ticket.state = 'queued'
        and ticket.reserved_for is null)
), first as (
  select head.*
  from waiting
  cross join lateral (
    select ticket.id, ticket.group_id, ticket.reserved_for, ticket.enqueued_at, ticket.due_at
    from ticket
    where ticket.group_id = waiting.id
      and ticket.state = 'queued'
      and ticket.reserved_for is null
    order by ticket.due_at, ticket.id
    limit (select greatest($3::integer / count(*), 1) from waiting)
  ) as head
  union all
  select head.*
  from agent_standing as agent
  cross join lateral (
    select ticket.id, ticket.group_id, ticket.reserved_for, ticket.enqueued_at, ticket.due_at
    from ticket
    join agent_team on agent_team.agent_id = agent.id and agent_team.team = ticket.team
    where ticket.reserved_for = agent.id
      and ticket.state = 'queued'
      and ticket.queue = any ($1::text[])
    order by ticket.due_at, ticket.id
    limit 10
  ) as head
  where agent.is_willing
    and is_live(agent.seen_at, $2::interval)
)
select
  first.id, first.group_id, skill_group.queue, skill_group.channel, first.reserved_for,
  array(
    select refusal.agent_id
    from refusal
    where refusal.ticket_id = first.id
      and refusal.enqueued_at = first.enqueued_at) as refused_by
from first
join skill_group on skill_group.id = first.group_id
order by first.due_at, first.id

-- name: live_agents
-- Agents with a sign of life within the grace time.
select agent_id
from presence
where is_live(seen_at, $1::interval)

-- name: candidates
-- The agents who are eligible for some of the groups, or have a reserved ticket ($3), and what they carry.
select
  agent.id, agent.capacity, agent.weights, agent.most, agent.is_draining, agent.status, agent.reason, agent.cause,
  agent.since, agent.seen_at, agent.idle_since, member.groups,
  work.held, work.offered
from agent_standing as agent
cross join lateral (
  select array_agg(agent_group.group_id) as groups
  from agent_group
  where agent_group.agent_id = agent.id
    and agent_group.group_id = any ($2::bigint[])
) as member
cross join lateral (
  select
    coalesce(array_agg(channel), '{}') as held,
    count(*) filter (where state = 'offered') as offered
  from ticket
  where assigned_to = agent.id
) as work
where agent.id = any ($1::bigint[])
  and agent.seen_at is not null
  and not agent.is_retired
  and (member.groups is not null or agent.id = any ($3::bigint[]))

-- name: now
-- The database's clock, which all decisions use.
select statement_timestamp()

-- name: offer
-- Offers the tickets that still wait where they were read, and writes the event of each. A reservation ends here: from
-- now on anybody may get the ticket. An agent who has left the team since the read gets no offer of its tickets.
-- MATERIALIZED keeps the planner from running the locking twice: SKIP LOCKED does not skip one's own locks.
-- Presence in id order, because renewing several leases at once locks it in that order too.
with planned as (
  select *
  from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::interval[], $5::jsonb[])
    as planned (ticket_id, agent_id, group_id, lasts, why)
), chosen as materialized (
  select ticket.id, planned.agent_id, planned.lasts, planned.why
  from planned
  join ticket on ticket.id = planned.ticket_id
  join agent_team on agent_team.agent_id = planned.agent_id and agent_team.team = ticket.team
  where ticket.state = 'queued'
    and ticket.group_id = planned.group_id
    and (ticket.reserved_for is null or ticket.reserved_for = planned.agent_id)
  for no key update of ticket skip locked
), offered as (
  update ticket
  set
    state = 'offered', assigned_to = chosen.agent_id, assigned_at = statement_timestamp(),
    state_until = statement_timestamp() + chosen.lasts, lease_epoch = ticket.lease_epoch + 1, is_seen = false,
    reserved_for = null, reserved_until = null
  from chosen
  where ticket.id = chosen.id
  returning
    ticket.id, ticket.lease_epoch, ticket.queue, ticket.channel, ticket.group_id, ticket.due_at, ticket.state_until,
    chosen.agent_id, chosen.why
), busy as (
  update presence
  set idle_since = statement_timestamp()
  from (
    select presence.agent_id
    from presence
    where presence.agent_id in (select offered.agent_id from offered)
    order by presence.agent_id
    for no key update
  ) as given
  where presence.agent_id = given.agent_id
), noted as (
  insert into ticket_event (ticket_id, at, kind, state, actor, data)
  select
    id, statement_timestamp(), 'offer', 'offered', 'timers',
    why || jsonb_build_object(
      'agent', agent_id, 'queue', queue, 'group', group_id, 'due_at', due_at, 'until', state_until,
      'lease_epoch', lease_epoch, 'policy_version', $6::text)
  from offered
)
select id, agent_id, queue, channel
from offered

-- name: offered_ticket
-- The ticket as the answer to its offer finds it.
select state, assigned_to, lease_epoch, coalesce(state_until <= statement_timestamp() and is_attended(), false) as has_expired
from ticket
where id = $1
  and team = any ($2::text[])

-- name: accept
-- Turns the offer into an assignment under a new lease; the agent has it on screen, and their missed count restarts.
with offer as materialized (
  select id, assigned_at as offered_at
  from ticket
  where id = $1
    and lease_epoch = $2
    and assigned_to = $3
    and team = any ($4::text[])
    and state = 'offered'
    and (state_until > statement_timestamp() or not is_attended())
  for no key update
), accepted as (
  update ticket
  set
    state = 'assigned', assigned_at = statement_timestamp(), state_until = null,
    lease_epoch = ticket.lease_epoch + 1, is_seen = true
  from offer
  where ticket.id = offer.id
  returning
    ticket.id, ticket.queue, ticket.channel, ticket.lease_epoch, ticket.due_at,
    extract(epoch from ticket.assigned_at - offer.offered_at)::float8 as after_s,
    extract(epoch from ticket.assigned_at - ticket.enqueued_at)::float8 as waited_s,
    ticket.assigned_at <= ticket.due_at as met_target
), answered as (
  update presence
  set missed = 0
  where agent_id = $3
    and missed > 0
    and exists (select from accepted)
), noted as (
  insert into ticket_event (ticket_id, at, kind, state, actor, data)
  select
    id, statement_timestamp(), 'accept', 'assigned', 'agent:' || $3::bigint,
    jsonb_build_object(
      'queue', queue, 'due_at', due_at, 'waited_s', waited_s, 'after_s', after_s, 'lease_epoch', lease_epoch)
  from accepted
)
select lease_epoch, queue, channel, after_s, waited_s, met_target
from accepted

-- name: decline
-- Puts the ticket back into its place; it is offered to this agent again only if nobody else is there.
with declined as (
  update ticket
  set state = 'queued', assigned_to = null, assigned_at = null, state_until = null, is_seen = false
  where id = $1
    and lease_epoch = $2
    and assigned_to = $3
    and team = any ($4::text[])
    and state = 'offered'
    and (state_until > statement_timestamp() or not is_attended())
  returning id, queue, channel, enqueued_at, lease_epoch
), refused as (
  insert into refusal (ticket_id, agent_id, enqueued_at, at, kind)
  select id, $3, enqueued_at, statement_timestamp(), 'declined'
  from declined
  on conflict (ticket_id, agent_id) do update
  set enqueued_at = excluded.enqueued_at, at = excluded.at, kind = excluded.kind
), answered as (
  update presence
  set missed = 0
  where agent_id = $3
    and missed > 0
    and exists (select from declined)
), noted as (
  insert into ticket_event (ticket_id, at, kind, state, actor, data)
  select
    id, statement_timestamp(), 'decline', 'queued', 'agent:' || $3::bigint,
    jsonb_build_object('agent', $3::bigint, 'queue', queue, 'lease_epoch', lease_epoch)
  from declined
)
select id, queue, channel
from declined
