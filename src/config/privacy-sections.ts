import { Type } from 'typebox';

const closed = { additionalProperties: false } as const;
const RuleId = Type.String({
  pattern: '^DG-[A-Z]{2,4}-\\d{3}$',
  'x-accepted': 'the id of a rule, such as DG-PII-001',
});
const Glob = Type.String({ minLength: 1, maxLength: 200 });
const Name = Type.String({ minLength: 1, maxLength: 200 });
const Task = Type.String({ pattern: '^[a-z][a-z0-9_]*$', 'x-accepted': 'the id of a task' });

const Allow = Type.Object(
  {
    path: Glob,
    rules: Type.Array(RuleId, { minItems: 1, uniqueItems: true }),
    reason: Type.String({ minLength: 3, maxLength: 500 }),
    expires: Type.Optional(Type.String({ format: 'date' })),
  },
  closed,
);

const RepoScan = Type.Object(
  {
    max_file_bytes: Type.Optional(Type.Integer({ minimum: 1_024, maximum: 4_194_304 })),
    digest_max_files: Type.Optional(Type.Integer({ minimum: 1, maximum: 20_000 })),
    time_limit_seconds: Type.Optional(Type.Integer({ minimum: 1, maximum: 600 })),
    exclude: Type.Optional(Type.Array(Glob, { maxItems: 200 })),
    phone_countries: Type.Optional(
      Type.Array(
        Type.String({ pattern: '^[A-Z]{2}$', 'x-accepted': 'a country of two capital letters' }),
        { maxItems: 20, uniqueItems: true },
      ),
    ),
    allow: Type.Optional(Type.Array(Allow, { maxItems: 500 })),
  },
  closed,
);

const AuditScan = Type.Object(
  {
    max_events: Type.Optional(Type.Integer({ minimum: 1_000, maximum: 2_000_000 })),
    large_output_bytes: Type.Optional(Type.Integer({ minimum: 1 })),
    large_output_ratio: Type.Optional(Type.Number({ minimum: 1 })),
    large_output_min_calls: Type.Optional(Type.Integer({ minimum: 1 })),
    large_output_floor_bytes: Type.Optional(Type.Integer({ minimum: 0 })),
    denied_min_calls: Type.Optional(Type.Integer({ minimum: 1 })),
    denied_ratio: Type.Optional(Type.Number({ minimum: 1 })),
  },
  closed,
);

const DataHeavy = Type.Object(
  {
    tools: Type.Optional(Type.Array(Name, { maxItems: 1_000, uniqueItems: true })),
    median_output_bytes: Type.Optional(Type.Integer({ minimum: 1 })),
    top_n: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000 })),
  },
  closed,
);

const Store = Type.Object(
  {
    name: Name,
    kind: Type.String({ enum: ['table', 'directory'] }),
    retention: Type.Optional(
      Type.String({ pattern: '^[a-z][a-z0-9_]*$', 'x-accepted': 'a key, such as reports_days' }),
    ),
    cleanup: Type.Optional(Task),
    kept_because: Type.Optional(Type.String({ minLength: 3, maxLength: 500 })),
  },
  closed,
);

/** What `config/data_governance_policy.yml` says beside retention; the file itself explains each key. */
export const PRIVACY_SECTIONS = {
  repo_scan: Type.Optional(RepoScan),
  audit_scan: Type.Optional(AuditScan),
  data_heavy: Type.Optional(DataHeavy),
  stores: Type.Optional(Type.Array(Store, { maxItems: 500 })),
  retention_check: Type.Optional(
    Type.Object({ grace_days: Type.Integer({ minimum: 0, maximum: 365 }) }, closed),
  ),
  gate: Type.Optional(
    Type.Object(
      {
        mode: Type.Optional(Type.String({ enum: ['strict', 'warn', 'off'] })),
        block_on: Type.Optional(Type.String({ enum: ['error', 'warning'] })),
      },
      closed,
    ),
  ),
  findings: Type.Optional(
    Type.Object({ keep_fixed_days: Type.Integer({ minimum: 1, maximum: 36_500 }) }, closed),
  ),
};
