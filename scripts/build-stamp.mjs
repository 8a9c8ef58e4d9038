// Decides whether dist/ still belongs to the sources beside it, by the newest
// modification time and the number of source files (a deleted file counts too).
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const SOURCES = ['src', 'jobs', 'package.json', 'tsconfig.json', 'tsconfig.build.json'];

const fingerprint = (root) => {
  let newestMs = 0;
  let count = 0;
  const visit = (file) => {
    const stat = statSync(file, { throwIfNoEntry: false });
    if (stat === undefined) return;
    if (stat.isDirectory()) {
      for (const name of readdirSync(file)) visit(path.join(file, name));
      return;
    }
    count += 1;
    newestMs = Math.max(newestMs, stat.mtimeMs);
  };
  for (const name of SOURCES) visit(path.join(root, name));
  return `${count} ${newestMs}`;
};

const stampFile = (root) => path.join(root, 'dist', '.stamp');

export const writeStamp = (root) => writeFileSync(stampFile(root), fingerprint(root));

/** An installed package has no src/ and is never stale. */
export const isStale = (root) =>
  existsSync(path.join(root, 'src')) &&
  (!existsSync(stampFile(root)) || readFileSync(stampFile(root), 'utf8') !== fingerprint(root));
