import { describeSchedule } from './describe-schedule.ts';
import { formatDuration } from './duration.ts';
import { followedSchedules } from './followed-schedule.ts';
import type {
  BlackoutCalendar,
  BlackoutWindow,
  Registry,
  Schedule,
  TaskDefinition,
} from './task.ts';

const code = (text: string): string => `\`${text}\``;
const codes = (texts: readonly string[]): string => texts.map(code).join(', ');
const cell = (text: string): string => text.replaceAll('|', '\\|');

/** `followed` is the schedule of what the task comes after. */
const scheduleText = ({ schedule, after }: TaskDefinition, followed: Schedule | null): string => {
  if (schedule !== null) return `${describeSchedule(schedule)}, ${code(schedule.cron)}`;
  if (after.length === 0) return 'on request';
  const names = after.map((id) => `[${id}](#${id})`).join(', ');
  return followed === null ? `after ${names}` : `after ${names}: ${describeSchedule(followed)}`;
};

const inputRows = (task: TaskDefinition): readonly string[] => {
  const properties = Object.entries(
    (task.inputs['properties'] ?? {}) as Readonly<
      Record<string, Readonly<Record<string, unknown>>>
    >,
  );
  if (properties.length === 0) return ['Inputs: none.'];
  const rules = (schema: Readonly<Record<string, unknown>>): string =>
    Object.entries(schema)
      .filter(([key]) => key !== 'default' && key !== 'description' && key !== 'title')
      .map(([key, value]) => `${key} ${typeof value === 'string' ? value : JSON.stringify(value)}`)
      .join(', ');
  return [
    '| Input | Accepted | Default | Meaning |',
    '|---|---|---|---|',
    ...properties.map(([name, schema]) => {
      const otherwise =
        schema['default'] === undefined ? '' : code(JSON.stringify(schema['default']));
      const meaning = typeof schema['description'] === 'string' ? schema['description'] : '';
      return `| ${code(name)} | ${cell(rules(schema))} | ${otherwise} | ${cell(meaning)} |`;
    }),
  ];
};

const lateText = ({ lateAfterMs }: TaskDefinition): string =>
  lateAfterMs === 'auto' ? 'auto' : formatDuration(lateAfterMs);

const backoffText = ({ backoff }: TaskDefinition): string =>
  `${backoff.type} from ${formatDuration(backoff.delayMs)}, jitter ${backoff.jitter}`;

const notifyText = ({ notify }: TaskDefinition): readonly string[] =>
  notify === null ? [] : [`- Notifies ${codes(notify.to)} when ${notify.on.join(', ')}`];

const blackoutText = ({ blackouts }: TaskDefinition): readonly string[] =>
  blackouts.length === 0 ? [] : [`- Held back by the blackouts ${codes(blackouts)}`];

const section = (task: TaskDefinition, followed: Schedule | null): readonly string[] => [
  `## ${task.id}`,
  '',
  `${task.title}. ${task.description}`,
  '',
  `- Schedule: ${scheduleText(task, followed)}${task.enabled ? '' : ' (not enabled)'}`,
  ...blackoutText(task),
  ...notifyText(task),
  `- Job: ${code(`jobs/${task.job}/`)}; owner ${task.owner}; group ${task.group}`,
  `- Start needs ${codes(task.permissions.start)}; reading needs ${codes(task.permissions.read)}`,
  `- Dry-run: ${task.dryRun ? 'yes' : 'no'}; destructive: ${task.destructive ? 'yes' : 'no'}; isolated: ${task.isolate ? 'yes' : 'no'}`,
  `- Timeout ${formatDuration(task.timeoutMs)}; ${task.attempts} attempts, ${backoffText(task)}; overlap: ${task.overlap}`,
  `- Catch-up: ${task.catchUp} within ${formatDuration(task.catchUpWindowMs)}; late after: ${lateText(task)}; runs kept ${formatDuration(task.keepRunsMs)}; stopped after ${task.maxCrashes} crashes`,
  `- Outputs: ${task.outputs.length === 0 ? 'none' : codes(task.outputs)}`,
  '',
  ...inputRows(task),
  '',
];

const windowText = (window: BlackoutWindow, timezone: string): string =>
  window.kind === 'once'
    ? `${window.from} to ${window.to} (${timezone})`
    : `${describeSchedule({ cron: window.cron, timezone })}, ${code(window.cron)}, for ${formatDuration(window.durationMs)}`;

const calendarRow = ({ name, title, timezone, action, windows }: BlackoutCalendar): string => {
  const what = action === 'skip' ? 'skipped' : 'delayed to the end';
  const when = windows.map((window) => cell(windowText(window, timezone))).join('<br>');
  return `| ${code(name)} | ${cell(title)} | ${what} | ${when} |`;
};

const calendarSection = ({ blackouts }: Registry): readonly string[] =>
  blackouts.size === 0
    ? []
    : [
        '## Blackout calendars',
        '',
        'Occurrences inside of a window do not run at their time; a start on request does.',
        '',
        '| Calendar | Title | Occurrences are | Windows |',
        '|---|---|---|---|',
        ...[...blackouts.values()].map(calendarRow),
        '',
      ];

const RECONCILE_TEXT: Readonly<Record<Registry['reconcile'], string>> = {
  enforce: 'A scheduler that is not as declared is put right within a minute',
  warn: 'A scheduler that is not as declared is reported and left as it is',
};

/** `docs/reference/tasks.md` */
export const renderTaskReference = (registry: Registry): string => {
  const followed = followedSchedules(registry.tasks);
  const tasks = [...registry.tasks.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  return [
    '# Tasks',
    '',
    `<!-- Generated by \`npm run docs\` from ${registry.file}. -->`,
    '',
    `${RECONCILE_TEXT[registry.reconcile]} (\`reconcile: ${registry.reconcile}\`).`,
    '',
    '| Task | Schedule | Outputs |',
    '|---|---|---|',
    ...tasks.map(
      (task) =>
        `| [${task.id}](#${task.id}) | ${cell(scheduleText(task, followed.get(task.id) ?? null))} | ${task.outputs.map(code).join('<br>')} |`,
    ),
    '',
    ...tasks.flatMap((task) => section(task, followed.get(task.id) ?? null)),
    ...calendarSection(registry),
  ].join('\n');
};
