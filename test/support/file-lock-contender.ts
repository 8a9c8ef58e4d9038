import { FileLock } from '#storage/jsonl/file-lock';

// Takes the lock of a file and holds it until it is killed or its input ends.
const lock = new FileLock(process.argv[2] ?? '');
console.log(JSON.stringify({ taken: await lock.tryAcquire() }));
process.stdin.resume();
