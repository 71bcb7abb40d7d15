-- migrate:up
set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- Row-level security on agents: people read about themselves and about the agents of their own teams.

-- Runs as its owner, whom row-level security does not bind: agent_team's policy calls it and would recurse forever.
alter function agent_teams() security definer;
alter function agent_teams() set search_path = public, pg_temp;

alter table agent_team enable row level security;
create policy members_of_own_teams on agent_team for select to frontdesk_agent
  using (team = any ((select agent_teams())::text[]));
alter table agent enable row level security;
create policy agents_of_own_teams on agent for select to frontdesk_agent
  using (
    id = (select nullif(current_setting('app.agent_id', true), '')::bigint)
    or exists (select from agent_team where agent_team.agent_id = agent.id));
alter table presence enable row level security;
create policy presence_of_visible_agents on presence for select to frontdesk_agent
  using (exists (select from agent where agent.id = presence.agent_id));
alter table audit enable row level security;
create policy audit_of_own_teams_and_their_agents on audit for select to frontdesk_agent
  using (
    subject in (select 'team:' || team from unnest((select agent_teams())) as own (team))
    or subject like 'agent:%' and exists (select from agent where agent.name = substr(audit.subject, 7)));
grant select on audit to frontdesk_agent;

-- migrate:down
