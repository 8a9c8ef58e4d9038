import { describe, expect, it } from 'vitest';
import { AppError } from '#core/errors';
import { checkMatrix, listUnusedEntitlements, type RbacMatrix } from './rbac-matrix.ts';

const matrix = (change: Partial<RbacMatrix> = {}): RbacMatrix => ({
  version: 1,
  tools: { jobs: { actions: { read: ['tools.jobs.read'] } } },
  roles: { admin: ['*'], agent_default: [], viewer: ['tools.jobs.read'] },
  agents: { monitor: 'viewer' },
  ...change,
});
const TOOLS = [{ name: 'jobs', actions: { read: {} } }];

const problemsOf = (given: RbacMatrix, tools = TOOLS): readonly string[] => {
  try {
    checkMatrix(tools, given);
    return [];
  } catch (error) {
    if (error instanceof AppError && error.code === 'invalid_policy')
      return error.violations.map(({ message }) => message);
    throw error;
  }
};

describe('checkMatrix', () => {
  it('takes one that fits', () => expect(problemsOf(matrix())).toEqual([]));

  it('lists an action without a row and a row without an action', () => {
    const rows = { jobs: { actions: { fly: ['tools.jobs.read'] } }, cost: { actions: {} } };
    expect(problemsOf(matrix({ tools: rows }))).toEqual([
      'tools.jobs.actions.read is missing',
      'tools.jobs.actions.fly names an action that does not exist',
    ]);
    expect(
      problemsOf(matrix({ tools: { ...matrix().tools, cost: { actions: { x: ['a.b'] } } } })),
    ).toContain('tools.cost.actions.x names an action that does not exist');
  });

  it('lists an entitlement that no role names, unless admins alone are meant', () => {
    const rows = { jobs: { actions: { read: ['tools.jobs.raed'] } } };
    expect(problemsOf(matrix({ tools: rows }))).toEqual([
      'tools.jobs.raed is asked for by an action and named by no role; for admins alone name it beside their "*"',
    ]);
    const roles = { ...matrix().roles, admin: ['*', 'tools.jobs.raed'] };
    expect(problemsOf(matrix({ tools: rows, roles }))).toEqual([]);
  });

  it('lists missing roles and agents with an unknown one', () => {
    const roles = { viewer: ['tools.jobs.read'] };
    expect(problemsOf(matrix({ roles, agents: { monitor: 'viewr' } }))).toEqual([
      'roles.admin is missing',
      'roles.agent_default is missing',
      'agents.monitor has the unknown role viewr; known: viewer',
    ]);
  });
});

describe('listUnusedEntitlements', () => {
  it('names what nothing asks for and what no role names', () => {
    const roles = { ...matrix().roles, cto: ['tools.cost.read', 'tools.risk.read'] };
    expect(
      listUnusedEntitlements(matrix({ roles }), ['tools.cost.read', 'tools.drift.read']),
    ).toEqual([
      'tools.risk.read is given to a role, but no action and no task asks for it',
      'tools.drift.read is asked for by a task, but no role names it',
    ]);
  });

  it('has nothing to say of a matrix without gaps', () => {
    expect(listUnusedEntitlements(matrix(), ['tools.jobs.read'])).toEqual([]);
  });
});
