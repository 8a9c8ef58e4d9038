import { readFile } from 'node:fs/promises';
import { Type } from 'typebox';
import { canonicalJson, type JsonSchema } from '#core/json';
import { compileSchema, type Validator } from '#core/schema';

/**
 * The last digest that was written, remembered outside of the audit directory:
 * without it a chain whose newest digests were deleted looks whole.
 */
export interface ChainAnchor {
  readonly version: 1;
  readonly seq: number;
  /** SHA-256 of that digest file. */
  readonly sha256: string;
  /** The last day that is closed, and the first: what is missing when all digests are. */
  readonly first_day: string;
  readonly last_day: string;
}

export type FoundAnchor =
  | { readonly kind: 'found'; readonly anchor: ChainAnchor }
  | { readonly kind: 'missing' | 'unreadable' };

const SCHEMA = Type.Object(
  {
    version: Type.Literal(1),
    seq: Type.Integer({ minimum: 1 }),
    sha256: Type.String({ pattern: '^[0-9a-f]{64}$' }),
    first_day: Type.String(),
    last_day: Type.String(),
  },
  { additionalProperties: false },
);

let validator: Validator<ChainAnchor> | undefined;

export const readAnchor = async (file: string): Promise<FoundAnchor> => {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT')
      return { kind: 'missing' };
    throw error;
  }
  validator ??= compileSchema<ChainAnchor>(SCHEMA as unknown as JsonSchema);
  try {
    const checked = validator.check(JSON.parse(text));
    if (checked.ok) return { kind: 'found', anchor: checked.value };
  } catch {
    // Not JSON.
  }
  return { kind: 'unreadable' };
};

export const anchorText = (anchor: ChainAnchor): string => `${canonicalJson(anchor)}\n`;
