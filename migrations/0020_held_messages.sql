-- migrate:up transaction:false
-- serves: the list of held messages, newest first, and their number. Only what is set aside pays for it.
-- It blocks nobody and may take long. Without `if not exists`, so that an unfinished index is noticed after an
-- interruption.
-- squawk-ignore prefer-robust-stmts, require-lock-timeout, require-statement-timeout
create index concurrently received_held on received (message_id) where outcome = 'set_aside';

-- migrate:down
