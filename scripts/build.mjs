// Compiles src/ and jobs/ to dist/. The compiler's build info makes a rebuild
// of an unchanged tree take well under a second.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeStamp } from './build-stamp.mjs';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const require = createRequire(import.meta.url);

let compiler;
try {
  compiler = path.join(path.dirname(require.resolve('typescript/package.json')), 'bin', 'tsc');
} catch {
  // A production install has no compiler; it ships with dist/ already made.
  if (existsSync(path.join(root, 'dist', 'src', 'main.js'))) process.exit(0);
  process.stderr.write(
    'opsloop: dist/ is missing and the compiler is not installed; run "npm ci" without --omit=dev.\n',
  );
  process.exit(1);
}

const result = spawnSync(process.execPath, [compiler, '-p', 'tsconfig.build.json'], {
  cwd: root,
  stdio: ['ignore', 'inherit', 'inherit'],
});
if (result.status === 0) writeStamp(root);
process.exit(result.status ?? 1);
