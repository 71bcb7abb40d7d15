-- migrate:up
set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- Turned on at the first start with a broker: a process that used the table after that would put messages where nobody
-- looks.
insert into switch (name, is_on) values ('rabbitmq', false);

-- migrate:down
