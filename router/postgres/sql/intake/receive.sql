-- name: lock_customers
-- Locks the customers that handles, tokens, mail threads, references and quoted ticket numbers lead to, merged ones
-- resolved, in id order. Returns them, and the conversations that led to them, not locked yet.
-- Arrays and subqueries of one row instead of joins: a plan made while the tables were empty still uses the indexes.
-- `union all`: the index looks up an id once even if it comes twice, and removing duplicates would take a hash table.
with found as materialized (
  select id
  from conversation
  where id = any ($2::bigint[])
  union all
  select (
    select conversation.id
    from conversation
    where conversation.account = thread.account and conversation.thread_key = thread.root
      and conversation.channel = 'email')
  from unnest($3::text[], $4::text[]) as thread (account, root)
  union all
  select (
    select reference.conversation_id
    from mail_reference as reference
    where reference.account = wanted.account and reference.message_id = wanted.message_id)
  from unnest($5::text[], $6::text[]) as wanted (account, message_id)
  union all
  select further.conversation_id
  from unnest($5::text[], $6::text[]) as wanted (account, message_id)
  cross join lateral (
    select namesake.conversation_id
    from namesake
    where namesake.account = wanted.account and namesake.external_id = wanted.message_id
      and namesake.channel = 'email'
    limit 20
  ) as further
  union all
  select conversation.id
  from conversation
  where ticket_id = any ($7::bigint[])
),
customers as materialized (
  select id, created_at, name, tier, is_blocked, contacts, reopened_count, last_agent_id
  from customer
  where id = any (array(
    select (select coalesce(owner.merged_into, owner.id) from customer as owner where owner.id = handle.customer_id)
    from handle
    where handle.key = any ($1::text[])
    union all
    select (
      select coalesce(owner.merged_into, owner.id) from customer as owner where owner.id = conversation.customer_id)
    from conversation
    where conversation.id = any (array(select id from found))
  ))
  order by id
  for no key update
)
select
  array(select customers from customers) as customers,
  array(select id from found where id is not null) as found

-- name: lock_and_load
-- Locks the conversations found and those still open with these customers, then their tickets and the latest twenty
-- open ones of each customer. Reads them, who owns the handles (merged customers resolved), where the Message-IDs that
-- mails answer lead to, and which messages were received before, under these keys or with them (what is kept of one is
-- hashed, too). Returns ids for so many new customers, conversations, tickets and messages, and the only clock that
-- decisions know.
-- One statement is enough, although it sees other rows as they were before it waited for any lock. It reads a row again
-- after waiting for it. It misses no row: a transaction makes a customer's tickets, or moves their conversations to other
-- tickets, only after locking the customer, and here the customers are locked already.
-- `id + 0` keeps indexes out of this order: a plan made while the table was empty would read such an index to its end.
with conversations as materialized (
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
    union all
    select ours.id
    from conversation as ours
    where ours.customer_id = any ($2::bigint[]) and ours.is_open and ours.channel <> 'email'
  ))
  order by id
  for no key update
),
tickets as materialized (
  select
    id, customer_id, channel, subject, state, queue, team, route, policy_version, complexity, probability,
    language, skills, target_s, enqueued_at, due_at, reserved_for, reserved_until, last_customer_at,
    reopened_count, created_at, resolved_at, assigned_to, relax_at, relaxed, first_reply_at
  from ticket
  where id = any (array(
    select conversations.ticket_id
    from conversations
    union all
    select latest.id
    from unnest($2::bigint[]) as wanted (customer_id)
    cross join lateral (
      select mine.id
      from ticket as mine
      where mine.customer_id = wanted.customer_id and mine.is_open
      order by mine.id + 0 desc
      limit 20
    ) as latest
  ))
  order by id
  for no key update
)
select
  array(select conversations from conversations) as conversations,
  array(select tickets from tickets) as tickets,
  -- read after the last lock, so that it is later than what the lock's holder did
  (select clock_timestamp() from (select count(*) from tickets) as all_locked) as now,
  array(select nextval('customer_ids') from generate_series(1, $10::integer)) as customer,
  array(select nextval('conversation_ids') from generate_series(1, $11::integer)) as conversation,
  array(select nextval('ticket_ids') from generate_series(1, $12::integer)) as ticket,
  array(select nextval('message_ids') from generate_series(1, $13::integer)) as message,
  array(
    select (
      handle.key,
      (select coalesce(owner.merged_into, owner.id) from customer as owner where owner.id = handle.customer_id),
      handle.verified)
    from handle
    where handle.key = any ($3::text[])
  ) as handles,
  array(
    select found
    from unnest($4::text[], $5::text[]) as wanted (account, message_id)
    cross join lateral (
      select account, message_id, conversation_id
      from mail_reference
      where mail_reference.account = wanted.account and mail_reference.message_id = wanted.message_id
      limit 1
    ) as found
  ) as references,
  array(
    select found
    from unnest($4::text[], $5::text[]) as wanted (account, message_id)
    cross join lateral (
      select account, external_id, conversation_id
      from namesake
      where namesake.account = wanted.account and namesake.external_id = wanted.message_id
        and namesake.channel = 'email' and namesake.conversation_id is not null
      limit 20
    ) as found
  ) as further_references,
  array(
    select found
    from unnest($6::text[], $7::text[], $8::text[]) as wanted (channel, account, external_id)
    cross join lateral (
      select
        channel, account, external_id, fingerprint, outcome, ticket_id, message_id,
        (
          select sha256(payload.body)
          from payload
          where payload.id = received.message_id and payload.received_at = received.received_at
        ) as payload_hash
      from received
      where received.channel = wanted.channel and received.account = wanted.account
        and received.external_id = wanted.external_id
      limit 1
    ) as found
  ) as received,
  array(
    select found
    from unnest($6::text[], $7::text[], $8::text[], $9::bytea[]) as wanted (channel, account, external_id, fingerprint)
    cross join lateral (
      select channel, account, external_id, fingerprint, outcome
      from namesake
      where namesake.channel = wanted.channel and namesake.account = wanted.account
        and namesake.external_id = wanted.external_id and namesake.fingerprint = wanted.fingerprint
      limit 1
    ) as found
  ) as namesakes

-- name: record
-- Writes everything that a batch changed, each table's rows as one JSON array. It takes one round trip, and references
-- are checked at its end. JSON, because a ticket's columns cost the worker 12 us as arrays in asyncpg, but 1 us in
-- orjson; the server takes 6 us more to read them.
-- What becomes jsonb is read as text and then cast. json_to_recordset itself would free the memory for that only after
-- the last row, which takes 1 us more a message.
with
-- new customers, and the digests of known ones
customers as (
  insert into customer (id, name, tier, contacts, reopened_count, created_at)
  select id, name, tier, contacts, reopened_count, created_at
  from json_to_recordset($2::json) as new (
    id bigint, name text, tier text, contacts text[], reopened_count integer, created_at timestamptz)
  on conflict (id) do update
  set contacts = excluded.contacts, reopened_count = excluded.reopened_count
),
-- new handles, and known ones that are verified from now on
handles as (
  insert into handle (key, kind, value, scope, name, customer_id, verified, created_at)
  select distinct on (key) key, kind, value, scope, name, customer_id, verified, $1::timestamptz
  from json_to_recordset($3::json) as new (
    key text, kind text, value text, scope text, name text, customer_id bigint, verified boolean)
  order by key, verified desc
  on conflict (key) do update
  set verified = true
  where excluded.verified and handle.customer_id = excluded.customer_id
),
-- new tickets, and what a message changes about known ones: a new wait, the end of wrap-up, or only the time of the
-- customer's last word.
-- The holder is given only because the row to insert is checked before it conflicts. Intake changes no holder, except
-- that it ends the offer of a ticket whose customer has left.
tickets as (
  insert into ticket (
    id, customer_id, channel, subject, state, queue, team, group_id, route, policy_version, complexity, probability,
    reasons, language, skills, target_s, enqueued_at, due_at, reserved_for, reserved_until, last_customer_at,
    reopened_count, created_at, resolved_at, assigned_to, relax_at, relaxed
  )
  select
    id, customer_id, channel, subject, state, queue, team, group_id, route, policy_version, complexity, probability,
    reasons::jsonb, language, skills, target_s, enqueued_at, due_at, reserved_for, reserved_until,
    last_customer_at, reopened_count, created_at, resolved_at, assigned_to, relax_at, relaxed
  from json_to_recordset($4::json) as new (
    id bigint, customer_id bigint, channel text, subject text, state text, queue text, team text, group_id bigint,
    route text, policy_version text, complexity text, probability real, reasons text, language text, skills text[],
    target_s integer, enqueued_at timestamptz, due_at timestamptz, reserved_for bigint,
    reserved_until timestamptz, last_customer_at timestamptz, reopened_count integer, created_at timestamptz,
    resolved_at timestamptz, assigned_to bigint, relax_at timestamptz, relaxed smallint)
  on conflict (id) do update
  set state = excluded.state, enqueued_at = excluded.enqueued_at, due_at = excluded.due_at,
    reserved_for = excluded.reserved_for, reserved_until = excluded.reserved_until,
    last_customer_at = excluded.last_customer_at, reopened_count = excluded.reopened_count,
    resolved_at = excluded.resolved_at, relax_at = excluded.relax_at, relaxed = excluded.relaxed,
    state_until = case when excluded.state = ticket.state then ticket.state_until end,
    assigned_to = case when excluded.state <> 'abandoned' then ticket.assigned_to end
),
-- new conversations, and what a message changes about known ones; those that end come first, to make room for new ones
conversations as (
  insert into conversation (
    id, customer_id, channel, provider, account, thread_key, reply_to, subject, ticket_id, is_open, participants,
    last_message_at, created_at
  )
  select
    id, customer_id, channel, provider, account, thread_key, reply_to::jsonb, subject, ticket_id, is_open, participants,
    last_message_at, created_at
  from json_to_recordset($5::json) as new (
    id bigint, customer_id bigint, channel text, provider text, account text, thread_key text, reply_to text,
    subject text, ticket_id bigint, is_open boolean, participants text[], last_message_at timestamptz,
    created_at timestamptz)
  order by is_open
  on conflict (id) do update
  set ticket_id = excluded.ticket_id, is_open = excluded.is_open, participants = excluded.participants,
    last_message_at = excluded.last_message_at
),
-- the messages themselves
messages as (
  insert into message (
    id, received_at, ticket_id, conversation_id, customer_id, direction, channel, account, external_id, author, subject,
    text, html, attachments, attributes, automatic, sent_at
  )
  select
    id, $1::timestamptz, ticket_id, conversation_id, customer_id, 'in', channel, account, external_id, author, subject,
    text, html, attachments::jsonb, attributes::jsonb, automatic, sent_at
  from json_to_recordset($6::json) as new (
    id bigint, ticket_id bigint, conversation_id bigint, customer_id bigint, channel text, account text,
    external_id text, author text, subject text, text text, html text, attachments text, attributes text,
    automatic text, sent_at timestamptz)
),
-- the raw bytes of deliveries, if the rows of their messages do not hold all of them
payloads as (
  insert into payload (id, received_at, message_ids, format, body)
  select message_ids[1], $1::timestamptz, message_ids, format, bodies.body
  from json_to_recordset($7::json) as new (position integer, message_ids bigint[], format text)
  join unnest($8::bytea[]) with ordinality as bodies (body, position) using (position)
),
-- the conversations that answers to the batch's mails will lead to
references_ as (
  insert into mail_reference (account, message_id, conversation_id)
  select account, message_id, conversation_id
  from json_to_recordset($9::json) as new (account text, message_id text, conversation_id bigint)
  on conflict do nothing
),
-- the lines of the tickets' histories, in order
events as (
  insert into ticket_event (ticket_id, at, kind, state, actor, data)
  select ticket_id, $1::timestamptz, kind, state, 'intake', data::jsonb
  from json_to_recordset($10::json) as new (ticket_id bigint, kind text, state text, data text)
),
-- the keys of the batch's messages; if another transaction has taken one meanwhile, the batch is repeated
keys as (
  insert into received (channel, account, external_id, fingerprint, received_at, outcome, ticket_id, message_id)
  select
    channel, account, external_id, decode(fingerprint, 'hex'), $1::timestamptz, outcome, ticket_id, message_id
  from json_to_recordset($11::json) as new (
    channel text, account text, external_id text, fingerprint text, outcome text, ticket_id bigint, message_id bigint)
),
-- the same for messages whose keys were taken
namesakes as (
  insert into namesake (
    channel, account, external_id, fingerprint, received_at, outcome, ticket_id, message_id, conversation_id
  )
  select
    channel, account, external_id, decode(fingerprint, 'hex'), $1::timestamptz, outcome, ticket_id, message_id,
    conversation_id
  from json_to_recordset($12::json) as new (
    channel text, account text, external_id text, fingerprint text, outcome text, ticket_id bigint, message_id bigint,
    conversation_id bigint)
)
-- hints, once a batch
select pg_notify(topic, '')
from unnest($13::text[]) as topic

-- name: put_unprocessable
-- Keeps a payload that became no message, whole. If it comes again after its first commit, it is there already.
with kept as (
  insert into unprocessable (
    stage, reason, detail, format, account, channel, external_id, routing_key, trace_id, body, hash
  )
  values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
  on conflict (hash, stage, reason) where replayed_at is null do nothing
  returning id
),
-- the messages in it beyond the one that its row names
messages as (
  insert into unprocessable_message (unprocessable_id, channel, account, external_id, detail)
  select kept.id, further.channel, further.account, further.external_id, further.detail
  from kept
  cross join unnest($12::text[], $13::text[], $14::text[], $15::text[])
    as further (channel, account, external_id, detail)
)
select id
from kept

-- name: finish_attempts
-- Forgets the attempts of settled deliveries: they are no longer suspects.
delete from attempt
where hash = any ($1::bytea[])

-- name: load_attempts
-- How often these deliveries were started and not finished.
select hash, started
from attempt
where hash = any ($1::bytea[])

-- name: begin_attempts
-- Counts that these deliveries are started now.
insert into attempt (hash, started)
select distinct hash, 1
from unnest($1::bytea[]) as begun (hash)
order by hash
on conflict (hash) do update
set started = attempt.started + 1, last_at = now()
