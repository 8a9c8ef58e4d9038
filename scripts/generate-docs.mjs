// Writes what is derived from the code: references, .env.example and the
// registry's JSON Schema. Run as `npm run docs`, which builds first; a test
// compares the files with what the code says.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { renderEnvExample, renderEnvironmentReference } from '#config/environment-reference';
import { loadPolicy } from '#config/policy-files';
import { RBAC_MATRIX_SCHEMA } from '#gateway/access/rbac-matrix';
import { TOOL_LIMITS_SCHEMA } from '#gateway/governance/tool-limits';
import { describedTools, renderToolReference } from '#gateway/tools/tool-reference';
import { renderRuleReference } from '#privacy/rules/rule-catalog';
import { parseRegistry } from '#registry/parse-registry';
import { renderRegistryJsonSchema } from '#registry/registry-schema';
import { renderTaskReference } from '#registry/task-reference';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const registryFile = 'registry/task_registry.yml';
const registry = parseRegistry({
  file: registryFile,
  text: readFileSync(path.join(root, registryFile), 'utf8'),
});

const dir = path.join(root, 'config');
const matrix = await loadPolicy({ dir, name: 'rbac_tools_matrix', schema: RBAC_MATRIX_SCHEMA });
const limits = await loadPolicy({ dir, name: 'tool_limits', schema: TOOL_LIMITS_SCHEMA });

const documents = {
  '.env.example': renderEnvExample(),
  'docs/reference/environment.md': renderEnvironmentReference(),
  'docs/reference/privacy-rules.md': renderRuleReference(),
  'docs/reference/tasks.md': renderTaskReference(registry),
  'docs/reference/tools.md': renderToolReference(describedTools(), matrix, limits),
  'registry/task_registry.schema.json': renderRegistryJsonSchema(),
};

for (const [file, text] of Object.entries(documents)) {
  mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
  writeFileSync(path.join(root, file), text);
}
