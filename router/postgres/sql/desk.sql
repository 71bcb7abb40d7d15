-- name: ticket
-- A ticket as an agent's write finds it; nothing is locked yet.
select
  ticket.id, ticket.customer_id, ticket.channel, ticket.queue, ticket.team, ticket.skills, ticket.target_s,
  ticket.state, ticket.assigned_to, ticket.lease_epoch, skill_group.weight
from ticket
join skill_group on skill_group.id = ticket.group_id
where ticket.id = $1
  and ticket.team = any ($2::text[])

-- name: lock_agent
-- First in the order of locks: agent, customer, conversation, ticket.
select id
from agent
where id = $1
for no key update

-- name: lock_customer
-- Second in the order of locks; the digest is rewritten from what is read here.
select id, created_at, name, tier, is_blocked, contacts, reopened_count, last_agent_id
from customer
where id = $1
for no key update

-- name: lock_ticket
-- Keeps the ticket as the agent holds it until the end of the transaction.
select id
from ticket
where id = $1
  and lease_epoch = $2
  and assigned_to = $3
  and state = 'assigned'
  and team = any ($4::text[])
for no key update

-- name: conversation
-- The ticket's named conversation, or the one in which the customer wrote last.
select
  conversation.id, conversation.channel, conversation.provider, conversation.account, conversation.thread_key,
  conversation.reply_to, conversation.subject, nextval('message_ids') as message_id
from (
  select conversation.*, (
    select (message.received_at, message.id)
    from message
    where message.ticket_id = $1
      and message.conversation_id = conversation.id
      and message.direction = 'in'
    order by message.received_at desc, message.id desc
    limit 1) as last_inbound
  from conversation
  where conversation.ticket_id = $1
    and ($2::bigint is null or conversation.id = $2)
  order by last_inbound desc nulls last, conversation.id desc
  limit 1) as conversation

-- name: mail_ids
-- The Message-IDs of a ticket's conversation, latest first; those without one are known by a hash alone.
select external_id, direction
from message
where ticket_id = $1
  and conversation_id = $2
  and external_id is not null
  and external_id not like 'sha256:%'
order by sent_at desc, id desc
limit 20

-- name: touch_conversation
-- An answer keeps the conversation going; it is locked before its ticket.
update conversation
set last_message_at = greatest(last_message_at, now())
where id = $1
  and ticket_id = $2
returning id

-- name: reply_to_ticket
-- The agent answers: the first answer stops the second clock. Intake sets the time of the customer's last word while it
-- has the ticket locked, so it tells what this agent has not read; without a page, the assignment or their last answer.
update ticket
set first_reply_at = coalesce(first_reply_at, now()), is_seen = true
where id = $1
  and lease_epoch = $2
  and assigned_to = $3
  and state = 'assigned'
  and team = any ($4::text[])
returning
  case when first_reply_at = now() then extract(epoch from now() - created_at)::float8 end as first_reply_after_s,
  case
    when $5::bigint is not null then (extract(epoch from last_customer_at) * 1000000)::bigint > $5
    else last_customer_at > greatest(assigned_at, (
      select max(answer.received_at)
      from message as answer
      where answer.ticket_id = $1
        and answer.direction = 'out'))
  end as wrote_since

-- name: note_on_ticket
-- The agent notes something; the ticket is on their screen.
update ticket
set is_seen = true
where id = $1
  and lease_epoch = $2
  and assigned_to = $3
  and state = 'assigned'
  and team = any ($4::text[])
returning id

-- name: insert_reply
-- An answer as the transcript shows it.
insert into message (
  id, received_at, ticket_id, conversation_id, customer_id, direction, channel, account, external_id, author,
  agent_id, subject, text, sent_at)
values ($1, now(), $2, $3, $4, 'out', $5, $6, $7, $8, $9, $10, $11, now())

-- name: insert_note
-- A note as the transcript shows it; it belongs to no conversation.
insert into message (
  id, received_at, ticket_id, customer_id, direction, channel, account, author, agent_id, text, sent_at)
values (nextval('message_ids'), now(), $1, $2, 'note', $3, '', $4, $5, $6, now())
returning id

-- name: insert_reference
-- Mail that answers this Message-ID belongs to the conversation.
insert into mail_reference (account, message_id, conversation_id)
values ($1, $2, $3)
on conflict do nothing

-- name: insert_outbox
-- The answer, on its way to the bus.
insert into outbox (conversation_id, routing_key, format, account, message_id, body)
values ($1, $2, 'reply.v1', $3, $4, $5)

-- name: team_has_skills
-- Whether somebody in the team has all of the skills.
select exists (
  select from agent_team
  join agent on agent.id = agent_team.agent_id
  where agent_team.team = $1
    and agent.skills @> $2::text[])

-- name: transfer_ticket
-- The ticket begins a new wait in another queue, with the target it had.
update ticket
set
  state = 'queued', queue = $5, team = $6, skills = $7, group_id = $8, enqueued_at = now(),
  due_at = now() + make_interval(secs => target_s), assigned_to = null, assigned_at = null, is_seen = false,
  preferred_agent_id = null, preferred_until = null
where id = $1
  and lease_epoch = $2
  and assigned_to = $3
  and state = 'assigned'
  and team = any ($4::text[])
returning id

-- name: resolve_ticket
-- The work is done.
update ticket
set state = 'resolved', resolved_at = now(), assigned_to = null, is_seen = false
where id = $1
  and lease_epoch = $2
  and assigned_to = $3
  and state = 'assigned'
  and team = any ($4::text[])
  and customer_id = $5
returning id

-- name: update_customer
-- The digest after the ticket's end, and who ended it.
update customer
set contacts = $2, last_agent_id = $3
where id = $1

-- name: see_ticket
-- The holder has the ticket on screen: `next` may give another one.
update ticket
set is_seen = true
where id = $1
  and lease_epoch = $2
  and assigned_to = $3
  and not is_seen

-- name: insert_event
-- One line of the ticket's history.
insert into ticket_event (ticket_id, at, kind, state, actor, data)
values ($1, now(), $2, $3, $4, $5)
