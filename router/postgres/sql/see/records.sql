-- name: ticket
-- What a ticket itself remembers of how it was judged.
select
  ticket.customer_id, (select name from customer where customer.id = ticket.customer_id) as customer_name,
  ticket.complexity, ticket.reasons
from ticket
where ticket.id = $1
  and ($2::text[] is null or ticket.team = any ($2))

-- name: said
-- The messages and notes with these ids. Decisions read no more of a text than its first 8,000 characters.
select
  message.id, message.conversation_id, message.channel, coalesce(conversation.provider, '') as provider,
  message.account, message.author, message.subject, left(message.text, 8000) as text,
  coalesce(message.attributes, '{}') as attributes
from message
left join conversation on conversation.id = message.conversation_id
where message.id = any ($1::bigint[])

-- name: names
-- The names of the agents with these ids.
select id, name
from agent
where id = any ($1::bigint[])

-- name: policies
-- The text of these versions of the policy.
select version, text
from policy_version
where version = any ($1::text[])
