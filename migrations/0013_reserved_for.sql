-- migrate:up
set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- One word for one idea: a ticket is reserved for an agent, until a time. No release has used the old names.
-- squawk-ignore renaming-column
alter table ticket rename column preferred_agent_id to reserved_for;
-- squawk-ignore renaming-column
alter table ticket rename column preferred_until to reserved_until;

-- migrate:down
