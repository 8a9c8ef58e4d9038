import { hasCode } from '#core/errors';
import { registryDigest } from '#registry/declaration';
import type { OccurrenceLedger, Revision } from '#runner/ledger/occurrence-ledger';
import { declareRegistry } from '#runner/schedule/declare-tasks';
import type { TaskCatalog } from '#runner/task-catalog';

export interface AppliedElsewhereOptions {
  readonly ledger: Pick<OccurrenceLedger, 'findRevision'>;
  readonly catalog: TaskCatalog;
  /** Another registry than this process's is in force; told once for each that is applied. */
  readonly onFound: (revision: Revision) => void;
}

/**
 * Notices that the registry in force is not this process's: another host has
 * another file. Nothing is done about it, for two hosts that each applied their
 * own again and again would never come to rest.
 */
export class AppliedElsewhere {
  readonly #options: AppliedElsewhereOptions;
  #told: number | null = null;
  #ownDigest: string | null = null;

  constructor(options: AppliedElsewhereOptions) {
    this.#options = options;
    options.catalog.subscribe(() => {
      this.#ownDigest = null;
    });
  }

  /** Does nothing while the ledger is away. */
  async check(): Promise<void> {
    const { ledger, catalog, onFound } = this.#options;
    let revision: Revision | null;
    try {
      revision = await ledger.findRevision();
    } catch (error) {
      if (hasCode(error, 'unavailable')) return;
      throw error;
    }
    if (revision === null || revision.revision === this.#told) return;
    this.#ownDigest ??= digestOf(catalog);
    if (revision.digest === this.#ownDigest) return;
    this.#told = revision.revision;
    onFound(revision);
  }
}

const digestOf = (catalog: TaskCatalog): string => {
  const { declarations, reconcile } = declareRegistry(catalog);
  return registryDigest([...declarations.values()], reconcile);
};
