-- migrate:up transaction:false
-- serves: lists of open tickets, newest first, however many have ended. Only the id, because every message pays for it.
-- `id > 0` is always true and limits the index to statements that say it too. Otherwise intake, which asks for a
-- customer's open tickets, would read all of it with a plan made while the table was empty.
-- It blocks nobody and may take long. Without `if not exists`, so that an unfinished index is noticed after an
-- interruption.
-- squawk-ignore prefer-robust-stmts, require-lock-timeout, require-statement-timeout
create index concurrently ticket_open on ticket (id) where is_open and id > 0;

-- migrate:down
