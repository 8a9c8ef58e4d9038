import type { JsonValue } from '#core/json';
import type { AppliedRecord, ChangeRecord, PlanRecord, UnchangedRecord } from '#runner/plan-record';
import type { TextStream } from './invocation.ts';
import {
  formatInstant,
  formatTable,
  plainText,
  printLine,
  type Style,
  styled,
} from './terminal-text.ts';

type Kind = ChangeRecord['kind'];
type ItemRecord = AppliedRecord['changes'][number];

const MARKS: Readonly<Record<Kind, { readonly mark: string; readonly style: Style }>> = {
  added: { mark: '+', style: 'green' },
  changed: { mark: '~', style: 'yellow' },
  ghost: { mark: '-', style: 'red' },
  drifted: { mark: '!', style: 'magenta' },
};

/** Beyond this the values of a field stand below each other. */
const LINE_WIDTH = 100;

const showValue = (value: JsonValue): string => {
  if (value === null) return 'none';
  return plainText(typeof value === 'string' ? value : JSON.stringify(value));
};

const printField = (
  stream: TextStream,
  { field, from, to }: ItemRecord['fields'][number],
): void => {
  const [before, after] = [showValue(from), showValue(to)];
  const line = `    ${field}: ${before} → ${after}`;
  if (line.length <= LINE_WIDTH) {
    printLine(stream, line);
    return;
  }
  printLine(stream, `    ${field}:`);
  printLine(stream, `      from ${before}`);
  printLine(stream, `      to   ${after}`);
};

const printItem = (stream: TextStream, item: ItemRecord): void => {
  const { mark, style } = MARKS[item.kind];
  const head = styled(stream, style, `${mark} ${item.kind} ${plainText(item.task_id)}`);
  const names = item.fields.map(({ field }) => field).join(', ');
  printLine(stream, `${head}: ${names === '' ? plainText(item.detail) : names}`);
  for (const field of item.fields) printField(stream, field);
};

const when = (text: string): string => formatInstant(new Date(text));

type Outlook = Pick<ChangeRecord, 'declared' | 'next' | 'clock_changes'>;

const printOutlook = (stream: TextStream, { declared, next, clock_changes }: Outlook): void => {
  if (declared === null) return;
  const { queue, cron, timezone, after, enabled } = declared;
  printLine(stream, `    queue: ${queue}`);
  if (!enabled) printLine(stream, '    disabled: it does not run by its schedule');
  else if (cron === null) printLine(stream, '    runs on request only');
  else {
    const follows = after.length === 0 ? '' : `, each after ${after.join(' and ')}`;
    printLine(stream, `    next by ${cron} in ${timezone}${follows}:`);
    const rows = next.map(({ at, local }) => (timezone === 'UTC' ? [when(at)] : [local, when(at)]));
    const table = formatTable([timezone, 'UTC'], rows);
    for (const line of timezone === 'UTC' ? table.slice(1) : table)
      printLine(stream, `      ${line}`);
  }
  for (const text of clock_changes)
    printLine(stream, `    ${styled(stream, 'yellow', 'warning:')} ${text}`);
};

/** What becomes of occurrences that are due and have no run. */
const fateOf = ({ declared, catch_up }: ChangeRecord): string =>
  declared === null
    ? 'recorded as missed, since the task is gone'
    : `decided by catch_up: ${catch_up}`;

const printOverdue = (stream: TextStream, change: ChangeRecord): void => {
  const [first, last] = [change.overdue[0], change.overdue.at(-1)];
  if (first === undefined || last === undefined) return;
  const count = change.overdue.length;
  const range = count === 1 ? `of ${when(first)}` : `from ${when(first)} to ${when(last)}`;
  printLine(
    stream,
    `    ${styled(stream, 'yellow', 'overdue:')} ${count} ${count === 1 ? 'occurrence' : 'occurrences'} without a run ${range}, ${fateOf(change)}`,
  );
};

const printUnchanged = (stream: TextStream, task: UnchangedRecord): void => {
  printLine(stream, `= unchanged ${task.task_id}`);
  printOutlook(stream, task);
};

const describeRevision = (revision: PlanRecord['revision']): string =>
  revision === null
    ? 'in force: nothing, no registry has been applied yet'
    : `in force: revision ${revision.revision}, applied ${when(revision.applied_at)} by ${plainText(revision.applied_by)} (reconcile: ${revision.reconcile})`;

const countWords = (summary: PlanRecord['summary']): string =>
  Object.entries(summary)
    .filter(([, count]) => count > 0)
    .map(([kind, count]) => `${count} ${kind}`)
    .join(', ');

const summaryOf = (plan: PlanRecord): string => {
  if (plan.in_force) return `no differences: all ${plan.tasks} tasks are in force as the file says`;
  const parts = [
    countWords(plan.summary),
    plan.reconcile_changes ? `reconcile becomes ${plan.reconcile}` : '',
    plan.hidden_changes > 0 ? `${plan.hidden_changes} that you may not read` : '',
  ].filter((part) => part !== '');
  return `${parts.join('; ')}: opsloop registry apply makes it so`;
};

/** Every change with its next instants and what is overdue; a summary at the end. */
export const printPlan = (
  stream: TextStream,
  plan: PlanRecord,
  options: { readonly file: string; readonly unchanged: readonly UnchangedRecord[] },
): void => {
  printLine(stream, `file: ${options.file}, ${plan.tasks} tasks`);
  printLine(stream, describeRevision(plan.revision));
  for (const change of plan.changes) {
    printLine(stream);
    printItem(stream, change);
    printOutlook(stream, change);
    printOverdue(stream, change);
  }
  for (const task of options.unchanged) {
    printLine(stream);
    printUnchanged(stream, task);
  }
  printLine(stream);
  printLine(stream, styled(stream, 'bold', summaryOf(plan)));
};

/** What applying did. */
export const printApplied = (stream: TextStream, applied: AppliedRecord): void => {
  for (const change of applied.changes) printItem(stream, change);
  const done = [
    countWords(applied.summary),
    applied.reconcile_changes ? `reconcile is ${applied.revision?.reconcile}` : '',
  ].filter((part) => part !== '');
  printLine(
    stream,
    styled(stream, 'bold', done.length === 0 ? 'nothing to change' : `applied: ${done.join('; ')}`),
  );
  printLine(stream, describeRevision(applied.revision));
};
