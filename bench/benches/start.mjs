// From the command to a ready system, cold (empty directory) and warm, the
// time of --help, and the memory of an idle system.
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const PROGRAM = path.join(import.meta.dirname, '..', '..', 'bin', 'opsloop.mjs');
const WARM_STARTS = 5;
const IDLE_MS = 3_000;

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

const startOnce = async (cwd) => {
  const startedMs = performance.now();
  const child = spawn(process.execPath, [PROGRAM, 'start', '--json'], {
    cwd,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, GATEWAY_PORT: '0', LOG_LEVEL: 'error' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise((resolve) => child.once('close', resolve));
  await new Promise((resolve) => child.stdout.once('data', resolve));
  const readyMs = performance.now() - startedMs;
  await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
  const status =
    process.platform === 'linux' ? readFileSync(`/proc/${child.pid}/status`, 'utf8') : '';
  const residentMib = Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? Number.NaN) / 1_024);
  child.kill('SIGTERM');
  await ended;
  return { readyMs, residentMib };
};

export const bench = async () => {
  const cwd = mkdtempSync(path.join(tmpdir(), 'opsloop-bench-'));
  chmodSync(cwd, 0o755);
  const cold = await startOnce(cwd);
  const warm = [];
  for (let n = 0; n < WARM_STARTS; n += 1) warm.push(await startOnce(cwd));
  rmSync(cwd, { recursive: true, force: true });
  const helps = Array.from({ length: 5 }, () => {
    const startedMs = performance.now();
    spawnSync(process.execPath, [PROGRAM, '--help']);
    return performance.now() - startedMs;
  });
  return {
    cold_ms: Math.round(cold.readyMs),
    warm_ms: Math.round(median(warm.map(({ readyMs }) => readyMs))),
    wanted_warm_ms: 3_000,
    help_ms: Math.round(median(helps)),
    wanted_help_ms: 400,
    idle_resident_mib: median(warm.map(({ residentMib }) => residentMib)),
    wanted_idle_resident_mib: 180,
  };
};
