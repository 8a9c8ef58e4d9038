import { toAppliedRecord, toPlanRecord, toUnchangedRecords } from '#runner/plan-record';
import { DIFFERENCES } from './exit-codes.ts';
import type { Invocation } from './invocation.ts';
import { withSession } from './open-session.ts';
import { printApplied, printPlan } from './plan-view.ts';
import { printJson } from './terminal-text.ts';

export interface PlanOptions {
  readonly all?: boolean;
  readonly json?: boolean;
}

export const planRegistry = (invocation: Invocation, options: PlanOptions): Promise<number> =>
  withSession(invocation, async ({ runs, actor, registry }) => {
    const includeUnchanged = options.all === true;
    const plan = await runs.plan(actor, { includeUnchanged });
    const record = toPlanRecord(plan);
    const unchanged = toUnchangedRecords(plan);
    if (options.json === true)
      printJson(invocation.stdout, includeUnchanged ? { ...record, unchanged } : record);
    else printPlan(invocation.stdout, record, { file: registry.file, unchanged });
    return record.in_force ? 0 : DIFFERENCES;
  });

export const applyRegistry = (
  invocation: Invocation,
  format: { readonly json?: boolean },
): Promise<number> =>
  withSession(invocation, async (session) => {
    const applied = toAppliedRecord(await session.applyRegistry());
    if (format.json === true) printJson(invocation.stdout, applied);
    else printApplied(invocation.stdout, applied);
    return 0;
  });
