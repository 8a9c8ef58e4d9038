import { describeSchedule } from '#registry/describe-schedule';
import type { TaskDefinition } from '#registry/task';
import type { BoardQueue } from './board-queue.ts';

const startWords = ({ enabled, after, schedule }: TaskDefinition): string => {
  if (!enabled) return 'disabled';
  return after.length > 0 ? `after ${after.join(' and ')}` : describeSchedule(schedule);
};

const describeTask = (task: TaskDefinition): string => {
  const words = startWords(task);
  const when = words.charAt(0).toUpperCase() + words.slice(1);
  return `${task.description.trim()} · ${when}`;
};

export const titleOf = ({ queueName, tasks }: BoardQueue): string => {
  const [only] = tasks;
  return tasks.length === 1 && only !== undefined ? only.title : `Shared queue ${queueName}`;
};

export const describeQueue = ({ tasks }: BoardQueue): string => {
  const [only] = tasks;
  if (tasks.length === 1 && only !== undefined) return describeTask(only);
  return tasks.map((task) => `${task.title} (${task.id}): ${describeTask(task)}`).join('\n');
};
