-- name: pages
-- Pages of tickets in the order asked for, each as row-level security shows it to the agent who asks.
select
  case
    when agent_id is null then ticket_page(ticket_id, teams, $2)
    else ticket_page_seen_by(agent_id, ticket_id, teams, $2)
  end as page
from rows from (json_to_recordset($1) as (agent_id bigint, ticket_id bigint, teams text[])) with ordinality as asked
order by ordinality

-- name: older
-- The last entries of a ticket's transcript before a place, latest first.
-- One row without an entry means that there is none, no row that there is no such ticket.
select (
  select row_to_json(shown)
  from (
    select
      entry.id, entry.conversation_id, entry.direction, entry.channel, entry.author, entry.agent_id, entry.subject,
      entry.text, entry.html, coalesce(entry.attachments, '[]') as attachments,
      coalesce(entry.attributes, '{}') as attributes, entry.automatic, entry.sent_at, entry.received_at
  ) as shown
  where entry.id is not null
) as entry
from ticket
left join lateral (
  select *
  from message
  where ticket_id = ticket.id
    and (received_at, id) < ($3, $4)
  order by received_at desc, id desc
  limit $5
) as entry on true
where ticket.id = $1
  and ($2::text[] is null or ticket.team = any ($2))
order by entry.received_at desc, entry.id desc

-- name: newer
-- The first entries of a ticket's transcript after a place, oldest first.
-- One row without an entry means that there is none, no row that there is no such ticket.
select (
  select row_to_json(shown)
  from (
    select
      entry.id, entry.conversation_id, entry.direction, entry.channel, entry.author, entry.agent_id, entry.subject,
      entry.text, entry.html, coalesce(entry.attachments, '[]') as attachments,
      coalesce(entry.attributes, '{}') as attributes, entry.automatic, entry.sent_at, entry.received_at
  ) as shown
  where entry.id is not null
) as entry
from ticket
left join lateral (
  select *
  from message
  where ticket_id = ticket.id
    and (received_at, id) > ($3, $4)
  order by received_at, id
  limit $5
) as entry on true
where ticket.id = $1
  and ($2::text[] is null or ticket.team = any ($2))
order by entry.received_at, entry.id

-- name: history
-- What happened to a ticket, oldest first.
select ticket_event.at, ticket_event.kind, ticket_event.state, ticket_event.actor, ticket_event.data
from ticket_event
join ticket on ticket.id = ticket_event.ticket_id
where ticket.id = $1
  and ($2::text[] is null or ticket.team = any ($2))
order by ticket_event.id

-- name: tickets
-- A page of tickets, newest first. For ended tickets, an index by queue, team and state leads to just one page, however
-- long the history. Open tickets have their own index, which a statement uses only if it says `id > 0`.
with ended as (
  select distinct skill_group.queue, skill_group.team, states.state
  from skill_group
  cross join (values ('resolved'), ('abandoned')) as states (state)
  where ($1::text[] is null or skill_group.team = any ($1))
    and ($2::text is null or states.state = $2)
    and ($3::text is null or skill_group.queue = $3)
), found as (
  (
    select id
    from ticket
    where is_open
      and id > 0
      and coalesce($2 not in ('resolved', 'abandoned'), true)
      and ($1::text[] is null or team = any ($1))
      and ($2::text is null or state = $2)
      and ($3::text is null or queue = $3)
      and id between $4 and $5
    order by id desc
    limit $6
  )
  union all
  select latest.id
  from ended
  cross join lateral (
    select id
    from ticket
    where not is_open
      and ticket.queue = ended.queue
      and ticket.team = ended.team
      and ticket.state = ended.state
      and id between $4 and $5
    order by id desc
    limit $6
  ) as latest
)
select
  id, customer_id, channel, subject, state, queue, team, complexity, enqueued_at, due_at, assigned_to, created_at,
  resolved_at, merged_into
from ticket
where id = any (array(select id from found order by id desc limit $6))
order by id desc

-- name: tickets_of_customers
-- A page of some customers' tickets, newest first.
-- `id + 0` keeps indexes out of this order: a plan made while the table was empty would read one to its end.
select
  id, customer_id, channel, subject, state, queue, team, complexity, enqueued_at, due_at, assigned_to, created_at,
  resolved_at, merged_into
from ticket
where ($1::text[] is null or team = any ($1))
  and ($2::text is null or state = $2)
  and ($3::text is null or queue = $3)
  and id between $4 and $5
  and customer_id = any ($7::bigint[])
order by id + 0 desc
limit $6

-- name: tickets_held
-- What an agent holds, oldest assignment first.
select
  id, customer_id, channel, subject, state, queue, team, complexity, enqueued_at, due_at, assigned_to, lease_epoch,
  created_at, resolved_at
from ticket
where assigned_to = $2
  and ($1::text[] is null or team = any ($1))
order by assigned_at, id

-- name: cards
-- Customers with all that is known about them, as a ticket's page shows it: only those with a ticket in one of the
-- teams.
select customer_card(id, $2) as customer
from customer
where id = any ($1)
  and ($2::text[] is null or exists (select from ticket where customer_id = customer.id and team = any ($2)))

-- name: customers_by_handle
-- The customer who has this handle.
select customer_id
from handle
where key = $1

-- name: original
-- A message of a ticket as it came, unless others came with it: they may belong to other teams.
select payload.format, message.account, payload.body
from message
join ticket on ticket.id = message.ticket_id
join payload on payload.id = message.id and payload.received_at = message.received_at
where message.ticket_id = $1
  and message.id = $2
  and ($3::text[] is null or ticket.team = any ($3))
  and cardinality(payload.message_ids) = 1

-- name: queues
-- How many tickets wait in each queue, for how long, and how many are past their target.
select
  skill_group.queue,
  skill_group.team,
  count(*) as waiting,
  count(*) filter (where waiting.due_at < now()) as overdue,
  greatest(extract(epoch from now() - min(waiting.enqueued_at)), 0)::float8 as longest_wait_s
from waiting_ticket as waiting
join skill_group on skill_group.id = waiting.group_id
where $1::text[] is null or skill_group.team = any ($1)
group by skill_group.queue, skill_group.team

-- name: queues_ever
-- The queues where tickets of these teams have ever waited.
select distinct queue
from skill_group
where $1::text[] is null or team = any ($1)

-- name: received
-- What became of a message that was taken in.
-- An erasure leaves the hash of its id; if it is sent again, it is taken in again, under the id itself.
select received_at, case external_id when $2 then outcome else 'erased' end as outcome, ticket_id
from received
where account = $1
  and external_id = any (array[$2, 'sha256:' || encode(sha256(convert_to($2, 'UTF8')), 'hex')])
  and channel = $3
order by external_id = $2 desc
limit 1

-- name: namesakes
-- What became of the latest messages that came under this key after another one had it.
select outcome, received_at, ticket_id
from namesake
where account = $1
  and external_id = $2
  and channel = $3
order by received_at desc
limit 10

-- name: unprocessable
-- Why the latest payload under this key could not be processed, unless it was replayed since.
select at, stage, reason, detail
from (
  select id, replayed_at, at, stage, reason, detail
  from unprocessable
  where channel = $1
    and account = $2
    and external_id = $3
  union all
  select payload.id, payload.replayed_at, payload.at, payload.stage, payload.reason, further.detail
  from unprocessable_message as further
  join unprocessable as payload on payload.id = further.unprocessable_id
  where further.channel = $1
    and further.account = $2
    and further.external_id = $3
) as refused
where replayed_at is null
order by id desc
limit 1
