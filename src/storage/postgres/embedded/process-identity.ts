import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';

/**
 * A process that cannot be confused with a later one of the same number.
 * `startMark` says when it started and is opaque; empty where the system does
 * not tell. Processes of another container are not seen: a data directory
 * belongs to one at a time.
 */
export interface ProcessIdentity {
  readonly pid: number;
  readonly startMark: string;
}

const hasProc = existsSync('/proc/self/stat');

const readProc = (file: string): string | null => {
  try {
    return readFileSync(`/proc/${file}`, 'latin1');
  } catch {
    return null;
  }
};

const ps = (pid: number, column: string): string =>
  spawnSync('ps', ['-ww', '-o', `${column}=`, '-p', String(pid)], {
    encoding: 'utf8',
  }).stdout?.trim() ?? '';

const bootMark = (): string => readProc('sys/kernel/random/boot_id')?.slice(0, 8) ?? '';

// The second field of /proc/<pid>/stat, the name in parentheses, may hold anything,
// so fields are counted from the last parenthesis: first the state, the start as the twentieth.
const linuxIdentity = (pid: number): ProcessIdentity | null => {
  const stat = readProc(`${pid}/stat`);
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ') ?? [];
  const [state] = fields;
  // A zombie has ended; only its parent has not asked for the exit code yet.
  if (state === undefined || state === 'Z' || state === 'X') return null;
  return { pid, startMark: `${bootMark()}-${fields[19] ?? ''}` };
};

const otherIdentity = (pid: number): ProcessIdentity | null => {
  const state = ps(pid, 'state');
  if (state === '' || state.startsWith('Z')) return null;
  return { pid, startMark: ps(pid, 'lstart').replaceAll(/\W+/g, '-') };
};

/** Null when no such process is running. */
export const findProcess = (pid: number): ProcessIdentity | null =>
  hasProc ? linuxIdentity(pid) : otherIdentity(pid);

/** Whether exactly this process, and not a later one of the same number, is running. */
export const isRunning = (identity: ProcessIdentity): boolean =>
  findProcess(identity.pid)?.startMark === identity.startMark;

let self: ProcessIdentity | undefined;

export const currentProcess = (): ProcessIdentity => {
  self ??= findProcess(process.pid) ?? { pid: process.pid, startMark: '' };
  return self;
};

/** Whether the process runs with `argument` as one of its arguments. */
export const hasArgument = (pid: number, argument: string): boolean =>
  hasProc
    ? (readFileAsUtf8(`/proc/${pid}/cmdline`)?.split('\0').includes(argument) ?? false)
    : ` ${ps(pid, 'args')} `.includes(` ${argument} `);

const readFileAsUtf8 = (file: string): string | null => {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null;
  }
};

/** File-name form: `<pid>_<startMark>`. */
export const formatIdentity = ({ pid, startMark }: ProcessIdentity): string =>
  `${pid}_${startMark}`;

export const parseIdentity = (text: string): ProcessIdentity | null => {
  const [, pid, startMark] = /^(\d{1,10})_([^_]*)/.exec(text) ?? [];
  return pid === undefined || startMark === undefined ? null : { pid: Number(pid), startMark };
};
