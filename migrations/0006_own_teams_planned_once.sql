-- migrate:up
set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- Row-level security asks for an agent's teams once for each table that a statement reads. An SQL function is planned
-- again every time, which took half the time of reading a ticket's page; PL/pgSQL plans it once per connection.
create or replace function agent_teams() returns text[]
  language plpgsql stable security definer
  set search_path = public, pg_temp
  as $$
begin
  return array(select team from agent_team where agent_id = nullif(current_setting('app.agent_id', true), '')::bigint);
end
$$;

-- migrate:down
