import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { findProcess } from '#storage/postgres/embedded/process-identity';
import { tryProcessLock } from '#storage/postgres/embedded/process-lock';

// Takes a lock `rounds` times. While it holds it, a file says so; another living
// process's file at that moment is an overlap.
const [, , directory = '', rounds = '0'] = process.argv;
const locks = path.join(directory, 'locks');
const mark = `held-by-${process.pid}`;
let taken = 0;
let overlaps = 0;

console.log(JSON.stringify({ ready: true }));
while (taken < Number(rounds)) {
  const attempt = tryProcessLock(locks, 'contended');
  if ('holder' in attempt) continue;
  const others = readdirSync(directory).filter(
    (file) =>
      file.startsWith('held-by-') && findProcess(Number(file.slice('held-by-'.length))) !== null,
  );
  overlaps += others.length;
  writeFileSync(path.join(directory, mark), '');
  rmSync(path.join(directory, mark));
  attempt.lock.release();
  taken += 1;
}
console.log(JSON.stringify({ taken, overlaps }));
