import { createReadStream } from 'node:fs';
import { open, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import { copyLines } from '#storage/jsonl/copy-lines';
import { gunzipFile } from '#storage/jsonl/gunzip-file';
import type { AuditFile } from '../files/audit-files.ts';
import { MAX_LINE_BYTES } from './event-relations.ts';

/** Where lines can be read from, and the bad ones that are known already. */
export interface LineSource {
  readonly file: string;
  readonly kind: 'original' | 'copy';
  readonly faultsFile: string | undefined;
  readonly faultCount: number;
  /** Of the original, when it was looked at; a copy does not grow. */
  readonly sizeBytes: number;
  readonly problem: string | undefined;
  /** Removes the copies. */
  close(): Promise<void>;
}

export interface LineSourceOptions {
  readonly tempDir: string;
  /** Tells copies in the same folder apart. */
  readonly number: number;
  readonly signal: AbortSignal;
}

const NEWLINE = 0x0a;

/** DuckDB takes these characters in a path as a pattern. */
const isPattern = (filePath: string): boolean => /[*?[\]]/.test(filePath);

const endsWithNewline = async (filePath: string, sizeBytes: number): Promise<boolean> => {
  if (sizeBytes === 0) return true;
  const file = await open(filePath, 'r');
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(1), 0, 1, sizeBytes - 1);
    return bytesRead === 1 && buffer[0] === NEWLINE;
  } finally {
    await file.close();
  }
};

const sourceFaultText = (fault: Error): string => {
  switch ('code' in fault ? fault.code : undefined) {
    case 'Z_BUF_ERROR':
      return 'is cut: its compressed data ends too early';
    case 'Z_DATA_ERROR':
      return 'is damaged: its compressed data or its checksum is wrong';
    default:
      return 'could not be read to its end';
  }
};

/** A copy of the complete lines that are text; it ends where the file ends now. */
export const copyToLineSource = async (
  file: AuditFile,
  options: LineSourceOptions,
): Promise<LineSource> => {
  const target = path.join(options.tempDir, `lines-${options.number}.jsonl`);
  const faultsTarget = path.join(options.tempDir, `faults-${options.number}.jsonl`);
  const { size } = await stat(file.path);
  const source =
    file.form === 'gzip'
      ? gunzipFile(file.path)
      : size === 0
        ? Readable.from([])
        : createReadStream(file.path, { end: size - 1 });
  const copied = await copyLines({
    source,
    target,
    faultsTarget,
    maxLineBytes: MAX_LINE_BYTES,
    signal: options.signal,
  });
  return {
    file: target,
    kind: 'copy',
    faultsFile: faultsTarget,
    faultCount: copied.faultCount,
    sizeBytes: size,
    problem:
      copied.sourceFault === undefined
        ? undefined
        : `${file.name} ${sourceFaultText(copied.sourceFault)}; the lines before that count.`,
    async close() {
      await rm(target, { force: true });
      await rm(faultsTarget, { force: true });
    },
  };
};

/** The original where DuckDB can open it and its last line is whole, else a copy. */
export const openLineSource = async (
  file: AuditFile,
  options: LineSourceOptions,
): Promise<LineSource> => {
  if (file.form === 'gzip' || isPattern(file.path)) return copyToLineSource(file, options);
  const { size } = await stat(file.path);
  if (!(await endsWithNewline(file.path, size))) return copyToLineSource(file, options);
  return {
    file: file.path,
    kind: 'original',
    faultsFile: undefined,
    faultCount: 0,
    sizeBytes: size,
    problem: undefined,
    close: async () => undefined,
  };
};
