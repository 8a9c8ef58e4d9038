import {
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Effect } from '#core/effects';
import { AppError } from '#core/errors';
import { createLiveFileEffects } from './live-file-effects.ts';
import { createRecordingFileEffects } from './recording-file-effects.ts';

let root: string;
const at = (...names: string[]): string => path.join(root, ...names);

beforeEach(async () => {
  root = await mkdtemp(path.join(os.tmpdir(), 'opsloop-effects-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

const held = { assertHeld: async () => undefined };
const lostAfter = (checks: number) => {
  let left = checks;
  return {
    assertHeld: async () => {
      left -= 1;
      if (left < 0) throw new AppError('lease_lost', 'another attempt runs');
    },
  };
};

describe('acting on files', () => {
  it('writes into directories that it makes, and replaces what is there', async () => {
    const files = createLiveFileEffects({ fence: held });
    await files.write('write_report', at('a', 'b', 'c.md'), 'one');
    await files.write('write_report', at('a', 'b', 'c.md'), Buffer.from('two'));
    expect(await readFile(at('a', 'b', 'c.md'), 'utf8')).toBe('two');
    expect(await readdir(at('a', 'b'))).toEqual(['c.md']);
    expect((await stat(at('a', 'b', 'c.md'))).mode & 0o777).toBe(0o644);
  });

  it('keeps to their writer’s account what is private, and copies what is placed', async () => {
    const files = createLiveFileEffects({ fence: held });
    await files.write('write_file', at('own', 'key.pem'), 'secret', 'private');
    await files.place(at('own', 'key.pem'), at('own', 'copy'), 'private');
    for (const name of ['key.pem', 'copy']) {
      expect((await stat(at('own', name))).mode & 0o777).toBe(0o600);
      expect(await readFile(at('own', name), 'utf8')).toBe('secret');
    }
    expect((await stat(at('own'))).mode & 0o777).toBe(0o700);
  });

  it('keeps an original that somebody wrote to before it could be removed', async () => {
    await writeFile(at('a.jsonl'), 'one\n');
    const files = createLiveFileEffects({ fence: held });
    const appending = files.compress(at('a.jsonl'), async (removeOriginal) => {
      await writeFile(at('a.jsonl'), 'two\n', { flag: 'a' });
      await removeOriginal();
    });
    await expect(appending).rejects.toThrow('changed');
    expect(await readFile(at('a.jsonl'), 'utf8')).toBe('one\ntwo\n');
  });

  it('removes what a killed writer of the same file left, and nothing else', async () => {
    await writeFile(at('.c.md.0a1b2c.tmp'), 'half');
    await writeFile(at('.d.md.0a1b2c.tmp'), 'other');
    await createLiveFileEffects({ fence: held }).write('write_file', at('c.md'), 'x');
    expect(await readdir(root)).toEqual(['.d.md.0a1b2c.tmp', 'c.md']);
  });

  it.each([0, 1])('changes nothing when the lease is lost after %i checks', async (checks) => {
    await writeFile(at('c.md'), 'old');
    const files = createLiveFileEffects({ fence: lostAfter(checks) });
    await expect(files.write('write_report', at('c.md'), 'new')).rejects.toMatchObject({
      code: 'lease_lost',
    });
    expect(await readFile(at('c.md'), 'utf8')).toBe('old');
    expect(await readdir(root)).toEqual(['c.md']);
  });

  it('does not write through a link or over a directory', async () => {
    await writeFile(at('target'), 'theirs');
    await symlink(at('target'), at('link'));
    await mkdir(at('folder'));
    const files = createLiveFileEffects({ fence: held });
    await expect(files.write('write_file', at('link'), 'x')).rejects.toThrow('not a regular file');
    await expect(files.write('write_file', at('folder'), 'x')).rejects.toThrow(
      'not a regular file',
    );
    await expect(files.compress(at('link'))).rejects.toThrow();
    expect(await readFile(at('target'), 'utf8')).toBe('theirs');
  });

  it('removes a file once and does not mind that it is gone', async () => {
    await writeFile(at('x'), '1');
    const files = createLiveFileEffects({ fence: held });
    await files.remove(at('x'));
    await files.remove(at('x'));
    expect(await readdir(root)).toEqual([]);
  });

  it('compresses with the same rights and content', async () => {
    const content = 'line of text\n'.repeat(200_000);
    await writeFile(at('x.jsonl'), content);
    await chmod(at('x.jsonl'), 0o600);
    await createLiveFileEffects({ fence: held }).compress(at('x.jsonl'));
    expect(await readdir(root)).toEqual(['x.jsonl.gz']);
    expect(gunzipSync(await readFile(at('x.jsonl.gz'))).toString()).toBe(content);
    expect((await stat(at('x.jsonl.gz'))).mode & 0o777).toBe(0o600);
  });

  it('keeps the original until the lease was seen to be held a last time', async () => {
    await writeFile(at('x'), 'content');
    await expect(
      createLiveFileEffects({ fence: lostAfter(2) }).compress(at('x')),
    ).rejects.toMatchObject({ code: 'lease_lost' });
    expect(await readdir(root)).toEqual(['x', 'x.gz']);
    await createLiveFileEffects({ fence: held }).compress(at('x'));
    expect(gunzipSync(await readFile(at('x.gz'))).toString()).toBe('content');
    expect(await readdir(root)).toEqual(['x.gz']);
  });

  it('compresses an empty file', async () => {
    await writeFile(at('x'), '');
    await createLiveFileEffects({ fence: held }).compress(at('x'));
    expect(gunzipSync(await readFile(at('x.gz')))).toHaveLength(0);
  });

  it('appends to an archive of other content, and leaves a damaged one with its original', async () => {
    await writeFile(at('x'), 'late\n');
    await writeFile(at('x.gz'), gzipSync('early\n'));
    const files = createLiveFileEffects({ fence: held });
    await files.compress(at('x'));
    expect(gunzipSync(await readFile(at('x.gz'))).toString()).toBe('early\nlate\n');
    await writeFile(at('x'), 'more\n');
    const damaged = (await readFile(at('x.gz'))).subarray(0, 30);
    await writeFile(at('x.gz'), damaged);
    await expect(files.compress(at('x'))).rejects.toThrow();
    expect(await readFile(at('x'), 'utf8')).toBe('more\n');
    expect(await readFile(at('x.gz'))).toEqual(damaged);
  });
});

describe('recording what would be done to files', () => {
  const recorder = () => {
    const effects: Effect[] = [];
    return {
      effects,
      files: createRecordingFileEffects({
        repoRoot: root,
        record: (effect) => effects.push(effect),
      }),
    };
  };

  it('lists each effect with path and size and touches nothing', async () => {
    await writeFile(at('old'), '12345');
    const { files, effects } = recorder();
    await files.write('write_report', at('ops', 'reports', 'x.md'), 'größe');
    await files.remove(at('old'));
    await files.remove(at('absent'));
    await files.compress(at('old'));
    expect(effects).toEqual([
      { effect: 'write_report', path: 'ops/reports/x.md', bytes: 7 },
      { effect: 'delete_file', path: 'old', bytes: 5 },
      { effect: 'compress_file', path: 'old', bytes: 5 },
    ]);
    expect(await readdir(root)).toEqual(['old']);
  });

  it('says what would fail', async () => {
    await writeFile(at('file'), '');
    await mkdir(at('folder'));
    const { files, effects } = recorder();
    await expect(files.write('write_report', at('file', 'x.md'), 'x')).rejects.toMatchObject({
      code: 'unavailable',
      message: 'file is not a directory.',
    });
    await expect(files.write('write_report', at('folder'), 'x')).rejects.toMatchObject({
      message: 'folder exists and is not a regular file.',
    });
    await expect(files.compress(at('absent'))).rejects.toMatchObject({
      message: 'absent does not exist.',
    });
    // Nobody may write there, root included.
    await expect(files.write('write_report', '/proc/opsloop/x.md', 'x')).rejects.toMatchObject({
      code: 'unavailable',
    });
    expect(effects).toEqual([]);
  });

  it('tells a file that is written again and again once, and what is placed by its size', async () => {
    const effects: Effect[] = [];
    const files = createRecordingFileEffects({
      repoRoot: root,
      record: (effect) => effects.push(effect),
    });
    await writeFile(at('source'), '12345');
    await files.write('write_file', at('anchor'), 'one');
    await files.write('write_file', at('anchor'), 'other');
    await files.place(at('source'), at('target'));
    expect(effects).toEqual([
      { effect: 'write_file', path: 'anchor', bytes: 3 },
      { effect: 'write_file', path: 'target', bytes: 5 },
    ]);
    expect(await readdir(root)).toEqual(['source']);
  });
});
