-- name: newest
-- The newest messages that are held, without their bytes. The words of erased ones are gone, so nobody has to look.
select
  message.id, message.received_at as at, coalesce(message.automatic, 'own_notification') as reason, message.channel,
  message.account, message.external_id, message.author, message.subject, message.text
from received
join message on message.id = received.message_id and message.received_at = received.received_at
where received.outcome = 'set_aside'
  and received.message_id < coalesce($2::bigint, 9223372036854775807)
  and message.author <> 'erased'
  and coalesce(message.automatic, 'own_notification') = coalesce($3, message.automatic, 'own_notification')
order by received.message_id desc
limit $1

-- name: counts
-- How many messages are held, by reason.
select coalesce(message.automatic, 'own_notification') as reason, count(*) as held
from received
join message on message.id = received.message_id and message.received_at = received.received_at
where received.outcome = 'set_aside'
  and message.author <> 'erased'
group by coalesce(message.automatic, 'own_notification')
order by reason

-- name: one
-- One message that is held.
select
  message.id, message.received_at as at, coalesce(message.automatic, 'own_notification') as reason, message.channel,
  message.account, message.external_id, message.author, message.subject, message.text
from received
join message on message.id = received.message_id and message.received_at = received.received_at
where received.outcome = 'set_aside'
  and received.message_id = $1
  and message.author <> 'erased'

-- name: bytes
-- The bytes that a held message came with. A payload has the id of the first of its messages; one webhook holds at most
-- some thousands, so only the payloads shortly before can hold this one.
select payload.format, message.account, payload.body
from message
join payload on payload.received_at = message.received_at
  and payload.id between message.id - 10000 and message.id
  and message.id = any (payload.message_ids)
where message.id = $1

-- name: freed
-- What became of a message that was released, as long as the audit trail says that it was.
select received.outcome, received.ticket_id
from message
join received on received.channel = message.channel and received.account = message.account
  and received.external_id = message.external_id and received.message_id = message.id
where message.id = $1
  and received.outcome <> 'set_aside'
  and received.ticket_id is not null
  and exists (select from audit where subject = 'message:' || $1::bigint and action = 'message.release')

-- name: take_back
-- Forgets that a held message was received, so that it can be taken in once more in the same transaction.
with back as (
  delete from received
  where channel = $1 and account = $2 and external_id = $3 and outcome = 'set_aside'
  returning message_id, received_at
),
bytes as (
  delete from payload
  using back
  where payload.id = back.message_id
    and payload.received_at = back.received_at
    and cardinality(payload.message_ids) = 1
)
delete from message
using back
where message.id = back.message_id and message.received_at = back.received_at
