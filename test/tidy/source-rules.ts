import {
  type Finding,
  findingAt,
  isTestFile,
  type SourceFile,
  type SyntaxNode,
} from './source-file.ts';

/** A rule that one file can break by itself. */
export type SourceRule = (file: SourceFile) => readonly Finding[];

const CLOCK_HOME = 'src/core/clock.ts';
const ENVIRONMENT_HOME = 'src/config/process-environment.ts';
const MAX_LINES = 350;

const TIMERS: ReadonlySet<unknown> = new Set(['setTimeout', 'setInterval', 'setImmediate']);
const TIMER_MODULES: ReadonlySet<unknown> = new Set([
  'timers',
  'timers/promises',
  'node:timers',
  'node:timers/promises',
]);

const nodeAt = (node: SyntaxNode, property: string): SyntaxNode | undefined => {
  const value = node[property];
  return value === null || typeof value !== 'object' ? undefined : (value as SyntaxNode);
};

const isMember = (node: SyntaxNode, object: string, property: string): boolean =>
  node.type === 'MemberExpression' &&
  nodeAt(node, 'object')?.['name'] === object &&
  (nodeAt(node, 'property')?.['name'] === property ||
    nodeAt(node, 'property')?.['value'] === property);

const clockFault = (node: SyntaxNode): string | null => {
  if (isMember(node, 'Date', 'now')) return 'reads the time with Date.now';
  const callee = nodeAt(node, 'callee');
  if (node.type === 'NewExpression' && callee?.['name'] === 'Date')
    return (node['arguments'] as readonly unknown[]).length === 0
      ? 'reads the time with new Date()'
      : null;
  if (node.type === 'CallExpression' && callee?.['name'] === 'Date')
    return 'reads the time with Date()';
  const timer = callee?.['name'] ?? (callee && nodeAt(callee, 'property')?.['name']);
  if (node.type === 'CallExpression' && TIMERS.has(timer)) return `sets a timer with ${timer}`;
  if (node.type === 'ImportDeclaration' && TIMER_MODULES.has(nodeAt(node, 'source')?.['value']))
    return 'imports timers';
  return null;
};

/** Time comes from a Clock, so that a test can advance it. */
export const clockRule: SourceRule = (file) =>
  file.path === CLOCK_HOME || isTestFile(file.path)
    ? []
    : file.nodes.flatMap((node) => {
        const fault = clockFault(node);
        return fault === null ? [] : [findingAt(file, node, `${fault}; take a Clock`)];
      });

const importsEnv = (node: SyntaxNode): boolean =>
  node.type === 'ImportDeclaration' &&
  /^(node:)?process$/.test(String(nodeAt(node, 'source')?.['value']));

/** Variables are known to one module, which checks and documents them. */
export const environmentRule: SourceRule = (file) =>
  file.path === ENVIRONMENT_HOME || isTestFile(file.path)
    ? []
    : file.nodes
        .filter((node) => isMember(node, 'process', 'env') || importsEnv(node))
        .map((node) => findingAt(file, node, `reads process.env outside ${ENVIRONMENT_HOME}`));

const isDefaultExport = (node: SyntaxNode): boolean =>
  node.type === 'ExportDefaultDeclaration' ||
  (node.type === 'ExportSpecifier' && nodeAt(node, 'exported')?.['name'] === 'default');

export const namedExportsRule: SourceRule = (file) =>
  file.nodes
    .filter(isDefaultExport)
    .map((node) => findingAt(file, node, 'has a default export; export by name'));

export const fileSizeRule: SourceRule = (file) => {
  const lines = file.text.split('\n').length - (file.text.endsWith('\n') ? 1 : 0);
  return lines <= MAX_LINES
    ? []
    : [{ path: file.path, line: lines, message: `has ${lines} lines, more than ${MAX_LINES}` }];
};

const FORBIDDEN_WORDS = /^(utils?|helpers?|common|types?|managers?|misc|shared)$/;
const KEBAB_CASE = /^[a-z0-9]+(-[a-z0-9]+)*$/;

/** Kebab-case, and no name that could hold anything: `utils`, `common`, `…-manager`. */
export const fileNameRule: SourceRule = (file) => {
  const steps = file.path.split('/');
  const stem = (steps.pop() ?? '').replace(/(\.(test|config))?\.ts$/, '');
  return [...steps, stem].flatMap((step) => {
    const at = { path: file.path, line: 1 };
    if (!KEBAB_CASE.test(step)) return [{ ...at, message: `"${step}" is not kebab-case` }];
    const says = step.split('-').at(-1) ?? '';
    return FORBIDDEN_WORDS.test(step) || /^managers?$|^utils?$|^helpers?$/.test(says)
      ? [{ ...at, message: `"${step}" does not say what is in it` }]
      : [];
  });
};

const UNRUN: ReadonlySet<unknown> = new Set(['skip', 'skipIf', 'todo', 'only', 'fails']);
const TESTS: ReadonlySet<unknown> = new Set(['it', 'test', 'describe']);
const MOCKS: ReadonlySet<unknown> = new Set([
  'mock',
  'doMock',
  'fn',
  'spyOn',
  'stubGlobal',
  'hoisted',
]);

/** The name at the root of `it.each([…]).skip`. */
const baseName = (node: SyntaxNode | undefined): unknown =>
  node === undefined
    ? undefined
    : (node['name'] ?? baseName(nodeAt(node, 'object') ?? nodeAt(node, 'callee')));

// The embedded server behaves by who starts it; a pair of suites has one half for each.
const CONDITIONS: ReadonlySet<string> = new Set(['isRoot', '!isRoot']);

const isUncertain = (file: SourceFile, node: SyntaxNode): boolean => {
  const callee = nodeAt(node, 'callee');
  if (node.type !== 'CallExpression' || callee === undefined) return false;
  const [condition] = node['arguments'] as readonly SyntaxNode[];
  return (
    nodeAt(callee, 'property')?.['name'] === 'runIf' &&
    TESTS.has(baseName(callee)) &&
    !CONDITIONS.has(file.text.slice(condition?.start, condition?.end))
  );
};

const testFault = (file: SourceFile, node: SyntaxNode): string | null => {
  if (isUncertain(file, node)) return '.runIf leaves tests out in silence';
  if (node.type === 'MemberExpression') {
    const property = nodeAt(node, 'property')?.['name'];
    if (UNRUN.has(property) && TESTS.has(baseName(nodeAt(node, 'object'))))
      return `.${property} leaves tests out in silence`;
    if (MOCKS.has(property) && baseName(nodeAt(node, 'object')) === 'vi')
      return `vi.${property} puts something false in place of the real thing`;
  }
  const key = node.type === 'Property' ? nodeAt(node, 'key')?.['name'] : undefined;
  return (key === 'retry' || key === 'repeats') &&
    typeof nodeAt(node, 'value')?.['value'] === 'number' &&
    nodeAt(node, 'value')?.['value'] !== 0
    ? 'retries hide a flaky test'
    : null;
};

/** Tests that run, once, on the real thing. */
export const honestTestRule: SourceRule = (file) =>
  file.nodes.flatMap((node) => {
    const fault = testFault(file, node);
    return fault === null ? [] : [findingAt(file, node, fault)];
  });
