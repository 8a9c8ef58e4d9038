import type { Severity } from '../finding.ts';
import { LineIndex } from './line-index.ts';

/** What a text is, as far as matchers care. */
export type TextKind = 'code' | 'settings' | 'manifest' | 'text' | 'values';

/** A text to look through, with what matchers need to know of where it stands. */
export interface TextSource {
  /** Relative to the root, with forward slashes; empty for values of the audit trail. */
  readonly path: string;
  readonly text: string;
  readonly kind: TextKind;
  /** Among tests, fixtures and examples, where made-up people and secrets are at home. */
  readonly isTest: boolean;
  readonly lines: LineIndex;
}

/** A place in a text that a rule is about. */
export interface Match {
  readonly rule: string;
  readonly start: number;
  readonly end: number;
  /** A name out of the program or schema, which may be shown as it is unless a rule finds something in it. */
  readonly label?: string;
  /** Instead of the rule's own. */
  readonly severity?: Severity;
}

/** Matchers of one family; pure, linear in the text's length, and bounded in what they answer. */
export type Matcher = (source: TextSource) => readonly Match[] | Promise<readonly Match[]>;

/**
 * Candidates of one kind that are examined in one text. What a library then
 * does with each takes up to 20 µs, and a hostile megabyte holds 80,000.
 */
export const MAX_CANDIDATES = 5_000;

const TEST_PATH =
  /(?:^|\/)(?:tests?|__tests__|spec|specs|fixtures?|__fixtures__|testdata|test-data|examples?|mocks?|__mocks__|e2e)\/|\.(?:test|spec|fixture)\.[a-z]+$|(?:^|\/)test_[^/]*\.py$|_test\.(?:go|py)$/i;
const CODE =
  /\.(?:[cm]?[jt]sx?|py|rb|go|rs|java|kt|kts|scala|cs|php|swift|c|cc|cpp|h|hpp|sh|bash|zsh|ps1|pl|lua|ex|exs|vue|svelte|sql|groovy|dart)$/i;
const SETTINGS =
  /(?:^|\/)(?:\.env[^/]*|\.npmrc|\.pypirc|\.netrc|dockerfile[^/]*|[^/]*\.(?:ya?ml|toml|ini|cfg|conf|properties|env|tfvars|tf|plist|xml))$/i;
const MANIFEST =
  /(?:^|\/)(?:package\.json|bower\.json|composer\.json|pyproject\.toml|setup\.(?:py|cfg)|cargo\.toml|pom\.xml|[^/]*\.gemspec|authors[^/]*|contributors[^/]*|maintainers[^/]*|codeowners|license[^/]*|licence[^/]*|copying[^/]*|notice[^/]*|changelog[^/]*|history[^/]*|\.mailmap|security\.md|code_of_conduct\.md)$/i;

const kindOf = (path: string): TextKind => {
  if (MANIFEST.test(path)) return 'manifest';
  if (CODE.test(path)) return 'code';
  return SETTINGS.test(path) ? 'settings' : 'text';
};

const isTestPath = (path: string): boolean => TEST_PATH.test(path);

export const toTextSource = (path: string, text: string): TextSource => ({
  path,
  text,
  kind: kindOf(path),
  isTest: isTestPath(path),
  lines: new LineIndex(text),
});

/** Single values, one a line, such as the fields of audit events. */
export const toValuesSource = (values: readonly string[]): TextSource => {
  const text = values.map((value) => value.replace(/[\r\n]/g, ' ')).join('\n');
  return { path: '', text, kind: 'values', isTest: false, lines: new LineIndex(text) };
};
