/** From starting Node to the first 200, beside a bare node:http server. */
import { join } from 'node:path';
import { freePort } from '../test/support/ports.ts';
import { type BenchContext, interleave, runAlone } from './support/bench.ts';
import { avatarPath } from './support/misses.ts';
import { drawPictures, giveToUsers, pictureNamed } from './support/pictures.ts';
import { builtMain, untilAnswered } from './support/service.ts';
import { ratios } from './support/statistics.ts';
import { type Report, withSpread } from './support/table.ts';

const BARE = join(import.meta.dirname, 'support', 'bare-server.js');
/** Nobody listens there: nothing is asked of S3 before the first avatar. */
const S3 = 's3://avatars?endpoint=http://127.0.0.1:9&region=us-east-1';

export async function start({ quick, workshop, say }: BenchContext): Promise<Report> {
  const rounds = quick ? 5 : 21;
  const pictures = await drawPictures(join(workshop.folder, 'pictures'));
  const folder = join(workshop.folder, 'originals');
  await giveToUsers(folder, [{ user: 'owl', picture: pictureNamed(pictures, 'avatar') }]);
  const main = builtMain();
  const avatar = avatarPath({ user: 'owl', size: 90, format: 'png' });

  const firstAnswer =
    (path: string, command: (port: string) => string[], env: Record<string, string> = {}) =>
    async (): Promise<number> => {
      const port = `${await freePort()}`;
      const startedAt = performance.now();
      const running = workshop.start(process.execPath, command(port), {
        env: { HOST: '127.0.0.1', PORT: port, ADMIN_PORT: '0', AVATAR_DRAIN_MS: '0', ...env },
      });
      const answeredAt = await untilAnswered(`http://127.0.0.1:${port}${path}`, running, 1);
      await running.stop();
      return answeredAt - startedAt;
    };
  const service = (): string[] => [main];
  const fromFolder = { AVATAR_ORIGINALS: `file:${folder}` };
  const contestants = new Map([
    ['bare node:http', firstAnswer('/', (port) => [BARE, port])],
    ['avatar-proxy, folder', firstAnswer('/healthz', service, fromFolder)],
    ['avatar-proxy, S3', firstAnswer('/healthz', service, { AVATAR_ORIGINALS: S3 })],
    ['avatar-proxy, folder, first avatar', firstAnswer(avatar, service, fromFolder)],
  ]);
  say(`${rounds} rounds of ${contestants.size} starts`);
  // Not counted: files come into the page cache.
  await interleave(1, contestants);
  const results = await interleave(rounds, contestants);
  const of = (name: string): number[] => results.get(name) ?? [];
  const bare = of('bare node:http');
  return {
    title: 'Start',
    about:
      'Milliseconds from starting the process to the first 200 (`/healthz`, asked for every millisecond; the last row: ' +
      `an avatar, rendered), files in the page cache; ${rounds} interleaved rounds.`,
    tables: [
      {
        head: ['what', 'ms', '÷ bare node:http'],
        rows: [...results].map(([name, values]) => [
          name,
          withSpread(values),
          withSpread(ratios(values, bare)),
        ]),
      },
    ],
    targets: [
      {
        what: 'start ÷ bare node:http, folder',
        values: ratios(of('avatar-proxy, folder'), bare),
        atMost: 3.5,
      },
      {
        what: 'start ÷ bare node:http, S3',
        values: ratios(of('avatar-proxy, S3'), bare),
        atMost: 5,
      },
    ],
    notes: [],
    plots: [],
  };
}

if (import.meta.main) await runAlone(start);
