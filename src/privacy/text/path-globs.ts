import picomatch from 'picomatch';
import { AppError } from '#core/errors';

export type PathMatcher = (path: string) => boolean;

/** More wildcards in one step, or more `**`, could make a match take seconds on a hostile name. */
const MAX_STARS_IN_STEP = 3;
const MAX_GLOBSTARS = 4;

const faultOf = (glob: string): string | null => {
  if (glob.trim() === '' || glob.includes('\0')) return 'must be a path or a glob';
  if (/^(?:[/\\~]|[a-z]:)/i.test(glob)) return 'must be relative to the repository';
  // It would stand for every other path of the repository.
  if (glob.startsWith('!')) return 'must not begin with "!"; paths_exclude leaves paths out';
  const steps = glob.split(/[/\\]/);
  if (steps.some((step) => step === '..' || /(?:^|[{,])\.\.(?:$|[,}])/.test(step)))
    return 'must not leave the repository ("..")';
  if (/[@!+?*]\(/.test(glob)) return 'must not have (…) after a wildcard';
  if (/\{[^}]*\{|\{[^}]{200,}/.test(glob))
    return 'must not nest braces or list more than 200 characters in them';
  if (steps.some((step) => step !== '**' && step.split('*').length - 1 > MAX_STARS_IN_STEP))
    return `must not have more than ${MAX_STARS_IN_STEP} "*" between two slashes`;
  if (steps.filter((step) => step === '**').length > MAX_GLOBSTARS)
    return `must not have more than ${MAX_GLOBSTARS} "**"`;
  return null;
};

/** A folder's name stands for everything below it. */
const withContents = (glob: string): readonly string[] => {
  const plain = glob.replace(/^\.\//, '').replace(/\/+$/, '');
  return plain === '.' ? ['**'] : [plain, `${plain}/**`];
};

/**
 * Whether a path, relative and with forward slashes, fits one of the globs;
 * names that begin with a dot are like others. Throws `invalid_input` that
 * names each glob that is not accepted by its place below `name`.
 */
export const compileGlobs = (globs: readonly string[], name: string): PathMatcher => {
  const violations = globs.flatMap((glob, index) => {
    const fault = faultOf(glob);
    return fault === null ? [] : [{ path: `$.${name}[${index}]`, message: fault }];
  });
  if (violations.length > 0)
    throw new AppError(
      'invalid_input',
      violations.map(({ path, message }) => `${path} ${message}`).join('; '),
      { violations },
    );
  if (globs.length === 0) return () => false;
  return picomatch(globs.flatMap(withContents), { dot: true, noextglob: true });
};
