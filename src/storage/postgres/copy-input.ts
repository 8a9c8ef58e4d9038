import { once } from 'node:events';
import type pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { translatePostgresError } from './postgres-errors.ts';

/**
 * Feeds `COPY … FROM STDIN` and answers how many rows went in. Not a pipeline
 * of streams: one of those waits for a connection that is gone to agree that it
 * is gone.
 */
export const copyInto = async (
  client: pg.ClientBase,
  text: string,
  input: Iterable<Buffer> | AsyncIterable<Buffer>,
): Promise<number> => {
  const copy = client.query(copyFrom(text));
  const failed = new AbortController();
  const ended = new Promise<void>((resolve, reject) => {
    copy.once('finish', resolve);
    copy.on('error', (error: unknown) => {
      failed.abort();
      reject(error);
    });
  });
  const feed = async (): Promise<void> => {
    for await (const bytes of input) {
      if (failed.signal.aborted) return;
      if (!copy.write(bytes)) await once(copy, 'drain', { signal: failed.signal });
    }
    if (!failed.signal.aborted) copy.end();
  };
  feed().catch((error: unknown) => {
    // Without input the server would wait for ever; it ends the COPY with an error instead.
    if (!failed.signal.aborted) copy.destroy(error instanceof Error ? error : undefined);
  });
  try {
    await ended;
    return copy.rowCount;
  } catch (error) {
    throw translatePostgresError(error);
  }
};
