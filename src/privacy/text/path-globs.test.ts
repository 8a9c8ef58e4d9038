import { describe, expect, it } from 'vitest';
import { compileGlobs } from './path-globs.ts';

describe('globs of paths', () => {
  it('take a folder with all that is below it', () => {
    const matches = compileGlobs(['src', 'docs/*.md'], 'paths_include');
    expect(
      ['src/a.ts', 'src/.x/b', 'docs/a.md', 'docs/x/a.md', 'lib/a.ts'].filter(matches),
    ).toEqual(['src/a.ts', 'src/.x/b', 'docs/a.md']);
  });

  it.each([
    ['../x', 'must not leave'],
    ['/etc', 'must be relative'],
    ['!src/a.ts', 'must not begin with "!"'],
  ])('refuse %s', (glob, message) => {
    expect(() => compileGlobs(['src', glob], 'paths_include')).toThrow(
      expect.objectContaining({
        code: 'invalid_input',
        violations: [{ path: '$.paths_include[1]', message: expect.stringContaining(message) }],
      }),
    );
  });
});
