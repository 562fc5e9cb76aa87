/** What each bench has at hand, and how one of them is run alone. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeMachine } from './machine.ts';
import { renderReport, type Report } from './table.ts';
import { Workshop } from './workshop.ts';

export type BenchContext = {
  /** Short runs that show the order of things; the targets are for full ones. */
  readonly quick: boolean;
  readonly workshop: Workshop;
  /** Tells whoever waits how far it is. */
  readonly say: (progress: string) => void;
};

type Bench = (context: BenchContext) => Promise<Report>;

export function isQuick(): boolean {
  return process.argv.includes('--quick');
}

/** Runs one bench in a workshop of its own. */
export async function runBench(bench: Bench, quick: boolean): Promise<Report> {
  await using workshop = new Workshop();
  const say = (progress: string): void => void process.stderr.write(`  ${progress}\n`);
  try {
    return await bench({ quick, workshop, say });
  } catch (error) {
    // The workshop goes, and with it what the service had to say about it.
    for (const line of troublesIn(workshop.folder)) say(line);
    throw error;
  }
}

/** The last warnings and errors of all services. */
function troublesIn(folder: string): string[] {
  const logs = readdirSync(folder).filter((name) => name.startsWith('service-'));
  const lines = logs.flatMap((name) => readFileSync(join(folder, name), 'utf8').split('\n'));
  return lines.filter((line) => line !== '' && !/"level":[123]0/.test(line)).slice(-10);
}

/** For `node bench/hits.ts [--quick]`: the report goes to the output, plots beside the bench. */
export async function runAlone(bench: Bench): Promise<void> {
  process.stdout.write(`${describeMachine()}\n\n`);
  const report = await runBench(bench, isQuick());
  process.stdout.write(`${renderReport({ ...report, plots: [] })}\n`);
}

export const BENCH_FOLDER = join(import.meta.dirname, '..');

export function writePlots({ plots }: Report): void {
  for (const { file, svg } of plots) writeFileSync(join(BENCH_FOLDER, file), svg);
}

/** Rounds of A, B, C, A, B, C …, so that what the machine does meanwhile hits all of them. */
export async function interleave(
  rounds: number,
  contestants: ReadonlyMap<string, () => Promise<number>>,
): Promise<Map<string, number[]>> {
  const results = new Map<string, number[]>();
  for (let round = 0; round < rounds; round += 1) {
    for (const [name, run] of contestants) {
      results.set(name, [...(results.get(name) ?? []), await run()]);
    }
  }
  return results;
}
