import type { Redis } from 'ioredis';
import { slotJobId } from './scheduled-slot.ts';
import type { SchedulerRecord, SchedulerStore, SlotKey, SlotRecord } from './scheduler-store.ts';

// KEYS[1] is BullMQ's sorted set of schedulers, ARGV[1] what its keys begin
// with. A job that BullMQ wrote over a finished one stands in two sets, so the
// states of a finished job come last.
const STATE_OF = `
local base = ARGV[1]
local function stateOf(id)
  if redis.call('EXISTS', base .. id) == 0 then return false end
  if redis.call('ZSCORE', base .. 'delayed', id) then return 'delayed' end
  for _, list in ipairs({'active', 'wait', 'paused'}) do
    if redis.call('LPOS', base .. list, id) then return list end
  end
  for _, set in ipairs({'prioritized', 'waiting-children', 'completed', 'failed'}) do
    if redis.call('ZSCORE', base .. set, id) then return set end
  end
  return false
end`;

// What stands under a scheduler's id may be of any type, or the data of a job.
const LIST_SCHEDULERS = `${STATE_OF}
local found = redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
local schedulers = {}
for i = 1, #found, 2 do
  local id, slot = found[i], found[i + 1]
  local fields = redis.pcall('HMGET', KEYS[1] .. ':' .. id, 'name', 'pattern', 'every', 'tz', 'data', 'opts')
  if fields.err then fields = {} end
  schedulers[#schedulers + 1] = {id, slot, stateOf('repeat:' .. id .. ':' .. slot), fields}
end
return schedulers`;

const READ_STATES = `${STATE_OF}
local states = {}
for i = 2, #ARGV do states[i - 1] = stateOf(ARGV[i]) end
return states`;

const READ_SLOT = `${STATE_OF}
return {stateOf(ARGV[3]), redis.call('ZSCORE', KEYS[1], ARGV[2])}`;

const REMOVE_FINISHED = `${STATE_OF}
local id = ARGV[2]
local state = stateOf(id)
if state ~= 'completed' and state ~= 'failed' then return 0 end
local job = base .. id
redis.call('ZREM', base .. state, id)
redis.call('DEL', job, job .. ':logs', job .. ':dependencies', job .. ':processed',
  job .. ':failed', job .. ':unsuccessful')
return 1`;

/**
 * BullMQ's schedulers in Redis (6.0.6 or later, for LPOS), read by scripts of
 * our own so that nothing changes meanwhile. A listing of 10,000 schedulers
 * occupies Redis for some 80 ms.
 */
export class RedisSchedulerStore implements SchedulerStore {
  readonly #redis: Redis;
  readonly #prefix: string;

  constructor(redis: Redis, prefix: string) {
    this.#redis = redis;
    this.#prefix = prefix;
  }

  async listSchedulers(queueName: string): Promise<readonly SchedulerRecord[]> {
    const found = await this.#run(queueName, LIST_SCHEDULERS, []);
    return asArray(found).map(toRecord);
  }

  async readStates(
    queueName: string,
    jobIds: readonly string[],
  ): Promise<readonly (string | null)[]> {
    return asArray(await this.#run(queueName, READ_STATES, jobIds)).map(asText);
  }

  async readSlot(queueName: string, { schedulerId, slotMs }: SlotKey): Promise<SlotRecord> {
    const args = [schedulerId, slotJobId(schedulerId, slotMs)];
    const [state, next] = asArray(await this.#run(queueName, READ_SLOT, args));
    return { state: asText(state), nextMs: asNumber(next) };
  }

  async removeFinished(queueName: string, jobId: string): Promise<boolean> {
    return (await this.#run(queueName, REMOVE_FINISHED, [jobId])) === 1;
  }

  #run(queueName: string, script: string, args: readonly string[]): Promise<unknown> {
    const base = `${this.#prefix}:${queueName}:`;
    return this.#redis.eval(script, 1, `${base}repeat`, base, ...args);
  }
}

const asArray = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

const asText = (value: unknown): string | null => (typeof value === 'string' ? value : null);

const asNumber = (value: unknown): number | null =>
  typeof value === 'string' && /^-?\d+$/.test(value) ? Number(value) : null;

const asJson = (value: unknown): unknown => {
  if (typeof value !== 'string') return undefined;
  try {
    return JSON.parse(value);
  } catch {
    return undefined;
  }
};

const toRecord = (row: unknown): SchedulerRecord => {
  const [id, slot, state, fields] = asArray(row);
  const [name, pattern, every, timezone, data, opts] = asArray(fields);
  const options = asJson(opts);
  return {
    schedulerId: String(id),
    jobName: asText(name),
    pattern: asText(pattern),
    everyMs: asNumber(every),
    timezone: asText(timezone),
    nextMs: asNumber(slot),
    data: asJson(data) ?? {},
    attempts:
      options !== null && typeof options === 'object' && 'attempts' in options
        ? options.attempts
        : null,
    slotState: asText(state),
  };
};
