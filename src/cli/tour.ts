/** Goes over all avatars, many at a time, keeps a journal of it and tells how far it is. */
import { AvatarError } from '../errors.ts';
import { inOrder } from '../flow/in-order.ts';
import type { CurrentAvatar, Walk } from '../locator/walk.ts';
import { type Attempt, detailOf } from './attempt.ts';
import type { Journal } from './journal.ts';
import type { Output } from './output.ts';
import { count, Progress } from './progress.ts';

type Tour<Done> = {
  readonly walk: Walk;
  readonly journal: Journal;
  readonly output: Output;
  readonly signal: AbortSignal;
  /** How many avatars are worked on at a time. */
  readonly atOnce: number;
  /** Gives undefined for what is to be passed over. */
  readonly visit: (avatar: CurrentAvatar) => Promise<Attempt<Done> | undefined>;
  /** Of each in its turn, for the journal's counts. @returns a row for its CSV */
  readonly record: (avatar: CurrentAvatar, attempt: Attempt<Done>) => readonly string[] | undefined;
  /** What is worth knowing so far, in two words. */
  readonly remark: () => string;
};

/** So many in a row whose stores or database gave no answer: not the avatars are broken. */
const MOST_UNANSWERED = 20;

/** Under which the journal counts what has been visited, and what was passed over. */
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
  /** Undefined for what was passed over. */
  readonly attempt: Attempt<Done> | undefined;
  /** How many steps of the walk it stands for. */
  readonly steps: number;
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
    steps: 1,
  }));
  // From the first that got no answer on, until another gets one: else it is the stores or the
  // database that are in trouble, not the avatars.
  const keptBack: Array<Visited<Done>> = [];
  const troubles: AvatarError[] = [];
  for await (const visited of all) {
    const { avatar, attempt } = visited;
    if (avatar !== undefined && attempt?.kind === 'unanswered') {
      troubles.push(troubleOf(avatar, attempt.error));
    } else if (isAnswered(visited)) {
      troubles.length = 0;
    }
    if (troubles.length === MOST_UNANSWERED) break;
    if (troubles.length > 0) {
      keepBack(keptBack, visited);
      continue;
    }
    for (const each of keptBack.splice(0)) await note(tour, each, progress);
    await note(tour, visited, progress);
  }
  const [trouble] = troubles;
  if (trouble !== undefined) throw trouble;
}

/** Of what was passed over, and of avatars without a key, nobody was asked. */
function isAnswered<Done>({ avatar, attempt }: Visited<Done>): boolean {
  return attempt !== undefined && avatar !== undefined && avatar.keys.length > 0;
}

/** There may be any number of them; what was passed over in a row is kept as one. */
function keepBack<Done>(keptBack: Array<Visited<Done>>, visited: Visited<Done>): void {
  const last = keptBack.at(-1);
  if (visited.attempt === undefined && last !== undefined && last.attempt === undefined) {
    keptBack[keptBack.length - 1] = { ...visited, steps: last.steps + visited.steps };
  } else {
    keptBack.push(visited);
  }
}

/** With the avatar's name: where others are answered, it may be its object alone that is in trouble. */
function troubleOf({ user, id }: CurrentAvatar, error: AvatarError): AvatarError {
  const detail = `no answer for ${user} (${id}): ${detailOf(error)}`;
  return new AvatarError(error.code, { detail, cause: error });
}

async function note<Done>(
  { journal, record, remark }: Tour<Done>,
  { mark, avatar, attempt, steps }: Visited<Done>,
  progress: Progress,
): Promise<void> {
  if (avatar === undefined || attempt === undefined) {
    journal.count(PASSED_OVER, steps);
    await journal.step(mark);
    return;
  }
  journal.count(VISITED);
  await journal.step(mark, record(avatar, attempt));
  progress.step(remark());
}
