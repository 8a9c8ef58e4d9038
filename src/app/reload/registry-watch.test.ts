import { mkdtempSync, readFileSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Clock, systemClock } from '#core/clock';
import { AppError } from '#core/errors';
import { parseRegistry } from '#registry/parse-registry';
import { createTaskCatalog, type TaskCatalog } from '#runner/task-catalog';
import { testJobs } from '#test/support/test-tasks';
import { RegistryWatch, type RegistryWatchOptions } from './registry-watch.ts';

const registryOf = (...titles: readonly string[]): string =>
  [
    'version: 1',
    'tasks:',
    ...titles.flatMap((title, index) => [
      `  task_${index}:`,
      `    title: ${title}`,
      '    description: A task of a test.',
      '    job: obedient',
      '    owner: test',
      '    permissions: { start: [tools.jobs.start], read: [tools.jobs.read] }',
    ]),
    '',
  ].join('\n');

const BROKEN = registryOf('First').replace('job:', 'jbo:');

const titlesOf = (catalog: TaskCatalog): readonly string[] =>
  [...catalog.values()].map(({ task }) => task.title);

/** What happened, in order; a test waits for as many events as it needs. */
class Story {
  readonly told: string[] = [];
  #waiting: (() => void)[] = [];

  tell(event: string): void {
    this.told.push(event);
    for (const wake of this.#waiting.splice(0)) wake();
  }

  async until(count: number): Promise<readonly string[]> {
    while (this.told.length < count)
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
      });
    return this.told;
  }
}

describe('a watch over the registry', () => {
  let folder: string;
  let file: string;
  let story: Story;
  let watch: RegistryWatch;
  let minutes: (() => void)[] = [];

  // What is done each minute, and each five seconds, comes when a test says so.
  const clock: Clock = {
    ...systemClock,
    every: (ms, tick) => {
      if (ms === 60_000) minutes.push(tick);
      return () => undefined;
    },
  };

  const create = (over: Partial<RegistryWatchOptions> = {}): void => {
    watch = new RegistryWatch({
      file,
      clock,
      text: readFileSync(file, 'utf8'),
      read: async () => {
        story.tell('read');
        return { file: 'tasks.yml', text: readFileSync(file, 'utf8') };
      },
      check: async (source) => createTaskCatalog(parseRegistry(source), testJobs()),
      enact: async (catalog) => {
        story.tell(`enacted ${titlesOf(catalog)}`);
        return null;
      },
      elsewhere: { check: async () => story.tell('compared') } as never,
      observer: {
        reloaded: ({ tasks }) => story.tell(`reloaded ${tasks}`),
        refused: (error) =>
          story.tell(
            `refused ${error instanceof AppError ? error.violations.map(({ path: place }) => place) : error}`,
          ),
        delayed: () => story.tell('delayed'),
        unwatched: () => story.tell('unwatched'),
        unexpected: (what) => story.tell(`unexpected ${what}`),
      },
      ...over,
    });
  };

  const replace = (text: string): void => {
    writeFileSync(`${file}~`, text);
    renameSync(`${file}~`, file);
  };

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'opsloop-registry-'));
    file = path.join(folder, 'tasks.yml');
    writeFileSync(file, registryOf('First'));
    story = new Story();
    minutes = [];
    create();
  });
  afterEach(async () => {
    await watch.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it('looks once at the start and leaves a file alone that is what was loaded', async () => {
    await watch.start();
    await story.until(1);
    replace(registryOf('First', 'Second'));
    expect(await story.until(4)).toEqual(['read', 'read', 'enacted First,Second', 'reloaded 2']);
    expect(watch.state).toEqual({ kind: 'in_force' });
  });

  it('puts in force at the start what has changed since the file was loaded', async () => {
    create({ text: 'something else' });
    await watch.start();
    expect(await story.until(3)).toEqual(['read', 'enacted First', 'reloaded 1']);
  });

  it('does nothing about a file that was touched', async () => {
    await watch.start();
    await story.until(1);
    utimesSync(file, 1, 1);
    await story.until(2);
    writeFileSync(file, registryOf('Second'));
    expect(await story.until(5)).toEqual(['read', 'read', 'read', 'enacted Second', 'reloaded 1']);
  });

  it('puts the same text in force again when somebody asks', async () => {
    await watch.reload();
    expect(story.told).toEqual(['read', 'enacted First', 'reloaded 1']);
  });

  it('refuses a file that is wrong, names the place, and takes it once it is right', async () => {
    await watch.start();
    replace(BROKEN);
    await watch.reload();
    expect(story.told.filter((event) => event !== 'read')).toEqual([
      'refused tasks.yml:3:3,tasks.yml:6:5',
    ]);
    expect(watch.state).toMatchObject({ kind: 'refused', error: { code: 'invalid_registry' } });
    writeFileSync(file, registryOf('First'));
    await watch.reload();
    expect(story.told.slice(-2)).toEqual(['enacted First', 'reloaded 1']);
    expect(watch.state).toEqual({ kind: 'in_force' });
  });

  it('takes back what was in force before when the file says so again, unasked', async () => {
    await watch.start();
    await story.until(1);
    replace(BROKEN);
    await story.until(3);
    replace(registryOf('First'));
    expect((await story.until(6)).slice(2)).toEqual([
      'refused tasks.yml:3:3,tasks.yml:6:5',
      'read',
      'enacted First',
      'reloaded 1',
    ]);
  });

  it('tries again while something that it needs is away, and the file of that moment counts', async () => {
    let isAway = true;
    create({
      enact: async (catalog) => {
        story.tell(`tried ${titlesOf(catalog)}`);
        if (isAway) throw new AppError('unavailable', 'PostgreSQL is not available');
        return null;
      },
    });
    replace(registryOf('Second'));
    const reloaded = watch.reload();
    expect(await story.until(3)).toEqual(['read', 'tried Second', 'delayed']);
    expect(watch.state).toEqual({ kind: 'waiting', reason: 'PostgreSQL is not available' });
    expect((await story.until(6)).slice(3)).toEqual(['read', 'tried Second', 'delayed']);
    replace(registryOf('Third'));
    isAway = false;
    await reloaded;
    expect(story.told.slice(-3)).toEqual(['read', 'tried Third', 'reloaded 1']);
    expect(watch.state).toEqual({ kind: 'in_force' });
  });

  it('gives up what waits when the file that follows is wrong', async () => {
    create({
      enact: async () => {
        throw new Error('connection string postgres://u:p@h');
      },
    });
    void watch.reload();
    await story.until(2);
    expect(watch.state).toMatchObject({
      kind: 'waiting',
      reason: expect.not.stringContaining('p@'),
    });
    replace(BROKEN);
    await watch.reload();
    expect(story.told.at(-1)).toBe('refused tasks.yml:3:3,tasks.yml:6:5');
    expect(watch.state).toMatchObject({ kind: 'refused' });
  });

  it('compares with the registry in force each minute, and never while it puts its own in force', async () => {
    let finish = (): void => undefined;
    create({
      enact: () =>
        new Promise((resolve) => {
          story.tell('applied');
          finish = () => {
            story.tell('replaced');
            resolve(null);
          };
        }),
    });
    await watch.start();
    await story.until(1);
    expect(minutes).toHaveLength(1);
    const reloaded = watch.reload();
    await story.until(3);
    const compared = watch.compare();
    finish();
    await Promise.all([reloaded, compared]);
    minutes[0]?.();
    await story.until(7);
    expect(story.told.slice(0, 4)).toEqual(['read', 'read', 'applied', 'replaced']);
    expect(story.told.slice(4).sort()).toEqual(['compared', 'compared', 'reloaded 1']);
  });

  it('goes on after a comparison that failed', async () => {
    create({
      elsewhere: {
        check: async () => {
          throw new Error('no such table');
        },
      } as never,
    });
    await watch.compare();
    await watch.reload();
    expect(story.told).toEqual([
      'unexpected comparing the registry with the one in force',
      'read',
      'enacted First',
      'reloaded 1',
    ]);
  });

  it('can be stopped before it is started, meanwhile, and twice', async () => {
    await watch.stop();
    await watch.start();
    await watch.reload();
    create();
    const starting = watch.start();
    await Promise.all([watch.stop(), watch.stop()]);
    await starting;
    expect(minutes).toEqual([]);
    expect(story.told).toEqual([]);
  });
});
