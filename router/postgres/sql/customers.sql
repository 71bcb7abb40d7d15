-- name: set_blocked
-- Refuse, or take again, what this customer writes.
update customer
set is_blocked = $2
where id = $1
returning id

-- name: allow_long
-- Erasure may read whole tables.
set local statement_timeout = '30min'

-- name: lock_customer
-- One erasure at a time, and none beside intake.
select id
from customer
where id = $1
for no key update

-- name: handles_of
-- The addresses of a customer.
select key, kind, value
from handle
where customer_id = $1

-- name: tickets_of
-- The tickets of a customer.
select id
from ticket
where customer_id = $1

-- name: erase_messages
-- Everything written by the customer or in the customer's tickets loses its words; ids and times stay.
update message
set external_id = null, subject = null, text = '', html = null, attachments = null, attributes = null,
  author = 'erased'
where customer_id = $1 or ticket_id = any ($2::bigint[]) or (ticket_id is null and author = any ($3::text[]))
returning id

-- name: erase_payloads
-- The raw bytes of those messages.
delete from payload
where message_id = any ($1::bigint[])

-- name: erase_references
-- Message-IDs may carry an address.
delete from mail_reference
using conversation
where conversation.id = mail_reference.conversation_id and conversation.customer_id = $1

-- name: erase_outbox
-- Replies on their way.
delete from outbox
using conversation
where conversation.id = outbox.conversation_id and conversation.customer_id = $1

-- name: erase_conversations
-- Threads keep their ids and times.
update conversation
set subject = null, thread_key = null, participants = '{}', is_open = false,
  reply_to = '{"kind": "user", "value": "erased", "scope": "erased", "name": null}'
where customer_id = $1

-- name: leave_conversations
-- Other customers' threads forget that these addresses took part.
update conversation
set participants = array(select kept from unnest(participants) as kept where kept <> all ($1::text[]))
where participants && $1::text[]

-- name: erase_tickets
-- Tickets keep what reports need.
update ticket
set subject = null
where customer_id = $1

-- name: erase_unprocessable
-- Payloads with a trace of the customer.
delete from unprocessable
where lower(encode(body, 'escape')) ~ any ($1::text[])

-- name: erase_bus
-- Deliveries of the embedded bus with a trace of the customer.
delete from bus_delivery
where lower(encode(body, 'escape')) ~ any ($1::text[])

-- name: erase_handles
-- Nothing recognises the customer any more.
delete from handle
where customer_id = $1

-- name: erase_customer
-- A pseudonym is left: an id, and when contacts were.
update customer
set name = null, erased_at = now()
where id = $1
