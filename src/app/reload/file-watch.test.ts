import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Clock, systemClock } from '#core/clock';
import { FileWatch } from './file-watch.ts';

describe('a watch over a file', () => {
  let root: string;
  let folder: string;
  let file: string;
  let watch: FileWatch;
  let told = 0;
  let unwatched = 0;
  let waiting: (() => void)[] = [];
  let polls: (() => void)[] = [];

  /** Time passes as it does, but for the polls, which come when a test says so. */
  const clock: Clock = {
    ...systemClock,
    every: (_ms, tick) => {
      polls.push(tick);
      return () => {
        polls = [];
      };
    },
  };
  const poll = (): void => {
    for (const tick of polls) tick();
  };
  const untilTold = (times: number): Promise<void> =>
    new Promise((resolve) => {
      const look = (): void => {
        if (told >= times) resolve();
        else waiting.push(look);
      };
      look();
    });

  const create = (watched: string): void => {
    watch = new FileWatch({
      file: watched,
      clock,
      onChange: () => {
        told += 1;
        for (const look of waiting.splice(0)) look();
      },
      onUnwatched: () => {
        unwatched += 1;
      },
    });
  };
  const open = (watched: string): Promise<void> => {
    create(watched);
    return watch.start();
  };

  beforeEach(() => {
    root = mkdtempSync(path.join(tmpdir(), 'opsloop-watch-'));
    folder = path.join(root, 'registry');
    file = path.join(folder, 'tasks.yml');
    mkdirSync(folder);
    writeFileSync(file, 'first');
    // Two writes at once may get the same time.
    utimesSync(file, 0, 0);
    told = 0;
    unwatched = 0;
    waiting = [];
    polls = [];
  });
  afterEach(async () => {
    await watch.stop();
    rmSync(root, { recursive: true, force: true });
  });

  const replace = (text: string): void => {
    writeFileSync(`${file}~`, text);
    renameSync(`${file}~`, file);
  };

  it.each<[string, () => void]>([
    ['written in place', () => writeFileSync(file, 'second')],
    ['written in place with a text of the same length', () => writeFileSync(file, 'FIRST')],
    ['added to', () => appendFileSync(file, ' and more')],
    ['replaced by a rename, as editors do', () => replace('second')],
    ['removed', () => unlinkSync(file)],
    ['touched', () => utimesSync(file, 1, 1)],
  ])('tells when it is %s, again and again', async (_name, change) => {
    await open(file);
    change();
    await untilTold(1);
    replace('third');
    await untilTold(2);
    writeFileSync(file, 'fourth');
    await untilTold(3);
    expect(unwatched).toBe(0);
  });

  it('tells when the link beside it is pointed elsewhere, as that of a ConfigMap is', async () => {
    const link = path.join(folder, 'linked.yml');
    for (const version of ['..v1', '..v2']) {
      mkdirSync(path.join(folder, version));
      writeFileSync(path.join(folder, version, 'linked.yml'), version);
    }
    symlinkSync('..v1', path.join(folder, '..data'));
    symlinkSync(path.join('..data', 'linked.yml'), link);
    await open(link);
    symlinkSync('..v2', path.join(folder, '..data_tmp'));
    renameSync(path.join(folder, '..data_tmp'), path.join(folder, '..data'));
    await untilTold(1);
  });

  it('tells once of what is written in steps', async () => {
    await open(file);
    for (const step of ['a', 'b', 'c']) {
      appendFileSync(file, step);
      await systemClock.sleep(50);
    }
    await untilTold(1);
    replace('second');
    await untilTold(2);
    expect(told).toBe(2);
  });

  it('is not held up by a folder in which much else happens', async () => {
    await open(file);
    replace('second');
    const other = path.join(folder, 'other.log');
    while (told === 0) {
      appendFileSync(other, 'x');
      await systemClock.sleep(20);
    }
    expect(told).toBe(1);
  });

  it('finds by a look of its own what it is not told of, and is told again after that', async () => {
    const target = path.join(root, 'elsewhere.yml');
    const link = path.join(folder, 'linked.yml');
    writeFileSync(target, 'first');
    symlinkSync(target, link);
    await open(link);
    writeFileSync(target, 'second');
    poll();
    await untilTold(1);
    poll();
    unlinkSync(link);
    writeFileSync(link, 'third');
    await untilTold(2);
  });

  it('goes on when its folder is replaced by another', async () => {
    await open(file);
    renameSync(folder, path.join(root, 'before'));
    mkdirSync(folder);
    writeFileSync(file, 'second');
    poll();
    await untilTold(1);
    replace('third');
    await untilTold(2);
  });

  it('says when the folder cannot be watched, and watches once it can', async () => {
    rmSync(folder, { recursive: true });
    await open(file);
    expect(unwatched).toBe(1);
    mkdirSync(folder);
    writeFileSync(file, 'second');
    poll();
    await untilTold(1);
    replace('third');
    await untilTold(2);
    expect(unwatched).toBe(1);
  });

  it('can be stopped before it is started, meanwhile, and twice', async () => {
    create(file);
    await watch.stop();
    await watch.start();
    expect(polls).toEqual([]);
    const starting = open(file);
    await Promise.all([watch.stop(), watch.stop()]);
    await starting;
    expect(polls).toEqual([]);
    writeFileSync(file, 'second');
    await watch.stop();
    expect(told).toBe(0);
  });
});
