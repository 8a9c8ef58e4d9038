import { AppError } from '#core/errors';
import { isEntitledTo, type Principal } from '../../access/principal.ts';
import type { RbacMatrix } from '../../access/rbac-matrix.ts';
import type { Step } from '../tool-call.ts';

/** Entitlements that the matrix asks of an action; none: nobody may. */
export const entitlementsOf = (
  matrix: RbacMatrix,
  tool: string,
  action: string,
): readonly string[] => {
  const rows = Object.hasOwn(matrix.tools, tool) ? matrix.tools[tool]?.actions : undefined;
  return rows !== undefined && Object.hasOwn(rows, action) ? (rows[action] ?? []) : [];
};

export const isAllowed = (principal: Principal, needed: readonly string[]): boolean =>
  needed.length > 0 && needed.every((one) => isEntitledTo(principal, one));

/** Throws `forbidden` that names what the caller's role lacks. */
export const entitlementStep = (matrix: RbacMatrix): Step => ({
  name: 'entitlement',
  run: (call) => {
    const { principal } = call.caller;
    const needed = entitlementsOf(matrix, call.tool.name, call.actionName);
    if (isAllowed(principal, needed)) return call;
    const missing = needed.filter((one) => !isEntitledTo(principal, one));
    const role = Object.hasOwn(matrix.roles, principal.role)
      ? `the role ${principal.role} does not have`
      : `the role ${principal.role}, which rbac_tools_matrix.yml no longer has, cannot give`;
    throw new AppError(
      'forbidden',
      `${call.tool.name}/${call.actionName} needs ${missing.join(' and ')}, which ${role}`,
      { details: { missing_entitlements: missing } },
    );
  },
});
