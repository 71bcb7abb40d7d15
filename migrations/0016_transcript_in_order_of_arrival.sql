-- migrate:up
set local lock_timeout = '5s';
set local statement_timeout = '10min';

-- serves: the transcript of a ticket in the order of arrival, a page at a time in both directions
-- squawk-ignore require-concurrent-index-creation
create index message_in_order on message (ticket_id, received_at, id); -- a partitioned table has no `concurrently`
-- What a clock says that is wrong by years puts nothing out of order any more.
-- squawk-ignore require-concurrent-index-deletion
drop index message_of_ticket; -- a partitioned table has no `concurrently`

-- In the order of arrival. Of one batch, ids tell the order.
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
          select coalesce(json_agg(entry order by entry.received_at, entry.id), '[]')
          from (
            select
              id, conversation_id, direction, channel, author, agent_id, subject, text, html,
              coalesce(attachments, '[]') as attachments, coalesce(attributes, '{}') as attributes, automatic, sent_at,
              received_at
            from message
            where ticket_id = ticket.id
            order by received_at desc, id desc
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

-- migrate:down
