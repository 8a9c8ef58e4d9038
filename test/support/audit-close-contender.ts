import { AuditChainWorld } from './audit-chain-world.ts';

// Closes the days of an audit directory as soon as its input ends, which is how
// a test lets several processes go at the same moment.
const [, , root = ''] = process.argv;
console.log(JSON.stringify({ ready: true }));
for await (const _chunk of process.stdin);
const { closed } = await new AuditChainWorld(root).age();
console.log(JSON.stringify({ days: closed.days }));
process.exit(0);
