import readline from 'node:readline';
import { AppError } from '#core/errors';
import { startOrAttachEmbeddedPostgres } from '#storage/postgres/embedded-postgres';

// Joins the embedded PostgreSQL of a data directory, says so in one line of JSON
// and leaves when its input ends.
const [, , dataDir = '', mode = ''] = process.argv;

try {
  const embedded = await startOrAttachEmbeddedPostgres({
    dataDir,
    mode: mode === 'own' ? 'own' : 'attach-or-own',
  });
  console.log(JSON.stringify({ dsn: embedded.dsn, role: embedded.role }));
  for await (const _line of readline.createInterface({ input: process.stdin }));
  await embedded.stop();
  process.exit(0);
} catch (error) {
  const code = error instanceof AppError ? error.code : 'internal';
  console.log(JSON.stringify({ code, message: String(error) }));
  process.exit(1);
}
