-- name: find_groups
-- The existing groups of these requirements.
select skill_group.id, skill_group.queue, skill_group.team, skill_group.skills, skill_group.channel
from jsonb_to_recordset($1::jsonb)
  as required (queue text, team text, skills text[], channel text)
join skill_group using (queue, team, skills, channel)

-- name: serialise_groups
-- From here to the end of the transaction, nobody else makes a group or changes who is eligible for one.
-- Only the next statement's snapshot sees what the last holder wrote.
select pg_advisory_xact_lock(hashtextextended('frontdesk.groups', 0))

-- name: insert_groups
-- Makes the missing groups and returns them.
insert into skill_group (queue, team, skills, channel)
select queue, team, skills, channel
from jsonb_to_recordset($1::jsonb)
  as required (queue text, team text, skills text[], channel text)
on conflict on constraint one_group_for_equal_requirements do nothing
returning id

-- name: fill_groups
-- Adds to the new groups everybody who is eligible for them.
insert into agent_group (agent_id, group_id)
select agent_id, group_id
from eligible
where group_id = any ($1::bigint[])

-- name: leave_groups
-- Removes the agent from groups that their teams and skills no longer allow.
delete from agent_group
where agent_id = $1
  and group_id not in (select eligible.group_id from eligible where eligible.agent_id = $1)

-- name: join_groups
-- Adds the agent to every group that their teams and skills allow.
insert into agent_group (agent_id, group_id)
select agent_id, group_id
from eligible
where agent_id = $1
on conflict do nothing
