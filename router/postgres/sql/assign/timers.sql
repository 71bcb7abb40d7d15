-- name: expire_offers
-- Ends expired offers: their tickets go back to their places, and the agents have missed one more, unless they were at
-- work on another ticket.
with expired as materialized (
  select
    ticket.id, ticket.assigned_to as agent_id,
    -- who got another ticket since, or wrote in one, was there and could not do both
    presence.idle_since > ticket.assigned_at or exists (
      select from ticket as other
      join ticket_event on ticket_event.ticket_id = other.id
      where other.assigned_to = agent.id
        and other.state in ('assigned', 'wrap_up')
        and ticket_event.at >= ticket.assigned_at
        and ticket_event.actor = 'agent:' || agent.id) as was_at_work
  from ticket
  join agent on agent.id = ticket.assigned_to
  join presence on presence.agent_id = agent.id
  where ticket.state = 'offered'
    and ticket.state_until <= statement_timestamp()
    and is_attended()
  order by ticket.state_until
  limit $1
  for no key update of agent, ticket, presence skip locked
), queued as (
  update ticket
  set state = 'queued', assigned_to = null, assigned_at = null, state_until = null, is_seen = false
  from expired
  where ticket.id = expired.id
  returning
    ticket.id, ticket.queue, ticket.channel, ticket.enqueued_at, ticket.lease_epoch, expired.agent_id,
    expired.was_at_work
), refused as (
  insert into refusal (ticket_id, agent_id, enqueued_at, at, kind)
  select id, agent_id, enqueued_at, statement_timestamp(), 'expired'
  from queued
  on conflict (ticket_id, agent_id) do update
  set enqueued_at = excluded.enqueued_at, at = excluded.at, kind = excluded.kind
), missed as (
  update presence
  set missed = least(presence.missed + by_agent.missed, 1000)
  from (
    select agent_id, count(*) as missed
    from queued
    where not was_at_work
    group by agent_id
  ) as by_agent
  where presence.agent_id = by_agent.agent_id
), noted as (
  insert into ticket_event (ticket_id, at, kind, state, actor, data)
  select
    id, statement_timestamp(), 'expire', 'queued', 'timers',
    jsonb_build_object(
      'agent', agent_id, 'queue', queue, 'lease_epoch', lease_epoch, 'missed', not was_at_work)
  from queued
)
select id, 'offered' as was, agent_id, queue, channel
from queued

-- name: set_away
-- Sets agents away who have missed this many offers in a row, until they declare another status.
with absent as (
  update presence
  set status = 'away', reason = null, cause = 'missed_offers', since = statement_timestamp(), missed = 0
  from agent
  where agent.id = presence.agent_id
    and presence.agent_id = any ($1::bigint[])
    and presence.missed >= $2::integer
    and presence.status = 'available'
  returning presence.agent_id, agent.name
), noted as (
  insert into audit (actor, action, subject, data)
  select
    'timers', 'presence.set', 'agent:' || name,
    jsonb_build_object(
      'status', jsonb_build_array('available', 'away'), 'cause', 'missed_offers', 'missed', $2::integer)
  from absent
)
select agent_id
from absent

-- name: withdraw_offers
-- Puts the other offers of these agents, whose rows are locked, back into their places.
with offered as materialized (
  select id, assigned_to as agent_id
  from ticket
  where assigned_to = any ($1::bigint[])
    and state = 'offered'
  for no key update skip locked
), queued as (
  update ticket
  set state = 'queued', assigned_to = null, assigned_at = null, state_until = null, is_seen = false
  from offered
  where ticket.id = offered.id
  returning ticket.id, ticket.queue, ticket.channel, ticket.lease_epoch, offered.agent_id
), noted as (
  insert into ticket_event (ticket_id, at, kind, state, actor, data)
  select
    id, statement_timestamp(), 'release', 'queued', 'timers',
    jsonb_build_object(
      'reason', 'not_available', 'cause', 'missed_offers', 'agent', agent_id, 'queue', queue, 'lease_epoch', lease_epoch,
      'policy_version', $2::text)
  from queued
)
select id, 'offered' as was, agent_id, queue, channel
from queued

-- name: release_lost
-- Puts tickets back whose agents' last sign of life is older than $2, and resolves those in wrap-up.
with lost as materialized (
  select ticket.id, ticket.state, agent.id as agent_id
  from presence
  join agent on agent.id = presence.agent_id
  join ticket on ticket.assigned_to = agent.id
  where not is_live(presence.seen_at, $2::interval)
    and is_attended()
  limit $1
  for no key update of agent, ticket, presence skip locked
), released as (
  update ticket
  set
    state = case when lost.state = 'wrap_up' then 'resolved' else 'queued' end,
    resolved_at = case when lost.state = 'wrap_up' then statement_timestamp() end,
    assigned_to = null, assigned_at = null, state_until = null, is_seen = false
  from lost
  where ticket.id = lost.id
  returning
    ticket.id, ticket.state, ticket.queue, ticket.channel, ticket.lease_epoch, lost.agent_id, lost.state as was
), noted as (
  insert into ticket_event (ticket_id, at, kind, state, actor, data)
  select
    id, statement_timestamp(), case when was = 'wrap_up' then 'resolve' else 'release' end, state, 'timers',
    jsonb_build_object(
      'reason', 'agent_lost', 'agent', agent_id, 'queue', queue, 'lease_epoch', lease_epoch, 'policy_version',
      $3::text)
  from released
)
select id, was, agent_id, queue, channel
from released

-- name: set_lost
-- Sets agents offline who have given no sign of life for the grace time, until they declare a status or ask for work.
update presence
set status = 'offline', reason = null, cause = 'lost', since = statement_timestamp(), missed = 0
from (
  select presence.agent_id
  from presence
  where presence.status <> 'offline'
    and not is_live(presence.seen_at, $2::interval)
    and is_attended()
    and not exists (select from ticket where ticket.assigned_to = presence.agent_id)
  limit $1
  for no key update skip locked
) as lost
where presence.agent_id = lost.agent_id

-- name: end_reservations
-- Ends reservations whose time is over, or whose agent is not present or not in the team: anybody may get the tickets.
with over as materialized (
  select ticket.id, ticket.reserved_for as agent_id
  from ticket
  where ticket.state = 'queued'
    and ticket.reserved_for is not null
    and is_attended()
    and (
      ticket.reserved_until <= statement_timestamp()
      or not exists (
        select from agent_standing as agent
        join agent_team on agent_team.agent_id = agent.id and agent_team.team = ticket.team
        where agent.id = ticket.reserved_for
          and agent.is_willing
          and is_live(agent.seen_at, $2::interval)))
  limit $1
  for no key update of ticket skip locked
), ended as (
  update ticket
  set reserved_for = null, reserved_until = null
  from over
  where ticket.id = over.id
  returning ticket.id, ticket.queue, ticket.channel, over.agent_id
), noted as (
  insert into ticket_event (ticket_id, at, kind, state, actor, data)
  select
    id, statement_timestamp(), 'relax', 'queued', 'timers',
    jsonb_build_object('reason', 'reservation_over', 'agent', agent_id, 'queue', queue, 'policy_version', $3::text)
  from ended
)
select id, 'queued' as was, agent_id, queue, channel
from ended

-- name: end_wrap_ups
-- Ends wrap-ups whose time is over; the customer's contacts were written when the contact ended.
with over as materialized (
  select ticket.id, agent.id as agent_id
  from ticket
  join agent on agent.id = ticket.assigned_to
  where ticket.state = 'wrap_up'
    and ticket.state_until <= statement_timestamp()
    and is_attended()
  order by ticket.state_until
  limit $1
  for no key update of agent, ticket skip locked
), resolved as (
  update ticket
  set
    state = 'resolved', resolved_at = statement_timestamp(), assigned_to = null, state_until = null, is_seen = false
  from over
  where ticket.id = over.id
  returning ticket.id, ticket.queue, ticket.channel, ticket.lease_epoch, over.agent_id
), noted as (
  insert into ticket_event (ticket_id, at, kind, state, actor, data)
  select
    id, statement_timestamp(), 'resolve', 'resolved', 'timers',
    jsonb_build_object('reason', 'wrap_up_over', 'agent', agent_id, 'queue', queue, 'lease_epoch', lease_epoch)
  from resolved
)
select id, 'wrap_up' as was, agent_id, queue, channel
from resolved

-- name: to_wake
-- Locks tickets whose snooze is over, until the end of the transaction.
select
  id, customer_id, channel, queue, team, skills, state, assigned_to, lease_epoch, complexity, route, target_s, enqueued_at,
  due_at, relaxed, relax_at, reserved_for, reserved_until, statement_timestamp() as now,
  (extract(epoch from last_customer_at) * 1000000)::bigint as read_up_to
from ticket
where state = 'snoozed'
  and state_until <= statement_timestamp()
order by state_until
limit $1
for no key update skip locked

-- name: to_relax
-- Locks waiting tickets whose next step is due, until the end of the transaction.
select
  id, customer_id, channel, queue, team, skills, state, assigned_to, lease_epoch, complexity, route, target_s, enqueued_at,
  due_at, relaxed, relax_at, reserved_for, reserved_until, statement_timestamp() as now,
  (extract(epoch from last_customer_at) * 1000000)::bigint as read_up_to
from ticket
where state = 'queued'
  and relax_at <= statement_timestamp()
order by relax_at
limit $1
for no key update skip locked

-- name: record_waits
-- Writes the waits of locked tickets as decided, each with its line of history; one without data has no line.
with waits as (
  update ticket
  set
    state = 'queued', state_until = null, queue = new.queue, team = new.team,
    skills = string_to_array(new.skills, ','), group_id = new.group_id, enqueued_at = new.enqueued_at,
    due_at = new.due_at, relaxed = new.relaxed, relax_at = new.relax_at, reserved_for = new.reserved_for,
    reserved_until = new.reserved_until
  from unnest(
    $1::bigint[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::timestamptz[], $7::timestamptz[], $8::integer[],
    $9::timestamptz[], $10::bigint[], $11::timestamptz[])
    as new (
      id, queue, team, skills, group_id, enqueued_at, due_at, relaxed, relax_at, reserved_for, reserved_until)
  where ticket.id = new.id
)
insert into ticket_event (ticket_id, at, kind, state, actor, data)
select id, statement_timestamp(), $13::text, 'queued', 'timers', data
from unnest($1::bigint[], $12::jsonb[]) as line (id, data)
where data is not null
