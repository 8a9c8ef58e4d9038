import type { Clock } from '#core/clock';
import type { RunningServer } from './server.ts';

const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 5_000;

export interface ServerWatch {
  /** Ends the watching and its connection; no revival is under way afterwards. */
  stop(): Promise<void>;
}

/**
 * Starts the server again whenever the connection to it ended, until stopped.
 * Several processes may watch one server: `revive` finds what another started.
 */
export const watchServer = (options: {
  readonly server: RunningServer;
  readonly revive: () => Promise<RunningServer>;
  readonly onGone: () => void;
  readonly onFailure: (error: unknown) => void;
  readonly clock: Clock;
}): ServerWatch => {
  const { clock } = options;
  const stopping = new AbortController();
  let { server } = options;

  const reviveUntilStopped = async (): Promise<RunningServer | null> => {
    for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS)) {
      await clock.sleep(waitMs, stopping.signal);
      if (stopping.signal.aborted) return null;
      try {
        return await options.revive();
      } catch (error) {
        options.onFailure(error);
      }
    }
  };

  const watch = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      await server.ended;
      if (stopping.signal.aborted) return;
      options.onGone();
      const revived = await reviveUntilStopped();
      if (revived === null) return;
      server = revived;
    }
    await server.client.end();
  };
  const watching = watch();

  return {
    async stop() {
      stopping.abort();
      await server.client.end().catch(() => {});
      await watching;
    },
  };
};
