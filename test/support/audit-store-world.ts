import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { AuditStore } from '#audit/audit-store';
import { type OpenAuditStoreOptions, openAuditStore } from '#audit/backends/open-audit-store';
import { systemClock } from '#core/clock';

export interface LogLine {
  readonly level: 'info' | 'warn' | 'error';
  readonly message: string;
  readonly facts: object;
}

/** Folders and a log for stores of one test. */
export interface AuditStoreWorld {
  readonly root: string;
  readonly directory: string;
  readonly dataDir: string;
  readonly lines: LogLine[];
  open(options: Partial<OpenAuditStoreOptions>): Promise<AuditStore>;
  /** Closes every store that is still open and removes the folders. */
  end(): Promise<void>;
}

export const makeAuditStoreWorld = async (): Promise<AuditStoreWorld> => {
  const root = await mkdtemp(path.join(os.tmpdir(), 'opsloop-audit-store-'));
  const directory = path.join(root, 'audit');
  const dataDir = path.join(root, 'data');
  const lines: LogLine[] = [];
  const stores: AuditStore[] = [];
  const log =
    (level: LogLine['level']) =>
    (facts: object, message: string): void => {
      lines.push({ level, message, facts });
    };
  return {
    root,
    directory,
    dataDir,
    lines,
    async open(options) {
      const store = await openAuditStore({
        backend: 'jsonl',
        database: null,
        jsonlDir: directory,
        dataDir,
        tempDir: path.join(root, 'tmp'),
        fsync: 'never',
        recoverySeconds: 1,
        clock: systemClock,
        logger: { info: log('info'), warn: log('warn'), error: log('error') },
        ...options,
      });
      stores.push(store);
      return store;
    },
    async end() {
      await Promise.all(stores.map((store) => store.close()));
      await rm(root, { recursive: true, force: true });
    },
  };
};
