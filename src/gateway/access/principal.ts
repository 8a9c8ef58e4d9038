import type { Actor } from '#runner/run';
import { ADMIN_ROLE, DEFAULT_AGENT_ROLE, type RbacMatrix } from './rbac-matrix.ts';

/** Who is behind a request, once the credentials were found good. */
export interface Principal {
  /** `gateway` or the id of an API key. */
  readonly keyId: string;
  /** What people call the key. */
  readonly name: string;
  readonly role: string;
  readonly agentId: string | null;
  readonly workspaceId: string | null;
  /** Holds `*` where the role has everything. */
  readonly entitlements: ReadonlySet<string>;
  readonly via: 'key' | 'session';
}

/** What a key may be used for, from the table or, for the gateway key, from the code. */
export interface KeyGrant {
  readonly keyId: string;
  readonly name: string;
  readonly role: string;
  readonly agents: readonly string[];
  readonly workspaces: readonly string[];
}

/** The gateway key administers, and may speak for any agent; then it has that agent's role. */
export const GATEWAY_GRANT: KeyGrant = {
  keyId: 'gateway',
  name: 'gateway key',
  role: ADMIN_ROLE,
  agents: ['*'],
  workspaces: ['*'],
};

export const isBoundTo = (granted: readonly string[], name: string): boolean =>
  granted.includes('*') || granted.includes(name);

const ownValue = <T>(record: Readonly<Record<string, T>>, key: string): T | undefined =>
  Object.hasOwn(record, key) ? record[key] : undefined;

/**
 * The key's own role, or that of the agent it speaks for: the binding is the
 * grant, the header only selects. A role that is not in the matrix grants nothing.
 */
export const toPrincipal = (
  grant: KeyGrant,
  selection: {
    readonly agentId: string | null;
    readonly workspaceId: string | null;
    readonly via: Principal['via'];
  },
  matrix: RbacMatrix,
): Principal => {
  const role =
    selection.agentId === null
      ? grant.role
      : (ownValue(matrix.agents, selection.agentId) ?? DEFAULT_AGENT_ROLE);
  return {
    keyId: grant.keyId,
    name: grant.name,
    role,
    ...selection,
    entitlements: new Set(ownValue(matrix.roles, role) ?? []),
  };
};

export const isEntitledTo = (principal: Principal, entitlement: string): boolean =>
  principal.entitlements.has(entitlement) || principal.entitlements.has('*');

/** `key:<id>`, `key:<id>/<agent>`, or `board:<id>` for a person in a browser. */
export const toActor = (principal: Principal): Actor => ({
  id: `${principal.via === 'session' ? 'board' : 'key'}:${principal.keyId}${
    principal.agentId === null ? '' : `/${principal.agentId}`
  }`,
  entitlements: principal.entitlements,
  isAdmin: principal.entitlements.has('*'),
});
