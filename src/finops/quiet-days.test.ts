import { describe, expect, it } from 'vitest';
import type {
  AuditAggregateQuery,
  AuditAggregateRow,
  AuditReader,
  AuditView,
} from '#audit/audit-store';
import type { Anomaly } from './anomalies.ts';
import { answerAnomalies } from './answer-questions.ts';
import { anomalyRuleOf } from './cost-weights.ts';

const HOUR_MS = 3_600_000;
const DAY_HOURS = 24;
const START = Date.parse('2026-08-31T00:00:00Z');
const DIMENSIONS = ['tool', 'agent_id', 'workspace_id'] as const;

type Dimension = (typeof DIMENSIONS)[number];

interface Hour {
  readonly calls: number;
  readonly failed: number;
  readonly durationMsSum: number;
}

/** Calls of one agent with one tool per hour since `START`. */
interface Stream {
  readonly keys: Readonly<Record<Dimension, string>>;
  readonly hours: Hour[];
}

/** Park and Miller's generator: the same numbers on every machine. */
const randomOf = (seed: number) => {
  let state = seed;
  return (): number => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
};

const normal = (random: () => number): number =>
  Math.sqrt(-2 * Math.log(random())) * Math.cos(2 * Math.PI * random());

const poisson = (mean: number, random: () => number): number => {
  if (mean > 50) return Math.max(0, Math.round(mean + Math.sqrt(mean) * normal(random)));
  let product = random();
  let count = 0;
  for (const limit = Math.exp(-mean); product > limit; count += 1) product *= random();
  return count;
};

/** People work from 8 to 18 on weekdays, and a little at other times. */
const officeHours = (hour: number): number => {
  const [day, time] = [Math.floor(hour / DAY_HOURS) % 7, hour % DAY_HOURS];
  const daily = 0.12 + 0.88 * Math.exp(-(((time - 13) / 4) ** 2));
  return daily * (day < 5 ? 1 : 0.25);
};

interface StreamShape {
  readonly agent: string;
  readonly tool: string;
  readonly callsPerHour: number;
  readonly shape: (hour: number) => number;
  readonly sinceDay?: number;
  readonly dailyGrowth?: number;
}

/** Counts vary as Poisson's do, and each hour by another 20 %; durations by a long tail. */
const toStream = (given: StreamShape, days: number, random: () => number): Stream => ({
  keys: { tool: given.tool, agent_id: given.agent, workspace_id: `team of ${given.agent}` },
  hours: Array.from({ length: days * DAY_HOURS }, (_, hour) => {
    const begun = hour >= (given.sinceDay ?? 0) * DAY_HOURS + 10;
    const growth = (1 + (given.dailyGrowth ?? 0)) ** (hour / DAY_HOURS);
    const mean = given.callsPerHour * given.shape(hour) * growth * Math.exp(0.2 * normal(random));
    const calls = begun || given.sinceDay === undefined ? poisson(mean, random) : 0;
    let durationMsSum = 0;
    for (let call = 0; call < calls; call += 1)
      durationMsSum += Math.round(300 * Math.exp(normal(random)));
    return { calls, failed: poisson(calls * 0.02, random), durationMsSum };
  }),
});

const SHAPES: readonly StreamShape[] = [
  ...[400, 120, 60, 25, 12, 6, 3].map((callsPerHour, n) => ({
    agent: `agent-${n}`,
    tool: `tool-${n % 4}`,
    callsPerHour,
    shape: officeHours,
  })),
  { agent: 'poller', tool: 'poll', callsPerHour: 60, shape: () => 1 },
  { agent: 'growing', tool: 'tool-1', callsPerHour: 80, shape: officeHours, dailyGrowth: 0.01 },
  {
    agent: 'weekly batch',
    tool: 'weekly',
    callsPerHour: 500,
    shape: (hour) => (hour % (7 * DAY_HOURS) === 6 * DAY_HOURS + 3 ? 1 : 0),
  },
  { agent: 'nightly', tool: 'batch', callsPerHour: 300, shape: (hour) => +(hour % 24 === 2) },
  { agent: 'hired', tool: 'tool-0', callsPerHour: 50, shape: officeHours, sinceDay: 42 },
  { agent: 'hired later', tool: 'hire', callsPerHour: 30, shape: officeHours, sinceDay: 59 },
];

const rowsOf = (
  streams: readonly Stream[],
  query: AuditAggregateQuery,
): readonly AuditAggregateRow[] => {
  const [dimension] = query.groupBy;
  const key = dimension as Dimension;
  const first = (query.from.getTime() - START) / HOUR_MS;
  const last = (query.to.getTime() - START) / HOUR_MS;
  return streams.flatMap((stream) =>
    stream.hours.flatMap((hour, index) =>
      index < first || index >= last || hour.calls === 0
        ? []
        : [
            {
              key: { [key]: stream.keys[key] },
              bucketAt: new Date(START + index * HOUR_MS),
              ...hour,
              denied: 0,
            },
          ],
    ),
  );
};

/** A view that knows whole hours by one key, which is all that anomalies ask for; it may give several rows a group. */
const readerOf = (streams: readonly Stream[]): AuditReader => ({
  open: async () => {
    const view: AuditView = {
      quality: {
        sourceBackend: 'memory',
        partial: false,
        rejected: [],
        rejectedCount: 0,
        problems: [],
      },
      aggregate: async (query) => rowsOf(streams, query),
      close: async () => undefined,
    };
    return view;
  },
});

const digestsOf = async (
  streams: readonly Stream[],
  days: { readonly from: number; readonly to: number },
): Promise<readonly Anomaly[]> => {
  const found: Anomaly[] = [];
  for (let day = days.from; day <= days.to; day += 1) {
    const to = new Date(START + (day * DAY_HOURS + 9) * HOUR_MS);
    const { anomalies } = await answerAnomalies(
      { reader: readerOf(streams), weights: {}, signal: new AbortController().signal },
      { from: new Date(to.getTime() - DAY_HOURS * HOUR_MS), to },
      anomalyRuleOf({}),
    );
    found.push(...anomalies);
  }
  return found;
};

/** In one line each, to be read when the test fails. */
const spikesIn = (found: readonly Anomaly[]): readonly string[] =>
  found
    .filter(({ kind }) => kind !== 'new_spender')
    .map((spike) =>
      [
        spike.kind,
        `${spike.dimension} ${spike.key}`,
        spike.peak_at,
        `${spike.value} against ${spike.baseline}`,
        `${spike.calls} calls`,
        `${spike.method} of ${spike.samples} ${spike.samples_of}`,
      ].join(', '),
    );

describe('thirty daily digests of quiet days', () => {
  it.each([1, 2, 3])('raise no alarm, with weeks of history or none (seed %d)', async (seed) => {
    const random = randomOf(seed * 7919);
    const streams = SHAPES.map((shape) => toStream(shape, 70, random));
    // From the second day on the ratio rule judges, from the fifth week on the median.
    expect(spikesIn(await digestsOf(streams, { from: 2, to: 31 }))).toEqual([]);
    const settled = await digestsOf(streams, { from: 36, to: 65 });
    expect(spikesIn(settled)).toEqual([]);
    const began = settled.filter(({ dimension }) => dimension === 'agent_id');
    expect(began.map(({ key }) => key)).toEqual(['hired', 'hired later']);
  });

  it.each([
    ['ratio', 10],
    ['robust', 64],
  ])('find the spike that was put into them (%s)', async (method, day) => {
    const random = randomOf(31);
    const streams = SHAPES.map((shape) => toStream(shape, 70, random));
    const at = day * DAY_HOURS + 3;
    const poller = streams.find(({ keys }) => keys.agent_id === 'poller');
    const calm = poller?.hours[at];
    poller?.hours.splice(at, 1, {
      calls: 400,
      failed: 200,
      durationMsSum: 5 * (calm?.durationMsSum ?? 0),
    });
    const found = await digestsOf(streams, { from: day, to: day });
    const seen = found.filter(({ dimension }) => dimension === 'agent_id');
    expect(seen).toMatchObject([
      { kind: 'cost_spike', key: 'poller', method, calls: 400 },
      { kind: 'error_rate_spike', key: 'poller', method, failed: 200 },
    ]);
    expect(seen[0]?.window.from).toBe(new Date(START + at * HOUR_MS).toISOString());
  });
});
