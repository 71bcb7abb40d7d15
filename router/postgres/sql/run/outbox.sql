-- name: oldest_of_each_conversation
-- The replies that may be sent now: each waits for the one before it in its conversation.
select id, routing_key, format, account, message_id, body
from outbox
where not exists (
  select from outbox as earlier
  where earlier.conversation_id = outbox.conversation_id and earlier.id < outbox.id
)
order by id
limit $1
for update skip locked

-- name: sent
-- Deletes replies that the bus has confirmed.
delete from outbox
where id = any ($1::bigint[])
