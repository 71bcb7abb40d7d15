-- name: become_agent
-- From here to the end of the transaction row-level security shows what this agent may see.
select set_config('app.agent_id', $1, true), set_config('role', 'frontdesk_agent', true)
