import { readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { damageLine } from '#audit/chain/damage';
import { auditEvent, jsonLines, writeJsonlDays } from '../support/audit-events.ts';
import { useAuditChain } from '../support/use-audit-chain.ts';

const held = useAuditChain();

const DAYS = ['2026-11-10', '2026-11-11', '2026-11-12', '2026-11-14'] as const;
/** In the middle, with a day before and days after it. */
const DAY = '2026-11-11';

const eventsOf = (day: string, count = 6) =>
  Array.from({ length: count }, (_, n) =>
    auditEvent({ ts: `${day}T10:00:${String(n).padStart(2, '0')}.000Z`, req_id: `${day}-${n}` }),
  );

const writeDays = (): Promise<void> =>
  writeJsonlDays(
    held.world.directory,
    DAYS.flatMap((day) => eventsOf(day)),
  );

type Lines = readonly string[];

/** What an attacker may do to the lines of a day, and what is to be said of it. */
const TAMPERINGS: readonly {
  readonly name: string;
  readonly kind: string;
  readonly change: (lines: Lines) => Lines;
}[] = [
  {
    name: 'one byte altered',
    kind: 'altered',
    change: (lines) => lines.map((line, n) => (n === 2 ? line.replace('w1', 'w2') : line)),
  },
  {
    name: 'a line deleted in the middle',
    kind: 'lost',
    change: (lines) => lines.filter((_line, n) => n !== 2),
  },
  { name: 'the first line deleted', kind: 'lost', change: (lines) => lines.slice(1) },
  { name: 'the end cut off', kind: 'truncated', change: (lines) => lines.slice(0, -1) },
  {
    name: 'a line inserted',
    kind: 'inserted',
    change: (lines) => [
      ...lines.slice(0, 3),
      lines[0]?.replace('a1', 'a9') ?? '',
      ...lines.slice(3),
    ],
  },
  {
    name: 'two lines swapped',
    kind: 'reordered',
    change: ([a = '', b = '', ...rest]) => [b, a, ...rest],
  },
  { name: 'all lines deleted', kind: 'lost', change: () => [] },
];

const linesOf = (text: string): Lines => text.split('\n').slice(0, -1);
const textOf = (lines: Lines): string => lines.map((line) => `${line}\n`).join('');

describe('a day of lines', () => {
  it('verifies as long as nobody touches it, with empty days in between', async () => {
    await writeDays();
    await held.world.age();
    const verified = await held.world.verifySource('jsonl');
    expect(verified).toMatchObject({
      firstDay: '2026-11-10',
      lastDay: '2026-11-19',
      digests: 10,
      daysChecked: 10,
      eventsVerified: 24,
      damages: [],
      uncovered: [],
    });
  });

  it.each(TAMPERINGS)('$name is found', async ({ kind, change }) => {
    await writeDays();
    await held.world.age();
    for (const day of [DAY, '2026-11-14']) {
      const file = held.world.dayFile(day);
      await writeFile(file, textOf(change(linesOf(await readFile(file, 'utf8')))));
    }
    const { damages } = await held.world.verifySource('jsonl');
    expect(damages.map(({ day, place, kind: found }) => [day, place, found])).toEqual([
      [DAY, `tool_audit_${DAY}.jsonl`, kind],
      ['2026-11-14', 'tool_audit_2026-11-14.jsonl', kind],
    ]);
  });

  it.each(TAMPERINGS)('$name in an archive is found', async ({ kind, change }) => {
    await writeDays();
    await held.world.age(5);
    const archive = held.world.dayFile(DAY, 'jsonl.gz');
    const lines = linesOf(gunzipSync(await readFile(archive)).toString());
    expect(lines).toHaveLength(6);
    expect((await held.world.verifySource('jsonl')).damages).toEqual([]);
    await writeFile(archive, gzipSync(textOf(change(lines))));
    const { damages } = await held.world.verifySource('jsonl');
    expect(damages.map(({ day, place, kind: found }) => [day, place, found])).toEqual([
      [DAY, `tool_audit_${DAY}.jsonl.gz`, kind],
    ]);
  });

  it('is named by the place at which the difference begins', async () => {
    await writeJsonlDays(
      held.world.directory,
      eventsOf(DAY, 60).flatMap((event) =>
        Array.from({ length: 50 }, (_, n) => ({ ...event, req_id: `${event.req_id}-${n}` })),
      ),
    );
    await held.world.age();
    const file = held.world.dayFile(DAY);
    const lines = linesOf(await readFile(file, 'utf8'));
    await writeFile(file, textOf(lines.filter((_line, n) => n !== 1234)));
    const [damage] = (await held.world.verifySource('jsonl')).damages;
    expect(damage === undefined ? '' : damageLine(damage)).toBe(
      `${DAY}: lost, tool_audit_${DAY}.jsonl lines 1001 to 2000: 2999 lines where 3000 were digested`,
    );
  });

  it.each([
    ['jsonl', 0],
    ['jsonl.gz', 5],
  ] as const)('that is gone as .%s is lost', async (suffix, retentionDays) => {
    await writeDays();
    await held.world.age(retentionDays === 0 ? 3650 : retentionDays);
    await rm(held.world.dayFile(DAY, suffix));
    const { damages } = await held.world.verifySource('jsonl');
    expect(damages.map(({ day, kind }) => [day, kind])).toEqual([[DAY, 'lost']]);
  });

  it('whose archive is cut or damaged says so', async () => {
    await writeDays();
    await held.world.age(5);
    const archive = held.world.dayFile(DAY, 'jsonl.gz');
    const bytes = await readFile(archive);
    await writeFile(archive, bytes.subarray(0, bytes.length - 9));
    const cut = (await held.world.verifySource('jsonl')).damages;
    expect(cut.map(({ kind }) => kind)).toEqual(['truncated']);
    const flipped = Buffer.from(bytes);
    flipped[flipped.length - 5] = (flipped[flipped.length - 5] ?? 0) ^ 1;
    await writeFile(archive, flipped);
    const damaged = (await held.world.verifySource('jsonl')).damages;
    expect(damaged.map(({ kind }) => kind)).toEqual(['altered']);
  });

  it('gets a late digest for what comes after it was closed, and then vouches for that too', async () => {
    await writeDays();
    await held.world.age();
    const late = eventsOf(DAY, 2).map((event) => ({ ...event, req_id: 'late' }));
    await writeFile(held.world.dayFile(DAY), jsonLines(late), { flag: 'a' });
    expect(await held.world.verifySource('jsonl')).toMatchObject({
      damages: [],
      uncovered: [{ day: DAY, events: 2, why: 'stored after its day was closed' }],
    });
    expect(await held.world.age()).toMatchObject({ closed: { days: 0, lateDigests: 1 } });
    expect((await held.world.digestNames('jsonl')).at(-1)).toBe(`00000011-${DAY}.late-1.json`);
    expect(await held.world.verifySource('jsonl')).toMatchObject({ damages: [], uncovered: [] });
    const file = held.world.dayFile(DAY);
    const lines = linesOf(await readFile(file, 'utf8'));
    await writeFile(file, textOf(lines.slice(0, -1)));
    expect((await held.world.verifySource('jsonl')).damages).toMatchObject([
      { day: DAY, kind: 'truncated' },
    ]);
  });

  it('whose removal was announced and not done is told as that, and goes the next night', async () => {
    await writeDays();
    await held.world.compact();
    const lines = await readFile(held.world.dayFile(DAY));
    await held.world.age(8);
    await writeFile(held.world.dayFile(DAY), lines);
    expect(await held.world.verifySource('jsonl')).toMatchObject({
      damages: [],
      uncovered: [{ day: DAY, events: 6, why: 'removal not finished' }],
    });
    expect(await held.world.age(8)).toMatchObject({
      closed: { lateDigests: 0 },
      deletedFiles: 1,
    });
    expect(await held.world.verifySource('jsonl')).toMatchObject({ damages: [], uncovered: [] });
  });

  it('does not cover a torn tail, which is cut back before the next line', async () => {
    await writeDays();
    await writeFile(held.world.dayFile(DAY), '{"ts":"2026-11', { flag: 'a' });
    await held.world.age();
    expect(await held.world.verifySource('jsonl')).toMatchObject({ damages: [], uncovered: [] });
    await writeFile(held.world.dayFile(DAY), jsonLines(eventsOf(DAY)));
    expect((await held.world.verifySource('jsonl')).damages).toEqual([]);
  });

  it('leaves alone what a spool still has to forward', async () => {
    await writeDays();
    const file = held.world.dayFile(DAY);
    const baseBytes = (await readFile(file)).length;
    await writeFile(file, jsonLines(eventsOf(DAY, 3)), { flag: 'a' });
    const sidecar = path.join(held.world.directory, '.spool', `${DAY}.json`);
    await writeFile(sidecar, '', { flag: 'a' }).catch(() => undefined);
    const { writeSidecar } = await import('#audit/write/spool-sidecar');
    const id = '0123456789abcdef0123';
    await writeSidecar(
      held.world.directory,
      DAY,
      { id, baseBytes, confirmedBytes: baseBytes },
      true,
    );
    await held.world.age();
    const history = await readFile(file);
    await writeFile(file, history.subarray(0, baseBytes));
    await rm(sidecar);
    expect(await held.world.verifySource('jsonl')).toMatchObject({
      damages: [],
      uncovered: [],
      eventsVerified: 24,
    });
  });
});

describe('a Parquet file', () => {
  it.each([
    ['altered', 'altered'],
    ['deleted', 'lost'],
  ] as const)('that was %s is found, also after its lines were removed', async (how, kind) => {
    await writeDays();
    await held.world.compact();
    await held.world.age(8);
    expect((await held.world.verifySource('jsonl')).damages).toEqual([]);
    for (const day of [DAY, '2026-11-14']) {
      const file = held.world.parquetFile(day);
      const bytes = await readFile(file);
      bytes[100] = (bytes[100] ?? 0) ^ 1;
      await (how === 'altered' ? writeFile(file, bytes) : rm(file));
    }
    const { damages } = await held.world.verifySource('jsonl');
    expect(damages.map(({ day, place, kind: found }) => [day, place, found])).toEqual([
      [DAY, `compact/tool_audit_${DAY}.parquet`, kind],
      ['2026-11-14', 'compact/tool_audit_2026-11-14.parquet', kind],
    ]);
  });
});
