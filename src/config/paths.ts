import { statSync } from 'node:fs';
import path from 'node:path';
import type { SettingFault } from './variable-sources.ts';
import { type VariableName, type VariableValues, variableNamed } from './variables.ts';

export interface ResolvedPaths {
  readonly repoRoot: string;
  readonly dataDir: string;
  readonly registryFile: string;
  readonly policyDir: string;
  /** Null: the package's own jobs. */
  readonly jobsDir: string | null;
  readonly audit: { readonly jsonlDir: string; readonly jsonlDirIsDefault: boolean };
  readonly faults: readonly SettingFault[];
}

type Kind = 'folder' | 'file' | 'nothing';

const kindOf = (place: string): Kind => {
  const stat = statSync(place, { throwIfNoEntry: false });
  if (stat === undefined) return 'nothing';
  return stat.isDirectory() ? 'folder' : 'file';
};

const tryKindOf = (place: string): Kind => {
  try {
    return kindOf(place);
  } catch {
    // A part of the path is a file, or a folder that may not be searched.
    return 'nothing';
  }
};

/** Makes the paths absolute and looks whether those that must exist do. */
export const resolvePaths = (options: {
  readonly values: VariableValues;
  readonly cwd: string;
  /** Holds the registry and the policies that come with the package. */
  readonly packageDir: string;
}): ResolvedPaths => {
  const { values, cwd, packageDir } = options;
  const repoRoot = path.resolve(cwd, values.REPO_ROOT ?? '.');
  const below = (relative: string): string => path.resolve(repoRoot, relative);
  const orOwn = (relative: string, kind: Kind): string =>
    tryKindOf(below(relative)) === kind ? below(relative) : path.join(packageDir, relative);

  const registryFile =
    values.OPSLOOP_REGISTRY === undefined
      ? orOwn('registry/task_registry.yml', 'file')
      : below(values.OPSLOOP_REGISTRY);
  // Many a repository has a folder `config` of its own; ours is told by the file that no start can do without.
  const policyDir =
    values.OPSLOOP_POLICY_DIR === undefined
      ? path.dirname(orOwn('config/rbac_tools_matrix.yml', 'file'))
      : below(values.OPSLOOP_POLICY_DIR);
  const jobsDir = values.OPSLOOP_JOBS_DIR === undefined ? null : below(values.OPSLOOP_JOBS_DIR);

  const mustBe = (name: VariableName, place: string, wanted: Kind): SettingFault[] => {
    const kind = tryKindOf(place);
    if (kind === wanted) return [];
    const found = kind === 'nothing' ? 'does not exist' : `is a ${kind}`;
    const given = JSON.stringify(values[name]);
    return [
      {
        name,
        line: `${name} is ${given}, which ${found}; accepted: ${variableNamed(name).accepts}`,
      },
    ];
  };
  return {
    repoRoot,
    dataDir: below(values.OPSLOOP_DATA_DIR ?? '.opsloop'),
    registryFile,
    policyDir,
    jobsDir,
    audit: {
      jsonlDir: below(values.AUDIT_JSONL_DIR ?? 'ops/audit'),
      jsonlDirIsDefault: values.AUDIT_JSONL_DIR === undefined,
    },
    faults: [
      ...(values.REPO_ROOT === undefined ? [] : mustBe('REPO_ROOT', repoRoot, 'folder')),
      ...(values.OPSLOOP_REGISTRY === undefined
        ? []
        : mustBe('OPSLOOP_REGISTRY', registryFile, 'file')),
      ...(values.OPSLOOP_POLICY_DIR === undefined
        ? []
        : mustBe('OPSLOOP_POLICY_DIR', policyDir, 'folder')),
      ...(jobsDir === null ? [] : mustBe('OPSLOOP_JOBS_DIR', jobsDir, 'folder')),
    ],
  };
};
