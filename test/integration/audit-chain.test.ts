import { cp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { withoutLock } from '#audit/chain/exclusively';
import { JsonlTrail } from '#audit/chain/jsonl-trail';
import { verifyTrail } from '#audit/chain/verify-trail';
import type { FileEffects } from '#core/effects';
import { createLiveFileEffects } from '#storage/effects/live-file-effects';
import { type AuditChainWorld, NIGHT, openAuditChainWorld } from '../support/audit-chain-world.ts';
import { auditEvent, jsonLines, writeJsonlDays } from '../support/audit-events.ts';
import { startScript } from '../support/child-process.ts';
import { useAuditChain } from '../support/use-audit-chain.ts';

const held = useAuditChain();

const eventsOf = (day: string, count = 3) =>
  Array.from({ length: count }, (_, n) =>
    auditEvent({ ts: `${day}T10:00:0${n}.000Z`, req_id: `${day}-${n}` }),
  );

const writeDays = (world: AuditChainWorld, days: readonly string[]): Promise<void> =>
  writeJsonlDays(
    world.directory,
    days.flatMap((day) => eventsOf(day)),
  );

const DAYS = ['2026-11-15', '2026-11-16', '2026-11-18'];

const chainFile = async (start: string): Promise<string> => {
  const folder = path.join(held.world.dataDir, 'audit-chain');
  const name = (await readdir(folder)).find((each) => each.startsWith(start));
  return path.join(folder, name ?? 'missing');
};

const damages = async (): Promise<readonly (readonly string[])[]> =>
  (await held.world.verifySource('jsonl')).damages.map(({ day, kind }) => [day, kind]);

describe('the chain of digests', () => {
  it('keeps its key and its anchor apart from what they vouch for, readable by nobody else', async () => {
    await writeDays(held.world, DAYS);
    await held.world.age();
    const key = await stat(await chainFile('signing-key'));
    expect(key.mode & 0o777).toBe(0o600);
    const folder = await stat(path.join(held.world.dataDir, 'audit-chain'));
    expect(folder.mode & 0o777).toBe(0o700);
    const [first = ''] = await held.world.digestNames('jsonl');
    const digest = await stat(path.join(held.world.digests, 'jsonl', first));
    expect(digest.mode & 0o777).toBe(0o600);
  });

  it('begins at the first day present and not before there is one', async () => {
    expect(await held.world.age()).toMatchObject({ closed: { days: 0 } });
    expect(await readdir(held.world.root)).not.toContain('digests');
    await writeDays(held.world, ['2026-08-12', '2026-11-19']);
    expect(await held.world.age()).toMatchObject({ closed: { days: 100 } });
    expect(await held.world.verifySource('jsonl')).toMatchObject({
      firstDay: '2026-08-12',
      damages: [],
    });
  });

  it('does not make a century of empty days of one stray event', async () => {
    await writeDays(held.world, ['1970-01-01', '2026-11-19']);
    expect(await held.world.age(36_500)).toMatchObject({ closed: { days: 1, lateDigests: 1 } });
    await writeFile(held.world.dayFile('1970-01-01'), '');
    expect(await damages()).toEqual([['1970-01-01', 'lost']]);
  });

  it.each([
    ['its newest digest', 1],
    ['its two newest digests', 2],
    ['all of them', 5],
  ])('misses %s', async (_name, count) => {
    await writeDays(held.world, DAYS);
    await held.world.age();
    const names = await held.world.digestNames('jsonl');
    for (const name of names.slice(-count)) await rm(path.join(held.world.digests, 'jsonl', name));
    const first = ['2026-11-15', '2026-11-16', '2026-11-17', '2026-11-18', '2026-11-19'].at(-count);
    expect(await damages()).toEqual([[first, 'digest missing']]);
    const { kept } = await held.world.age(1);
    expect(kept[0]?.reason).toContain('the chain of digests is damaged');
    await expect(readFile(held.world.dayFile('2026-11-15'))).resolves.toBeDefined();
  });

  it('misses its whole folder', async () => {
    await writeDays(held.world, DAYS);
    await held.world.age();
    await rm(held.world.digests, { recursive: true });
    expect(await damages()).toEqual([['2026-11-15', 'digest missing']]);
  });

  it('misses a digest in the middle, and tells a changed one by its signature', async () => {
    await writeDays(held.world, DAYS);
    await held.world.age();
    const [, second = '', third = ''] = await held.world.digestNames('jsonl');
    await rm(path.join(held.world.digests, 'jsonl', second));
    const file = path.join(held.world.digests, 'jsonl', third);
    await writeFile(file, (await readFile(file, 'utf8')).replace('"count":0', '"count":1'));
    expect(await damages()).toEqual([
      ['2026-11-16', 'digest missing'],
      ['2026-11-17', 'signature wrong'],
    ]);
  });

  it('is not fooled by a chain that another key has signed', async () => {
    await writeDays(held.world, DAYS);
    await held.world.age();
    const forger = await openAuditChainWorld();
    await writeDays(forger, DAYS);
    await forger.age();
    await cp(forger.digests, held.world.digests, { recursive: true });
    await rm(forger.root, { recursive: true });
    expect((await damages()).map(([, kind]) => kind)).toEqual(Array(5).fill('signature wrong'));
  });

  it('says so when key or anchor are gone, and makes no new ones', async () => {
    await writeDays(held.world, DAYS);
    await held.world.age();
    const anchor = await chainFile('jsonl-');
    const anchorText = await readFile(anchor);
    await rm(anchor);
    expect(await damages()).toEqual([['2026-11-15', 'anchor missing']]);
    await writeFile(anchor, anchorText);
    expect(await damages()).toEqual([]);
    await rm(await chainFile('signing-key'));
    expect(await damages()).toEqual([['2026-11-15', 'key missing']]);
    await writeFile(held.world.dayFile('2026-11-19'), jsonLines(eventsOf('2026-11-19')));
    expect((await held.world.age(1)).kept[0]?.reason).toContain('signing key is missing');
    expect(await damages()).toEqual([['2026-11-15', 'key missing']]);
  });

  it('does not take for damage what retention removes while it is verified', async () => {
    await writeDays(held.world, DAYS);
    await held.world.compact();
    /** Looks at a day just after a clean-up of which the chain, as it was read, knows nothing. */
    class Overtaken extends JsonlTrail {
      override async checkDay(...args: Parameters<JsonlTrail['checkDay']>) {
        await held.world.age(2);
        return super.checkDay(...args);
      }
    }
    const { directory, dataDir } = held.world;
    const verified = await verifyTrail({
      place: { source: 'jsonl', auditDirectory: directory, dataDir },
      trail: new Overtaken({ directory, exclusively: withoutLock }),
      now: NIGHT,
      signal: new AbortController().signal,
    });
    expect(await readdir(directory)).not.toContain('tool_audit_2026-11-15.jsonl');
    expect(verified.damages).toEqual([]);
  });

  it('is written by one process at a time', async () => {
    await writeDays(held.world, DAYS);
    const contenders = [1, 2].map(() =>
      startScript('test/support/audit-close-contender.ts', [held.world.root]),
    );
    for (const contender of contenders)
      expect(await contender.nextMessage()).toEqual({ ready: true });
    const ends = contenders.map(async (contender) => {
      const exitCode = contender.finish();
      const message = await contender.nextMessage();
      return { days: message['days'], exitCode: await exitCode };
    });
    const closed = await Promise.all(ends);
    expect(closed.map(({ days }) => days).sort()).toEqual([0, 5]);
    expect(await held.world.digestNames('jsonl')).toHaveLength(5);
    expect(await damages()).toEqual([]);
  });
});

class Crash extends Error {}

/** Effects of a process that dies before its `n`th, from 0. */
const crashingBefore = (
  n: number,
): { readonly files: FileEffects; readonly done: () => number } => {
  const live = createLiveFileEffects({ fence: { assertHeld: async () => undefined } });
  let count = 0;
  const step = async (): Promise<void> => {
    if (count >= n) throw new Crash();
    count += 1;
  };
  return {
    done: () => count,
    files: {
      write: async (...args) => {
        await step();
        await live.write(...args);
      },
      place: async (...args) => {
        await step();
        await live.place(...args);
      },
      remove: async (file) => {
        await step();
        await live.remove(file);
      },
      compress: async (file, guard) => {
        await step();
        await live.compress(file, guard);
      },
    },
  };
};

const night = async (world: AuditChainWorld): Promise<void> => {
  await world.compact();
  await world.age(1);
};

describe('a process that dies at any step of a night', () => {
  it('leaves a chain that verifies, and the next night finishes what it began', async () => {
    const live = held.world.files;
    let steps = 0;
    for (let n = 0; ; n += 1) {
      await rm(held.world.root, { recursive: true });
      await writeDays(held.world, ['2026-11-17', '2026-11-18']);
      await writeFile(path.join(held.world.directory, '.opsloop-audit'), '');
      const crashing = crashingBefore(n);
      held.world.files = crashing.files;
      await night(held.world).catch(() => undefined);
      steps = crashing.done();
      held.world.files = live;
      expect(await damages(), `before step ${n}`).toEqual([]);
      await night(held.world);
      expect(await damages(), `after step ${n} and the next night`).toEqual([]);
      const left = (await readdir(held.world.directory)).filter((name) => name.endsWith('.jsonl'));
      expect(left, `lines after step ${n}`).toEqual([]);
      expect(await readdir(path.join(held.world.directory, 'compact'))).toHaveLength(2);
      if (steps < n) break;
    }
    expect(steps).toBeGreaterThan(15);
  });
});

describe('a lawful removal', () => {
  it('of any beginning of any days still verifies, and nothing is counted twice or lost', async () => {
    const offset = fc.integer({ min: 1, max: 25 });
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(offset, { minLength: 1, maxLength: 4 }),
        fc.array(fc.integer({ min: 1, max: 25 }), { minLength: 1, maxLength: 2 }),
        fc.boolean(),
        async (offsets, cutoffs, compacts) => {
          const world = await openAuditChainWorld();
          try {
            const days = offsets.map((back) =>
              new Date(Date.parse('2026-11-20') - back * 86_400_000).toISOString().slice(0, 10),
            );
            await writeDays(world, days);
            if (compacts) await world.compact();
            for (const cutoff of cutoffs) {
              await world.age(cutoff, { parquetDays: cutoff + 5 });
              const verified = await world.verifySource('jsonl');
              expect(verified.damages).toEqual([]);
              expect(verified.uncovered).toEqual([]);
            }
            const oldestKept = Math.min(...cutoffs);
            const names = await readdir(world.directory);
            for (const [index, back] of offsets.entries()) {
              const day = days[index] ?? '';
              const hasLines = names.some((name) => name.startsWith(`tool_audit_${day}`));
              const isExpired = back > oldestKept && back > 1;
              expect(hasLines, `${day} ${compacts}`).toBe(!(isExpired && compacts));
            }
          } finally {
            await rm(world.root, { recursive: true });
          }
        },
      ),
      { numRuns: 12 },
    );
  });
});
