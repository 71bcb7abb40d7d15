-- migrate:up
set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- On from the first start with a broker: a process that then used the table would put messages where nobody looks.
insert into switch (name, is_on) values ('rabbitmq', false);

-- migrate:down
