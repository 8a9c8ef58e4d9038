import { type Static, Type } from 'typebox';
import { PRIVACY_SECTIONS } from './privacy-sections.ts';

const days = (description: string) => Type.Integer({ minimum: 1, maximum: 36_500, description });

/** Schema of `config/data_governance_policy.yml`. */
export const DATA_GOVERNANCE_POLICY = Type.Object(
  {
    version: Type.Literal(1),
    retention: Type.Object(
      {
        audit_jsonl_days: days('Age at which a daily JSONL file of the audit trail is put away.'),
        audit_postgres_days: days('Age at which audit rows leave PostgreSQL.'),
        audit_parquet_days: days('Age at which compacted days of the audit trail are deleted.'),
        reports_days: Type.Optional(
          days('Age at which reports are deleted; without it they are kept for ever.'),
        ),
      },
      { additionalProperties: false },
    ),
    ...PRIVACY_SECTIONS,
  },
  { additionalProperties: false },
);

export type DataGovernancePolicy = Static<typeof DATA_GOVERNANCE_POLICY>;
