/**
 * SQL for least privilege on the audit trail, as `opsloop migrate --grants`
 * prints it: three roles that cannot log in, to be granted to those that do.
 * It can be run again; a right that somebody added to one of the roles goes.
 */
export const AUDIT_GRANTS = `-- Least privilege on the audit trail. Run it as the owner of tool_audit_events, after "opsloop migrate".
-- The roles are made for the whole server; their rights are those in this database.
--   opsloop_audit_writer     appends and reads: for the role of DATABASE_URL
--   opsloop_audit_reader     reads: for analysts and exports
--   opsloop_audit_retention  reads and deletes, and may lock the table to close its days: for the role of ADMIN_DATABASE_URL
DO $grants$
DECLARE
  events   regclass := to_regclass('tool_audit_events');
  ledger   regclass := to_regclass('schema_migrations');
  home     text;
  sequence text;
  role     text;
BEGIN
  IF events IS NULL THEN
    RAISE EXCEPTION 'there is no table tool_audit_events; run "opsloop migrate" first';
  END IF;
  SELECT n.nspname INTO home
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = events;
  sequence := pg_get_serial_sequence(events::text, 'id');
  FOREACH role IN ARRAY ARRAY['opsloop_audit_writer', 'opsloop_audit_reader', 'opsloop_audit_retention'] LOOP
    BEGIN
      EXECUTE format('CREATE ROLE %I NOLOGIN', role);
    EXCEPTION WHEN duplicate_object THEN
      NULL;
    END;
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', home, role);
    EXECUTE format('REVOKE ALL ON TABLE %s FROM %I', events, role);
    EXECUTE format('GRANT SELECT ON TABLE %s TO %I', events, role);
    -- A start looks there whether anything is to be migrated.
    IF ledger IS NOT NULL THEN
      EXECUTE format('GRANT SELECT ON TABLE %s TO %I', ledger, role);
    END IF;
  END LOOP;
  EXECUTE format('GRANT INSERT ON TABLE %s TO %I', events, 'opsloop_audit_writer');
  IF sequence IS NOT NULL THEN
    EXECUTE format('GRANT USAGE ON SEQUENCE %s TO %I', sequence, 'opsloop_audit_writer');
  END IF;
  -- DELETE is also what LOCK TABLE … IN SHARE MODE asks for.
  EXECUTE format('GRANT DELETE ON TABLE %s TO %I', events, 'opsloop_audit_retention');
END
$grants$;

-- Then, with the names of your own roles:
--   GRANT opsloop_audit_writer TO opsloop;
--   GRANT opsloop_audit_retention TO opsloop_admin;
-- The owner of a table may always do everything with it: the role of DATABASE_URL must not be the owner.
`;
