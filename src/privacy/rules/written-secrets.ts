import { MAX_CANDIDATES, type Match, type TextSource } from '../text/text-source.ts';
import { isPlaceholder, looksSecret } from './secret-values.ts';

interface SecretShape {
  readonly rule: string;
  readonly pattern: RegExp;
  /** What of the match is the secret; the whole of it where nothing is said. */
  readonly isSecret?: (
    groups: Readonly<Record<string, string | undefined>>,
    source: TextSource,
  ) => boolean;
}

// A name starts only where no part of a name stands before, and every repetition
// has a bound, so that no text makes a pattern look at a place twice.
const PASSWORD_NAME = `(?:password|passwd|passphrase|pwd)`;
const OTHER_NAME = `(?:secret|token|api[-_]?key|access[-_]?key|private[-_]?key|secret[-_]?key|signing[-_]?key|encryption[-_]?key|auth[-_]?key|client[-_]?secret|credentials?)`;
const ASSIGN = String.raw`["'\]]{0,2}\s{0,4}(?:=>|:=|===?|[:=])\s{0,4}`;
const QUOTED =
  '(?:"(?<double>[^"\\r\\n]{6,300})"|\'(?<single>[^\'\\r\\n]{6,300})\'|`(?<tick>[^`\\r\\n]{6,300})`)';
const BARE = String.raw`(?<bare>[^\s"'\x60#,;(){}\[\]<>]{6,300})[ \t]{0,20}(?:#[^\n]{0,200})?(?=\r?\n|$)`;

const assignedValue = (groups: Readonly<Record<string, string | undefined>>): string =>
  groups['double'] ?? groups['single'] ?? groups['tick'] ?? groups['bare'] ?? '';

const HOSTS_OF_NOBODY =
  /^(?:localhost|127\.0\.0\.1|\[?::1\]?|host|hostname|(?:[\w-]+\.)*example(?:\.\w+)?|[\w.-]+\.(?:test|invalid|localhost))$/i;

/** A password in a URL that opens something: not a placeholder, nor the one that every local database has. */
const isUrlPassword = (groups: Readonly<Record<string, string | undefined>>): boolean => {
  const { user = '', word = '', host = '' } = groups;
  if (word === '' || isPlaceholder(word)) return false;
  const isDefault =
    HOSTS_OF_NOBODY.test(host) &&
    (word === user || /^(?:postgres|root|admin|pass|pw|user|mysql|guest)$/i.test(word));
  return !isDefault && !/^(?:pass(?:word|wd)?|pw|pwd|secret)\d{0,3}$/i.test(word);
};

const SHAPES: readonly SecretShape[] = [
  {
    rule: 'DG-SEC-001',
    // The opening line alone stands in every program that knows keys; a key goes on in base64.
    pattern:
      /-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----(?:\\[nr]|[\s"'+,]){0,12}(?:[A-Za-z-]{1,20}: [^\n\\]{1,80}(?:\\[nr]|\s){1,4}){0,4}[A-Za-z0-9+/=]{24}(?:[A-Za-z0-9+/=\s"'+,\\]){0,10000}/g,
  },
  {
    rule: 'DG-SEC-002',
    pattern: /(?<![A-Za-z0-9_])(?:AKIA|ASIA|AROA|AIDA)[A-Z2-7]{16}(?![A-Za-z0-9_])/g,
  },
  { rule: 'DG-SEC-002', pattern: /(?<![\w-])AIza[\w-]{35}(?![\w-])/g },
  { rule: 'DG-SEC-002', pattern: /(?<=AccountKey=)[A-Za-z0-9+/]{86}==/g },
  { rule: 'DG-SEC-002', pattern: /(?<!\w)dop_v1_[a-f0-9]{64}(?!\w)/g },
  { rule: 'DG-SEC-003', pattern: /(?<![\w-])glpat-[\w-]{20,64}(?![\w-])/g },
  { rule: 'DG-SEC-004', pattern: /(?<![\w-])pypi-AgEIcHlwaS5vcmc[\w-]{50,200}/g },
  { rule: 'DG-SEC-005', pattern: /(?<!\w)\d{8,10}:AA[\w-]{33}(?![\w-])/g },
  {
    rule: 'DG-SEC-005',
    pattern:
      /https:\/\/(?:discord(?:app)?\.com\/api\/webhooks\/\d{10,24}\/[\w-]{40,100}|[\w-]{1,63}\.webhook\.office\.com\/webhookb2\/[\w@/-]{40,300})/g,
  },
  { rule: 'DG-SEC-006', pattern: /(?<![\w-])(?:sk|rk)_live_[A-Za-z0-9]{16,128}(?!\w)/g },
  {
    rule: 'DG-SEC-007',
    pattern: /(?<!\w)hf_[A-Za-z0-9]{30,64}(?!\w)/g,
    isSecret: (groups) => looksSecret(groups['whole'] ?? '', 'other'),
  },
  {
    rule: 'DG-SEC-007',
    pattern: /(?<![\w-])sk-(?:proj-|ant-|svcacct-)?[A-Za-z0-9_-]{32,200}(?![\w-])/g,
    isSecret: (groups) => looksSecret(groups['whole'] ?? '', 'other'),
  },
  {
    rule: 'DG-SEC-008',
    pattern:
      /(?<![a-z+])(?:postgres(?:ql)?|mysql|mariadb|mongodb|rediss?|amqps?|mssql|sqlserver|clickhouse|cockroachdb|oracle)(?:\+[a-z0-9]{1,20})?:\/\/(?<user>[^:/\s@"'\x60<>]{0,100}):(?<word>[^@\s"'\x60<>]{1,200})@(?<host>[^\s/:"'\x60,<>]{1,253})/gi,
    isSecret: isUrlPassword,
  },
  {
    rule: 'DG-SEC-009',
    pattern:
      /(?<![a-z+])(?:https?|ftps?|sftp|ssh|smtps?|imaps?|ldaps?|wss?|nats|tcp):\/\/(?<user>[^:/\s@"'\x60<>?#]{0,100}):(?<word>[^@\s/"'\x60<>?#]{1,200})@(?<host>[^\s/:"'\x60,<>?#]{1,253})/gi,
    isSecret: isUrlPassword,
  },
  {
    rule: 'DG-SEC-010',
    pattern: /(?<![\w-])eyJ[\w-]{8,2000}\.eyJ[\w-]{8,4000}\.[\w-]{16,1000}(?![\w-])/g,
  },
  { rule: 'DG-SEC-011', pattern: /(?<![A-Za-z0-9])opsl_(?:[0-9a-f]{12}|gateway)_[0-9a-f]{32,64}/g },
  {
    rule: 'DG-SEC-013',
    pattern:
      /(?<![\w])authorization["'\]]{0,2}\s{0,4}[:=,]\s{0,4}["'\x60]?(?:bearer|basic|token)\s{1,4}(?<bare>[A-Za-z0-9+/_.~=-]{12,1000})/gi,
    isSecret: (groups) =>
      looksSecret(groups['bare'] ?? '', 'other') ||
      /^[A-Za-z0-9+/]{12,}={1,2}$/.test(groups['bare'] ?? ''),
  },
  {
    rule: 'DG-SEC-012',
    pattern: new RegExp(`${PASSWORD_NAME}${ASSIGN}${QUOTED}`, 'gi'),
    isSecret: (groups) => looksSecret(assignedValue(groups), 'password'),
  },
  {
    rule: 'DG-SEC-012',
    pattern: new RegExp(`${OTHER_NAME}${ASSIGN}${QUOTED}`, 'gi'),
    isSecret: (groups) =>
      !/\s/.test(assignedValue(groups)) && looksSecret(assignedValue(groups), 'other'),
  },
  {
    rule: 'DG-SEC-012',
    pattern: new RegExp(`${PASSWORD_NAME}${ASSIGN}${BARE}`, 'gi'),
    isSecret: (groups, source) =>
      source.kind === 'settings' && looksSecret(assignedValue(groups), 'password'),
  },
  {
    rule: 'DG-SEC-012',
    pattern: new RegExp(`${OTHER_NAME}${ASSIGN}${BARE}`, 'gi'),
    isSecret: (groups, source) =>
      source.kind === 'settings' && looksSecret(assignedValue(groups), 'other'),
  },
];

const shapeMatches = (
  { rule, pattern, isSecret }: SecretShape,
  source: TextSource,
): readonly Match[] => {
  const found: Match[] = [];
  let looked = 0;
  for (const match of source.text.matchAll(pattern)) {
    looked += 1;
    if (looked > MAX_CANDIDATES) break;
    const groups = { whole: match[0], ...match.groups };
    if (isSecret !== undefined && !isSecret(groups, source)) continue;
    const value = assignedValue(groups);
    const start = value === '' ? match.index : match.index + match[0].lastIndexOf(value);
    const end = value === '' ? match.index + match[0].length : start + value.length;
    found.push({ rule, start, end });
  }
  return found;
};

/** Secrets by their form or by the name they are given. */
export const matchWrittenSecrets = (source: TextSource): readonly Match[] =>
  SHAPES.flatMap((shape) => shapeMatches(shape, source));
