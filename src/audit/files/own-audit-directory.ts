import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { holdsNothing, isAdopted } from './audit-directory.ts';

/** Where what we write of the audit trail goes. */
export interface OwnAuditDirectory {
  readonly directory: string;
  /** The configured directory is there and not ours: it is read, and nothing else. */
  readonly isSubstitute: boolean;
  /**
   * What holds events beside it: the configured directory while that is not
   * ours, or what took its place until it was adopted. Null for neither.
   */
  readonly readAsWell: string | null;
}

/** Where events go while the configured directory is somebody else's. */
export const substituteDirectory = ({ dataDir }: { readonly dataDir: string }): string =>
  path.join(dataDir, 'audit');

/** Missing, or empty: nothing of anybody is in it. */
const isFree = async (directory: string): Promise<boolean> =>
  readdir(directory).then(
    holdsNothing,
    (error: unknown) => error instanceof Error && 'code' in error && error.code === 'ENOENT',
  );

/**
 * The configured audit directory when it carries our marker or is still to be
 * made; else one of our own in the data directory. Makes nothing.
 */
export const findOwnAuditDirectory = async (place: {
  readonly jsonlDir: string;
  readonly dataDir: string;
}): Promise<OwnAuditDirectory> => {
  const isOurs = (await isAdopted(place.jsonlDir)) || (await isFree(place.jsonlDir));
  const substitute = substituteDirectory(place);
  if (!isOurs) return { directory: substitute, isSubstitute: true, readAsWell: place.jsonlDir };
  const readAsWell = (await isAdopted(substitute)) ? substitute : null;
  return { directory: place.jsonlDir, isSubstitute: false, readAsWell };
};
