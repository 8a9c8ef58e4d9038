import type { Rule } from '../finding.ts';
import { MAX_CANDIDATES, type Match, type TextSource } from '../text/text-source.ts';
import { type ArgumentName, readCallArguments } from './call-arguments.ts';
import { classifyName } from './sensitive-names.ts';

export const LOGGING_RULES: readonly Rule[] = [
  {
    id: 'DG-LOG-001',
    severity: 'error',
    focus: 'logging',
    title: 'password, token or key in a logger call',
    fix: 'Leave it out, or log that it was there; what was logged already has to be changed.',
  },
  {
    id: 'DG-LOG-002',
    severity: 'warning',
    focus: 'logging',
    title: 'personal data in a logger call',
    fix: 'Log an internal id instead of what identifies a person.',
  },
  {
    id: 'DG-LOG-003',
    severity: 'error',
    focus: 'logging',
    title: 'raw payload in an audit write',
    fix: 'Write sizes and a hash; the audit trail never holds a payload.',
  },
  {
    id: 'DG-LOG-004',
    severity: 'warning',
    focus: 'logging',
    title: 'whole request, headers or environment in a logger call',
    fix: 'Name the fields that are needed; what a caller sends may hold anything.',
  },
];

const LOGGER_CALL =
  /(?<![\w$])(?:console|log|logger|logging|winston|pino|bunyan|_log|_logger|LOG|LOGGER|Log|Logger|slog|zap|syslog)(?:\(\))?\s{0,4}\??\.\s{0,4}(?:log|debug|info|warn|warning|error|fatal|trace|exception|critical|notice|verbose|silly|[dwei]|[Ii]nfof|[Ww]arnf|[Ee]rrorf|[Dd]ebugf|[Pp]rint(?:f|ln)?|Info|Warn|Error|Debug)\s{0,4}\(/g;
const AUDIT_CALL =
  /(?<![\w$])(?:audit(?:[_-]?(?:store|log|logger|trail|writer|service|client))?|auditTrail)\s{0,4}\??\.\s{0,4}(?:write|record|append|log|emit|add|insert|save|push|send)\s{0,4}\(|(?<![\w$.])(?:write|record|append|log|emit|store)_?[aA]udit(?:_?(?:event|entry|record|log))?\s{0,4}\(/gi;

const HARMLESS_WRAPPER =
  /hash|sha\d|digest|mask|redact|scrub|hide|len$|length|size|count|boolean|^has|^is|exists|keys$|typeof|hmac|fingerprint|bytelength/i;

const isLaidBare = ({ wrappers }: ArgumentName): boolean =>
  !wrappers.some((wrapper) => HARMLESS_WRAPPER.test(wrapper));

const RULE_OF_LOG: Readonly<Partial<Record<ReturnType<typeof classifyName>, string>>> = {
  credential: 'DG-LOG-001',
  personal: 'DG-LOG-002',
  everything: 'DG-LOG-004',
};
const RULE_OF_AUDIT: typeof RULE_OF_LOG = {
  credential: 'DG-LOG-001',
  payload: 'DG-LOG-003',
  everything: 'DG-LOG-003',
};

const matchCalls = (
  source: TextSource,
  pattern: RegExp,
  ruleOf: typeof RULE_OF_LOG,
): readonly Match[] => {
  const found: Match[] = [];
  let looked = 0;
  for (const call of source.text.matchAll(pattern)) {
    looked += 1;
    if (looked > MAX_CANDIDATES) break;
    const { names } = readCallArguments(source.text, call.index + call[0].length);
    const told = new Set<string>();
    for (const name of names.filter(isLaidBare)) {
      const rule = ruleOf[classifyName(name.name)];
      // One finding per call and rule: `log(token, secret)` is mended in one go.
      if (rule === undefined || told.has(rule)) continue;
      told.add(rule);
      const severity = source.isTest ? { severity: 'info' as const } : {};
      found.push({ rule, start: name.start, end: name.end, label: name.name, ...severity });
    }
  }
  return found;
};

/** Names in the arguments of calls that write logs or the audit trail; the names are code, not data. */
export const matchLoggerCalls = (source: TextSource): readonly Match[] =>
  source.kind !== 'code' && source.kind !== 'text'
    ? []
    : [
        ...matchCalls(source, LOGGER_CALL, RULE_OF_LOG),
        ...matchCalls(source, AUDIT_CALL, RULE_OF_AUDIT),
      ];
