-- migrate:up
set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- Nothing ever wrote or read it, so no process notices.
-- squawk-ignore ban-drop-column
alter table outbox drop column attempts;

-- migrate:down
