import type { Rule } from '../finding.ts';

const REVOKE =
  'Revoke it where it was issued, put its successor into a secret store, and purge it from history.';

const secret = (id: string, title: string, fix: string = REVOKE): Rule => ({
  id,
  severity: 'error',
  focus: 'secrets',
  title,
  fix,
});

/** What kinds of secrets are told apart; several formats of one kind share a rule. */
export const SECRET_RULES = [
  secret(
    'DG-SEC-001',
    'private key',
    'Make a new key pair, and keep the key in a file outside of the repository.',
  ),
  secret('DG-SEC-002', 'access key of a cloud provider'),
  secret('DG-SEC-003', 'access token of a code host'),
  secret('DG-SEC-004', 'access token of a package registry'),
  secret('DG-SEC-005', 'token or webhook of a chat service'),
  secret('DG-SEC-006', 'key of a payment, mail or shop service'),
  secret('DG-SEC-007', 'key of an AI, planning or password service'),
  secret(
    'DG-SEC-008',
    'database address with its password',
    'Change the password, and read the address from the environment or a secret file.',
  ),
  secret(
    'DG-SEC-009',
    'URL with a password in it',
    'Change the password, and send it in a header that is read from a secret store.',
  ),
  secret(
    'DG-SEC-010',
    'JSON Web Token',
    'Let it expire or revoke it; make tokens for tests at run time.',
  ),
  secret(
    'DG-SEC-011',
    'API key of Opsloop',
    'Revoke it with "opsloop keys revoke" and make another.',
  ),
  secret(
    'DG-SEC-012',
    'password, token or key written into the text',
    'Change it, and read it from the environment or a secret file.',
  ),
  secret('DG-SEC-013', 'credentials in an Authorization header'),
] as const;
