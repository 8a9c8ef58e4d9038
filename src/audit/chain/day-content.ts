import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { gunzipFile } from '#storage/jsonl/gunzip-file';
import type { AuditFile } from '../files/audit-files.ts';

/** The files that hold the lines of one day: an archive, and what came after it was made. */
export interface DayFiles {
  readonly gzip: AuditFile | undefined;
  readonly jsonl: AuditFile | undefined;
}

export const dayFilesOf = (files: readonly AuditFile[], day: string): DayFiles => {
  const regular = files.filter((file) => file.day === day && file.isRegularFile);
  return {
    gzip: regular.find(({ form }) => form === 'gzip'),
    jsonl: regular.find(({ form }) => form === 'jsonl'),
  };
};

/** Size in bytes, or undefined for a file that is gone. */
export const sizeOf = async (file: string): Promise<number | undefined> => {
  try {
    return (await stat(file)).size;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
};

async function* readPlain(file: string, sizeBytes: number): AsyncGenerator<Buffer> {
  if (sizeBytes === 0) return;
  const stream = createReadStream(file, { end: sizeBytes - 1, highWaterMark: 1024 * 1024 });
  for await (const chunk of stream) yield chunk as Buffer;
}

/** SHA-256 of what follows the first `skipBytes`. */
const hashAfter = async (content: AsyncIterable<Buffer>, skipBytes: number): Promise<string> => {
  const hash = createHash('sha256');
  let position = 0;
  for await (const chunk of content) {
    const start = Math.max(0, skipBytes - position);
    if (start < chunk.length) hash.update(chunk.subarray(start));
    position += chunk.length;
  }
  return hash.digest('hex');
};

/**
 * Whether the archive ends in just the content of the file beside it: then
 * compressing was stopped before it removed the original, and the lines count once.
 */
const isAlreadyIn = async (gzip: string, jsonl: string, jsonlBytes: number): Promise<boolean> => {
  if (jsonlBytes === 0) return true;
  let gzipBytes = 0;
  for await (const chunk of gunzipFile(gzip)) gzipBytes += chunk.length;
  if (gzipBytes < jsonlBytes) return false;
  const tail = await hashAfter(gunzipFile(gzip), gzipBytes - jsonlBytes);
  return tail === (await hashAfter(readPlain(jsonl, jsonlBytes), 0));
};

/**
 * The lines of a day in the order in which they were written: the archive's
 * content, then the file's up to `jsonlBytes` (its size now where nothing is
 * said). A damaged archive gives what could be read and then throws.
 */
export async function* readDay(
  { gzip, jsonl }: DayFiles,
  signal: AbortSignal,
  jsonlBytes?: number,
): AsyncGenerator<Buffer> {
  const bytes = jsonl === undefined ? 0 : (jsonlBytes ?? (await sizeOf(jsonl.path)) ?? 0);
  if (gzip !== undefined) {
    for await (const chunk of gunzipFile(gzip.path)) {
      signal.throwIfAborted();
      yield chunk;
    }
    if (jsonl !== undefined && (await isAlreadyIn(gzip.path, jsonl.path, bytes))) return;
  }
  if (jsonl === undefined) return;
  for await (const chunk of readPlain(jsonl.path, bytes)) {
    signal.throwIfAborted();
    yield chunk;
  }
}

/** SHA-256 of a file's bytes, or undefined for a file that is gone. */
export const hashFile = async (file: string, signal: AbortSignal): Promise<string | undefined> => {
  const hash = createHash('sha256');
  try {
    for await (const chunk of createReadStream(file, { highWaterMark: 1024 * 1024 })) {
      signal.throwIfAborted();
      hash.update(chunk as Buffer);
    }
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
  return hash.digest('hex');
};

/** What an error says about an archive, or undefined for any other error. */
export const archiveFault = (error: unknown): 'cut' | 'damaged' | undefined => {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'Z_BUF_ERROR') return 'cut';
  return typeof code === 'string' && code.startsWith('Z_') ? 'damaged' : undefined;
};

/** What can be read of a day; a damaged archive ends it without an error. */
export async function* readUndamaged(content: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  try {
    yield* content;
  } catch (error) {
    if (archiveFault(error) === undefined) throw error;
  }
}
