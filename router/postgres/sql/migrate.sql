-- name: has_role
-- Whether the server has the role that agents read under, and whether we may take it on.
select
  exists (select from pg_roles where rolname = 'frontdesk_agent')
  and pg_has_role(current_user, (select oid from pg_roles where rolname = 'frontdesk_agent'), 'member') as has_role

-- name: policies
-- The row-level security policies that there are.
select policyname from pg_policies where schemaname = 'public'

-- name: has_reader
-- Whether the function that reads as an agent exists, and the role may read tickets.
select
  to_regprocedure('ticket_page_seen_by(bigint, bigint, text[], integer)') is not null as exists,
  has_table_privilege('frontdesk_agent', 'ticket', 'select')
  and has_schema_privilege('frontdesk_agent', 'public', 'usage') as may_read
