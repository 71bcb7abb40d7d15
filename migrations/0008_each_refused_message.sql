-- migrate:up
set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- Further messages of an unprocessable payload: the payload is kept once, and its row names only the first message.
create table unprocessable_message (
  unprocessable_id bigint not null references unprocessable (id) on delete cascade,
  channel text not null,
  account text not null,
  external_id text not null,
  detail text not null
);
-- serves: what became of a message, asked by its key
create index unprocessable_message_by_key on unprocessable_message (channel, account, external_id);
-- serves: deleting them with their payload
create index unprocessable_message_of_payload on unprocessable_message (unprocessable_id);

-- migrate:down
