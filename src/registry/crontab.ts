import { groupBy } from '#core/group-by';
import {
  type CrontabLine,
  collapseSpaces,
  crontabEntryOf,
  escapePercent,
  timesKey,
  zoneKey,
} from './crontab-entry.ts';
import { type DeployedLine, readCrontab } from './deployed-crontab.ts';
import type { Registry, TaskDefinition } from './task.ts';

export interface CrontabOptions {
  /** What stands before `run <task>`, such as `opsloop` or `/usr/bin/opsloop`; one line. */
  readonly command: string;
}

const headOf = ({ file, tasks }: Registry): readonly string[] => [
  `# The tasks of ${file} for hosts without the daemon, made by \`opsloop registry cron\`;`,
  '# `opsloop registry cron --check FILE` compares it with the registry.',
  "# CRON_TZ is the zone of the lines below it. cronie honours it. Debian's cron does not and",
  "# reads every line in the host's zone: keep such a host on UTC and lines of other zones off it.",
  ...([...tasks.values()].some(({ blackouts }) => blackouts.length > 0)
    ? ['# Blackout calendars hold back the daemon alone, not these lines.']
    : []),
];

/** UTC first: it is the zone that every cron can be made to read. */
const inOrderOfZone = (a: string, b: string): number =>
  Number(b === 'UTC') - Number(a === 'UTC') || (a < b ? -1 : 1);

interface TitledLine {
  readonly title: string;
  readonly line: CrontabLine;
}

const linesOfZone = (timezone: string, lines: readonly TitledLine[]): readonly string[] => [
  '',
  `CRON_TZ=${timezone}`,
  ...lines.map(({ title, line }) => `${line.cron} ${line.command}  # ${escapePercent(title)}`),
];

/**
 * The registry as a crontab, in which each line runs a task by the command. UTC
 * comes first; what has no line is named in a comment that says why. Throws
 * `invalid_input` for a command of several lines.
 */
export const renderCrontab = (registry: Registry, { command }: CrontabOptions): string => {
  const lines: TitledLine[] = [];
  const notes: string[] = [];
  for (const task of registry.tasks.values()) {
    const entry = crontabEntryOf(task, command);
    if (entry.kind === 'line') lines.push({ title: task.title, line: entry.line });
    else notes.push(`# ${entry.text}`);
  }
  const zones = groupBy(lines, ({ line }) => line.timezone);
  return [
    ...headOf(registry),
    ...[...zones]
      .sort(([a], [b]) => inOrderOfZone(a, b))
      .flatMap(([timezone, group]) => linesOfZone(timezone, group)),
    ...(notes.length === 0 ? [] : ['', '# Without a line here:', ...notes]),
    '',
  ].join('\n');
};

export interface CrontabDifference {
  /** `extra`: runs a task that has no line, or one for a second time. */
  readonly kind: 'missing' | 'extra' | 'changed';
  readonly task: string;
  /** Where it stands in the deployed crontab, from 1; null for what is missing. */
  readonly line: number | null;
  /** The line with its zone, as it should be; null for what is extra. */
  readonly expected: string | null;
  /** The line with its zone, as it is deployed; null for what is missing. */
  readonly found: string | null;
}

const expectedText = ({ cron, command, timezone }: CrontabLine): string =>
  `${cron} ${command} (CRON_TZ=${timezone})`;

const foundText = ({ cron, command, zone }: DeployedLine): string =>
  `${cron} ${command} (${zone === null ? 'no CRON_TZ' : `${zone.variable}=${zone.name}`})`;

/** Where no zone is set the host's counts, which the header asks to be UTC. */
const isSame = (expected: CrontabLine, found: DeployedLine): boolean =>
  collapseSpaces(expected.command) === found.command &&
  timesKey(expected.cron) === timesKey(found.cron) &&
  zoneKey(expected.timezone) === zoneKey(found.zone?.name ?? 'UTC');

const toExtra = (line: DeployedLine): CrontabDifference => ({
  kind: 'extra',
  task: line.task,
  line: line.line,
  expected: null,
  found: foundText(line),
});

const compareTask = (
  { id }: TaskDefinition,
  expected: CrontabLine,
  found: readonly DeployedLine[],
): readonly CrontabDifference[] => {
  const match = found.find((line) => isSame(expected, line)) ?? found[0];
  if (match === undefined)
    return [
      { kind: 'missing', task: id, line: null, expected: expectedText(expected), found: null },
    ];
  const extra = found.filter((line) => line !== match).map(toExtra);
  if (isSame(expected, match)) return extra;
  const texts = { expected: expectedText(expected), found: foundText(match) };
  return [{ kind: 'changed', task: id, line: match.line, ...texts }, ...extra];
};

/**
 * How a deployed crontab differs from the registry's: in the order of the
 * registry, then what else runs tasks. Only lines that run a task by the command
 * or by `opsloop` count; their order, spaces and comments do not, and times that
 * cron reads alike are the same.
 */
export const checkCrontab = (
  registry: Registry,
  text: string,
  { command }: CrontabOptions,
): readonly CrontabDifference[] => {
  const deployed = readCrontab(text, collapseSpaces(escapePercent(command)));
  const byTask = groupBy(deployed, ({ task }) => task);
  const differences: CrontabDifference[] = [];
  const expectedTasks = new Set<string>();
  for (const task of registry.tasks.values()) {
    const entry = crontabEntryOf(task, command);
    if (entry.kind === 'note') continue;
    expectedTasks.add(task.id);
    differences.push(...compareTask(task, entry.line, byTask.get(task.id) ?? []));
  }
  const others = deployed.filter(({ task }) => !expectedTasks.has(task));
  return [...differences, ...others.map(toExtra)];
};
