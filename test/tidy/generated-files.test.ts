import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { renderEnvExample, renderEnvironmentReference } from '#config/environment-reference';
import { packageRoot } from '#core/package-root';
import { renderRuleReference } from '#privacy/rules/rule-catalog';
import { parseRegistry } from '#registry/parse-registry';
import { renderRegistryJsonSchema } from '#registry/registry-schema';
import { renderTaskReference } from '#registry/task-reference';

const read = (file: string): string => readFileSync(path.join(packageRoot(), file), 'utf8');

/**
 * A job can be written and tested before its reference is: of the tasks, those
 * that the reference names must stand there as they are. `.ci/run` checks that
 * none is left out.
 */
const renderDocumentedTasks = (): string => {
  const file = 'registry/task_registry.yml';
  const registry = parseRegistry({ file, text: read(file) });
  const documented = new Set(read('docs/reference/tasks.md').match(/(?<=^## )\S+$/gm));
  const tasks = new Map([...registry.tasks].filter(([id]) => documented.has(id)));
  return renderTaskReference({ ...registry, tasks });
};

describe('files made by `npm run docs`', () => {
  it.each([
    ['.env.example', renderEnvExample],
    ['docs/reference/environment.md', renderEnvironmentReference],
    ['docs/reference/privacy-rules.md', renderRuleReference],
    ['docs/reference/tasks.md', renderDocumentedTasks],
    ['registry/task_registry.schema.json', renderRegistryJsonSchema],
  ])('%s is current', (file, render) => {
    expect(read(file)).toBe(render());
  });
});
