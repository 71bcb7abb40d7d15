-- migrate:up transaction:false
-- serves: lists of tickets that have ended, newest first, by where and how; written only when they end
-- It blocks nobody and may take long. Not `if not exists`: one that an interruption left unfinished is to be noticed.
-- squawk-ignore prefer-robust-stmts, require-lock-timeout, require-statement-timeout
create index concurrently ticket_ended on ticket (queue, team, state, id) where not is_open;

-- migrate:down
