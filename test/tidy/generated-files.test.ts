import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { renderEnvExample, renderEnvironmentReference } from '#config/environment-reference';
import { loadPolicy } from '#config/policy-files';
import { packageRoot } from '#core/package-root';
import { RBAC_MATRIX_SCHEMA } from '#gateway/access/rbac-matrix';
import { TOOL_LIMITS_SCHEMA } from '#gateway/governance/tool-limits';
import { describedTools, renderToolReference } from '#gateway/tools/tool-reference';
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

const renderTools = async (): Promise<string> => {
  const dir = path.join(packageRoot(), 'config');
  const matrix = await loadPolicy({ dir, name: 'rbac_tools_matrix', schema: RBAC_MATRIX_SCHEMA });
  const limits = await loadPolicy({ dir, name: 'tool_limits', schema: TOOL_LIMITS_SCHEMA });
  // What a gateway has, which the matrix is held against at its start.
  expect(describedTools().map(({ name }) => name)).toEqual(Object.keys(matrix.tools));
  return renderToolReference(describedTools(), matrix, limits);
};

describe('files made by `npm run docs`', () => {
  it.each([
    ['.env.example', renderEnvExample],
    ['docs/reference/environment.md', renderEnvironmentReference],
    ['docs/reference/privacy-rules.md', renderRuleReference],
    ['docs/reference/tasks.md', renderDocumentedTasks],
    ['docs/reference/tools.md', renderTools],
    ['registry/task_registry.schema.json', renderRegistryJsonSchema],
  ])('%s is current', async (file, render) => {
    expect(read(file)).toBe(await render());
  });
});
