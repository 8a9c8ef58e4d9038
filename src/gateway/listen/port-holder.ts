import { readdir, readFile, readlink } from 'node:fs/promises';

const LISTENING = '0A';

const inodesListeningOn = async (table: string, port: number): Promise<readonly string[]> => {
  const text = await readFile(table, 'utf8').catch(() => '');
  const hexPort = port.toString(16).toUpperCase().padStart(4, '0');
  return text
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[3] === LISTENING && fields[1]?.endsWith(`:${hexPort}`))
    .flatMap((fields) => fields[9] ?? []);
};

const holdsSocket = async (pid: string, inodes: ReadonlySet<string>): Promise<boolean> => {
  const folder = `/proc/${pid}/fd`;
  const descriptors = await readdir(folder).catch(() => []);
  for (const descriptor of descriptors) {
    const target = await readlink(`${folder}/${descriptor}`).catch(() => '');
    const [, inode] = /^socket:\[(\d+)\]$/.exec(target) ?? [];
    if (inode !== undefined && inodes.has(inode)) return true;
  }
  return false;
};

/**
 * `node (pid 4711)` for the process that listens on a TCP port of this host.
 * Null where the system does not tell: not Linux, or another user's process.
 */
export const findPortHolder = async (port: number): Promise<string | null> => {
  const found = await Promise.all(
    ['/proc/net/tcp', '/proc/net/tcp6'].map((table) => inodesListeningOn(table, port)),
  );
  const inodes = new Set(found.flat());
  if (inodes.size === 0) return null;
  const pids = (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name));
  for (const pid of pids)
    if (await holdsSocket(pid, inodes)) {
      const command = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '');
      return `${command.trim() || 'a process'} (pid ${pid})`;
    }
  return null;
};
