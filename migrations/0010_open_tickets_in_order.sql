-- migrate:up transaction:false
-- serves: lists of open tickets, newest first, however many have ended. By nothing but the id: every message pays for it.
-- `id > 0` is always so, and keeps it to statements that say so, too. Intake, which asks for a customer's open tickets,
-- would read all of it, with a plan made while the table was empty.
-- It blocks nobody and may take long. Not `if not exists`: one that an interruption left unfinished is to be noticed.
-- squawk-ignore prefer-robust-stmts, require-lock-timeout, require-statement-timeout
create index concurrently ticket_open on ticket (id) where is_open and id > 0;

-- migrate:down
