import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { openRunWatch, readProgress } from './run-watch.ts';

describe('readProgress', () => {
  it.each([
    [null, null],
    [{ percent: 40 }, { done: 40, total: 100, message: '' }],
    [
      { done: 3, total: 12, message: 'day 3' },
      { done: 3, total: 12, message: 'day 3' },
    ],
    [{ done: 3, total: 0 }, null],
    [{ done: 'three', total: 12 }, null],
    [
      { percent: 5, message: '\u001b[2Jx' },
      { done: 5, total: 100, message: 'x' },
    ],
  ])('of %j', (progress, expected) => expect(readProgress(progress)).toEqual(expected));
});

describe('openRunWatch', () => {
  it('writes log lines and no bar where the stream is no terminal', async () => {
    const written: string[] = [];
    const stream = new Writable({
      write(chunk: Buffer, _encoding, done) {
        written.push(chunk.toString('utf8'));
        done();
      },
    });
    const opened = await openRunWatch(stream, new AbortController().signal);
    const at = new Date('2026-11-05T09:00:01Z');
    opened.watch.onLog({ seq: 1, at, level: 'info', line: 'one\nline' });
    opened.watch.onProgress({ percent: 50 });
    opened.watch.onLog({ seq: 2, at, level: 'error', line: 'two' });
    opened.close();
    expect(written.join('')).toBe('09:00:01 one line\n09:00:01 error two\n');
  });
});
