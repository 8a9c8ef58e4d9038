import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach } from 'vitest';
import type { AuditReader, AuditView } from '#audit/audit-store';
import { createJsonlAuditReader } from '#audit/read/jsonl-audit-reader';
import { auditEvent } from './audit-events.ts';

export const FROM = new Date('2026-11-04T00:00:00Z');
export const TO = new Date('2026-11-05T00:00:00Z');

type Range = { readonly from?: Date; readonly to?: Date };

/** An audit directory of its own for each test of a file, and readers of it. */
export interface AuditFilesWorld {
  root: string;
  directory: string;
  tempDir: string;
  reader(whenMissing?: 'fail' | 'empty'): AuditReader;
  /** Of 2026-11-04 unless the range says otherwise. */
  open(range?: Range): Promise<AuditView>;
  withView<T>(work: (view: AuditView) => Promise<T>, range?: Range): Promise<T>;
  countCalls(range?: Range): Promise<number>;
  dayFile(day?: string): string;
}

export const useAuditFiles = (): AuditFilesWorld => {
  const world: AuditFilesWorld = {
    root: '',
    directory: '',
    tempDir: '',
    reader: (whenMissing = 'fail') =>
      createJsonlAuditReader({
        directory: world.directory,
        whenMissing,
        tempDir: world.tempDir,
      }),
    open: (range = {}) =>
      world.reader().open({
        from: range.from ?? FROM,
        to: range.to ?? TO,
        signal: new AbortController().signal,
      }),
    async withView(work, range) {
      const view = await world.open(range);
      try {
        return await work(view);
      } finally {
        await view.close();
      }
    },
    countCalls: (range = {}) =>
      world.withView(async (view) => {
        const [row] = await view.aggregate({
          from: range.from ?? FROM,
          to: range.to ?? TO,
          groupBy: [],
        });
        return row?.calls ?? 0;
      }, range),
    dayFile: (day = '2026-11-04') => path.join(world.directory, `tool_audit_${day}.jsonl`),
  };
  beforeEach(async () => {
    world.root = await mkdtemp(path.join(os.tmpdir(), 'opsloop-audit-'));
    world.directory = path.join(world.root, 'audit');
    world.tempDir = path.join(world.root, 'tmp');
    await mkdir(world.directory);
  });
  afterEach(() => rm(world.root, { recursive: true, force: true }));
  return world;
};

/** The `n`th call of 2026-11-04 around noon. */
export const numberedEvent = (n: number, given: object = {}): object =>
  auditEvent({
    req_id: `req-${n}`,
    ts: `2026-11-04T12:00:${String(n % 60).padStart(2, '0')}.000Z`,
    ...given,
  });
