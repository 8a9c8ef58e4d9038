import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { AppError } from '#core/errors';
import { type DigestRecord, signedText, type UnsignedRecord } from './digest-record.ts';

/** Signs digests with Ed25519, and knows its own signatures again. */
export interface SigningKey {
  /** SHA-256 of the public key (SPKI, DER), in hex. */
  readonly fingerprint: string;
  sign(record: UnsignedRecord): DigestRecord;
  hasSigned(record: DigestRecord): boolean;
}

export const KEY_FILE = 'signing-key.pem';

const keyOf = (privateKey: KeyObject): SigningKey => {
  const publicKey = createPublicKey(privateKey);
  const fingerprint = createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('hex');
  return {
    fingerprint,
    sign: (record) => ({
      ...record,
      signature: sign(null, Buffer.from(signedText(record)), privateKey).toString('base64'),
    }),
    hasSigned: (record) =>
      record.key_fingerprint === fingerprint &&
      verify(
        null,
        Buffer.from(signedText(record)),
        publicKey,
        Buffer.from(record.signature, 'base64'),
      ),
  };
};

/** The key of the directory, or undefined when there is none. Throws `invalid_configuration` for a file that is no key. */
export const findSigningKey = async (directory: string): Promise<SigningKey | undefined> => {
  let pem: string;
  try {
    pem = await readFile(path.join(directory, KEY_FILE), 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const privateKey = createPrivateKey(pem);
    if (privateKey.asymmetricKeyType === 'ed25519') return keyOf(privateKey);
  } catch {
    // Said below; the library's own words may quote the file.
  }
  throw new AppError(
    'invalid_configuration',
    `audit-chain/${KEY_FILE} in the data directory is not an Ed25519 private key in PEM; restore it from a backup.`,
  );
};

export const newSigningKey = (): { readonly key: SigningKey; readonly pem: string } => {
  const { privateKey } = generateKeyPairSync('ed25519');
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  return { key: keyOf(privateKey), pem };
};
