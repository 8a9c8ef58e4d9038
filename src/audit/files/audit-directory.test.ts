import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  AUDIT_MARKER,
  adoptAuditDirectory,
  ensureAuditDirectory,
  isAdopted,
} from './audit-directory.ts';
import { findOwnAuditDirectory } from './own-audit-directory.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(path.join(os.tmpdir(), 'opsloop-adopt-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

describe('whose audit directory it is', () => {
  it('is ours when we made it', async () => {
    const directory = path.join(root, 'deep', 'audit');
    expect(await ensureAuditDirectory(directory)).toBe(true);
    expect(await isAdopted(directory)).toBe(true);
    expect((await stat(directory)).mode & 0o777).toBe(0o700);
    expect(await ensureAuditDirectory(directory)).toBe(true);
  });

  it('is not ours when it held something before, until it is adopted', async () => {
    const directory = path.join(root, 'theirs');
    await mkdir(directory);
    await writeFile(path.join(directory, 'tool_audit_2026-11-04.jsonl'), '');
    expect(await ensureAuditDirectory(directory)).toBe(false);
    expect(await readdir(directory)).toEqual(['tool_audit_2026-11-04.jsonl']);
    await adoptAuditDirectory(directory);
    await adoptAuditDirectory(directory);
    expect(await ensureAuditDirectory(directory)).toBe(true);
    expect(await readdir(directory)).toContain(AUDIT_MARKER);
  });

  it('is ours after a crash between making and marking it', async () => {
    const directory = path.join(root, 'empty');
    await mkdir(directory);
    expect(await ensureAuditDirectory(directory)).toBe(true);
  });

  it('is ours when only the folder of our locks was made again after it was removed', async () => {
    const directory = path.join(root, 'removed');
    await mkdir(path.join(directory, '.spool'), { recursive: true });
    const place = { jsonlDir: directory, dataDir: path.join(root, 'data') };
    expect(await findOwnAuditDirectory(place)).toMatchObject({ directory, isSubstitute: false });
    expect(await ensureAuditDirectory(directory)).toBe(true);
    expect(await isAdopted(directory)).toBe(true);
  });

  it('is made once by several starters', async () => {
    const directory = path.join(root, 'shared');
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => ensureAuditDirectory(directory)),
    );
    expect(answers).toEqual(Array.from({ length: 8 }, () => true));
  });

  it('cannot be adopted when it does not exist', async () => {
    await expect(adoptAuditDirectory(path.join(root, 'none'))).rejects.toMatchObject({
      code: 'not_found',
    });
    expect(await isAdopted(path.join(root, 'none'))).toBe(false);
  });
});
