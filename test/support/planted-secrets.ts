/**
 * One made-up text of every kind that privacy scans look for, put together at
 * run time, so that no scanner takes this file for a leak.
 */
const join = (...parts: readonly string[]): string => parts.join('');
const repeat = (text: string, length: number): string =>
  text.repeat(Math.ceil(length / text.length)).slice(0, length);

const MIXED = 'a8Kd03Zq7LmX2vRt9PwY';
const UPPER = 'Q7KX2VRTPWYZMLDC';

export interface Planted {
  readonly rule: string;
  readonly secret: string;
  /** A line of a program or a settings file that holds it. */
  readonly line: string;
}

const plant = (rule: string, secret: string, line?: string): Planted => ({
  rule,
  secret,
  line: line ?? `const value = '${secret}';`,
});

const privateKeyBody = repeat(`MIIEpAIBAAKCAQEA${MIXED}`, 64);

export const PLANTED: readonly Planted[] = [
  plant('DG-PII-001', join('maria.kovalenko', '@', 'corp-mail.eu')),
  plant('DG-PII-002', join('+49 ', '151 2345 6789')),
  plant('DG-PII-002', join('(415) ', '555-2671')),
  plant('DG-PII-003', join('4539 1488', ' 0343 6467')),
  plant('DG-PII-004', join('536-22', '-8726')),
  plant('DG-PII-004', join('L01X00', 'T471'), `const passport = '${join('L01X00', 'T471')}';`),
  plant(
    'DG-SEC-001',
    privateKeyBody,
    join('const key = "-----BEGIN RSA PRIVATE', ' KEY-----\\n', privateKeyBody, '\\n";'),
  ),
  plant('DG-SEC-002', join('AKIA', UPPER)),
  plant('DG-SEC-002', join('dop_', 'v1_', repeat('3fa9c07be51d', 64))),
  plant('DG-SEC-007', join('h', 'f_', repeat(MIXED, 34))),
  plant('DG-SEC-003', join('ghp', '_', repeat(MIXED, 36))),
  plant('DG-SEC-004', join('npm', '_', repeat(MIXED, 36))),
  plant('DG-SEC-005', join('xoxb', '-1234567890-', repeat(MIXED, 24))),
  plant('DG-SEC-006', join('sk', '_live_', repeat(MIXED, 24))),
  plant('DG-SEC-007', join('sk-ant', '-api03-', repeat(MIXED, 93), 'AA')),
  plant('DG-SEC-008', join('postgres://ops:', 'Tr0ub4dor', '@db.corp-mail.eu:5432/ops')),
  plant('DG-SEC-009', join('https://ops:', 'Tr0ub4dor3', '@ci.corp-mail.eu/job')),
  plant('DG-SEC-010', join('eyJhbGciOiJIUzI1NiJ9', '.eyJzdWIiOiIxMjM0NSJ9.', repeat(MIXED, 43))),
  plant('DG-SEC-011', join('opsl', '_0123456789ab_', repeat('9f3c', 64))),
  plant(
    'DG-SEC-012',
    join('correct-h0rse', '-battery'),
    join('password', ' = "correct-h0rse-battery"'),
  ),
  plant('DG-SEC-012', join(MIXED, 'b4'), join('api_key', `: "${MIXED}b4"`)),
  plant('DG-SEC-013', join(MIXED, 'c5'), join('curl -H "Authorization', `: Bearer ${MIXED}c5"`)),
];
