import { LineDigester, timeOfJsonLine } from './line-digester.ts';

export interface DigestedDay {
  /** One for each segment, over the bytes that stand at its place now. */
  readonly segments: readonly LineDigester[];
  /** What follows the last segment. */
  readonly rest: LineDigester;
}

/**
 * Digests a day in one pass, cut at the places that the chain names: `ends` are
 * the bytes behind each segment, ascending; the first begins at byte 0.
 */
export const digestSegments = async (
  content: AsyncIterable<Buffer>,
  ends: readonly number[],
): Promise<DigestedDay> => {
  const parts = ends.map((toByte) => ({
    toByte,
    digester: new LineDigester(timeOfJsonLine),
  }));
  const rest = { toByte: Number.POSITIVE_INFINITY, digester: new LineDigester(timeOfJsonLine) };
  const queue = [...parts, rest];
  let position = 0;
  for await (const chunk of content) {
    let start = 0;
    while (start < chunk.length) {
      const [part = rest] = queue;
      const taken = Math.min(chunk.length - start, part.toByte - position);
      if (taken > 0) part.digester.add(chunk.subarray(start, start + taken));
      start += Math.max(0, taken);
      position += Math.max(0, taken);
      if (position >= part.toByte) queue.shift();
    }
  }
  return { segments: parts.map(({ digester }) => digester), rest: rest.digester };
};
