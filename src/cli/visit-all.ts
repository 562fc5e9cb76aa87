/** Goes over all avatars, many at a time, keeps a journal of it and tells how far it is. */
import { AvatarError } from '../errors.ts';
import { inOrder } from '../flow/in-order.ts';
import type { CurrentAvatar, Walk } from '../locator/walk.ts';
import { type Attempt, detailOf } from './attempt.ts';
import type { Journal } from './journal.ts';
import type { Output } from './output.ts';
import { count, Progress } from './progress.ts';
import { stepsWithRetries } from './retry.ts';

type Visits<Done> = {
  readonly walk: Walk;
  readonly journal: Journal;
  readonly output: Output;
  readonly signal: AbortSignal;
  /** How many avatars are worked on at a time. */
  readonly atOnce: number;
  /** Gives undefined for what is to be passed over. */
  readonly visit: (avatar: CurrentAvatar) => Promise<Attempt<Done> | undefined>;
  /** The like that leaves nothing behind: only to see whether it is answered. */
  readonly ask: (avatar: CurrentAvatar) => Promise<Attempt<unknown> | undefined>;
  /** Of each in its turn, for the journal's counts. @returns a row for its CSV */
  readonly record: (avatar: CurrentAvatar, attempt: Attempt<Done>) => readonly string[] | undefined;
  /** What is worth knowing so far, in two words. */
  readonly remark: () => string;
};

/** So many in a row whose stores or database gave no answer: perhaps not the avatars are broken. */
const MOST_UNANSWERED = 20;
/** So many others are asked to see whether anybody is answered. */
const MOST_ASKED = 100;

/** Under which the journal counts what has been visited, and what was passed over. */
export const VISITED = 'visited';
export const PASSED_OVER = 'passed over';

/** That none is broken is no good sign where there was nobody. */
export function isInVain({ counts }: Pick<Journal, 'counts'>, { mayBeEmpty }: Walk): boolean {
  return !mayBeEmpty && (counts.get(VISITED) ?? 0) === 0;
}

export const IN_VAIN =
  'No avatar was looked at: check --site and --user, AVATAR_LOCATOR, and the prefixes in AVATAR_ORIGINALS';

/**
 * Goes on where the journal ends.
 * @throws AvatarError when stores or database give no answers; the signal's reason
 */
export async function visitAll<Done>(visits: Visits<Done>): Promise<void> {
  const { walk, journal, output, signal } = visits;
  const visited = (): number => journal.counts.get(VISITED) ?? 0;
  const from = journal.mark;
  const left = await walk.count(from, signal);
  output.tellPrograms({ event: 'begin', checked: visited(), left: left ?? null });
  if (from !== undefined) output.remark(`going on after ${count(visited())} avatars`);
  using progress = new Progress(output, left);
  try {
    await visitInOrder(visits, from, progress);
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

async function visitInOrder<Done>(
  visits: Visits<Done>,
  from: string | undefined,
  progress: Progress,
): Promise<void> {
  // From the first that got no answer on, until another gets one: else it is the stores or the
  // database that are in trouble, not the avatars.
  const keptBack: Array<Visited<Done>> = [];
  let unanswered = 0;
  const goOn = async (): Promise<void> => {
    for (const each of keptBack.splice(0)) {
      // By now it may be answered like those after it.
      const again = isUnanswered(each) ? await visit(visits, each) : each;
      // What others were answered is then no help: the next run may be answered here as well.
      if (isUnanswered(again) && again.attempt.trouble === 'common') {
        throw troubleOf(again.avatar, again.attempt.error);
      }
      await note(visits, again, progress);
    }
    unanswered = 0;
  };
  for await (const visited of visitsFrom(visits, from)) {
    if (isUnanswered(visited)) unanswered += 1;
    else if (isAnswered(visited)) await goOn();
    if (unanswered === 0) await note(visits, visited, progress);
    else keepBack(keptBack, visited);
    if (unanswered === MOST_UNANSWERED) {
      await checkAnswers(visits, keptBack);
      await goOn();
    }
  }
  await checkAnswers(visits, keptBack);
  await goOn();
}

type Visiting<Done> = Pick<Visits<Done>, 'walk' | 'signal' | 'atOnce' | 'visit'>;

function visitsFrom<Done>(
  visits: Visiting<Done>,
  from: string | undefined,
): AsyncIterable<Visited<Done>> {
  const { walk, signal, atOnce } = visits;
  const steps = stepsWithRetries(walk, from, signal);
  return inOrder(steps, atOnce, (step) => visit(visits, { ...step, steps: 1 }));
}

async function visit<Done>(
  visits: Pick<Visits<Done>, 'visit'>,
  { mark, avatar, steps }: Omit<Visited<Done>, 'attempt'>,
): Promise<Visited<Done>> {
  const attempt = avatar === undefined ? undefined : await visits.visit(avatar);
  return { mark, avatar, attempt, steps };
}

/**
 * Whether others than those kept back are answered, so that the trouble is their own.
 * @throws AvatarError when it is not
 */
async function checkAnswers<Done>(
  visits: Visits<Done>,
  keptBack: ReadonlyArray<Visited<Done>>,
): Promise<void> {
  const troubled = keptBack.filter(isUnanswered);
  const common = troubled.find(({ attempt }) => attempt.trouble !== 'of an object');
  const [trouble] = common === undefined ? troubled : [common];
  if (trouble === undefined) return;
  if (common === undefined && (await isAnybodyAnswered(visits))) return;
  throw troubleOf(trouble.avatar, trouble.attempt.error);
}

/** Those at the beginning have been answered when this is not the first run, or not its beginning. */
async function isAnybodyAnswered<Done>({ ask, ...visits }: Visits<Done>): Promise<boolean> {
  let unanswered = 0;
  for await (const visited of visitsFrom({ ...visits, visit: ask }, undefined)) {
    if (isAnswered(visited)) return true;
    if (isUnanswered(visited)) unanswered += 1;
    if (unanswered === MOST_ASKED) break;
  }
  return false;
}

type Unanswered<Done> = Visited<Done> & {
  readonly avatar: CurrentAvatar;
  readonly attempt: Extract<Attempt<Done>, { kind: 'unanswered' }>;
};

function isUnanswered<Done>(visited: Visited<Done>): visited is Unanswered<Done> {
  return visited.attempt?.kind === 'unanswered';
}

/** Of what was passed over, and of avatars without a key, nobody was asked. */
function isAnswered<Done>(visited: Visited<Done>): boolean {
  const { avatar, attempt } = visited;
  return attempt !== undefined && !isUnanswered(visited) && (avatar?.keys.length ?? 0) > 0;
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
  { journal, record, remark }: Visits<Done>,
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
