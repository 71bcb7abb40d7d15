-- name: insert_token
-- Stores the hash of a new token; no row if the name is taken.
insert into token (name, role, agent_id, hash, expires_at)
values ($1, $2, $3, $4, now() + $5::interval)
on conflict (name) do nothing
returning id

-- name: all_tokens
-- Every token ever made, by name; Python has no year after 9999.
select
  token.name,
  token.role,
  agent.name as agent,
  token.created_at,
  case when token.expires_at is not null then least(token.expires_at, '9999-12-31') end as expires_at,
  token.revoked_at
from token
left join agent on agent.id = token.agent_id
order by token.name

-- name: revoke_token
-- Revokes a token; one that has already ended keeps its time.
update token
set revoked_at = coalesce(revoked_at, now())
where name = $1
returning id

-- name: principals
-- The principals behind the tokens that are valid now.
select
  token.hash,
  token.id as token_id,
  token.role,
  agent.id,
  agent.name,
  agent.skills,
  array(select team from agent_team where agent_team.agent_id = agent.id) as teams
from token
left join agent on agent.id = token.agent_id
where token.hash = any ($1)
  and token.revoked_at is null
  and (token.expires_at is null or token.expires_at > now())
