/** An audit of 20,000 avatars of which 1 % are broken, killed on the way: what it finds, and its memory. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { linesOf, type Running, startCommand } from '../test/support/commands.ts';
import { gatherCrowd } from '../test/support/crowd.ts';
import { startPostgres } from '../test/support/postgres.ts';
import { type BenchContext, runAlone } from './support/bench.ts';
import type { Report } from './support/table.ts';

const MEGABYTE = 1024 * 1024;
/** After so many of ten it is killed. */
const KILLED_AFTER = [3, 6] as const;

export async function audit({ quick, workshop, say }: BenchContext): Promise<Report> {
  const users = quick ? 2000 : 20_000;
  const originals = join(workshop.folder, 'crowd');
  const crowd = await gatherCrowd(originals, users, MEGABYTE);
  const postgres = await startPostgres();
  try {
    const variables = {
      AVATAR_LOCATOR: 'discourse',
      AVATAR_DISCOURSE_URL: await postgres.createDatabase('forum', crowd.sql),
      AVATAR_ORIGINALS: `file:${originals}`,
      AVATAR_MAX_ORIGINAL_MB: '1',
    };
    const file = join(workshop.folder, 'audit.csv');
    const start = (): Running =>
      startCommand(['audit', '--json', '--csv', file, '--rate', '100000'], variables);
    const peaks: number[] = [];
    const startedAt = performance.now();
    for (const tenths of KILLED_AFTER) {
      const running = start();
      while (checkedIn(file) < (users * tenths) / 10) await sleep(10);
      running.child.kill('SIGKILL');
      await running.ended;
      peaks.push(running.peakBytes());
      say(`killed after ${checkedIn(file)} of ${users}`);
    }
    const last = start();
    const code = await last.ended;
    peaks.push(last.peakBytes());
    const seconds = (performance.now() - startedAt) / 1000;
    const end = linesOf(last.output()).at(-1);
    const found = readFileSync(file, 'utf8').trimEnd().split('\r\n').slice(1);
    const right = found.filter((row) => {
      const [, user = '', , cause] = row.split(',');
      return crowd.broken.get(user) === cause;
    });
    const isExact =
      right.length === crowd.broken.size && found.length === right.length && code === 1;
    return {
      title: 'Audit',
      about:
        `${users} users of a Discourse database, each with an original of its own in a folder, one in a hundred ` +
        `broken in one of six ways; killed with SIGKILL after three and six tenths, and run again.`,
      tables: [
        {
          head: ['checked', 'broken', 'rows of the CSV', 'right', 'avatars a second', 'peak MB'],
          rows: [
            [
              String(end?.['checked']),
              String(crowd.broken.size),
              String(found.length),
              `${right.length}`,
              (users / seconds).toFixed(0),
              (Math.max(...peaks) / 1e6).toFixed(0),
            ],
          ],
        },
      ],
      targets: [
        { what: 'broken avatars found, of those there are', values: [isExact ? 1 : 0], atLeast: 1 },
        {
          what: 'memory of the command at its peak, renderers not counted',
          values: [Math.max(...peaks) / 1e6],
          atMost: 300,
          unit: 'MB',
        },
      ],
      notes: [],
      plots: [],
    };
  } finally {
    await postgres.stop();
  }
}

function checkedIn(file: string): number {
  if (!existsSync(`${file}.state`)) return 0;
  const state: { counts: Record<string, number> } = JSON.parse(
    readFileSync(`${file}.state`, 'utf8'),
  );
  return state.counts['visited'] ?? 0;
}

if (import.meta.main) await runAlone(audit);
