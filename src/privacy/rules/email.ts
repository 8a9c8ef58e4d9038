import type { Rule } from '../finding.ts';
import { MAX_CANDIDATES, type Match, type TextSource } from '../text/text-source.ts';

export const EMAIL_RULE: Rule = {
  id: 'DG-PII-001',
  severity: 'warning',
  focus: 'pii',
  title: 'e-mail address',
  fix: 'Remove the address, or use one under example.com, which belongs to nobody.',
};

/** RFC 5321: at most 64 octets before the sign and 255 behind it. */
const MAX_LOCAL = 64;
const MAX_DOMAIN = 255;

const LOCAL_CHARACTER = /[A-Za-z0-9.!#$%&'*+/=?^_`{|}~\p{L}-]/u;
const DOMAIN_CHARACTER = /[A-Za-z0-9.\p{L}-]/u;
// The characters that may stand in an address but there are quotes, operators or markup around one.
const EDGE_OF_LOCAL = /^[.!#$%&'*+/=?^_`{|}~-]+/;
const DOMAIN = /^(?:[\p{L}\d](?:[\p{L}\d-]{0,61}[\p{L}\d])?\.){1,8}[\p{L}]{2,24}$/u;

/** RFC 2606 and 6761: names that nobody can own. */
const RESERVED =
  /(?:^|\.)(?:example(?:\.(?:com|net|org|edu))?|test|invalid|localhost|local|internal)$/i;
const NOBODY =
  /^(?:no[-_.]?reply|do[-_.]?not[-_.]?reply|git|mailer-daemon|root|user|username|you|your[-_.]?(?:name|email))$/i;
/** Mailboxes of a function: not a person's, still worth knowing. */
const ROLE =
  /^(?:abuse|accounts|admin|billing|bugs|contact|dev|feedback|hello|help|info|jobs|legal|mail|marketing|office|opensource|ops|postmaster|press|privacy|sales|security|service|support|team|webmaster)$/i;
/** What stands behind the last dot of a file name, which `icon@2x.png` would pass for a country. */
const FILE_ENDING =
  /\.(?:png|jpe?g|gif|svg|webp|ico|js|mjs|cjs|ts|tsx|jsx|css|scss|json|html?|md|map|py|sh|yml|yaml|txt|xml|lock|gz|zip|tgz|so|dll|service|timer|socket|target|mount)$/i;

const expandLeft = (text: string, at: number): number => {
  let start = at;
  while (start > 0 && at - start < MAX_LOCAL && LOCAL_CHARACTER.test(text[start - 1] ?? ''))
    start -= 1;
  return start;
};

const expandRight = (text: string, at: number): number => {
  let end = at + 1;
  while (end < text.length && end - at <= MAX_DOMAIN && DOMAIN_CHARACTER.test(text[end] ?? ''))
    end += 1;
  return end;
};

/** The user of a URL and `git@host:path` name a place and not a person. */
const isInUrl = (text: string, start: number, end: number): boolean => {
  const before = text.slice(Math.max(0, start - 100), start);
  return (
    /[a-z][a-z0-9+.-]*:\/\/\S*$/i.test(before) ||
    /^:[\w./~-]+\.git\b/.test(text.slice(end, end + 200))
  );
};

/** Who wrote something is published with it on purpose. */
const isAuthorship = (source: TextSource, start: number): boolean => {
  if (source.kind === 'manifest') return true;
  const before = source.lines.before(start, 160);
  return /@author|copyright|\(c\)|©|signed-off-by|co-authored-by|maintainer|"?authors?"?\s*[:=]/i.test(
    before,
  );
};

const severityOf = (source: TextSource, local: string): Match['severity'] =>
  source.isTest || ROLE.test(local) ? 'info' : undefined;

const matchAt = (source: TextSource, at: number): Match | undefined => {
  const { text } = source;
  const left = expandLeft(text, at);
  const trimmed = text.slice(left, at).replace(EDGE_OF_LOCAL, '');
  const start = at - trimmed.length;
  const domain = text.slice(at + 1, expandRight(text, at)).replace(/[.-]+$/, '');
  const end = at + 1 + domain.length;
  if (trimmed === '' || trimmed.includes('..') || trimmed.endsWith('.')) return undefined;
  if (!DOMAIN.test(domain) || RESERVED.test(domain) || FILE_ENDING.test(domain)) return undefined;
  if (NOBODY.test(trimmed) || isInUrl(text, start, end)) return undefined;
  if (isAuthorship(source, start)) return undefined;
  const severity = severityOf(source, trimmed);
  return { rule: EMAIL_RULE.id, start, end, ...(severity === undefined ? {} : { severity }) };
};

/** Grows each address from its sign, so that no text makes it look twice at more than 320 characters. */
export const matchEmails = (source: TextSource): readonly Match[] => {
  const { text } = source;
  const found: Match[] = [];
  let looked = 0;
  for (let at = text.indexOf('@'); at !== -1; at = text.indexOf('@', at + 1)) {
    // Two of three signs are of a scope, a decorator or an import; they cost nothing.
    if (at === 0 || !DOMAIN_CHARACTER.test(text[at + 1] ?? '')) continue;
    if (!LOCAL_CHARACTER.test(text[at - 1] ?? '')) continue;
    looked += 1;
    if (looked > MAX_CANDIDATES) break;
    const match = matchAt(source, at);
    if (match !== undefined) found.push(match);
  }
  return found;
};
