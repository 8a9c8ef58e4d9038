import { afterAll, beforeAll, describe, it } from 'vitest';
import { type OpenedBackend, openPostgresBackend, openRedisBackend } from './queue-backends.ts';
import { QUEUE_ENGINE_CONTRACT } from './queue-engine-contract.ts';
import { inNewWorld } from './queue-world.ts';

describe.each([
  { backend: 'redis', open: openRedisBackend },
  { backend: 'postgres', open: openPostgresBackend },
])('queue engine on $backend', ({ open }) => {
  let opened: OpenedBackend;
  beforeAll(async () => {
    opened = await open();
  });
  afterAll(() => opened.close());

  // Each has a queue to itself.
  it.concurrent.each(QUEUE_ENGINE_CONTRACT)('$name', ({ check }) => inNewWorld(opened, check));
});
