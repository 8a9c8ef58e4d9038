import { describe, expect, it } from 'vitest';
import { isOvertaken } from './scheduler-error.ts';

describe('isOvertaken', () => {
  const refusal = (code: unknown): Error =>
    Object.assign(new Error('told by the engine'), { code });

  it.each([-10, -11, '40P01'])('takes %s for the work of another writer', (code) => {
    expect(isOvertaken(refusal(code))).toBe(true);
  });

  it.each([-8, '42P01', undefined])('leaves %s to the caller', (code) => {
    expect(isOvertaken(refusal(code))).toBe(false);
  });
});
