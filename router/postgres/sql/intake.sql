-- name: lock_handles
-- One batch at a time for each handle and mail thread, so that first messages in a burst find each other's customer.
select pg_advisory_xact_lock(key)
from unnest($1::bigint[]) as key

-- name: lock_customers
-- The customers that handles, tokens, mail threads and references lead to, merged ones resolved, in id order.
-- Arrays and scalar subqueries instead of joins: a plan made while the tables were empty still uses the indexes.
select id, name, tier, is_blocked, contacts, reopened_count, last_agent_id, created_at
from customer
where id = any (array(
  select (select coalesce(owner.merged_into, owner.id) from customer as owner where owner.id = handle.customer_id)
  from handle
  where handle.key = any ($1::text[])
  union
  select (select coalesce(owner.merged_into, owner.id) from customer as owner where owner.id = conversation.customer_id)
  from conversation
  where conversation.id = any ($2::bigint[])
))
order by id
for no key update

-- name: find_conversations
-- The conversations that tokens, mail threads, references and quoted ticket numbers lead to, not locked yet.
select id
from conversation
where id = any ($1::bigint[])
union
select conversation.id
from unnest($2::text[], $3::text[]) as thread (account, root)
join conversation
  on conversation.account = thread.account and conversation.thread_key = thread.root and conversation.channel = 'email'
union
select reference.conversation_id
from unnest($4::text[], $5::text[]) as wanted (account, message_id)
join mail_reference as reference using (account, message_id)
union
select conversation.id
from conversation
where ticket_id = any ($6::bigint[])

-- name: load_handles
-- Who owns the batch's handles, merged customers resolved.
select
  handle.key,
  (select coalesce(owner.merged_into, owner.id) from customer as owner where owner.id = handle.customer_id)
    as customer_id,
  handle.verified
from handle
where handle.key = any ($1::text[])

-- name: lock_conversations
-- The conversations found, and those still open with these customers.
select
  id,
  (select coalesce(owner.merged_into, owner.id) from customer as owner where owner.id = conversation.customer_id)
    as customer_id,
  channel, provider, account, thread_key, reply_to, subject, ticket_id, is_open, participants, last_message_at,
  created_at
from conversation
where id = any (array(
  select found.id
  from unnest($1::bigint[]) as found (id)
  union
  select ours.id
  from conversation as ours
  where ours.customer_id = any ($2::bigint[]) and ours.is_open and ours.channel <> 'email'
))
order by id
for no key update

-- name: lock_tickets
-- The tickets of these conversations, and the latest twenty open ones of each customer.
select
  id, customer_id, channel, subject, state, queue, team, route, policy_version, complexity, probability, language,
  skills, target_s, enqueued_at, due_at, preferred_agent_id, preferred_until, last_customer_at, reopened_count,
  created_at, resolved_at, assigned_to
from ticket
where id = any (array(
  select found.id
  from unnest($1::bigint[]) as found (id)
  union
  select latest.id
  from unnest($2::bigint[]) as wanted (customer_id)
  cross join lateral (
    select mine.id
    from ticket as mine
    where mine.customer_id = wanted.customer_id and mine.is_open
    order by mine.id desc
    limit 20
  ) as latest
))
order by id
for no key update

-- name: load_references
-- Where the Message-IDs that the batch's mails answer lead to.
select account, message_id, conversation_id
from unnest($1::text[], $2::text[]) as wanted (account, message_id)
join mail_reference using (account, message_id)

-- name: load_received
-- Which messages of the batch have been received before.
select channel, account, external_id, fingerprint, outcome, ticket_id, message_id
from unnest($1::text[], $2::text[], $3::text[]) as wanted (channel, account, external_id)
join received using (channel, account, external_id)

-- name: reserve_ids
-- The only clock that decisions know, and ids for so many new customers, conversations, tickets and messages.
select
  clock_timestamp() as now,
  array(select nextval('customer_ids') from generate_series(1, $1::integer)) as customer,
  array(select nextval('conversation_ids') from generate_series(1, $2::integer)) as conversation,
  array(select nextval('ticket_ids') from generate_series(1, $3::integer)) as ticket,
  array(select nextval('message_ids') from generate_series(1, $4::integer)) as message

-- name: record
-- Everything that a batch came to, each table's rows as a set; one round trip, and references are checked at its end.
with
-- new customers, and the digests of known ones
customers as (
  insert into customer (id, name, tier, contacts, reopened_count, created_at)
  select id, name, tier, string_to_array(nullif(contacts, ''), E'\n'), reopened_count, created_at
  from unnest(
    $2::bigint[], $3::text[], $4::text[], $5::text[], $6::integer[], $7::timestamptz[]
  ) as new (id, name, tier, contacts, reopened_count, created_at)
  on conflict (id) do update
  set contacts = excluded.contacts, reopened_count = excluded.reopened_count
),
-- new handles, and known ones that somebody now vouches for
handles as (
  insert into handle (key, kind, value, scope, name, customer_id, verified, created_at)
  select distinct on (key) key, kind, value, scope, name, customer_id, verified, $1::timestamptz
  from unnest(
    $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::bigint[], $14::boolean[]
  ) as new (key, kind, value, scope, name, customer_id, verified)
  order by key, verified desc
  on conflict (key) do update
  set verified = true
  where excluded.verified and handle.customer_id = excluded.customer_id
),
-- new tickets, and what a message changes about known ones: a new wait, or only the time of the customer's last word.
-- The holder is given only because the row to insert is checked before it conflicts; intake changes no holder.
tickets as (
  insert into ticket (
    id, customer_id, channel, subject, state, queue, team, group_id, route, policy_version, complexity, probability,
    reasons, language, skills, target_s, enqueued_at, due_at, preferred_agent_id, preferred_until, last_customer_at,
    reopened_count, created_at, resolved_at, assigned_to
  )
  select
    id, customer_id, channel, subject, state, queue, team, group_id, route, policy_version, complexity, probability,
    reasons::jsonb, language, coalesce(string_to_array(nullif(skills, ''), ','), '{}'), target_s, enqueued_at, due_at,
    preferred_agent_id, preferred_until, last_customer_at, reopened_count, created_at, resolved_at, assigned_to
  from unnest(
    $15::bigint[], $16::bigint[], $17::text[], $18::text[], $19::text[], $20::text[], $21::text[], $22::bigint[],
    $23::text[], $24::text[], $25::text[], $26::real[], $27::text[], $28::text[], $29::text[], $30::integer[],
    $31::timestamptz[], $32::timestamptz[], $33::bigint[], $34::timestamptz[], $35::timestamptz[], $36::integer[],
    $37::timestamptz[], $38::timestamptz[], $39::bigint[]
  ) as new (
    id, customer_id, channel, subject, state, queue, team, group_id, route, policy_version, complexity, probability,
    reasons, language, skills, target_s, enqueued_at, due_at, preferred_agent_id, preferred_until, last_customer_at,
    reopened_count, created_at, resolved_at, assigned_to
  )
  on conflict (id) do update
  set state = excluded.state, enqueued_at = excluded.enqueued_at, due_at = excluded.due_at,
    preferred_agent_id = excluded.preferred_agent_id, preferred_until = excluded.preferred_until,
    last_customer_at = excluded.last_customer_at, reopened_count = excluded.reopened_count,
    resolved_at = excluded.resolved_at
),
-- new conversations, and what a message changes about known ones; those that end come first, to make room for new ones
conversations as (
  insert into conversation (
    id, customer_id, channel, provider, account, thread_key, reply_to, subject, ticket_id, is_open, participants,
    last_message_at, created_at
  )
  select
    id, customer_id, channel, provider, account, thread_key, reply_to::jsonb, subject, ticket_id, is_open,
    array(select jsonb_array_elements_text(participants::jsonb)), last_message_at, created_at
  from unnest(
    $40::bigint[], $41::bigint[], $42::text[], $43::text[], $44::text[], $45::text[], $46::text[], $47::text[],
    $48::bigint[], $49::boolean[], $50::text[], $51::timestamptz[], $52::timestamptz[]
  ) as new (
    id, customer_id, channel, provider, account, thread_key, reply_to, subject, ticket_id, is_open, participants,
    last_message_at, created_at
  )
  order by is_open
  on conflict (id) do update
  set ticket_id = excluded.ticket_id, is_open = excluded.is_open, participants = excluded.participants,
    last_message_at = excluded.last_message_at
),
-- what was written
messages as (
  insert into message (
    id, received_at, ticket_id, conversation_id, customer_id, direction, channel, account, external_id, author, subject,
    text, html, attachments, attributes, automatic, sent_at
  )
  select
    id, $1::timestamptz, ticket_id, conversation_id, customer_id, 'in', channel, account, external_id, author, subject,
    text, html, attachments::jsonb, attributes::jsonb, automatic, sent_at
  from unnest(
    $53::bigint[], $54::bigint[], $55::bigint[], $56::bigint[], $57::text[], $58::text[], $59::text[], $60::text[],
    $61::text[], $62::text[], $63::text[], $64::text[], $65::text[], $66::text[], $67::timestamptz[]
  ) as new (
    id, ticket_id, conversation_id, customer_id, channel, account, external_id, author, subject, text, html,
    attachments, attributes, automatic, sent_at
  )
),
-- the raw bytes of deliveries, where the rows of their messages do not hold all of them
payloads as (
  insert into payload (id, received_at, message_ids, format, body)
  select message_ids[1], $1::timestamptz, message_ids, format, body
  from (
    select string_to_array(message_ids, ',')::bigint[] as message_ids, format, body
    from unnest($68::text[], $69::text[], $70::bytea[]) as given (message_ids, format, body)
  ) as new
),
-- where answers to the batch's mails will lead
references_ as (
  insert into mail_reference (account, message_id, conversation_id)
  select account, message_id, conversation_id
  from unnest($71::text[], $72::text[], $73::bigint[]) as new (account, message_id, conversation_id)
  on conflict do nothing
),
-- the lines of the tickets' histories, in order
events as (
  insert into ticket_event (ticket_id, at, kind, state, actor, data)
  select ticket_id, $1::timestamptz, kind, state, 'intake', data::jsonb
  from unnest($74::bigint[], $75::text[], $76::text[], $77::text[]) as new (ticket_id, kind, state, data)
),
-- the keys of the batch's messages; one that another transaction took in the meantime repeats the batch
keys as (
  insert into received (channel, account, external_id, fingerprint, received_at, outcome, ticket_id, message_id)
  select channel, account, external_id, fingerprint, $1::timestamptz, outcome, ticket_id, message_id
  from unnest(
    $78::text[], $79::text[], $80::text[], $81::bytea[], $82::text[], $83::bigint[], $84::bigint[]
  ) as new (channel, account, external_id, fingerprint, outcome, ticket_id, message_id)
)
-- a hint to waiting agents, once a batch
select pg_notify('frontdesk_queued', '')
where 'queue' = any ($75::text[])

-- name: put_unprocessable
-- Payloads that became no message, whole; what came again after its first commit is there already.
insert into unprocessable (
  stage, reason, detail, format, account, channel, external_id, routing_key, trace_id, body, hash
)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
on conflict (hash, stage, reason) where replayed_at is null do nothing
returning id

-- name: finish_attempts
-- These deliveries have been settled; they are no suspects any more.
delete from attempt
where hash = any ($1::bytea[])

-- name: load_attempts
-- How often these deliveries were begun and not finished.
select hash, started
from attempt
where hash = any ($1::bytea[])

-- name: begin_attempts
-- These deliveries are begun now.
insert into attempt (hash, started)
select distinct hash, 1
from unnest($1::bytea[]) as begun (hash)
order by hash
on conflict (hash) do update
set started = attempt.started + 1, last_at = now()
