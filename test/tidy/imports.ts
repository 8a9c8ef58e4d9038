import type { SourceFile, SyntaxNode } from './source-file.ts';

/** One import of any form: static, re-export, `import()`, `require`, a type's `import('…')`. */
export interface ModuleImport {
  readonly node: SyntaxNode;
  /** Null when it is computed at run time. */
  readonly specifier: string | null;
  /** Nothing of it is left after compiling. */
  readonly isTypeOnly: boolean;
}

const literalOf = (value: unknown): string | null => {
  const node = value as SyntaxNode | null | undefined;
  return typeof node?.['value'] === 'string' ? node['value'] : null;
};

const areTypesOnly = (node: SyntaxNode, kind: 'importKind' | 'exportKind'): boolean => {
  if (node[kind] === 'type') return true;
  const specifiers = node['specifiers'] as readonly SyntaxNode[] | undefined;
  return (
    specifiers !== undefined &&
    specifiers.length > 0 &&
    specifiers.every((specifier) => specifier[kind] === 'type')
  );
};

const isRequireCall = (node: SyntaxNode): boolean => {
  const callee = node['callee'] as SyntaxNode | undefined;
  const property = callee?.['property'] as SyntaxNode | undefined;
  return callee?.['name'] === 'require' || property?.['name'] === 'createRequire';
};

const importOf = (node: SyntaxNode): ModuleImport | null => {
  switch (node.type) {
    case 'ImportDeclaration':
      return {
        node,
        specifier: literalOf(node['source']),
        isTypeOnly: areTypesOnly(node, 'importKind'),
      };
    case 'ExportNamedDeclaration':
    case 'ExportAllDeclaration':
      return node['source'] == null
        ? null
        : {
            node,
            specifier: literalOf(node['source']),
            isTypeOnly: areTypesOnly(node, 'exportKind'),
          };
    case 'ImportExpression':
      return { node, specifier: literalOf(node['source']), isTypeOnly: false };
    case 'TSImportType':
      return { node, specifier: literalOf(node['source']), isTypeOnly: true };
    case 'TSExternalModuleReference':
      return { node, specifier: literalOf(node['expression']), isTypeOnly: false };
    case 'CallExpression': {
      if (!isRequireCall(node)) return null;
      const [argument] = node['arguments'] as readonly unknown[];
      return { node, specifier: literalOf(argument), isTypeOnly: false };
    }
    default:
      return null;
  }
};

export const readImports = (file: SourceFile): readonly ModuleImport[] =>
  file.nodes.map(importOf).filter((found) => found !== null);
