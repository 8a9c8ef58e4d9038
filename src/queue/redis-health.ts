/** What `health` read of a Redis: INFO as text, and `CONFIG GET save` where that is allowed. */
export interface RedisFacts {
  readonly info: string;
  /** The snapshot rules; empty when snapshots are off, null when Redis does not tell. */
  readonly save: string | null;
}

const parseInfo = (info: string): ReadonlyMap<string, string> =>
  new Map(
    info
      .split(/\r?\n/)
      .filter((line) => line.includes(':') && !line.startsWith('#'))
      .map((line): [string, string] => {
        const colon = line.indexOf(':');
        return [line.slice(0, colon), line.slice(colon + 1)];
      }),
  );

const persistenceWarnings = (info: ReadonlyMap<string, string>, save: string | null): string[] => {
  const warnings: string[] = [];
  if (info.get('aof_enabled') !== '1') {
    warnings.push(
      save === ''
        ? 'Redis has no persistence (appendonly no, no save rule): a restart loses every queued job and schedule; set appendonly yes'
        : 'Redis keeps snapshots only (appendonly no): a crash loses the jobs queued since the last one; set appendonly yes',
    );
  } else if (info.get('aof_last_write_status') === 'err') {
    warnings.push('Redis could not write its append-only file: its disk may be full');
  }
  if (save !== '' && info.get('rdb_last_bgsave_status') === 'err')
    warnings.push('Redis could not write its last snapshot: its disk may be full');
  return warnings;
};

/** Everything an operator must know before trusting this Redis with queues. */
export const redisWarnings = ({ info: text, save }: RedisFacts): readonly string[] => {
  const info = parseInfo(text);
  const warnings = persistenceWarnings(info, save);
  const policy = info.get('maxmemory_policy');
  if (policy !== undefined && policy !== 'noeviction')
    warnings.push(
      `Redis has maxmemory-policy ${policy} and may delete jobs when its memory is full; set noeviction`,
    );
  const role = info.get('role');
  if (role !== undefined && role !== 'master')
    warnings.push('Redis is a replica, which takes no writes; REDIS_URL must name the primary');
  return warnings;
};

/** Product and version, e.g. `Redis 7.0.15` or `Valkey 8.1.0`. */
export const redisVersion = (text: string): string => {
  const info = parseInfo(text);
  const valkey = info.get('valkey_version');
  return valkey === undefined
    ? `Redis ${info.get('redis_version') ?? ''}`.trim()
    : `Valkey ${valkey}`;
};
