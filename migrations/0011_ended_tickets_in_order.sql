-- migrate:up transaction:false
-- serves: lists of ended tickets, newest first, by queue, team and state; written only when a ticket ends
-- It blocks nobody and may take long. Without `if not exists`, so that an unfinished index is noticed after an
-- interruption.
-- squawk-ignore prefer-robust-stmts, require-lock-timeout, require-statement-timeout
create index concurrently ticket_ended on ticket (queue, team, state, id) where not is_open;

-- migrate:down
