import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '#core/clock';
import type { Effect } from '#core/effects';
import { AppError } from '#core/errors';
import { createLiveFileEffects } from '#storage/effects/live-file-effects';
import { createRecordingFileEffects } from '#storage/effects/recording-file-effects';
import {
  auditEvent,
  jsonLines,
  writeJsonlDays,
  writeParquetDays,
} from '#test/support/audit-events';
import { exclusivelyBy, withoutLock } from '../chain/exclusively.ts';
import { AUDIT_MARKER, adoptAuditDirectory } from '../files/audit-directory.ts';
import { createAuditFileRetention } from './audit-file-retention.ts';

const NOW = new Date('2026-11-20T03:30:00Z');
const OLD = '2026-10-01';

let root: string;
let directory: string;

beforeEach(async () => {
  root = await mkdtemp(path.join(os.tmpdir(), 'opsloop-retention-'));
  directory = path.join(root, 'audit');
  await mkdir(directory);
  await adoptAuditDirectory(directory);
});

afterEach(() => rm(root, { recursive: true, force: true }));

const held = { assertHeld: async () => undefined };

const apply = (
  options: { retentionDays?: number; files?: ReturnType<typeof createLiveFileEffects> } = {},
) =>
  createAuditFileRetention({
    directory,
    dataDir: path.join(root, 'data'),
    tempDir: path.join(root, 'tmp'),
    files: options.files ?? createLiveFileEffects({ fence: held }),
    clock: systemClock,
    exclusively: options.files === undefined ? exclusivelyBy(systemClock) : withoutLock,
  }).apply({
    now: NOW,
    retentionDays: options.retentionDays ?? 30,
    signal: new AbortController().signal,
  });

const oldEvents = [1, 2, 3].map((n) => auditEvent({ ts: `${OLD}T10:00:0${n}Z`, req_id: `r${n}` }));
/** Beside the events. */
const OWN: ReadonlySet<string> = new Set([AUDIT_MARKER, '.spool', 'digests']);

const names = async (): Promise<readonly string[]> =>
  (await readdir(directory)).filter((name) => !OWN.has(name)).sort();

describe('ageing audit files', () => {
  it('deletes a day that its Parquet file holds whole, with its archive', async () => {
    await writeJsonlDays(directory, oldEvents);
    await writeFile(
      path.join(directory, `tool_audit_${OLD}.jsonl.gz`),
      gzipSync(jsonLines(oldEvents)),
    );
    await writeParquetDays(directory, oldEvents);
    expect(await apply()).toMatchObject({ deletedFiles: 2, compressedFiles: 0, kept: [] });
    expect(await names()).toEqual(['compact']);
    expect(await readdir(path.join(directory, 'compact'))).toEqual([`tool_audit_${OLD}.parquet`]);
  });

  it('compresses a day without Parquet, and one whose Parquet lacks events', async () => {
    await writeJsonlDays(directory, oldEvents);
    await writeParquetDays(directory, oldEvents.slice(0, 2));
    const outcome = await apply();
    expect(outcome).toMatchObject({ deletedFiles: 0, compressedFiles: 1 });
    expect(await names()).toEqual(['compact', `tool_audit_${OLD}.jsonl.gz`]);
    const archive = await readFile(path.join(directory, `tool_audit_${OLD}.jsonl.gz`));
    expect(gunzipSync(archive).toString()).toBe(jsonLines(oldEvents));
    expect((await apply()).kept).toEqual([
      {
        what: `tool_audit_${OLD}.jsonl.gz`,
        reason: '1 of its events are not in the Parquet file of the day',
      },
    ]);
  });

  it('keeps lines that are not events, which Parquet does not hold', async () => {
    await writeFile(
      path.join(directory, `tool_audit_${OLD}.jsonl`),
      `${jsonLines(oldEvents)}not an event\n`,
    );
    await writeParquetDays(directory, oldEvents);
    expect(await apply()).toMatchObject({ deletedFiles: 0, compressedFiles: 1 });
  });

  it('goes on where an attempt was killed between compressing and deleting', async () => {
    await writeJsonlDays(directory, oldEvents);
    const archive = path.join(directory, `tool_audit_${OLD}.jsonl.gz`);
    await writeFile(archive, gzipSync(jsonLines(oldEvents)));
    const bytes = await readFile(archive);
    expect(await apply()).toMatchObject({ compressedFiles: 1 });
    expect(await readFile(archive)).toEqual(bytes);
    expect(await names()).toEqual([`tool_audit_${OLD}.jsonl.gz`]);
  });

  it('adds lines that came after the day was compressed', async () => {
    const archive = path.join(directory, `tool_audit_${OLD}.jsonl.gz`);
    await writeFile(archive, gzipSync(jsonLines(oldEvents.slice(0, 2))));
    await writeJsonlDays(directory, oldEvents.slice(2));
    await apply();
    expect(gunzipSync(await readFile(archive)).toString()).toBe(jsonLines(oldEvents));
  });

  it('keeps the original beside an archive that is damaged, and goes on with the next day', async () => {
    await writeJsonlDays(directory, [...oldEvents, auditEvent({ ts: '2026-10-02T00:00:00Z' })]);
    const archive = gzipSync(jsonLines(oldEvents));
    await writeFile(
      path.join(directory, `tool_audit_${OLD}.jsonl.gz`),
      archive.subarray(0, archive.length - 6),
    );
    const outcome = await apply();
    expect(outcome.compressedFiles).toBe(1);
    expect(outcome.kept.map(({ what }) => what)).toContain(`tool_audit_${OLD}.jsonl`);
    expect(await names()).toContain(`tool_audit_${OLD}.jsonl`);
    expect(await names()).toContain('tool_audit_2026-10-02.jsonl.gz');
  });

  it('never touches today and yesterday, foreign names, links and Parquet files', async () => {
    await writeJsonlDays(directory, [
      auditEvent({ ts: '2026-11-19T00:00:00Z' }),
      auditEvent({ ts: '2026-11-20T00:00:00Z' }),
      auditEvent({ ts: '2026-11-21T00:00:00Z' }),
    ]);
    const outside = path.join(root, 'outside.jsonl');
    await writeFile(outside, jsonLines(oldEvents));
    await symlink(outside, path.join(directory, `tool_audit_${OLD}.jsonl`));
    await writeFile(path.join(directory, `notes_${OLD}.jsonl`), 'mine\n');
    await writeParquetDays(directory, oldEvents);
    const before = await names();
    expect(await apply({ retentionDays: 0 })).toEqual({
      closed: expect.objectContaining({ days: 50 }),
      deletedFiles: 0,
      compressedFiles: 0,
      freedBytes: 0,
      kept: [{ what: `tool_audit_${OLD}.jsonl`, reason: 'is a symbolic link' }],
    });
    expect(await names()).toEqual(before);
    expect(await readFile(outside, 'utf8')).toBe(jsonLines(oldEvents));
  });

  it('leaves a directory without our marker alone and says why', async () => {
    await rm(path.join(directory, AUDIT_MARKER));
    await writeJsonlDays(directory, oldEvents);
    const outcome = await apply();
    expect(outcome.kept).toHaveLength(1);
    expect(outcome.kept[0]?.reason).toContain('opsloop audit adopt');
    expect(await names()).toEqual([`tool_audit_${OLD}.jsonl`]);
  });

  it('records instead of acting in a dry-run', async () => {
    await writeJsonlDays(directory, [...oldEvents, auditEvent({ ts: '2026-10-02T00:00:00Z' })]);
    await writeParquetDays(directory, oldEvents);
    const effects: Effect[] = [];
    const bytes = Buffer.byteLength(jsonLines(oldEvents));
    const outcome = await apply({
      files: createRecordingFileEffects({
        repoRoot: root,
        record: (effect) => effects.push(effect),
      }),
    });
    expect(outcome).toMatchObject({ deletedFiles: 1, compressedFiles: 1, freedBytes: bytes });
    const ofEvents = effects.filter(({ effect }) => effect !== 'write_file');
    expect(ofEvents).toEqual([
      { effect: 'delete_file', path: `audit/tool_audit_${OLD}.jsonl`, bytes },
      expect.objectContaining({
        effect: 'compress_file',
        path: 'audit/tool_audit_2026-10-02.jsonl',
      }),
    ]);
    expect(await names()).toEqual(
      ['compact', `tool_audit_${OLD}.jsonl`, 'tool_audit_2026-10-02.jsonl'].sort(),
    );
  });

  it('stops at once when the lease is lost', async () => {
    await writeJsonlDays(directory, oldEvents);
    const lost = { assertHeld: () => Promise.reject(new AppError('lease_lost', 'lost')) };
    await expect(apply({ files: createLiveFileEffects({ fence: lost }) })).rejects.toMatchObject({
      code: 'lease_lost',
    });
    expect(await names()).toEqual([`tool_audit_${OLD}.jsonl`]);
  });

  it('has nothing to do where there is no directory', async () => {
    await rm(directory, { recursive: true });
    expect(await apply()).toMatchObject({ deletedFiles: 0, kept: [] });
  });
});
