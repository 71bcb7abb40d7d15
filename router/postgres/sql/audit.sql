-- name: note
-- Records one change and who made it.
insert into audit (actor, action, subject, data)
values ($1, $2, $3, $4)

-- name: changes
-- A page of the trail, newest first: changes to these teams and their agents; null means all.
-- The limit is a subquery, because under row-level security a bare `coalesce` can use no index.
select id, at, actor, action, subject, data
from audit
where ($2::text is null or subject = $2)
  and id < (select coalesce($3::bigint, 9223372036854775807))
  and (
    $1::text[] is null
    or subject in (select 'team:' || team from unnest($1) as own (team))
    or subject like 'agent:%' and exists (
      select from agent
      join agent_team on agent_team.agent_id = agent.id
      where agent.name = substr(audit.subject, 7)
        and agent_team.team = any ($1)))
order by id desc
limit $4
