import { mkdtemp, readdir } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { Verification } from '#audit/audit-keeping';
import { settleHighestId } from '#audit/chain/event-rows';
import { exclusivelyBy } from '#audit/chain/exclusively';
import { createAuditVerification } from '#audit/chain/verify-sources';
import { ensureAuditDirectory } from '#audit/files/audit-directory';
import { createAuditCompaction } from '#audit/retention/audit-compaction';
import { createAuditFileRetention } from '#audit/retention/audit-file-retention';
import { createAuditRowRetention } from '#audit/retention/audit-row-retention';
import type { ChainAccess } from '#audit/retention/chain-access';
import { systemClock } from '#core/clock';
import type { FileEffects } from '#core/effects';
import type { Database } from '#storage/database';
import { createLiveFileEffects } from '#storage/effects/live-file-effects';
import { createLiveRowEffects } from '#storage/effects/live-row-effects';

/** 2026-11-20, 03:30: the night in which the tests' clean-ups run. */
export const NIGHT = new Date('2026-11-20T03:30:00Z');

const held = { assertHeld: async () => undefined, assertHeldIn: async () => undefined };
const signal = new AbortController().signal;

/** An audit directory with its chain, and what is done to it each night. */
export class AuditChainWorld {
  readonly root: string;
  /** Instead of the live ones, to stop in the middle of something. */
  files: FileEffects = createLiveFileEffects({ fence: held });
  database: Database | null = null;

  constructor(root: string) {
    this.root = root;
  }

  get directory(): string {
    return path.join(this.root, 'ops', 'audit');
  }

  get dataDir(): string {
    return path.join(this.root, '.opsloop');
  }

  get digests(): string {
    return path.join(this.directory, 'digests');
  }

  dayFile(day: string, suffix = 'jsonl'): string {
    return path.join(this.directory, `tool_audit_${day}.${suffix}`);
  }

  parquetFile(day: string): string {
    return path.join(this.directory, 'compact', `tool_audit_${day}.parquet`);
  }

  get access(): ChainAccess & { readonly tempDir: string } {
    return {
      directory: this.directory,
      dataDir: this.dataDir,
      tempDir: path.join(this.root, 'tmp'),
      files: this.files,
      clock: { ...systemClock, now: () => NIGHT },
      exclusively: exclusivelyBy(systemClock),
    };
  }

  compact(now = NIGHT, windowDays?: number) {
    const window = windowDays === undefined ? {} : { windowDays };
    return createAuditCompaction(this.access).compact({ now, signal, ...window });
  }

  /** Ages the files; with more days than there are it closes days only. */
  age(retentionDays = 3650, { now = NIGHT, parquetDays = 36_500 } = {}) {
    const retention = createAuditFileRetention(this.access);
    return retention.apply({ now, retentionDays, parquetDays, signal });
  }

  ageRows(retentionDays = 3650, now = NIGHT) {
    const database = this.requireDatabase();
    return createAuditRowRetention({
      ...this.access,
      database,
      rows: createLiveRowEffects({ database, fence: held }),
      settle: () => settleHighestId(database),
    }).apply({ now, retentionDays, signal });
  }

  verify(range: { from?: string; to?: string } = {}, now = NIGHT) {
    const { directory, dataDir, database } = this;
    return createAuditVerification({ directory, dataDir, database }).verify({
      ...range,
      now,
      signal,
    });
  }

  async verifySource(source: Verification['source'], now = NIGHT): Promise<Verification> {
    const found = (await this.verify({}, now)).find((each) => each.source === source);
    if (found === undefined) throw new Error(`nothing of ${source} was verified`);
    return found;
  }

  /** Names of the digest files of a source, in order. */
  async digestNames(source: Verification['source']): Promise<readonly string[]> {
    return (await readdir(path.join(this.digests, source))).sort();
  }

  private requireDatabase(): Database {
    if (this.database === null) throw new Error('give the world a database first');
    return this.database;
  }
}

export const openAuditChainWorld = async (): Promise<AuditChainWorld> => {
  const world = new AuditChainWorld(await mkdtemp(path.join(os.tmpdir(), 'opsloop-chain-')));
  await ensureAuditDirectory(world.directory);
  return world;
};
