import { Type } from 'typebox';
import { defineJob } from '#job-kit/job';

const Inputs = Type.Object(
  {
    window_days: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 36_500,
        description: 'Only closed days of the last so many; all closed days when left out.',
      }),
    ),
  },
  { additionalProperties: false },
);

/** Kept days that are named in the log; all are counted. */
const KEPT_SHOWN = 20;

export const job = defineJob({
  reads: 'live',
  inputs: Inputs,
  needs: ['auditCompaction'],
  async run({ inputs, clock, signal, stores, log }) {
    const now = clock.now();
    const done = await stores.auditCompaction.compact({
      now,
      signal,
      ...(inputs.window_days === undefined ? {} : { windowDays: inputs.window_days }),
    });
    for (const { what, reason } of done.kept.slice(0, KEPT_SHOWN))
      log.warn('audit day not compacted', { day: what, reason });
    return {
      kind: 'succeeded',
      summary: {
        looked_at: now.toISOString(),
        closed_days: done.closed.days,
        late_digests: done.closed.lateDigests,
        compacted_days: done.compactedDays,
        events: done.events,
        lines_bytes: done.linesBytes,
        parquet_bytes: done.parquetBytes,
        up_to_date_days: done.upToDateDays,
        kept_days: done.kept.length,
      },
    };
  },
});
