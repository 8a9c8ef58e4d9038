import { createHash } from 'node:crypto';

/** Executions after which a statement is worth a plan that is kept. */
const OFTEN = 3;
/** Statements that are built from parts would fill the memory of server and process. */
const MAX_STATEMENTS = 500;

/** A star's columns change with a migration, which a kept plan does not survive. */
const HAS_STAR = /\bSELECT\s+\*|\bRETURNING\s+\*/i;

/**
 * Names for the statements that a process runs again and again: a connection
 * plans a named one once, which for the ledger's larger statements costs more
 * than to execute them. PostgreSQL still plans anew where the values matter.
 */
export class StatementNames {
  readonly #seen = new Map<string, { count: number; name: string | undefined }>();

  /** Undefined for a statement that is not run often. */
  nameOf(text: string): string | undefined {
    let seen = this.#seen.get(text);
    if (seen === undefined) {
      if (this.#seen.size >= MAX_STATEMENTS) return undefined;
      seen = { count: 0, name: undefined };
      this.#seen.set(text, seen);
    }
    seen.count += 1;
    if (seen.count === OFTEN && !HAS_STAR.test(text))
      seen.name = `opsloop_${createHash('sha256').update(text).digest('hex').slice(0, 24)}`;
    return seen.name;
  }
}
