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
  and state = $3
  and team = $4
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

-- name: insert_reply
-- An answer as the transcript shows it.
insert into message (
  id, received_at, ticket_id, conversation_id, customer_id, direction, channel, account, external_id, author,
  agent_id, subject, text, sent_at)
values ($1, now(), $2, $3, $4, 'out', $5, $6, $7, $8, $9, $10, $11, now())

-- name: insert_reference
-- Mail that answers this Message-ID belongs to the conversation.
insert into mail_reference (account, message_id, conversation_id)
values ($1, $2, $3)
on conflict do nothing

-- name: insert_outbox
-- The answer, on its way to the bus.
insert into outbox (conversation_id, routing_key, format, account, message_id, body)
values ($1, $2, 'reply.v1', $3, $4, $5)

-- name: see_ticket
-- The holder has the ticket on screen: `next` may give another one.
update ticket
set is_seen = true
where id = $1
  and lease_epoch = $2
  and assigned_to = $3
  and not is_seen

-- name: snooze_ticket
-- The ticket waits for the customer, or for a date; it is reserved for whoever had it when it wakes.
update ticket
set
  state = 'snoozed', state_until = $5, reserved_for = assigned_to, reserved_until = null, assigned_to = null,
  is_seen = false
where id = $1
  and lease_epoch = $2
  and state = $3
  and team = $4
returning id

-- name: wrap_up_ticket
-- The contact is over; what is left to do about it keeps the agent for a limited time.
update ticket
set state = 'wrap_up', state_until = statement_timestamp() + $5::interval
where id = $1
  and lease_epoch = $2
  and state = $3
  and team = $4
returning id

-- name: lock_conversations
-- The conversations of a ticket, before the ticket itself.
select id
from conversation
where ticket_id = $1
order by id
for no key update

-- name: move_conversations
-- What is written there from now on belongs to the other ticket.
update conversation
set ticket_id = $2
where ticket_id = $1

-- name: move_messages
-- The transcript of the other ticket shows what was written, notes too.
update message
set ticket_id = $2
where ticket_id = $1

-- name: point_to_merged
-- Where the ticket's conversations went.
update ticket
set merged_into = $2
where id = $1

-- name: hear_of_merged
-- The customer's last word in either ticket is the last word in both; the first answer too.
update ticket
set
  last_customer_at = greatest(ticket.last_customer_at, merged.last_customer_at),
  first_reply_at = least(ticket.first_reply_at, merged.first_reply_at)
from ticket as merged
where ticket.id = $2
  and merged.id = $1
