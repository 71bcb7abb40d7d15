-- name: oldest_of_each_conversation
-- What may be sent now without overtaking: a reply waits for the one before it.
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
-- The bus has these for good.
delete from outbox
where id = any ($1::bigint[])
