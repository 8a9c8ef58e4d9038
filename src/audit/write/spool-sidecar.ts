import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { isMissingFile } from '#core/errors';
import { syncFolderOf } from '#storage/jsonl/append-lines';
import { SPOOL_FOLDER, sidecarFile } from './spool-places.ts';

/**
 * What is known of a day whose file holds events for PostgreSQL. The file's
 * bytes are `[0, baseBytes)` history that is never forwarded, then events, of
 * which those before `confirmedBytes` are in the table.
 */
export interface Sidecar {
  /**
   * 20 hex digits: milliseconds when it was made and 32 random bits. With the
   * byte offset of a line it makes the event's id, so that an event keeps its
   * id over crashes and ids ascend in the order of the spool.
   */
  readonly id: string;
  readonly baseBytes: number;
  readonly confirmedBytes: number;
}

export type FoundSidecar =
  | { readonly state: 'missing' }
  /** There is one, but nobody can tell any more what was forwarded. */
  | { readonly state: 'garbled' }
  | { readonly state: 'found'; readonly sidecar: Sidecar };

const NAME = /^(\d{4}-\d{2}-\d{2})\.json$/;
const ID = /^[0-9a-f]{20}$/;

const isOffset = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;

export const newSidecarId = (now: Date): string =>
  now.getTime().toString(16).padStart(12, '0') + randomBytes(4).toString('hex');

/** The id of the event whose line starts at this byte. */
export const eventIdAt = (id: string, offset: number): string =>
  `${id.slice(0, 8)}-${id.slice(8, 12)}-${id.slice(12, 16)}-${id.slice(16)}-${offset.toString(16).padStart(12, '0')}`;

const parse = (text: string): FoundSidecar => {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { state: 'garbled' };
  }
  if (value === null || typeof value !== 'object') return { state: 'garbled' };
  const { id, base_bytes, confirmed_bytes } = value as Readonly<Record<string, unknown>>;
  const isRight =
    typeof id === 'string' &&
    ID.test(id) &&
    isOffset(base_bytes) &&
    isOffset(confirmed_bytes) &&
    base_bytes <= confirmed_bytes;
  return isRight
    ? {
        state: 'found',
        sidecar: { id, baseBytes: base_bytes, confirmedBytes: confirmed_bytes },
      }
    : { state: 'garbled' };
};

export const readSidecar = async (directory: string, day: string): Promise<FoundSidecar> => {
  try {
    return parse(await readFile(sidecarFile(directory, day), 'utf8'));
  } catch (error) {
    if (isMissingFile(error)) return { state: 'missing' };
    throw error;
  }
};

/** Replaces the sidecar in one step. `sync` has it on the disk before it resolves. */
export const writeSidecar = async (
  directory: string,
  day: string,
  sidecar: Sidecar,
  sync: boolean,
): Promise<void> => {
  const target = sidecarFile(directory, day);
  const next = `${target}.${process.pid}-${randomBytes(4).toString('hex')}.next`;
  await mkdir(path.dirname(target), { recursive: true, mode: 0o700 });
  const file = await open(next, 'wx', 0o600);
  try {
    await file.writeFile(
      `${JSON.stringify({
        id: sidecar.id,
        base_bytes: sidecar.baseBytes,
        confirmed_bytes: sidecar.confirmedBytes,
      })}\n`,
    );
    if (sync) await file.datasync();
    await file.close();
    await rename(next, target);
  } catch (error) {
    await file.close().catch(() => undefined);
    await rm(next, { force: true }).catch(() => undefined);
    throw error;
  }
  if (sync) await syncFolderOf(target);
};

export const removeSidecar = (directory: string, day: string): Promise<void> =>
  rm(sidecarFile(directory, day), { force: true });

/** Sets a garbled sidecar aside, so that somebody can look at it. */
export const setSidecarAside = async (directory: string, day: string, now: Date): Promise<void> => {
  const place = sidecarFile(directory, day);
  await rename(place, `${place}.garbled-${now.getTime()}`);
};

/** The days that have a sidecar, oldest first. */
export const listSpooledDays = async (directory: string): Promise<readonly string[]> => {
  const names = await readdir(path.join(directory, SPOOL_FOLDER)).catch((error: unknown) => {
    if (isMissingFile(error)) return [];
    throw error;
  });
  return names.flatMap((name) => NAME.exec(name)?.[1] ?? []).sort();
};
