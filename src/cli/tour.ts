/** Goes over all avatars, many at a time, keeps a journal of it and tells how far it is. */
import { inOrder } from '../flow/in-order.ts';
import type { CurrentAvatar, Walk } from '../locator/walk.ts';
import type { Attempt } from './attempt.ts';
import type { Journal } from './journal.ts';
import type { Output } from './output.ts';
import { count, Progress } from './progress.ts';

export type Tour<Done> = {
  readonly walk: Walk;
  readonly journal: Journal;
  readonly output: Output;
  readonly signal: AbortSignal;
  /** How many avatars are worked on at a time. */
  readonly atOnce: number;
  readonly visit: (avatar: CurrentAvatar) => Promise<Attempt<Done>>;
  /** Of each in its turn, for the journal's counts. @returns a row for its CSV */
  readonly record: (avatar: CurrentAvatar, attempt: Attempt<Done>) => readonly string[] | undefined;
  /** What is worth knowing so far, in two words. */
  readonly remark: () => string;
};

/** So many in a row whose stores or database gave no answer: not the avatars are broken. */
const MOST_UNANSWERED = 20;

/** Under which the journal counts what has been visited, and what was no avatar. */
export const VISITED = 'visited';
export const PASSED_OVER = 'passed over';

/**
 * Goes on where the journal ends.
 * @throws AvatarError when stores or database give no answers; the signal's reason
 */
export async function goOnTour<Done>(tour: Tour<Done>): Promise<void> {
  const { walk, journal, output } = tour;
  const visited = (): number => journal.counts.get(VISITED) ?? 0;
  const from = journal.mark;
  const left = await walk.count(from);
  output.tellPrograms({ event: 'begin', checked: visited(), left: left ?? null });
  if (from !== undefined) output.remark(`going on after ${count(visited())} avatars`);
  using progress = new Progress(output, left);
  try {
    await visitAll(tour, from, progress);
    await journal.commit(true);
  } catch (error) {
    // What is known by now is worth keeping.
    await journal.commit();
    output.remark(`${count(visited())} avatars are done; the same command goes on from there`);
    throw error;
  }
}

type Visited<Done> = {
  readonly mark: string;
  readonly avatar: CurrentAvatar | undefined;
  readonly attempt: Attempt<Done> | undefined;
};

async function visitAll<Done>(
  tour: Tour<Done>,
  from: string | undefined,
  progress: Progress,
): Promise<void> {
  const { walk, signal, atOnce, visit } = tour;
  const all = inOrder(walk.steps(from, signal), atOnce, async ({ mark, avatar }) => ({
    mark,
    avatar,
    attempt: avatar === undefined ? undefined : await visit(avatar),
  }));
  // Kept back until somebody answers again: else it is them who are in trouble, not the avatars.
  const unanswered: Array<Visited<Done>> = [];
  for await (const visited of all) {
    if (visited.attempt?.kind === 'unanswered') {
      unanswered.push(visited);
      if (unanswered.length >= MOST_UNANSWERED) throw visited.attempt.error;
      continue;
    }
    for (const each of unanswered.splice(0)) await note(tour, each, progress);
    await note(tour, visited, progress);
  }
  for (const each of unanswered) await note(tour, each, progress);
}

async function note<Done>(
  { journal, record, remark }: Tour<Done>,
  { mark, avatar, attempt }: Visited<Done>,
  progress: Progress,
): Promise<void> {
  if (avatar === undefined || attempt === undefined) {
    journal.count(PASSED_OVER);
    await journal.step(mark);
    return;
  }
  journal.count(VISITED);
  await journal.step(mark, record(avatar, attempt));
  progress.step(remark());
}
