import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const find = (): string => {
  let directory = path.dirname(fileURLToPath(import.meta.url));
  while (
    !existsSync(path.join(directory, 'migrations')) ||
    !existsSync(path.join(directory, 'package.json'))
  ) {
    const parent = path.dirname(directory);
    if (parent === directory) throw new Error('package.json of opsloop not found above its code');
    directory = parent;
  }
  return directory;
};

let found: string | undefined;

/** The folder of this package's package.json: the same from src/ and from dist/. */
export const packageRoot = (): string => {
  found ??= find();
  return found;
};
