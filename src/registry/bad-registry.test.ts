import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { AppError } from '#core/errors';
import { parseRegistry } from './parse-registry.ts';
import type { RegistryFault } from './registry-fault.ts';

const corpus = path.resolve(import.meta.dirname, '../../test/fixtures/bad-registry');
const read = (name: string): string => readFileSync(path.join(corpus, name), 'utf8');

const names = readdirSync(corpus)
  .filter((name) => name.endsWith('.yml'))
  .map((name) => name.slice(0, -'.yml'.length));

const faultsOf = (name: string): readonly RegistryFault[] => {
  try {
    parseRegistry({ file: `${name}.yml`, text: read(`${name}.yml`) });
    return [];
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'invalid_registry') throw error;
    return error.violations as readonly RegistryFault[];
  }
};

describe('the corpus of bad registries', () => {
  it('is there, with files of several faults among them', () => {
    expect(names.length).toBeGreaterThanOrEqual(30);
    expect(names.filter((name) => faultsOf(name).length > 1).length).toBeGreaterThanOrEqual(3);
  });

  it('has an expectation for each file and no other', () => {
    const expectations = readdirSync(corpus).filter((name) => name.endsWith('.expected'));
    expect(expectations.sort()).toEqual(names.map((name) => `${name}.expected`).sort());
  });

  it.each(names)('%s is refused with every place and reason at once', (name) => {
    const faults = faultsOf(name);
    const lines = faults.map(({ line, column, message }) => `${line}:${column} ${message}\n`);
    expect(lines.join('')).toBe(read(`${name}.expected`));
    expect(lines).not.toEqual([]);
    expect(faults.map((fault) => fault.path)).toEqual(
      faults.map(({ file, line, column }) => `${file}:${line}:${column}`),
    );
  });
});
