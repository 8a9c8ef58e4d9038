import { randomBytes } from 'node:crypto';
import { chmod, link, mkdir, open, readFile, unlink } from 'node:fs/promises';
import path from 'node:path';
import { AppError, isMissingFile } from '#core/errors';

/** Name of the file in the data directory that holds the generated key. */
const GATEWAY_KEY_FILE = 'gateway-api-key';

/** The first admin key, which works without the database. */
export interface GatewayKey {
  readonly key: string;
  /** `configured`: GATEWAY_API_KEY; else made by this start or an earlier one. */
  readonly source: 'configured' | 'file' | 'generated';
  /** Where people find the key; null when it is configured. */
  readonly file: string | null;
}

const readKey = async (file: string): Promise<string | null> => {
  let key: string;
  try {
    key = (await readFile(file, 'utf8')).trim();
  } catch (error) {
    if (isMissingFile(error)) return null;
    throw new AppError(
      'invalid_configuration',
      `${GATEWAY_KEY_FILE} in OPSLOOP_DATA_DIR cannot be read; make it readable or set GATEWAY_API_KEY`,
      { cause: error },
    );
  }
  if (key.length < 16)
    throw new AppError(
      'invalid_configuration',
      `${GATEWAY_KEY_FILE} in OPSLOOP_DATA_DIR holds no key of 16 characters or more; delete it to have one generated, or set GATEWAY_API_KEY`,
    );
  await chmod(file, 0o600);
  return key;
};

// The file appears whole or not at all, and the first of two starts wins:
// link() refuses to replace a file that is there.
const writeKey = async (file: string, key: string): Promise<boolean> => {
  const temporary = `${file}.${randomBytes(6).toString('hex')}.tmp`;
  const handle = await open(temporary, 'wx', 0o600);
  try {
    await handle.writeFile(`${key}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  try {
    await link(temporary, file);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  } finally {
    await unlink(temporary);
  }
};

/**
 * The configured key, or the one in the data directory, made (0600) when there
 * is none. Throws `invalid_configuration` when the file cannot be used.
 */
export const ensureGatewayKey = async (options: {
  readonly dataDir: string;
  readonly configured: string | undefined;
}): Promise<GatewayKey> => {
  if (options.configured !== undefined)
    return { key: options.configured, source: 'configured', file: null };
  const file = path.join(options.dataDir, GATEWAY_KEY_FILE);
  const existing = await readKey(file);
  if (existing !== null) return { key: existing, source: 'file', file };
  await mkdir(options.dataDir, { recursive: true, mode: 0o700 });
  const made = `opsl_gateway_${randomBytes(32).toString('hex')}`;
  if (await writeKey(file, made)) return { key: made, source: 'generated', file };
  const other = await readKey(file);
  if (other === null) throw new Error(`${GATEWAY_KEY_FILE} vanished while it was read`);
  return { key: other, source: 'file', file };
};
