import { type Static, Type } from 'typebox';
import { BLACKOUTS } from './blackout-schema.ts';
import { DURATION_PATTERN, DURATION_WORDS } from './duration.ts';
import {
  byName,
  closed,
  duration,
  line,
  name,
  named,
  TASK_ID_PATTERN,
  TASK_ID_WORDS,
  timezone,
} from './schema-parts.ts';
import { NOTIFY_EVENTS } from './task.ts';

const backoff = () =>
  closed(
    {
      type: Type.Optional(Type.Enum(['exponential', 'fixed'])),
      delay: Type.Optional(duration('Delay before the second attempt; 1ms to 24h.')),
      jitter: Type.Optional(
        Type.Number({
          minimum: 0,
          maximum: 1,
          description: 'Share of the delay by which it is varied at random.',
        }),
      ),
    },
    'How long to wait between attempts. Keys that are left out come from the defaults.',
  );

const notify = () =>
  closed(
    {
      on: Type.Array(Type.Enum([...NOTIFY_EVENTS]), {
        description: 'What is told; an empty list tells nothing.',
      }),
      to: Type.Array(name('Target of the policy of notifications, such as oncall.'), {
        description: 'Who is told.',
      }),
    },
    "Who is told of what. A task's own replaces the whole of the default.",
  );

/** What the block `defaults` may hold and any task may override. */
const policies = () => ({
  timezone: Type.Optional(timezone()),
  timeout: Type.Optional(duration('A run that takes longer is aborted; 1s to 24h.')),
  attempts: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 20,
      description: 'Starts of a run in all, the first included.',
    }),
  ),
  backoff: Type.Optional(backoff()),
  overlap: Type.Optional(
    Type.Enum(['skip', 'queue', 'allow'], {
      description: 'What a start does while a run of the task is active.',
    }),
  ),
  catch_up: Type.Optional(
    Type.Enum(['none', 'latest', 'all'], {
      description: 'Which of the occurrences missed while nothing was running are run afterwards.',
    }),
  ),
  catch_up_window: Type.Optional(
    duration('Older misses are recorded as missed and never run; 1m to 400d.'),
  ),
  late_after: Type.Optional(
    named(
      `^auto$|${DURATION_PATTERN}`,
      `auto or ${DURATION_WORDS}`,
      'Not started this long after its time, a run is late; auto is 10 minutes, at most half the interval.',
    ),
  ),
  keep_runs: Type.Optional(duration('How long the ledger keeps finished runs; 1d to 3650d.')),
  max_crashes: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 20,
      description: 'A run that killed its worker this often is ended for good.',
    }),
  ),
  blackouts: Type.Optional(
    Type.Array(name('Name of a blackout calendar.'), {
      description:
        "Calendars whose windows hold the task back. A task's own list replaces the default one.",
    }),
  ),
  notify: Type.Optional(notify()),
});

const entitlements = (description: string) =>
  Type.Array(
    named(
      '^tools(\\.[a-z][a-z0-9_]*){2,4}$',
      'an entitlement such as tools.jobs.start',
      'Entitlement, such as tools.jobs.start.',
    ),
    { minItems: 1, uniqueItems: true, description },
  );

const INPUTS = Type.Object(
  {
    type: Type.Literal('object'),
    additionalProperties: Type.Literal(false, { description: 'Unknown inputs are refused.' }),
    properties: Type.Unsafe<Record<string, Record<string, unknown>>>({
      type: 'object',
      additionalProperties: { type: 'object' },
      propertyNames: {
        pattern: '^[a-z][a-z0-9_]{0,63}$',
        'x-accepted': 'a name of a-z, 0-9 and _ that starts with a letter',
      },
    }),
    required: Type.Optional(Type.Array(Type.String(), { uniqueItems: true })),
  },
  {
    additionalProperties: false,
    description: 'JSON Schema (draft 7) of the inputs. Defaults are applied.',
  },
);

const TASK = closed(
  {
    title: line(80, 'Name for people.'),
    description: line(400, 'What the task does, in a sentence or two.'),
    job: named(
      '^[a-z][a-z0-9-]{0,63}$',
      'the name of a folder under jobs/, of a-z, 0-9 and -',
      'Folder under jobs/ with the code.',
    ),
    owner: name('Team that answers for the task.'),
    group: Type.Optional(
      name('Heading under which the board shows the task; the owner if left out.'),
    ),
    schedule: Type.Optional(
      closed(
        {
          cron: Type.String({
            description:
              'Five fields: minute hour day-of-month month day-of-week; six with seconds: true.',
          }),
          seconds: Type.Optional(
            Type.Boolean({
              description: 'Whether a field of seconds begins the cron line; false if left out.',
            }),
          ),
          timezone: Type.Optional(timezone()),
        },
        'When the task runs by itself; without it, on request or after others.',
      ),
    ),
    after: Type.Optional(
      Type.Array(named(TASK_ID_PATTERN, TASK_ID_WORDS, 'Id of another task.'), {
        minItems: 1,
        description:
          'Tasks after whose success for an instant this one starts, with the same instant; in place of a schedule.',
      }),
    ),
    permissions: closed(
      {
        start: entitlements('All of them are needed to start, cancel or retry the task.'),
        read: entitlements('All of them are needed to see its runs.'),
      },
      'Who may do what with the task.',
    ),
    inputs: Type.Optional(INPUTS),
    outputs: Type.Optional(
      Type.Array(Type.String(), {
        maxItems: 20,
        description:
          'Paths of the reports, as pairs of .json and .md under ops/reports, with {scheduled_for:…} placeholders.',
      }),
    ),
    dry_run: Type.Optional(
      Type.Boolean({ description: 'Whether the task can be run dry; true if left out.' }),
    ),
    destructive: Type.Optional(
      Type.Boolean({
        description: 'Deletes or overwrites what cannot be brought back; false if left out.',
      }),
    ),
    isolate: Type.Optional(
      Type.Boolean({ description: 'Runs in a child process of its own; false if left out.' }),
    ),
    enabled: Type.Optional(
      Type.Boolean({ description: 'Whether the schedule is in force; true if left out.' }),
    ),
    queue: Type.Optional(name('Queue that several tasks share; one of its own if left out.')),
    ...policies(),
  },
  'A task of the registry.',
);

/** Schema of the registry file, published as registry/task_registry.schema.json. */
export const REGISTRY_SCHEMA = closed(
  {
    version: Type.Literal(1),
    defaults: Type.Optional(
      closed(policies(), 'What holds for a task that does not say otherwise.'),
    ),
    blackouts: Type.Optional(BLACKOUTS),
    reconcile: Type.Optional(
      Type.Enum(['enforce', 'warn'], {
        description:
          'Whether schedulers that differ from the registry are put right or only reported; enforce if left out.',
      }),
    ),
    tasks: byName<RawTask>({
      pattern: TASK_ID_PATTERN,
      words: TASK_ID_WORDS,
      value: TASK,
      description: 'The tasks by id.',
    }),
  },
  'The operational tasks of this installation.',
);

export type RawTask = Static<typeof TASK>;
export type RawRegistry = Static<typeof REGISTRY_SCHEMA>;
export type RawPolicies = NonNullable<RawRegistry['defaults']>;

/** The JSON Schema as editors and other tools read it. */
export const registryJsonSchema = (): Readonly<Record<string, unknown>> => ({
  $schema: 'http://json-schema.org/draft-07/schema#',
  title: 'Opsloop task registry',
  ...REGISTRY_SCHEMA,
});

/** `registry/task_registry.schema.json` */
export const renderRegistryJsonSchema = (): string =>
  `${JSON.stringify(registryJsonSchema(), null, 2)}\n`;
