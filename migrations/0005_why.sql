-- migrate:up
set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- A lead reads under row-level security, too, what keeps the agents of their teams from a ticket; and nothing that
-- agents may read is left without it.

-- What an agent holds fills their hands, whosever the tickets are; of those of other teams no more than the channel is
-- told. As the owner, whom row-level security does not bind.
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
