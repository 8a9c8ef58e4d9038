// npm run bench [-- name …]: runs the benches one after the other on the built
// program and prints one JSON document with the machine, the versions and the
// figures. A bench is never a test: nothing here fails for being slow.
import { readdirSync, readFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));
const folder = path.join(here, 'benches');
const names = readdirSync(folder)
  .filter((file) => file.endsWith('.mjs'))
  .map((file) => path.basename(file, '.mjs'))
  .sort();
const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !names.includes(name));
if (unknown.length > 0) {
  process.stderr.write(`no such bench: ${unknown.join(', ')}; there are ${names.join(', ')}\n`);
  process.exit(2);
}

const versionOf = (name) =>
  JSON.parse(readFileSync(path.join(here, '..', 'node_modules', name, 'package.json'), 'utf8'))
    .version;

const results = {};
for (const name of asked.length > 0 ? asked : names) {
  process.stderr.write(`bench ${name} …\n`);
  const { bench } = await import(pathToFileURL(path.join(folder, `${name}.mjs`)).href);
  results[name] = await bench();
}

const document = {
  machine: {
    cpu: cpus()[0]?.model,
    cores: cpus().length,
    memory_gib: Math.round(totalmem() / 2 ** 30),
    platform: `${process.platform}-${process.arch}`,
    node: process.version,
  },
  versions: Object.fromEntries(
    ['bullmq', 'ioredis', 'pg', '@duckdb/node-api', 'fastify'].map((name) => [
      name,
      versionOf(name),
    ]),
  ),
  at: new Date().toISOString(),
  results,
};
process.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
