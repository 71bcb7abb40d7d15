-- migrate:up
set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- Messages that came under a key which another message had before (`received` has that one). Each is recognised when it
-- comes again, and a mail whose id is answered leads to its own conversation, too.
create table namesake (
  channel text not null,
  account text not null,
  external_id text not null,
  fingerprint bytea not null,
  received_at timestamptz not null,
  outcome text not null,
  ticket_id bigint,
  message_id bigint,
  conversation_id bigint,
  primary key (account, external_id, channel, fingerprint)
);

-- migrate:down
