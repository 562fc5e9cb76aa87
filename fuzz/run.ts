/**
 * `npm run fuzz -- --minutes N [--seed S] [--finds FOLDER]`: mutants of every picture there is, through
 * the whole service and, many more of them, through the header check alone. What crashes, hangs, takes
 * long or is answered as nothing documented is kept, and makes the run fail.
 */
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { whileWatching } from '../bench/support/watch.ts';
import { unsoundness } from '../test/inspect/support.ts';
import { AGAIN, Deaths } from './deaths.ts';
import { Dice, seedOf } from './dice.ts';
import { Finds, type Mutant } from './finds.ts';
import { mutate } from './mutate.ts';
import { loadSeeds, type Seeds } from './seeds.ts';
import { type Asked, chooseAsked, type Outcome, Target } from './target.ts';

/** Sent through the service, then the header check alone, then a look at how the service is doing. */
const SENDING_MS = 4000;
const INSPECTING_MS = 1000;
const LOOK_EVERY_MS = 40;
/** The service writes its log twice a second. */
const LOG_IS_LATE_MS = 1000;
const SLOW_MS = 2000;
const SLOW_CPU_SECONDS = 2;
const INSPECTION_SLOW_MS = 200;

type Suspect = { readonly mutant: Mutant; readonly asked: Asked; readonly outcome: Outcome };

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '2' },
    seed: { type: 'string', default: String(Date.now() % 1e9) },
    finds: { type: 'string', default: join(import.meta.dirname, 'finds') },
  },
});
const seed = Number(values.seed);
const endsAt = performance.now() + Number(values.minutes) * 60_000;
if (!Number.isInteger(seed) || Number.isNaN(endsAt)) throw new Error('--minutes N --seed S');

const seeds = await loadSeeds();
const finds = new Finds(values.finds);
const deaths = new Deaths();
const tally = {
  sent: 0,
  inspected: 0,
  pictures: 0,
  slowestMs: 0,
  beyondMegabytes: -Infinity,
  notConfirmed: 0,
  starved: 0,
};
process.stderr.write(`seed ${seed}, ${seeds.count} pictures to begin with\n`);
{
  await using target = await Target.start();
  while (performance.now() < endsAt && target.isAlive && !finds.isFatal) {
    await sendMutants(target);
    inspectMutants();
  }
  await sleep(LOG_IS_LATE_MS);
  reportDeaths(target);
}
process.stdout.write(
  `${finds.count === 0 ? 'nothing found' : `${finds.count} found`} with seed ${seed} in ${values.minutes} min: ` +
    `${tally.sent} mutants through the service (${tally.pictures} shown, slowest ${Math.round(tally.slowestMs)} ms, ` +
    `memory ${Math.round(-tally.beyondMegabytes)} MB below its bounds, ${tally.notConfirmed} slow only in company, ${tally.starved} renderers killed for want of a core), ` +
    `${tally.inspected} through the header check\n${finds.toString()}`,
);
process.exit(finds.count === 0 ? 0 : 1);

function mutantOf(number: number, from: Seeds, prefix: string): { mutant: Mutant; dice: Dice } {
  const dice = new Dice(seedOf(seed, number));
  const chosen = from.pick(dice);
  const bytes = mutate(chosen, from.pickDonor(chosen, dice), dice);
  return { mutant: { name: `${prefix}${seed}-${number}.${chosen.format}`, bytes }, dice };
}

async function sendMutants(target: Target): Promise<void> {
  const until = performance.now() + SENDING_MS;
  const suspects: Suspect[] = [];
  const worker = async (): Promise<void> => {
    while (performance.now() < until && target.isAlive) {
      tally.sent += 1;
      const { mutant, dice } = mutantOf(tally.sent, seeds, '');
      const asked = chooseAsked(dice);
      deaths.sent(mutant);
      const outcome = await target.send(mutant, asked);
      if (outcome.status === 200) tally.pictures += 1;
      tally.slowestMs = Math.max(tally.slowestMs, outcome.ms);
      if (outcome.complaint !== undefined || outcome.ms > SLOW_MS) {
        suspects.push({ mutant, asked, outcome });
      }
    }
  };
  const workers = Array.from({ length: 2 * availableParallelism() }, worker);
  const { seen } = await whileWatching(
    () => target.megabytes(),
    LOOK_EVERY_MS,
    () => Promise.all(workers),
  );
  for (const each of seen) {
    const beyond = target.beyondMegabytes(each);
    if (beyond <= tally.beyondMegabytes) continue;
    tally.beyondMegabytes = beyond;
    const megabytes = each.map(Math.round).join(' + ');
    if (beyond > 0) finds.add('too-much-memory', `${megabytes} MB, ${Math.round(beyond)} too many`);
  }
  for (const suspect of suspects) await confirm(target, suspect);
  reportDeaths(target);
  await lookAfter(target);
}

function reportDeaths(target: Target): void {
  for (const { line, mutant, isStarved } of deaths.in(target.log)) {
    if (isStarved) tally.starved += 1;
    else finds.add('renderer-death', line, mutant);
  }
}

/** Alone and again: on a busy machine the innocent are slow as well. */
async function confirm(target: Target, { mutant, asked, outcome }: Suspect): Promise<void> {
  if (!target.isAlive) return;
  const before = target.cpuSeconds;
  // Under another name: verdicts are remembered.
  const again = await target.send({ ...mutant, name: `${AGAIN}${mutant.name}` }, asked);
  const cpu = target.cpuSeconds - before;
  if (again.status === 0)
    finds.add('no-answer', `${outcome.complaint ?? ''} (${again.complaint ?? ''})`, mutant);
  // Whether it hung or was kept waiting is seen in what the log says of the renderer's death.
  else if (again.status === 504) tally.notConfirmed += 1;
  else if (again.complaint !== undefined) finds.add('wrong-answer', again.complaint, mutant);
  else if (cpu > SLOW_CPU_SECONDS) finds.add('slow', `${cpu} s of CPU`, mutant);
  else tally.notConfirmed += 1;
}

async function lookAfter(target: Target): Promise<void> {
  try {
    const complaint = await target.complaintOfGood();
    if (complaint !== undefined) finds.add('others-suffer', complaint);
  } catch (error) {
    finds.add('service-down', String(error));
  }
}

function inspectMutants(): void {
  const until = performance.now() + INSPECTING_MS;
  while (performance.now() < until) {
    tally.inspected += 1;
    const { mutant } = mutantOf(-tally.inspected, seeds, 'inspected-');
    const before = process.cpuUsage();
    try {
      for (const what of unsoundness(mutant.bytes)) finds.add('inspector-unsound', what, mutant);
    } catch (error) {
      finds.add('inspector-throws', String(error), mutant);
    }
    const { user, system } = process.cpuUsage(before);
    const ms = (user + system) / 1000;
    if (ms > INSPECTION_SLOW_MS) finds.add('inspector-slow', `${ms} ms of CPU`, mutant);
  }
}
