import { Type } from 'typebox';
import { buildCostDigest } from '#finops/cost-digest';
import { defineJob } from '#job-kit/job';
import { toReport } from './report.ts';

const Inputs = Type.Object(
  { window_hours: Type.Integer({ minimum: 1, maximum: 744, default: 24 }) },
  { additionalProperties: false },
);

export const job = defineJob({
  reads: 'history',
  inputs: Inputs,
  needs: ['audit'],
  async run({ scheduledFor, window, signal, stores, policies, reports, log, progress }) {
    const weights = await policies.load('cost_weights');
    const { digest, sourceBackend } = await buildCostDigest(stores.audit, {
      window,
      weights,
      signal,
    });
    progress({ done: 1, total: 2, message: 'figures computed' });
    await reports.publish(
      await toReport({ digest, scheduledFor, assetPrefix: reports.assetPrefix }),
    );
    progress({ done: 2, total: 2, message: 'report published' });
    if (digest.input_problems.rejected_lines > 0) {
      log.warn('lines of the audit files do not count', {
        rejected_lines: digest.input_problems.rejected_lines,
      });
    }
    return {
      kind: 'succeeded',
      summary: {
        calls: digest.totals.calls,
        cost_units: digest.totals.cost_units,
        anomalies: digest.anomalies.length,
        rejected_lines: digest.input_problems.rejected_lines,
        source_backend: sourceBackend,
      },
      ...(digest.partial ? { partial: true } : {}),
    };
  },
});
