import { AppError } from '#core/errors';
import { ANONYMOUS, NO_AGENT } from '../governance/call-record.ts';
import { holdsSecret } from '../governance/redact-params.ts';
import { type ApiKeyStore, isSameSecret } from './api-key.ts';
import type { Credentials } from './credentials.ts';
import type { FailedAuthentications } from './failed-authentications.ts';
import {
  GATEWAY_GRANT,
  isBoundTo,
  type KeyGrant,
  type Principal,
  toPrincipal,
} from './principal.ts';
import type { RbacMatrix } from './rbac-matrix.ts';
import type { SessionStore } from './session-store.ts';

export interface AuthenticatorOptions {
  readonly gatewayKey: string;
  readonly keys: ApiKeyStore;
  readonly sessions: SessionStore;
  readonly matrix: RbacMatrix;
  readonly failures: FailedAuthentications;
}

/** `X-Agent-Id` and `X-Workspace-Id`, as sent. */
export interface Selection {
  readonly agentId: string | undefined;
  readonly workspaceId: string | undefined;
}

const HOW_TO_AUTHENTICATE =
  'send an API key as X-API-Key, as "Authorization: Bearer <key>" or as the password of HTTP Basic; people log in at /login';

/** What the audit trail calls those who named nobody. */
export const RESERVED_NAMES: ReadonlySet<string> = new Set([NO_AGENT, ANONYMOUS]);

const refuse = (what: string): AppError =>
  new AppError('unauthenticated', `${what}; ${HOW_TO_AUTHENTICATE}`);

const select = (
  header: string,
  wanted: string | undefined,
  granted: readonly string[],
): string | null => {
  if (wanted === undefined || wanted === '') {
    const [only] = granted;
    return granted.length === 1 && only !== undefined && only !== '*' ? only : null;
  }
  if (!/^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$/.test(wanted) || holdsSecret(wanted))
    throw new AppError(
      'invalid_request',
      `${header} must have 1 to 100 letters, digits, dots, dashes and underscores`,
    );
  if (RESERVED_NAMES.has(wanted))
    throw new AppError('invalid_request', `${header} ${wanted} is no name; leave the header out`);
  if (!isBoundTo(granted, wanted))
    throw new AppError('forbidden', `this key is not bound to what ${header} names`, {
      details: { header, bound_to: granted },
    });
  return wanted;
};

/** Turns credentials into a principal. The gateway key needs no database for it. */
export class Authenticator {
  readonly #options: AuthenticatorOptions;

  constructor(options: AuthenticatorOptions) {
    this.#options = options;
  }

  /**
   * Whom the credentials belong to. Throws `unauthenticated`, `rate_limited`
   * (too many wrong keys from `address`), `unavailable` (database away).
   */
  async identify(credentials: Credentials, address: string): Promise<KeyGrant> {
    switch (credentials.kind) {
      case 'none':
        throw refuse('this needs authentication');
      case 'session': {
        const grant = await this.#findSessionGrant(credentials.token);
        if (grant === null) throw refuse('the session has ended');
        return grant;
      }
      case 'key': {
        const { failures } = this.#options;
        failures.begin(address, credentials.key);
        const grant = await this.findKeyGrant(credentials.key);
        if (grant !== null) {
          failures.succeed(address, credentials.key);
          return grant;
        }
        failures.fail(address, credentials.key);
        throw refuse('the API key is unknown, expired or revoked');
      }
    }
  }

  /** As whom the holder of a grant acts. Throws `invalid_request` or `forbidden` for an agent or workspace that is not its own. */
  select(grant: KeyGrant, selection: Selection, via: Principal['via']): Principal {
    return toPrincipal(
      grant,
      {
        agentId: select('X-Agent-Id', selection.agentId, grant.agents),
        workspaceId: select('X-Workspace-Id', selection.workspaceId, grant.workspaces),
        via,
      },
      this.#options.matrix,
    );
  }

  /** What a key is good for, or null when it is good for nothing. */
  async findKeyGrant(key: string): Promise<KeyGrant | null> {
    if (isSameSecret(key, this.#options.gatewayKey)) return GATEWAY_GRANT;
    const found = await this.#options.keys.authenticate(key);
    return found === null ? null : { keyId: found.id, ...found };
  }

  async #findSessionGrant(token: string): Promise<KeyGrant | null> {
    const found = await this.#options.sessions.find(token);
    if (found === null) return null;
    return found.kind === 'gateway' ? GATEWAY_GRANT : { keyId: found.id, ...found };
  }
}
