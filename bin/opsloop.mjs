#!/usr/bin/env node
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));

// In a checkout, a job that was just written must run without a step to forget.
const stampModule = path.join(root, 'scripts', 'build-stamp.mjs');
if (existsSync(stampModule)) {
  const { isStale } = await import(pathToFileURL(stampModule).href);
  if (isStale(root)) {
    const built = spawnSync(process.execPath, [path.join(root, 'scripts', 'build.mjs')], {
      stdio: ['ignore', 2, 2],
    });
    if (built.status !== 0) process.exit(built.status ?? 1);
  }
}

await import(pathToFileURL(path.join(root, 'dist', 'src', 'main.js')).href);
