-- migrate:up
set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- What agents see, each as one document. In PL/pgSQL, so that it is planned once per connection and one statement can
-- read many agents' pages: row-level security checks once per statement who reads, and every call of such a function
-- runs its own statement.

-- `id + 0` keeps indexes out of this order: a plan made while the table was empty would read one to its end.
create function customer_card(of_customer bigint, of_teams text[]) returns json
  language plpgsql stable
  as $$
begin
  return (
    select row_to_json(card)
    from (
      select
        id, name, tier, is_blocked, contacts, merged_into, created_at,
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
              created_at, resolved_at, merged_into
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

create function ticket_page(of_ticket bigint, of_teams text[], shown integer) returns json
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
              ticket.complexity, ticket.enqueued_at, ticket.due_at, ticket.assigned_to, ticket.created_at,
              ticket.resolved_at, ticket.merged_into
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
          select coalesce(json_agg(entry order by entry.sent_at, entry.id), '[]')
          from (
            select
              id, conversation_id, direction, channel, author, agent_id, subject, text, html,
              coalesce(attachments, '[]') as attachments, automatic, sent_at
            from message
            where ticket_id = ticket.id
            order by sent_at desc, id desc
            limit shown
          ) as entry
        ) as transcript
      from ticket
      where id = of_ticket
        and (of_teams is null or team = any (of_teams))
    ) as page
  );
end
$$;

-- The page as row-level security shows it to an agent. The identity does not outlast the call: what a function sets for
-- itself ends with it.
create function ticket_page_seen_by(agent_id bigint, of_ticket bigint, of_teams text[], shown integer) returns json
  language plpgsql stable
  set role = frontdesk_agent
  set app.agent_id = ''
  as $$
begin
  perform set_config('app.agent_id', agent_id::text, true);
  return ticket_page(of_ticket, of_teams, shown);
end
$$;
-- A role that reads as an agent must not choose which agent.
revoke execute on function ticket_page_seen_by(bigint, bigint, text[], integer) from public;

-- migrate:down
