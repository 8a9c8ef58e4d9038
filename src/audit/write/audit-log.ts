/** What the audit trail needs of the process's logger. */
export interface AuditLog {
  info(facts: object, message: string): void;
  warn(facts: object, message: string): void;
  error(facts: object, message: string): void;
}
