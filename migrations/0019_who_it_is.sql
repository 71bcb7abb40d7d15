-- migrate:up
set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- Who a message says it is from: the name in it, the addresses and numbers that nobody vouches for, and where answers
-- are wanted if that is not the author's address.
alter table message add column author_name text, add column unverified jsonb, add column reply_to jsonb;
-- serves: the unverified handles of a ticket, on its page, however long the transcript
-- squawk-ignore require-concurrent-index-creation
create index message_with_unverified on message (ticket_id, received_at, id) where unverified is not null; -- partitioned
-- When an answer in the ticket last came back as undeliverable.
alter table ticket add column bounced_at timestamptz;

-- An entry of a transcript, as pages show it.
create function transcript_entry(entry message) returns json
  language sql stable
  return json_build_object(
    'id', entry.id,
    'conversation_id', entry.conversation_id,
    'direction', entry.direction,
    'channel', entry.channel,
    'author', entry.author,
    'author_name', entry.author_name,
    'unverified', coalesce(entry.unverified, '[]'),
    'reply_to', entry.reply_to,
    'agent_id', entry.agent_id,
    'agent', (select name from agent where agent.id = entry.agent_id),
    'subject', entry.subject,
    'text', entry.text,
    'html', entry.html,
    'attachments', coalesce(entry.attachments, '[]'),
    'attributes', coalesce(entry.attributes, '{}'),
    'automatic', entry.automatic,
    'sent_at', entry.sent_at,
    'received_at', entry.received_at);

-- What people wrote about themselves in a ticket and nobody vouches for: the latest twenty of it, each once.
create function unverified_in(of_ticket bigint) returns json
  language sql stable
  return (
    select coalesce(json_agg(said order by said_at desc, key), '[]')
    from (
      select key, max(received_at) as said_at,
        (array_agg(jsonb_set(said, '{said_at}', to_jsonb(received_at)) order by received_at desc))[1] as said
      from (
        select received_at, unverified
        from message
        where ticket_id = of_ticket
          and unverified is not null
        order by received_at desc, id desc
        limit 200
      ) as latest
      cross join lateral jsonb_array_elements(latest.unverified) as said
      cross join lateral (select concat_ws(':', said ->> 'kind', said ->> 'scope', said ->> 'value') as key) as named
      group by key
      order by said_at desc, key
      limit 20
    ) as handles
  );

-- With the agents by name. A name from another team is nobody's business: it is null.
create or replace function customer_card(of_customer bigint, of_teams text[]) returns json
  language plpgsql stable
  as $$
begin
  return (
    select row_to_json(card)
    from (
      select
        id, name, tier, is_blocked, contacts, merged_into, created_at,
        (
          select agent.name
          from agent
          where agent.id = customer.last_agent_id
            and (
              of_teams is null
              or exists (select from agent_team where agent_id = agent.id and agent_team.team = any (of_teams)))
        ) as last_agent,
        (
          select coalesce(json_agg(known), '[]')
          from (
            select kind, value, scope, name, verified
            from handle
            where customer_id = customer.id
            order by created_at, key
          ) as known
        ) as handles,
        (
          select coalesce(json_agg(line), '[]')
          from (
            select
              id, customer_id, channel, subject, state, queue, team, complexity, enqueued_at, due_at, assigned_to,
              (select agent.name from agent where agent.id = assigned_to) as assigned_to_name, created_at, resolved_at,
              merged_into, bounced_at
            from ticket
            where customer_id = customer.id
              and (of_teams is null or team = any (of_teams))
              and (
                is_open
                or id in (select split_part(contact, ' ', 4)::bigint from unnest(customer.contacts) as contact))
            order by id + 0 desc
            limit 200
          ) as line
        ) as tickets
      from customer
      where id = of_customer
    ) as card
  );
end
$$;

-- With names, and with what nobody vouches for.
create or replace function ticket_page(of_ticket bigint, of_teams text[], shown integer) returns json
  language plpgsql stable
  as $$
begin
  return (
    select row_to_json(page)
    from (
      select
        lease_epoch,
        (extract(epoch from last_customer_at) * 1000000)::bigint as read_up_to,
        (
          select row_to_json(line)
          from (
            select
              ticket.id, ticket.customer_id, ticket.channel, ticket.subject, ticket.state, ticket.queue, ticket.team,
              ticket.complexity, ticket.enqueued_at, ticket.due_at, ticket.assigned_to,
              (select agent.name from agent where agent.id = ticket.assigned_to) as assigned_to_name,
              ticket.created_at, ticket.resolved_at, ticket.merged_into, ticket.bounced_at
          ) as line
        ) as ticket,
        (
          select row_to_json(why)
          from (
            select
              ticket.complexity, ticket.probability, ticket.reasons, ticket.language, ticket.route,
              ticket.policy_version, ticket.skills, ticket.target_s
          ) as why
        ) as decision,
        customer_card(customer_id, of_teams) as customer,
        unverified_in(ticket.id) as unverified,
        (
          select coalesce(json_agg(held), '[]')
          from (
            select id, channel, provider, account, reply_to, subject, is_open
            from conversation
            where ticket_id = ticket.id
            order by id + 0
          ) as held
        ) as conversations,
        -- the latest entries, oldest first
        (
          select coalesce(json_agg(transcript_entry(entry) order by latest.received_at, latest.id), '[]')
          from (
            select message as entry, received_at, id
            from message
            where ticket_id = ticket.id
            order by received_at desc, id desc
            limit shown
          ) as latest
        ) as transcript
      from ticket
      where id = of_ticket
        and (of_teams is null or team = any (of_teams))
    ) as page
  );
end
$$;

-- migrate:down
