#!/usr/bin/env node
// Prints the path of a Redis or Valkey server, installing Debian's package
// where this runs as root on Debian. Tests call it; it can be run by hand.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

const HOW =
  'The tests need a Redis or Valkey server: install one ("apt-get install -y redis-server" as root on Debian, "brew install redis" on macOS) or set REDIS_URL';

const find = () => {
  for (const name of ['redis-server', 'valkey-server']) {
    const found = spawnSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' });
    if (found.status === 0) return found.stdout.trim();
  }
  return undefined;
};

const install = () => {
  if (process.getuid?.() !== 0 || !existsSync('/etc/debian_version')) return;
  // RUNLEVEL=1 keeps the package from starting a server of its own on port 6379.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  for (const args of [['update'], ['install', '-y', '--no-install-recommends', 'redis-server']]) {
    const { status } = spawnSync('apt-get', args, { env, stdio: ['ignore', 2, 2] });
    if (status !== 0) return;
  }
};

let server = find();
if (server === undefined) {
  install();
  server = find();
}
if (server === undefined) {
  process.stderr.write(`${HOW}\n`);
  process.exit(1);
}
process.stdout.write(`${server}\n`);
