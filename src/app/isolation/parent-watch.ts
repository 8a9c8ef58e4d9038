import { workerData } from 'node:worker_threads';
import { systemClock } from '#core/clock';

/** How long a job may outlive its worker's process, in milliseconds. */
const CHECK_EVERY_MS = 1_000;

const { parentPid } = workerData as { readonly parentPid: number };

// Runs in a thread of its own: a job that blocks its event loop would never
// hear that its worker is gone, and would go on for ever.
while (process.ppid === parentPid) await systemClock.sleep(CHECK_EVERY_MS);
process.kill(process.pid, 'SIGKILL');
