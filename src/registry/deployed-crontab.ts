import { collapseSpaces } from './crontab-entry.ts';

/** A line of a crontab on some host that runs a task of ours. */
export interface DeployedLine {
  /** Counts from 1. */
  readonly line: number;
  readonly task: string;
  readonly cron: string;
  /** The command as it stands there, without the comment after it, spaces collapsed. */
  readonly command: string;
  /** The zone set above it and the variable that sets it; null when that is the host's affair. */
  readonly zone: { readonly variable: 'CRON_TZ' | 'TZ'; readonly name: string } | null;
}

const VARIABLE = /^["']?([A-Za-z_][A-Za-z0-9_]*)["']?\s*=\s*(.*)$/;
const JOB = /^(@[a-z]+|(?:\S+\s+){4}\S+)\s+(.*)$/i;
const RUN = /^(.*\S)\s+run\s+([a-z][a-z0-9_]*)(?=\s|$)(.*)$/;

/** A call of the program by its own name, at whatever place it is installed. */
const OWN_PROGRAM = /(?:^|[\s/;&|(])opsloop(?:\.mjs)?$/;

const readCommand = (
  text: string,
  ours: string,
): { readonly task: string; readonly command: string } | null => {
  const [, program, task, rest = ''] = RUN.exec(collapseSpaces(text)) ?? [];
  if (program === undefined || task === undefined) return null;
  if (program !== ours && !OWN_PROGRAM.test(program)) return null;
  const options = rest.replace(/\s#.*$/, '');
  return { task, command: collapseSpaces(`${program} run ${task}${options}`) };
};

/** `:Europe/Berlin` and `"Europe/Berlin"` name the same zone. */
const zoneName = (value: string): string => value.replaceAll(/^["':]+|["'\s]+$/g, '');

/**
 * The lines of a crontab that run a task by `ours` (its percent signs escaped)
 * or by the program's own name. Everything else in it is somebody else's.
 */
export const readCrontab = (text: string, ours: string): readonly DeployedLine[] => {
  const zones = { CRON_TZ: '', TZ: '' };
  const found: DeployedLine[] = [];
  text.split(/\r?\n/).forEach((raw, index) => {
    const trimmed = raw.trim();
    if (trimmed === '' || trimmed.startsWith('#')) return;
    const [, variable, value = ''] = VARIABLE.exec(trimmed) ?? [];
    if (variable === 'CRON_TZ' || variable === 'TZ') zones[variable] = zoneName(value);
    if (variable !== undefined) return;
    const [, cron, job = ''] = JOB.exec(trimmed) ?? [];
    const command = readCommand(job, ours);
    if (cron === undefined || command === null) return;
    const setBy = zones.CRON_TZ === '' ? 'TZ' : 'CRON_TZ';
    const zone = zones[setBy] === '' ? null : ({ variable: setBy, name: zones[setBy] } as const);
    found.push({ line: index + 1, cron: collapseSpaces(cron), ...command, zone });
  });
  return found;
};
