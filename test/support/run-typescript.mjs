// Runs a TypeScript file of this project in a process of its own, from source
// and with the aliases resolved: node run-typescript.mjs FILE ARGUMENTS…
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { createViteServer } from 'vitest/node';

const conditions = ['opsloop-source', 'node'];
const server = await createViteServer({
  configFile: false,
  logLevel: 'error',
  root: path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..'),
  appType: 'custom',
  server: { middlewareMode: true, watch: null, hmr: false, ws: false },
  optimizeDeps: { noDiscovery: true },
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: ['node'] } },
});
process.argv.splice(1, 1);
await server.environments.ssr.runner.import(path.resolve(process.argv[1]));
