import { builtinModules } from 'node:module';
import path from 'node:path';
import {
  IMPORT_TABLE,
  type ImportRow,
  PACKAGE_HOMES,
  PURE_BUILTINS,
  WITHOUT_BUILTINS,
} from './import-table.ts';
import { type ModuleImport, readImports } from './imports.ts';
import { type Finding, findingAt, isTestFile, type SourceFile } from './source-file.ts';

/** The unit inside which imports are relative, and the row of the table it goes by. */
interface Place {
  readonly unit: string;
  readonly row: string;
}

const placeOf = (file: string): Place => {
  const [top = '', second = '', third] = file.split('/');
  if (top === 'jobs') return { unit: `jobs/${second}`, row: 'jobs' };
  if (top !== 'src') return { unit: top, row: top };
  return third === undefined
    ? { unit: file, row: second.replace(/\.ts$/, '') }
    : { unit: `src/${second}`, row: second };
};

const packageOf = (specifier: string): string =>
  specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');

const isAllowed = (row: ImportRow | undefined, name: string, isTypeOnly: boolean): boolean =>
  row !== undefined &&
  (row.code.includes(name) || (isTypeOnly && row.types?.includes(name) === true));

const relativeFault = (file: string, unit: string, specifier: string): string | null => {
  const target = path.posix.join(path.posix.dirname(file), specifier);
  if (!target.startsWith(`${unit}/`)) return `leaves ${unit} by a relative path; use an alias`;
  return target.endsWith('.ts') || target.endsWith('.json') ? null : 'lacks the extension .ts';
};

const aliasFault = (place: Place, specifier: string, isTypeOnly: boolean): string | null => {
  const target = specifier.slice(1).split('/')[0] ?? '';
  if (specifier.endsWith('.ts')) return 'an alias has no extension';
  if (target === place.row && place.unit !== 'test') return 'inside a folder imports are relative';
  const row = IMPORT_TABLE[place.row];
  if (isAllowed(row, target, isTypeOnly)) return null;
  const how = row?.types?.includes(target) === true ? 'only the types of ' : 'not ';
  return `${place.row} may import ${how}${target}`;
};

const builtinFault = (place: Place, name: string): string | null => {
  if (!name.startsWith('node:')) return `write node:${name}`;
  return WITHOUT_BUILTINS.has(place.row) && !PURE_BUILTINS.has(name)
    ? `${place.row} may not import ${name}`
    : null;
};

const packageFault = (place: Place, specifier: string, isTypeOnly: boolean): string | null => {
  const name = packageOf(specifier);
  const home = PACKAGE_HOMES[name];
  if (home === undefined) return `${name} has no home in the table of packages`;
  return isAllowed(home, place.row, isTypeOnly)
    ? null
    : `${name} is at home in ${home.code.join(', ')}`;
};

/** Modules found at run time: a folder of jobs, the binaries of this platform. */
const COMPUTED_IMPORTS: ReadonlySet<string> = new Set([
  'src/app/load-jobs.ts',
  'src/storage/postgres/embedded/binaries.ts',
]);

const faultOf = (file: string, { specifier, isTypeOnly }: ModuleImport): string | null => {
  const place = placeOf(file);
  if (specifier === null)
    return COMPUTED_IMPORTS.has(file) || isTestFile(file) ? null : 'imports a computed module';
  if (specifier.startsWith('.')) return relativeFault(file, place.unit, specifier);
  // Tests may know everything, but by the same roads.
  if (isTestFile(file) || place.unit === 'test') return null;
  if (specifier.startsWith('#')) return aliasFault(place, specifier, isTypeOnly);
  if (specifier.startsWith('node:') || builtinModules.includes(packageOf(specifier)))
    return builtinFault(place, specifier);
  return packageFault(place, specifier, isTypeOnly);
};

/** Every import of a file that the tables do not allow. */
export const importRule = (file: SourceFile): readonly Finding[] => {
  const { row, unit } = placeOf(file.path);
  if (unit !== 'test' && !Object.hasOwn(IMPORT_TABLE, row))
    return [{ path: file.path, line: 1, message: `the folder ${row} has no row in the table` }];
  return readImports(file).flatMap((found) => {
    const fault = faultOf(file.path, found);
    return fault === null
      ? []
      : [findingAt(file, found.node, `${found.specifier ?? 'import(…)'}: ${fault}`)];
  });
};
