import { describe, expect, it } from 'vitest';
import { statusClassOf } from './call-status.ts';

describe('what a status counts as', () => {
  it.each([
    ['pass', 'pass'],
    ['ok', 'pass'],
    ['success', 'pass'],
    ['Succeeded', 'pass'],
    ['error', 'error'],
    ['fail', 'error'],
    ['failed', 'error'],
    ['failure', 'error'],
    ['exception', 'error'],
    ['denied', 'denied'],
    ['blocked', 'denied'],
    ['FORBIDDEN', 'denied'],
    ['timeout', 'timeout'],
    ['', 'other'],
    ['constructor', 'other'],
    ['timed out', 'other'],
  ])('%j is %s', (status, expected) => {
    expect(statusClassOf(status)).toBe(expected);
  });
});
