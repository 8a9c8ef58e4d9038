import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parseSync } from 'oxc-parser';
import { packageRoot } from '#core/package-root';

export interface SyntaxNode {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [property: string]: unknown;
}

/** A TypeScript file with its syntax tree. */
export interface SourceFile {
  /** From the repository's root, with forward slashes. */
  readonly path: string;
  readonly text: string;
  readonly nodes: readonly SyntaxNode[];
}

export interface Finding {
  readonly path: string;
  readonly line: number;
  readonly message: string;
}

const isNode = (value: unknown): value is SyntaxNode =>
  value !== null && typeof value === 'object' && 'type' in value && typeof value.type === 'string';

const collectNodes = (node: SyntaxNode, into: SyntaxNode[]): SyntaxNode[] => {
  into.push(node);
  for (const child of Object.values(node).flat()) if (isNode(child)) collectNodes(child, into);
  return into;
};

/** Throws when the text does not parse: a rule that cannot read a file must not pass it. */
export const parseSource = (filePath: string, text: string): SourceFile => {
  const { program, errors } = parseSync(filePath, text);
  const [fault] = errors;
  if (fault !== undefined) throw new Error(`${filePath}: ${fault.message}`);
  return { path: filePath, text, nodes: collectNodes(program as unknown as SyntaxNode, []) };
};

export const findingAt = (file: SourceFile, node: SyntaxNode, message: string): Finding => ({
  path: file.path,
  line: file.text.slice(0, node.start).split('\n').length,
  message,
});

export const formatFinding = ({ path: where, line, message }: Finding): string =>
  `${where}:${line} ${message}`;

/** Every file below `folder` whose name ends in `suffix`, sorted. */
export const listFiles = (folder: string, suffix: string): readonly string[] =>
  readdirSync(path.join(packageRoot(), folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(suffix))
    .map((entry) => path.relative(packageRoot(), path.join(entry.parentPath, entry.name)))
    .map((file) => file.split(path.sep).join('/'))
    .sort();

export const readText = (file: string): string =>
  readFileSync(path.join(packageRoot(), file), 'utf8');

/** The parsed TypeScript of some top folders. */
export const readSources = (...folders: readonly string[]): readonly SourceFile[] =>
  folders
    .flatMap((folder) => listFiles(folder, '.ts'))
    .map((file) => parseSource(file, readText(file)));

export const isTestFile = (file: string): boolean => file.endsWith('.test.ts');
