-- name: conversation
-- The ticket's named conversation, or the one in which the customer last wrote.
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
-- The Message-IDs of a ticket's conversation, latest first; a mail without one is known only by a hash.
select external_id, direction
from message
where ticket_id = $1
  and conversation_id = $2
  and external_id is not null
  and external_id not like 'sha256:%'
order by received_at desc, id desc
limit 20

-- name: touch_conversation
-- Notes that an answer keeps the conversation alive; locks it before its ticket.
update conversation
set last_message_at = greatest(last_message_at, now())
where id = $1
  and ticket_id = $2
returning id

-- name: reply_to_ticket
-- The agent answers; the first answer stops the second clock. Intake sets the time of the customer's last message while
-- it has the ticket locked, so that time shows what the agent has not read. Without a page, it is compared with the
-- assignment or the agent's last answer.
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
-- Adds an answer to the transcript.
insert into message (
  id, received_at, ticket_id, conversation_id, customer_id, direction, channel, account, external_id, author,
  agent_id, subject, text, sent_at)
values ($1, now(), $2, $3, $4, 'out', $5, $6, $7, $8, $9, $10, $11, now())

-- name: insert_reference
-- Records that mail that answers this Message-ID belongs to the conversation.
insert into mail_reference (account, message_id, conversation_id)
values ($1, $2, $3)
on conflict do nothing

-- name: insert_outbox
-- Puts the answer into the outbox.
insert into outbox (conversation_id, routing_key, format, account, message_id, body)
values ($1, $2, 'reply.v1', $3, $4, $5)

-- name: see_ticket
-- Notes that the holder has the ticket on screen, so that `next` may give another one.
update ticket
set is_seen = true
where id = $1
  and lease_epoch = $2
  and assigned_to = $3
  and not is_seen

-- name: snooze_ticket
-- Snoozes the ticket until the customer writes or until a date; when it wakes, it is reserved for its holder.
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
-- Ends the contact; the remaining work keeps the agent for a limited time.
update ticket
set state = 'wrap_up', state_until = statement_timestamp() + $5::interval
where id = $1
  and lease_epoch = $2
  and state = $3
  and team = $4
returning id

-- name: lock_conversations
-- Locks the conversations of a ticket, before the ticket itself.
select id
from conversation
where ticket_id = $1
order by id
for no key update

-- name: move_conversations
-- Moves the conversations: what is written there from now on belongs to the other ticket.
update conversation
set ticket_id = $2
where ticket_id = $1

-- name: move_messages
-- Moves the messages and notes to the other ticket's transcript.
update message
set ticket_id = $2
where ticket_id = $1

-- name: point_to_merged
-- Records which ticket the conversations went to.
update ticket
set merged_into = $2
where id = $1

-- name: hear_of_merged
-- The customer's last message in either ticket counts for both, and so does the first answer.
update ticket
set
  last_customer_at = greatest(ticket.last_customer_at, merged.last_customer_at),
  first_reply_at = least(ticket.first_reply_at, merged.first_reply_at)
from ticket as merged
where ticket.id = $2
  and merged.id = $1
