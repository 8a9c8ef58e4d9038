import { describe, expect, it } from 'vitest';
import { readYaml } from '#core/yaml-source';
import { addRegistryEntry } from './add-registry-entry.ts';

const parse = (text: string): unknown => readYaml(text, { scalars: 'typed' }).value;

const ENTRY = ['demo_job:', '  title: Demo job', '  job: demo-job'];

describe('addRegistryEntry', () => {
  it.each([
    ['a plain file', 'version: 1\ntasks:\n  a:\n    title: A\n'],
    ['no newline at the end', 'version: 1\ntasks:\n  a:\n    title: A'],
    ['a comment behind the last value', 'tasks:\n  a:\n    title: A # the first\n'],
    ['a comment at the end', 'tasks:\n  a:\n    title: A\n\n# the end\n'],
    ['a wider indent', 'tasks:\n    a:\n        title: A\n'],
    ['tasks before another key', 'tasks:\n  a:\n    title: A\n\n# calendars\nblackouts: []\n'],
    ['a flow value at the end', 'tasks:\n  a: { title: A }\n'],
    ['a block scalar at the end', 'tasks:\n  a:\n    text: |\n      one\n      two\n'],
    [
      'a folded scalar with a gap',
      'tasks:\n  a:\n    text: >\n      one\n\n      two\nversion: 1\n',
    ],
    ['Windows line ends', 'tasks:\r\n  a:\r\n    title: A\r\n'],
  ])('adds to %s and changes nothing else', (_name, text) => {
    const after = addRegistryEntry(text, 'demo_job', ENTRY);
    const before = parse(text) as { tasks: object };
    expect(parse(after)).toEqual({
      ...before,
      tasks: { ...before.tasks, demo_job: { title: 'Demo job', job: 'demo-job' } },
    });
    const added = after.length - text.length;
    const at = [...text].findIndex((char, index) => char !== after[index]);
    const from = at === -1 ? text.length : at;
    expect(after.slice(0, from) + after.slice(from + added)).toBe(text);
  });

  it.each([
    ['a task of that name', 'tasks:\n  demo_job:\n    title: A\n', 'conflict'],
    ['a broken file', 'tasks:\n  a: [', 'invalid_registry'],
    ['no tasks', 'version: 1\n', 'invalid_registry'],
    ['tasks in flow style', 'tasks: { a: { title: A } }\n', 'invalid_registry'],
    ['an empty block', 'tasks:\n', 'invalid_registry'],
  ])('refuses %s', (_name, text, code) => {
    expect(() => addRegistryEntry(text, 'demo_job', ENTRY)).toThrow(
      expect.objectContaining({ code }),
    );
  });
});
