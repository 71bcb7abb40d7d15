-- migrate:up
set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- Row-level security asks for an agent's teams once for each table that a statement reads. In SQL the function is
-- planned anew every time, which took half of the reading of a ticket's page; in PL/pgSQL once for each connection.
create or replace function agent_teams() returns text[]
  language plpgsql stable security definer
  set search_path = public, pg_temp
  as $$
begin
  return array(select team from agent_team where agent_id = nullif(current_setting('app.agent_id', true), '')::bigint);
end
$$;

-- migrate:down
