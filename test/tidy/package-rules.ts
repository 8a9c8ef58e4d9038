/** What this project reads of its package.json. */
export interface PackageManifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly overrides?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

export interface PackageLock {
  readonly packages: Readonly<Record<string, LockedPackage>>;
}

interface LockedPackage extends PackageManifest {
  readonly version?: string;
  readonly resolved?: string;
  readonly link?: boolean;
  readonly engines?: Readonly<Record<string, string>>;
}

const EXACT = /^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/;

/** Every version that could be another one tomorrow. `$name` repeats a version that stands above. */
export const findInexactVersions = (manifest: PackageManifest): readonly string[] =>
  Object.entries({
    ...manifest.overrides,
    ...manifest.dependencies,
    ...manifest.devDependencies,
  })
    .filter(([, version]) => !EXACT.test(version) && !version.startsWith('$'))
    .map(([name, version]) => `${name} ${version}`);

const nameInLock = (place: string): string => place.split('node_modules/').at(-1) ?? place;

/** Where each package name is installed, with its version. */
export const copiesOf = (lock: PackageLock, name: string): readonly string[] =>
  Object.entries(lock.packages)
    .filter(([place]) => place !== '' && nameInLock(place) === name)
    .map(([place, { version }]) => `${place} ${version}`);

const PLATFORM = /(?:^|[-/.])(linux|darwin)[-.](x64|arm64)(?:[-.]|$)/;

const platformOf = (name: string): string | null => {
  const [, system, processor] = PLATFORM.exec(name) ?? [];
  return system === undefined ? null : `${system}-${processor}`;
};

export const PLATFORMS = ['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64'] as const;

/** Packages that bring something for a platform of ours and lack it in the lock. */
export const findMissingPlatforms = (lock: PackageLock): readonly string[] => {
  const locked = new Set(Object.keys(lock.packages).map(nameInLock));
  return Object.entries(lock.packages).flatMap(([place, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies)
      .filter((name) => platformOf(name) !== null && !locked.has(name))
      .map((name) => `${nameInLock(place)} lacks ${name}`),
  );
};

/** Platforms for which `name` brings a package of its own that is in the lock. */
export const platformsOf = (lock: PackageLock, name: string): readonly string[] => {
  const locked = new Set(Object.keys(lock.packages).map(nameInLock));
  const optional = lock.packages[`node_modules/${name}`]?.optionalDependencies ?? {};
  const found = Object.keys(optional)
    .filter((dependency) => locked.has(dependency))
    .map(platformOf);
  return PLATFORMS.filter((platform) => found.includes(platform));
};

/** Download addresses in the lock: they would tie an install to one registry's host. */
export const findHosts = (lock: PackageLock): readonly string[] =>
  Object.entries(lock.packages)
    .filter(([, { resolved, link }]) => resolved !== undefined && link !== true)
    .map(([place]) => place);
