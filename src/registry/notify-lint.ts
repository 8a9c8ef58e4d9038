import { isLooseObject, type LintReport, type LooseObject } from './lint-report.ts';
import { lintNames } from './name-lint.ts';

const isEmpty = (list: unknown): boolean => Array.isArray(list) && list.length === 0;

/** Checks `notify` of a task or of the defaults: no name twice, and not one list empty alone. */
export const lintNotify = (object: LooseObject, report: LintReport): void => {
  const notify = object['notify'];
  if (!isLooseObject(notify)) return;
  const { on, to } = notify;
  lintNames(on, { steps: ['notify', 'on'], report });
  lintNames(to, { steps: ['notify', 'to'], report });
  if (!Array.isArray(on) || !Array.isArray(to) || isEmpty(on) === isEmpty(to)) return;
  const lacking = isEmpty(on) ? 'on' : 'to';
  report(
    ['notify', lacking],
    'is empty; accepted: names in both lists, or none in either to tell nobody',
  );
};
