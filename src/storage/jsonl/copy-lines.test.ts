import { createReadStream } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { copyLines, type LineFault } from './copy-lines.ts';
import { gunzipFile } from './gunzip-file.ts';
import { inspectLineFile } from './line-file.ts';

const signal = new AbortController().signal;
let dir: string;
let runs = 0;

beforeAll(async () => {
  dir = await mkdtemp(path.join(os.tmpdir(), 'opsloop-lines-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

const copy = async (source: AsyncIterable<Buffer>, maxLineBytes = 1000) => {
  runs += 1;
  const target = path.join(dir, `copy-${runs}`);
  const faultsTarget = path.join(dir, `faults-${runs}`);
  const result = await copyLines({ source, target, faultsTarget, maxLineBytes, signal });
  const faults = (await readFile(faultsTarget, 'utf8'))
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as LineFault);
  expect(faults).toHaveLength(result.faultCount);
  return { ...result, faults, text: await readFile(target, 'utf8') };
};

const chunked = (bytes: Buffer, size: number): AsyncIterable<Buffer> =>
  Readable.from(
    Array.from({ length: Math.ceil(bytes.length / size) }, (_, n) =>
      bytes.subarray(n * size, (n + 1) * size),
    ),
  );

describe('copying lines', () => {
  it('keeps every good line as it is, wherever the source is cut into chunks', async () => {
    const line = fc
      .string({ unit: 'grapheme', maxLength: 12 })
      .filter((text) => !['\n', '\r', '\0', '\u0001'].some((control) => text.includes(control)));
    await fc.assert(
      fc.asyncProperty(fc.array(line), fc.integer({ min: 1, max: 9 }), async (lines, size) => {
        const text = lines.map((each) => `${each}\n`).join('');
        const copied = await copy(chunked(Buffer.from(text), size));
        expect(copied.text).toBe(text);
        expect(copied.faults).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });

  it('leaves an empty line for each bad one, so that numbers stay', async () => {
    const source = Buffer.concat([
      Buffer.from('one\n'),
      Buffer.from([0xff, 0x0a]),
      Buffer.from(`${'x'.repeat(1001)}\n`),
      Buffer.from('a\u0000b\n'),
      Buffer.from('five\r\n'),
      Buffer.from('torn'),
    ]);
    for (const size of [1, 3, 10_000]) {
      const copied = await copy(chunked(source, size));
      expect(copied.text).toBe('one\n\n\n\nfive \n\n');
      expect(copied.faults.map(({ line, reason }) => [line, reason])).toEqual([
        [2, 'is not valid UTF-8'],
        [3, 'is longer than 1000 bytes'],
        [4, 'holds a raw control character'],
        [6, 'has no newline at its end (torn)'],
      ]);
    }
  });

  it('holds no more of a line than it may be long', async () => {
    async function* endless(): AsyncGenerator<Buffer> {
      for (let n = 0; n < 5000; n += 1) yield Buffer.alloc(10_000, 0x78);
      yield Buffer.from('\nlast\n');
    }
    const copied = await copy(endless());
    expect(copied.text).toBe('\nlast\n');
    expect(copied.faults[0]?.head).toHaveLength(512);
  });

  it('answers what stopped the source, after the lines before it', async () => {
    const archive = gzipSync(`${'line\n'.repeat(2000)}`);
    const file = path.join(dir, 'cut.gz');
    await writeFile(file, archive.subarray(0, archive.length - 3));
    const copied = await copy(gunzipFile(file));
    expect(copied.sourceFault).toMatchObject({ code: 'Z_BUF_ERROR' });
    expect(copied.text).toBe('line\n'.repeat(2000));
    expect((await copy(gunzipFile(path.join(dir, 'absent.gz')))).sourceFault).toMatchObject({
      code: 'ENOENT',
    });
  });

  it('rejects when it cannot write', async () => {
    await expect(
      copyLines({
        source: Readable.from([Buffer.from('x\n')]),
        target: path.join(dir, 'missing', 'target'),
        faultsTarget: path.join(dir, 'never'),
        maxLineBytes: 10,
        signal,
      }),
    ).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('stops when it is told to', async () => {
    const file = path.join(dir, 'any');
    await writeFile(file, 'x\n');
    await expect(
      copyLines({
        source: createReadStream(file),
        target: path.join(dir, 'stopped'),
        faultsTarget: path.join(dir, 'stopped-faults'),
        maxLineBytes: 10,
        signal: AbortSignal.abort(new Error('enough')),
      }),
    ).rejects.toThrow('enough');
  });
});

describe('inspecting a file of lines', () => {
  it.each([
    ['an empty file', Buffer.alloc(0), true],
    ['lines', Buffer.from('a\nü\n\n'), true],
    ['a torn tail', Buffer.from('a\nb'), false],
    ['a byte that is no UTF-8', Buffer.from([0x61, 0xc3, 0x0a]), false],
    ['a carriage return', Buffer.from('a\r\n'), false],
    ['NUL', Buffer.from('a\0\n'), false],
    ['0x01', Buffer.from('a\u0001\n'), false],
    [
      'a line over a block',
      Buffer.concat([Buffer.alloc(3_000_000, 0x61), Buffer.from('\n')]),
      false,
    ],
    ['many blocks of lines', Buffer.from('ünï\n'.repeat(900_000)), true],
  ])('judges %s', async (_what, bytes, isClean) => {
    const file = path.join(dir, 'inspected');
    await writeFile(file, bytes);
    const state = await inspectLineFile(file, signal);
    expect(state.isClean).toBe(isClean);
    if (isClean) expect(state.sizeBytes).toBe(bytes.length);
  });
});
