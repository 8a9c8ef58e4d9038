import { stat } from 'node:fs/promises';
import path from 'node:path';
import type { FileListing, ListedFile } from './list-files.ts';

/** Where secrets and personal data have been found most often, likeliest first. */
const LIKELY: readonly RegExp[] = [
  /(?:^|\/)(?:\.env[^/]*|\.npmrc|\.pypirc|\.netrc|id_(?:rsa|dsa|ecdsa|ed25519)|[^/]*\.(?:pem|key|p12|pfx|jks|kdbx|ppk))$/i,
  /(?:secret|credential|password|passwd|token|apikey|private)[^/]*$/i,
  /\.(?:ya?ml|toml|ini|cfg|conf|properties|tfvars|tf|json|xml|plist)$|(?:^|\/)(?:dockerfile|makefile|jenkinsfile)[^/]*$/i,
  /\.(?:sql|csv|tsv|jsonl|ndjson|log|dump|bak)$/i,
  /\.(?:[cm]?[jt]sx?|py|rb|go|rs|java|kt|cs|php|sh|bash|ps1|scala|swift|ex|exs|vue|svelte)$/i,
];

const rankOf = (file: string): number => {
  const rank = LIKELY.findIndex((pattern) => pattern.test(file));
  return rank === -1 ? LIKELY.length : rank;
};

/** When git last moved to another state of the tree; null without git. */
const lastCheckout = async (root: string): Promise<number | null> => {
  for (const name of ['.git/logs/HEAD', '.git/HEAD']) {
    const found = await stat(path.join(root, name)).catch(() => undefined);
    if (found?.isFile() === true) return found.mtimeMs;
  }
  return null;
};

const compare = (a: ListedFile, b: ListedFile): number =>
  rankOf(a.path) - rankOf(b.path) || (a.path < b.path ? -1 : 1);

/**
 * The order in which files get their turn: in `full` by path; in `fast` what
 * was changed since the last commit or checkout comes first, then the likely
 * kinds. The same tree gives the same order.
 */
export const orderForScan = async (
  listing: FileListing,
  mode: 'fast' | 'full',
): Promise<readonly ListedFile[]> => {
  if (mode === 'full') return listing.files;
  const since = await lastCheckout(listing.root);
  const isChanged = (file: ListedFile): boolean => since !== null && file.modifiedAtMs > since;
  return [
    ...listing.files.filter(isChanged).sort(compare),
    ...listing.files.filter((file) => !isChanged(file)).sort(compare),
  ];
};
