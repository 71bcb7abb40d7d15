-- migrate:up
set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- An agent's declared status and live lease; separate from `agent` because it changes all the time.
create table presence (
  agent_id bigint primary key references agent (id),
  status text not null constraint status_is_known check (status in ('available', 'busy', 'away', 'wrap_up', 'offline')),
  -- one of the policy's reasons for the status
  reason text,
  since timestamptz not null,
  -- the lease is live until this time plus the grace time
  seen_at timestamptz not null,
  -- since when the agent has got no new ticket: the longest idle agent gets the next offer
  idle_since timestamptz not null,
  -- offers in a row that expired unanswered
  missed smallint not null default 0
) with (fillfactor = 50);
-- serves: the timer that finds agents whose lease has ended
create index presence_by_seen on presence (seen_at);

-- Who declined an offer or let it expire in the wait that started at `enqueued_at`.
create table refusal (
  ticket_id bigint not null references ticket (id) on delete cascade,
  agent_id bigint not null references agent (id),
  enqueued_at timestamptz not null,
  at timestamptz not null,
  kind text not null constraint refusal_is_known check (kind in ('declined', 'expired')),
  primary key (ticket_id, agent_id)
);

-- Changes to agents, teams, presence and tokens, and who made them; tickets have `ticket_event`.
create table audit (
  id bigint generated always as identity primary key,
  at timestamptz not null default clock_timestamp(),
  actor text not null,
  action text not null,
  subject text not null,
  data jsonb not null default '{}'
);
-- serves: the history of one agent or team
create index audit_of_subject on audit (subject, id);

grant select on presence to frontdesk_agent;

-- migrate:down
