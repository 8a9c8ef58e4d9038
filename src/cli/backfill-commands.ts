import { stateOfBackfill, toBackfillRecord } from '#runner/backfill-record';
import { toRunRecord } from '#runner/run-record';
import { printBackfill, printBackfillRuns, printBackfills } from './backfill-view.ts';
import type { Invocation } from './invocation.ts';
import { withSession } from './open-session.ts';
import { printJson, printLine } from './terminal-text.ts';

interface Format {
  readonly json?: boolean;
}

export const listBackfills = (invocation: Invocation, format: Format): Promise<number> =>
  withSession(invocation, async ({ runs, actor }) => {
    const backfills = await runs.listBackfills(actor);
    if (format.json === true)
      printJson(invocation.stdout, { backfills: backfills.map(toBackfillRecord) });
    else if (backfills.length === 0) printLine(invocation.stdout, 'there is no backfill yet');
    else printBackfills(invocation.stdout, backfills);
    return 0;
  });

export const showBackfill = (
  invocation: Invocation,
  backfillId: string,
  format: Format,
): Promise<number> =>
  withSession(invocation, async (session) => {
    const { runs, actor } = session;
    const backfill = await runs.getBackfill(actor, backfillId);
    const made = await runs.listBackfillRuns(actor, backfillId);
    if (format.json === true) {
      printJson(invocation.stdout, {
        ...toBackfillRecord(backfill),
        runs: made.map(toRunRecord),
      });
      return 0;
    }
    printBackfill(invocation.stdout, backfill);
    if (made.length > 0) {
      printLine(invocation.stdout);
      printBackfillRuns(invocation.stdout, made);
    }
    if (stateOfBackfill(backfill) === 'running' && (await session.findLiveSystem()) === null)
      printLine(invocation.stderr, 'no worker is running: it goes on with `opsloop start`');
    return 0;
  });

export const cancelBackfill = (
  invocation: Invocation,
  backfillId: string,
  format: Format,
): Promise<number> =>
  withSession(invocation, async ({ runs, actor }) => {
    const backfill = await runs.cancelBackfill(actor, backfillId);
    if (format.json === true) printJson(invocation.stdout, toBackfillRecord(backfill));
    else printBackfill(invocation.stdout, backfill);
    const active = (backfill.runs.queued ?? 0) + (backfill.runs.running ?? 0);
    if (active > 0)
      printLine(
        invocation.stderr,
        `makes no further runs; the one under way goes on: opsloop backfill show ${backfill.id}`,
      );
    return 0;
  });
