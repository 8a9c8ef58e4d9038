import { vi } from 'vitest';
import type { SystemProcess } from './system-process.ts';

export type RunRecord = Readonly<Record<string, unknown>>;

/** Calls the gateway of a running system as the runbook's curl does: without a Content-Type of JSON. */
export class SystemClient {
  readonly #system: SystemProcess;
  readonly #key: string;

  constructor(system: SystemProcess, key: string) {
    this.#system = system;
    this.#key = key;
  }

  async call(body: object): Promise<{ readonly status: number; readonly body: RunRecord }> {
    const response = await fetch(`${this.#system.gatewayUrl}/v1/tools/jobs`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', 'X-API-Key': this.#key },
      body: JSON.stringify(body),
    });
    return { status: response.status, body: (await response.json()) as RunRecord };
  }

  /** Starts a task and answers the run's id. */
  async start(taskId: string, inputs: object = {}): Promise<string> {
    const { status, body } = await this.call({
      action: 'start_task',
      params: { task_id: taskId, inputs },
    });
    if (status !== 202) throw new Error(`start of ${taskId}: ${status} ${JSON.stringify(body)}`);
    return String(body['run_id']);
  }

  async getRun(runId: string): Promise<RunRecord> {
    const { body } = await this.call({ action: 'get_run', params: { run_id: runId } });
    return body;
  }

  /** Asks a few times a second, as the tool's rate limit allows; 40 s at most. */
  untilRun(runId: string, isSo: (run: RunRecord) => boolean): Promise<RunRecord> {
    return vi.waitFor(
      async () => {
        const run = await this.getRun(runId);
        if (!isSo(run)) throw new Error(`not yet: ${JSON.stringify(run)}`);
        return run;
      },
      { timeout: 40_000, interval: 400 },
    );
  }

  untilState(runId: string, ...states: readonly string[]): Promise<RunRecord> {
    return this.untilRun(runId, (run) => states.includes(String(run['state'])));
  }

  untilEnded(runId: string): Promise<RunRecord> {
    return this.untilState(runId, 'succeeded', 'failed', 'timed_out', 'cancelled', 'skipped');
  }
}
