-- name: customer
-- Whether the customer exists.
select id from customer where id = $1

-- name: set_blocked
-- Blocks or unblocks the customer; returns the old value.
with before as (
  select id, is_blocked from customer where id = $1 for no key update
)
update customer
set is_blocked = $2
from before
where customer.id = before.id
returning before.is_blocked

-- name: set_tier
-- Sets the customer's tier, null to use the tier of their addresses; returns the old value.
with before as (
  select id, tier from customer where id = $1 for no key update
)
update customer
set tier = $2
from before
where customer.id = before.id
returning before.tier

-- name: allow_long
-- Lets erasure take long: it may read whole tables.
set local statement_timeout = '30min'

-- name: lock_customer
-- Allows one erasure at a time, and none while intake works on the customer.
select id
from customer
where id = $1
for no key update

-- name: handles_of
-- The addresses of a customer.
select key, kind, value
from handle
where customer_id = $1

-- name: messages_of
-- Messages by the customer or in the customer's tickets.
select id
from message
where ticket_id = any (array(select ticket.id from ticket where ticket.customer_id = $1))
union
select id
from message
where author = any ($2::text[])

-- name: erase_messages
-- Removes the words of messages; ids and times stay.
update message
set external_id = null, subject = null, text = '', html = null, attachments = null, attributes = null,
  author = 'erased'
where id = any ($1::bigint[])
  and author <> 'erased'
returning id

-- name: forget_hashes
-- Makes room for hashes: these ids may have been erased before, and come again since.
with old as materialized (
  select account, channel, 'sha256:' || encode(sha256(convert_to(external_id, 'UTF8')), 'hex') as external_id
  from message
  where id = any ($1::bigint[])
    and external_id is not null
), received_before as (
  delete from received
  using old
  where received.account = old.account and received.external_id = old.external_id and received.channel = old.channel
)
delete from namesake
using old
where namesake.account = old.account and namesake.external_id = old.external_id and namesake.channel = old.channel

-- name: forget_message_ids
-- Message-IDs may contain an address, so only a hash stays; somebody who knows the id finds nothing but that hash.
update received
set external_id = 'sha256:' || encode(sha256(convert_to(received.external_id, 'UTF8')), 'hex')
from message
where message.id = any ($1::bigint[])
  and received.message_id = message.id -- another message may have had the id first
  and received.account = message.account
  and received.external_id = message.external_id
  and received.channel = message.channel
  and received.external_id not like 'sha256:%'

-- name: forget_taken_ids
-- The same for messages whose ids were taken.
update namesake
set external_id = 'sha256:' || encode(sha256(convert_to(namesake.external_id, 'UTF8')), 'hex'), conversation_id = null
from message
where message.id = any ($1::bigint[])
  and namesake.message_id = message.id
  and namesake.account = message.account
  and namesake.external_id = message.external_id
  and namesake.channel = message.channel
  and namesake.external_id not like 'sha256:%'

-- name: erase_payloads
-- Deletes the raw bytes of those messages, and others with a trace of the customer: a webhook may hold many people's.
delete from payload
where message_ids && $1::bigint[] or lower(encode(body, 'escape')) ~ any ($2::text[])

-- name: erase_references
-- Deletes Message-IDs, which may contain an address.
delete from mail_reference
using conversation
where conversation.id = mail_reference.conversation_id and conversation.customer_id = $1

-- name: erase_outbox
-- Deletes replies that are not sent yet.
delete from outbox
using conversation
where conversation.id = outbox.conversation_id and conversation.customer_id = $1

-- name: erase_conversations
-- Removes the content of threads; ids and times stay.
with locked as (
  select id from conversation where customer_id = $1 order by id for no key update
)
update conversation
set subject = null, thread_key = null, participants = '{}', is_open = false,
  reply_to = '{"kind": "user", "value": "erased", "scope": "erased", "name": null}'
from locked
where conversation.id = locked.id

-- name: leave_conversations
-- Removes these addresses from the participants of other customers' threads.
with locked as (
  select id from conversation where participants && $1::text[] and customer_id <> $2 order by id for no key update
)
update conversation
set participants = array(select kept from unnest(participants) as kept where kept <> all ($1::text[]))
from locked
where conversation.id = locked.id

-- name: erase_tickets
-- Tickets keep what reports need. Removes the reasons, which quote the customer, and ends open tickets: nobody is left
-- to answer.
with locked as (
  select id, is_open, state, assigned_to from ticket where customer_id = $1 order by id for no key update
), erased as (
  update ticket
  set
    subject = null, reasons = '[]',
    state = case when locked.is_open then 'resolved' else ticket.state end,
    resolved_at = case when locked.is_open then statement_timestamp() else ticket.resolved_at end,
    assigned_to = null, state_until = null, relax_at = null, is_seen = false,
    reserved_for = null, reserved_until = null
  from locked
  where ticket.id = locked.id
  returning
    ticket.id, ticket.queue, ticket.channel, locked.is_open as was_open, locked.state as was,
    locked.assigned_to as agent_id
), noted as (
  insert into ticket_event (ticket_id, at, kind, state, actor, data)
  select
    id, statement_timestamp(), 'resolve', 'resolved', $2, jsonb_build_object('reason', 'erased', 'queue', queue)
  from erased
  where was_open
)
select id, was, agent_id, queue, channel
from erased
where was_open

-- name: erase_unprocessable
-- Deletes unprocessable payloads with a trace of the customer.
delete from unprocessable
where lower(encode(body, 'escape')) ~ any ($1::text[])

-- name: erase_bus
-- Deletes deliveries of the embedded bus with a trace of the customer.
delete from bus_delivery
where lower(encode(body, 'escape')) ~ any ($1::text[])

-- name: erase_handles
-- Deletes the customer's handles, so that nothing recognises them any more.
delete from handle
where customer_id = $1

-- name: erase_customer
-- Leaves a pseudonym: an id, and the times of contacts.
update customer
set name = null, erased_at = now()
where id = $1
