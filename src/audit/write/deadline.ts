import type { Clock } from '#core/clock';

/** Runs `work` with a signal that aborts after `ms`, or when `parent` does. */
export const withDeadline = async <T>(
  options: { readonly clock: Clock; readonly ms: number; readonly parent?: AbortSignal },
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> => {
  const ended = new AbortController();
  const stop = new AbortController();
  const abort = (): void => stop.abort();
  // Not AbortSignal.any: a parent that lives as long as the process would keep each of them.
  if (options.parent?.aborted === true) abort();
  options.parent?.addEventListener('abort', abort, { once: true });
  void options.clock.sleep(options.ms, ended.signal).then(() => {
    if (!ended.signal.aborted) abort();
  });
  try {
    return await work(stop.signal);
  } finally {
    ended.abort();
    options.parent?.removeEventListener('abort', abort);
  }
};

/** Whether `work` ended within `ms`; it goes on when it did not. Rejects as it does. */
export const endsWithin = async (
  clock: Clock,
  ms: number,
  work: Promise<unknown>,
): Promise<boolean> => {
  const ended = new AbortController();
  try {
    return await Promise.race([
      work.then(() => true),
      clock.sleep(ms, ended.signal).then(() => false),
    ]);
  } finally {
    ended.abort();
  }
};
