import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { packageRoot } from '#core/package-root';
import { listFiles, readText } from './source-file.ts';

// What only one machine has: a clone elsewhere would fail or mislead.
const OF_ONE_MACHINE = [/\.\.\/shared\b/, /\/work\/(main|shared)\b/, /\/home\/[a-z]+\//];

const NOT_OURS = new Set(['node_modules', 'dist', 'coverage', 'ops', '.git', '.opsloop']);
const TEXT = /\.(ts|mjs|json|ya?ml|md|sql|sh)$/;

const textFiles = readdirSync(packageRoot())
  .filter((name) => !NOT_OURS.has(name) && name !== 'package-lock.json')
  .flatMap((name) =>
    statSync(path.join(packageRoot(), name)).isDirectory() ? listFiles(name, '') : [name],
  )
  .filter((file) => TEXT.test(file) || /^(\.ci\/|Dockerfile)/.test(file));

const findForeignPlaces = (text: string): readonly string[] =>
  text.split('\n').filter((line) => OF_ONE_MACHINE.some((pattern) => pattern.test(line)));

describe('texts', () => {
  it('name no place of one machine alone', () => {
    expect(textFiles.length).toBeGreaterThan(100);
    const found = textFiles.flatMap((file) =>
      findForeignPlaces(readText(file)).map((line) => `${file}: ${line.trim()}`),
    );
    expect(found).toEqual([]);
  });

  it('are read well enough to find one', () => {
    const planted = ['see ..', 'shared', 'spec'].join('/');
    expect(findForeignPlaces(`fine\n${planted}\n`)).toEqual([planted]);
  });
});
