/** Hits for each second of CPU the server uses, beside servers that do less and one that does more. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type BenchContext, interleave, runAlone } from './support/bench.ts';
import { countingSeconds } from './support/counting.ts';
import { cpuSeconds, treeCpuSeconds } from './support/cpu.ts';
import { hammer } from './support/load.ts';
import { startBare, startIpx, startNginx } from './support/peers.ts';
import { drawPictures, giveToUsers, pictureNamed } from './support/pictures.ts';
import { barPlot } from './support/plot.ts';
import { ask, startService } from './support/service.ts';
import { median, ratios } from './support/statistics.ts';
import { number, type Report, withSpread } from './support/table.ts';

const CONNECTIONS = 64;
/** The server has one core to itself and the load comes from the other. */
const SERVER_CORE = 0;
const LOAD_CORE = 1;

export async function hits({ quick, workshop, say }: BenchContext): Promise<Report> {
  const [rounds, seconds] = quick ? [3, 1] : [7, 4];
  const folder = join(workshop.folder, 'originals');
  const pictures = await drawPictures(join(workshop.folder, 'pictures'));
  const avatar = pictureNamed(pictures, 'avatar');
  await giveToUsers(folder, [{ user: 'owl', picture: avatar }]);
  const core = SERVER_CORE;

  const service = await startService(workshop, {
    core,
    env: { AVATAR_ORIGINALS: `file:${folder}` },
  });
  const path = '/user_avatar/bench/owl/144/1.jpg';
  await ask(`${service.url}${path}`);
  const sample = await ask(`${service.url}${path}`);
  const bare = await startBare(workshop, { sample, core });
  const root = join(workshop.folder, 'static');
  mkdirSync(root);
  writeFileSync(join(root, 'avatar.jpg'), sample.body);
  const nginx = await startNginx(workshop, {
    workers: 1,
    core,
    http: `proxy_cache_path FOLDER/cache keys_zone=avatars:1m;
  log_format avatar '$remote_addr $request_id $request_method $uri $status $body_bytes_sent $request_time';`,
    server: `location = /static { alias ${root}/avatar.jpg; }
    location /user_avatar/ { proxy_pass ${service.url}; proxy_cache avatars; }
    location /logged/ { proxy_pass ${service.url}/; proxy_cache avatars; access_log FOLDER/access.log avatar; }`,
  });
  const ipx = await startIpx(workshop, join(workshop.folder, 'pictures'), core);

  const rate =
    (url: string, cpu: () => number, headers: Record<string, string> = {}) =>
    async (): Promise<number> => {
      const before = cpu();
      const answered = await hammer(workshop, {
        url,
        connections: CONNECTIONS,
        seconds,
        headers,
        core: LOAD_CORE,
      });
      return answered / (cpu() - before);
    };
  // Its renderers have nothing to do.
  const own = (): number => cpuSeconds([service.pid]);
  const contestants = new Map<string, () => Promise<number>>([
    ['avatar-proxy', rate(`${service.url}${path}`, own)],
    ['bare node:http', rate(`${bare.url}/`, () => cpuSeconds([bare.pid]))],
    [
      'avatar-proxy, 304',
      rate(`${service.url}${path}`, own, { 'If-None-Match': String(sample.headers['etag']) }),
    ],
  ]);
  if (nginx !== undefined) {
    const nginxCpu = (): number => treeCpuSeconds(nginx.pid);
    contestants
      .set('nginx static file', rate(`${nginx.url}/static`, nginxCpu))
      .set('nginx proxy_cache', rate(`${nginx.url}${path}`, nginxCpu))
      .set('nginx proxy_cache, access log', rate(`${nginx.url}/logged${path}`, nginxCpu));
  }
  if (ipx !== undefined) {
    contestants.set(
      'ipx',
      rate(`${ipx.url}/s_144x144,f_jpeg/avatar.jpg`, () => treeCpuSeconds(ipx.pid)),
    );
  }
  say(`${rounds} rounds of ${contestants.size}, ${seconds} s each`);
  // Not counted: compilers warm up, caches fill.
  for (const run of contestants.values()) await run();
  const results = await interleave(rounds, contestants);

  const of = (name: string): number[] => results.get(name) ?? [];
  const service200 = of('avatar-proxy');
  const variant = {
    bytes: sample.body,
    format: 'jpg',
    etag: '"a"',
    lastModified: new Date(),
  } as const;
  const what = 'hits per CPU-second ÷';
  return {
    title: 'Hits',
    about:
      `A variant of ${number(sample.body.byteLength)} bytes in memory, over ${CONNECTIONS} keep-alive connections, ` +
      'one core for the server and one for the load; metrics on, access lines written to a file. Requests per ' +
      `second of CPU (user and system) of the server; ${rounds} interleaved rounds of ${seconds} s.`,
    tables: [
      {
        head: ['server', 'hits per CPU-second', '÷ bare node:http'],
        rows: [...results].map(([name, values]) => [
          name,
          withSpread(values),
          withSpread(ratios(values, of('bare node:http'))),
        ]),
      },
    ],
    targets: [
      {
        what: `${what} bare node:http`,
        values: ratios(service200, of('bare node:http')),
        atLeast: 0.8,
      },
      {
        what: `${what} nginx proxy_cache`,
        values: ratios(service200, of('nginx proxy_cache')),
        atLeast: 0.4,
      },
      { what: `${what} ipx`, values: ratios(service200, of('ipx')), atLeast: 50 },
      {
        what: 'what metrics count of a hit ÷ a hit, as CPU',
        values: countingSeconds(variant, rounds).map((seconds) => seconds * median(service200)),
        atMost: 0.03,
      },
      {
        what: '304s per CPU-second ÷ hits',
        values: ratios(of('avatar-proxy, 304'), service200),
        atLeast: 1,
      },
    ],
    notes: [
      ...(nginx === undefined ? ['nginx is not installed and was left out.'] : []),
      ...(ipx === undefined
        ? ['ipx is not installed and was left out.']
        : [
            'ipx keeps no variants: it renders each time, and leaves keeping to what is before it.',
          ]),
    ],
    plots: [
      {
        file: 'hits.svg',
        alt: 'Hits per CPU-second by server',
        svg: barPlot(
          'Hits per CPU-second',
          [...results].map(([label, values]) => ({ label, value: median(values) })),
        ),
      },
    ],
  };
}

if (import.meta.main) await runAlone(hits);
