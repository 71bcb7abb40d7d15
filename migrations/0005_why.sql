-- migrate:up
set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- Row-level security also covers what a lead reads about what keeps their teams' agents from a ticket. Now it covers
-- everything that agents may read.

-- All tickets that an agent holds take capacity, whatever their team; for other teams' tickets, this shows only the
-- channel. Runs as the owner, whom row-level security does not bind.
create function channels_held_by(agent_id bigint) returns text[]
  language sql stable security definer
  set search_path = public, pg_temp
  as $$ select array(select ticket.channel from ticket where ticket.assigned_to = channels_held_by.agent_id) $$;

alter table refusal enable row level security;
create policy refusals_of_visible_tickets on refusal for select to frontdesk_agent
  using (exists (select from ticket where ticket.id = refusal.ticket_id));
grant select on refusal to frontdesk_agent;

alter table skill_group enable row level security;
create policy groups_of_own_teams on skill_group for select to frontdesk_agent
  using (team = any ((select agent_teams())::text[]));
revoke select on agent_group from frontdesk_agent;

-- migrate:down
