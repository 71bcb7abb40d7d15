-- migrate:up
set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- Agents read under this role. It owns nothing and does not bypass row-level security, which is the second net under
-- the statements' own team conditions. Roles belong to the whole server, so this one may exist already: made for
-- another database, perhaps at this moment, or by an administrator who does not grant CREATEROLE.
do $$
begin
  if not exists (select from pg_roles where rolname = 'frontdesk_agent') then
    create role frontdesk_agent nologin;
  end if;
exception
  when duplicate_object or unique_violation then null;
end
$$;
do $$
begin
  if not pg_has_role(current_user, 'frontdesk_agent', 'member') then
    execute format('grant frontdesk_agent to %I', current_user);
  end if;
end
$$;

-- Who answers, and who may ask.

create table agent (
  id bigint generated always as identity primary key,
  name text not null constraint agent_names_are_unique unique,
  -- skill to level, 1 to 5
  levels jsonb not null default '{}',
  -- ISO 639 codes
  languages text[] not null default '{}',
  -- what requirements are matched against, derived from levels and languages: german, german:1 to german:4, language:de
  skills text[] not null default '{}',
  -- the total weight an agent can carry, the weight of a ticket by channel, the most tickets by channel; the policy
  -- fills in what is not set here
  capacity integer constraint capacity_is_sane check (capacity between 0 and 1000),
  weights jsonb not null default '{}',
  most jsonb not null default '{}',
  -- keeps the tickets they hold and gets no new ones
  is_draining boolean not null default false,
  retired_at timestamptz,
  created_at timestamptz not null default now()
);

create table agent_team (
  agent_id bigint not null references agent (id),
  team text not null,
  primary key (agent_id, team)
);

create table token (
  id bigint generated always as identity primary key,
  name text not null constraint token_names_are_unique unique,
  role text not null constraint role_is_known check (role in ('integration', 'agent', 'lead', 'admin')),
  agent_id bigint references agent (id),
  hash bytea not null constraint token_hashes_are_unique unique,
  created_at timestamptz not null default now(),
  expires_at timestamptz,
  revoked_at timestamptz,
  constraint agents_and_leads_are_persons check ((role in ('agent', 'lead')) = (agent_id is not null))
);

-- Who writes.

create sequence customer_ids;
create sequence conversation_ids;
create sequence ticket_ids;
create sequence message_ids;

create table customer (
  id bigint primary key,
  name text,
  tier text,
  is_blocked boolean not null default false,
  -- the last twenty contacts, newest last, at most 60 bytes each: the row must stay well under the TOAST threshold
  contacts text[] not null default '{}',
  reopened_count integer not null default 0,
  last_agent_id bigint,
  merged_into bigint references customer (id),
  created_at timestamptz not null,
  erased_at timestamptz
) with (fillfactor = 70);

create table handle (
  key text primary key,
  kind text not null constraint handle_kind_is_known check (kind in ('email', 'phone', 'user')),
  value text not null,
  scope text not null default '',
  name text,
  customer_id bigint not null references customer (id),
  verified boolean not null,
  created_at timestamptz not null
);
-- serves: a customer's handles on the ticket page; erasure
create index handle_of_customer on handle (customer_id);

-- Where tickets wait: tickets with the same queue, team, skills and channel form a group.

create table skill_group (
  id bigint generated always as identity primary key,
  queue text not null,
  team text not null,
  skills text[] not null,
  channel text not null,
  constraint one_group_for_equal_requirements unique (queue, team, skills, channel)
);

-- which agents may get tickets of which group; rewritten whenever skills, teams or groups change
create table agent_group (
  agent_id bigint not null references agent (id),
  group_id bigint not null references skill_group (id),
  primary key (agent_id, group_id)
);

create table ticket (
  id bigint primary key,
  customer_id bigint not null references customer (id),
  channel text not null,
  subject text,
  state text not null constraint ticket_state_is_known check (state in (
    'new', 'queued', 'offered', 'assigned', 'wrap_up', 'snoozed', 'resolved', 'abandoned')),
  is_open boolean not null generated always as (state not in ('resolved', 'abandoned')) stored,
  queue text not null,
  team text not null,
  group_id bigint not null references skill_group (id),
  route text not null,
  policy_version text not null,
  complexity text not null constraint complexity_is_known check (complexity in ('simple', 'complex')),
  probability real not null,
  reasons jsonb not null,
  language text,
  skills text[] not null,
  target_s integer not null,
  enqueued_at timestamptz not null,
  due_at timestamptz not null,
  -- the next step of the route's relaxation, and how many were taken in this wait
  relax_at timestamptz,
  relaxed smallint not null default 0,
  -- reserved for this agent: until `preferred_until` the ticket waits outside its group
  preferred_agent_id bigint,
  preferred_until timestamptz,
  assigned_to bigint,
  assigned_at timestamptz,
  lease_epoch integer not null default 0,
  -- when the state ends unless somebody acts: the end of an offer, of wrap-up, of a snooze with a date
  state_until timestamptz,
  -- the agent has the ticket on screen: `next` may give another one
  is_seen boolean not null default false,
  first_reply_at timestamptz,
  last_customer_at timestamptz not null,
  reopened_count integer not null default 0,
  created_at timestamptz not null,
  resolved_at timestamptz,
  -- the ticket that took over this one's conversations
  merged_into bigint,
  -- a ticket that is offered, assigned or in wrap-up counts against its agent's capacity
  constraint held_tickets_have_an_agent check (
    (state in ('offered', 'assigned', 'wrap_up')) = (assigned_to is not null)),
  -- no statement can assign a ticket to an agent outside its team
  constraint agents_hold_tickets_of_their_teams_only
    foreign key (assigned_to, team) references agent_team (agent_id, team)
) with (fillfactor = 80);
-- serves: heads of the groups, earliest due first
create index ticket_waiting on ticket (group_id, due_at, id) include (enqueued_at)
  where state = 'queued' and preferred_agent_id is null;
-- serves: heads of what is reserved for one agent; kept apart from the groups, so that it blocks none
create index ticket_reserved on ticket (preferred_agent_id, due_at, id)
  where state = 'queued' and preferred_agent_id is not null;
-- serves: an agent's own tickets; `next` repeated after a lost answer
create index ticket_held on ticket (assigned_to, assigned_at) where assigned_to is not null;
-- serves: the timers that end offers, wrap-ups and snoozes
create index ticket_ending on ticket (state_until) where state_until is not null;
-- serves: the timer that relaxes
create index ticket_relaxing on ticket (relax_at) where state = 'queued' and relax_at is not null;
-- serves: a customer's tickets; intake, which looks at the latest open ones, however many have ended
create index ticket_of_customer on ticket (customer_id, is_open, id desc);

create table conversation (
  id bigint primary key,
  customer_id bigint not null references customer (id),
  channel text not null,
  provider text not null,
  account text not null,
  thread_key text,
  -- where replies go: it belongs to the conversation, and a merge of customers does not change it
  reply_to jsonb not null,
  subject text,
  ticket_id bigint references ticket (id),
  is_open boolean not null default true,
  participants text[] not null default '{}',
  last_message_at timestamptz not null,
  created_at timestamptz not null
) with (fillfactor = 80);
-- invariant: chat, SMS and social have one open conversation for each customer and account; serves: finding it
create unique index one_open_conversation_per_customer_and_account
  on conversation (customer_id, account, channel) where is_open and channel <> 'email';
-- invariant: a mail thread is one conversation of its account; serves: finding it
create unique index one_conversation_per_mail_thread
  on conversation (account, thread_key) where channel = 'email';
-- serves: the conversations of a ticket
create index conversation_of_ticket on conversation (ticket_id);
-- serves: erasure
create index conversation_of_customer on conversation (customer_id);

-- Message-IDs seen in and sent from an account: they lead a reply to its conversation.
create table mail_reference (
  account text not null,
  message_id text not null,
  conversation_id bigint not null references conversation (id),
  primary key (account, message_id)
);
-- serves: erasure
create index mail_reference_of_conversation on mail_reference (conversation_id);

-- What was written, and what became of it. Partitioned by month; `frontdesk timers` makes and drops the partitions.

create table received (
  channel text not null,
  account text not null,
  external_id text not null,
  fingerprint bytea not null,
  received_at timestamptz not null,
  outcome text not null,
  ticket_id bigint,
  message_id bigint,
  primary key (account, external_id, channel)
);

create table message (
  id bigint not null,
  received_at timestamptz not null,
  ticket_id bigint,
  conversation_id bigint,
  customer_id bigint,
  direction text not null constraint direction_is_known check (direction in ('in', 'out', 'note')),
  channel text not null,
  account text not null,
  external_id text,
  author text not null,
  agent_id bigint,
  subject text,
  text text not null,
  html text,
  attachments jsonb,
  attributes jsonb,
  automatic text,
  sent_at timestamptz not null,
  primary key (id, received_at)
) partition by range (received_at);
-- serves: the transcript of a ticket
create index message_of_ticket on message (ticket_id, sent_at, id);
-- serves: erasure; people also write in other people's tickets, and outside any ticket
create index message_of_author on message (author);

-- The raw bytes of deliveries that the message rows do not hold completely: provider formats, inline attachments.
-- Stored under the id of the first message; one webhook may hold a thousand.
create table payload (
  id bigint not null,
  received_at timestamptz not null,
  message_ids bigint[] not null,
  format text not null,
  body bytea not null,
  primary key (id, received_at)
) partition by range (received_at);

create table ticket_event (
  id bigint generated by default as identity,
  ticket_id bigint not null,
  at timestamptz not null,
  kind text not null,
  state text not null,
  actor text not null,
  data jsonb not null default '{}',
  primary key (ticket_id, id, at)
) partition by range (at);

create table unprocessable (
  id bigint generated always as identity primary key,
  at timestamptz not null default now(),
  stage text not null,
  reason text not null,
  detail text not null,
  format text not null,
  account text,
  channel text,
  external_id text,
  routing_key text not null default '',
  trace_id text,
  body bytea not null,
  hash bytea not null,
  replayed_at timestamptz
);
-- invariant: a repeated delivery is kept once for each reason, unless it was replayed
create unique index unprocessable_once on unprocessable (hash, stage, reason) where replayed_at is null;
-- serves: what became of a message, asked by its key
create index unprocessable_by_key on unprocessable (channel, account, external_id);

-- Redelivered payloads whose processing has started and not ended: three starts make a payload suspect.
create table attempt (
  hash bytea primary key,
  started integer not null,
  last_at timestamptz not null default now()
);

-- Replies on their way to the bus. A row is deleted once the bus has confirmed it.
create table outbox (
  id bigint generated always as identity primary key,
  conversation_id bigint not null,
  routing_key text not null,
  format text not null,
  account text not null,
  message_id text not null,
  body bytea not null,
  created_at timestamptz not null default now(),
  attempts integer not null default 0
);
-- serves: only the oldest of each conversation is sent, so that replies keep their order
create index outbox_of_conversation on outbox (conversation_id, id);

-- The embedded bus: the two exchanges of the contract as one table.
create table bus_delivery (
  id bigint generated always as identity primary key,
  exchange text not null,
  routing_key text not null,
  format text not null,
  account text,
  body bytea not null,
  message_id text,
  published_at timestamptz not null default clock_timestamp(),
  leased_until timestamptz,
  lease_owner text,
  deliveries integer not null default 0
);
-- serves: leasing the oldest deliveries of an exchange
create index bus_delivery_in_order on bus_delivery (exchange, id);

-- What a deployment's processes share.

create table secret (
  name text primary key,
  value bytea not null
);

create table switch (
  name text primary key,
  is_on boolean not null,
  changed_at timestamptz not null default now()
);
insert into switch (name, is_on) values ('intake', true);

-- One process at a time holds a duty, so that a gauge is exported only once.
create table duty (
  name text primary key,
  holder text not null,
  until timestamptz not null
);

create table policy_version (
  version text primary key,
  text text not null,
  first_used_at timestamptz not null default now()
);

-- Row-level security: agents see the tickets of their teams, what belongs to them, and who wrote them.

create function agent_teams() returns text[]
  language sql stable
  as $$ select array(
    select team from agent_team where agent_id = nullif(current_setting('app.agent_id', true), '')::bigint) $$;

alter table ticket enable row level security;
create policy tickets_of_own_teams on ticket for select to frontdesk_agent
  using (team = any ((select agent_teams())::text[]));
alter table conversation enable row level security;
create policy conversations_of_visible_tickets on conversation for select to frontdesk_agent
  using (exists (select from ticket where ticket.id = conversation.ticket_id));
alter table message enable row level security;
create policy messages_of_visible_tickets on message for select to frontdesk_agent
  using (exists (select from ticket where ticket.id = message.ticket_id));
alter table payload enable row level security;
create policy payloads_of_visible_messages on payload for select to frontdesk_agent
  using (
    cardinality(message_ids) = 1
    and exists (select from message where message.id = payload.id and message.received_at = payload.received_at));
alter table ticket_event enable row level security;
create policy events_of_visible_tickets on ticket_event for select to frontdesk_agent
  using (exists (select from ticket where ticket.id = ticket_event.ticket_id));
alter table customer enable row level security;
create policy customers_of_visible_tickets on customer for select to frontdesk_agent
  using (exists (select from ticket where ticket.customer_id = customer.id));
alter table handle enable row level security;
create policy handles_of_visible_customers on handle for select to frontdesk_agent
  using (exists (select from ticket where ticket.customer_id = handle.customer_id));

grant usage on schema public to frontdesk_agent;
grant select on
  agent, agent_team, customer, handle, ticket, conversation, message, payload, ticket_event, skill_group, agent_group
  to frontdesk_agent;

-- Makes the monthly partitions from this month to `ahead` months on, and returns the new ones. The default partitions
-- only catch rows if no `timers` process has run for that long, so that nothing is lost.
create function ensure_partitions(ahead integer) returns setof text
  language plpgsql
  as $$
declare
  parent text;
  month date;
  partition text;
begin
  foreach parent in array array['message', 'payload', 'ticket_event'] loop
    for month in select generate_series(
      date_trunc('month', now() at time zone 'utc'),
      date_trunc('month', now() at time zone 'utc') + make_interval(months => ahead),
      interval '1 month')
    loop
      partition := format('%s_%s', parent, to_char(month, 'YYYY_MM'));
      if to_regclass(partition) is null then
        begin
          execute format(
            'create table %I partition of %I for values from (%L) to (%L)', partition, parent,
            to_char(month, 'YYYY-MM-DD') || 'T00:00:00Z',
            to_char(month + interval '1 month', 'YYYY-MM-DD') || 'T00:00:00Z');
          return next partition;
        exception
          -- another process was faster, or the default partition already holds rows of this month and keeps them
          when duplicate_table or check_violation then null;
        end;
      end if;
    end loop;
  end loop;
end
$$;
create table message_default partition of message default;
create table payload_default partition of payload default;
create table ticket_event_default partition of ticket_event default;
select ensure_partitions(3);

-- migrate:down
