-- name: lock_agents
-- First in the order of locks: whoever gives or takes something of these agents does so one after another; in id order,
-- so that nobody deadlocks.
select from agent
where id = any ($1::bigint[])
order by id
for no key update
