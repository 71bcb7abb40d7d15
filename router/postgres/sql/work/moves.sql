-- name: lock_customer
-- Locks and reads a customer to rewrite their contacts; second in the order of locks.
select id, created_at, name, tier, is_blocked, contacts, reopened_count, last_agent_id
from customer
where id = $1
for no key update

-- name: agent_named
-- An agent that tickets can move to.
select
  agent.id, agent.name, agent.skills, array(select team from agent_team where agent_team.agent_id = agent.id) as teams
from agent
where agent.name = $1
  and agent.retired_at is null

-- name: team_has_skills
-- Whether somebody in the team has all the skills.
select exists (
  select from agent_team
  join agent on agent.id = agent_team.agent_id
  where agent_team.team = $1
    and agent.retired_at is null
    and agent.skills @> $2::text[])

-- name: note_on_ticket
-- Checks the ticket for a note; if its holder writes the note, the ticket is on their screen.
update ticket
set is_seen = is_seen or assigned_to is not distinct from $5::bigint
where id = $1
  and lease_epoch = $2
  and state = $3
  and team = $4
returning id

-- name: insert_note
-- Adds a note to the transcript; it belongs to no conversation.
insert into message (
  id, received_at, ticket_id, customer_id, direction, channel, account, author, agent_id, text, sent_at)
values (
  nextval('message_ids'), statement_timestamp(), $1, $2, 'note', $3, '', $4, $5, $6, statement_timestamp())
returning id

-- name: enqueue
-- Queues the ticket, even if somebody held it: in a new wait, or back in an earlier one.
update ticket
set
  state = 'queued', queue = $5, team = $6, skills = string_to_array($7, ','), group_id = $8, enqueued_at = $9,
  due_at = $10, relaxed = $11, relax_at = $12, reserved_for = $13, reserved_until = $14, assigned_to = null,
  assigned_at = null, state_until = null, is_seen = false
where id = $1
  and lease_epoch = $2
  and state = $3
  and team = $4
returning id

-- name: end_ticket
-- Ends the ticket: resolved or abandoned.
update ticket
set
  state = $5, resolved_at = case when $5 = 'resolved' then statement_timestamp() end, assigned_to = null,
  state_until = null, is_seen = false, reserved_for = null, reserved_until = null
where id = $1
  and lease_epoch = $2
  and state = $3
  and team = $4
returning id

-- name: update_customer
-- Writes the customer's contacts after a ticket's end, and who ended it.
update customer
set contacts = $2, last_agent_id = $3
where id = $1

-- name: insert_event
-- Adds a line to the ticket's history. Not now(): a line must not be older than one that its transaction waited for.
insert into ticket_event (ticket_id, at, kind, state, actor, data)
values ($1, statement_timestamp(), $2, $3, $4, $5)
