import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it } from 'vitest';
import { purgeScratch } from './purge-scratch.ts';

it('removes the folders of dead processes and nothing else', async () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'opsloop-scratch-'));
  const dead = spawnSync(process.execPath, ['--version']).pid;
  for (const name of [`duckdb-${dead}-a/spill`, `duckdb-${process.pid}-b`, 'duckdb-x', 'other'])
    mkdirSync(path.join(directory, name), { recursive: true });
  await purgeScratch(directory);
  expect(readdirSync(directory).sort()).toEqual(
    [`duckdb-${process.pid}-b`, 'duckdb-x', 'other'].sort(),
  );
  rmSync(directory, { recursive: true });
});
