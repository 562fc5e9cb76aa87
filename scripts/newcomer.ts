/**
 * The way of somebody who has never seen this, `npm run newcomer`: clones it into an empty folder, types
 * what the README says under "Quick start" and "NGINX", opens the addresses that the service prints, and
 * looks whether NGINX's second reply is a hit, all within ten minutes. On port 80 there is an NGINX, as
 * Debian's package leaves it. Ports 8080 and 8088 have to be free, and NGINX and curl installed.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { lookAt } from '../test/support/cards.ts';
import { findProgram } from '../test/support/programs.ts';
import { commandsOf } from './documented-commands.ts';

const ROOT = join(import.meta.dirname, '..');
const READY_WITHIN_MS = 60_000;
const DONE_WITHIN_SECONDS = 600;
/** As the package configures it, and its service starts it. */
const SYSTEM_NGINX = 'http://127.0.0.1:80/';

const folder = mkdtempSync(join(tmpdir(), 'avatar-newcomer-'));
const beganAt = performance.now();
let service: ChildProcess | undefined;
const startsSystemNginx = !(await answers(SYSTEM_NGINX));
const complaints: string[] = [];
try {
  if (startsSystemNginx) run('sudo nginx');
  execFileSync('git', ['clone', '--quiet', '--depth=1', `file://${ROOT}`, folder]);
  const readme = readFileSync(join(folder, 'README.md'), 'utf8');
  const typed = ['## Quick start', '### NGINX'].map((heading) => sectionUnder(readme, heading));
  const replies: string[] = [];
  for (const line of commandsOf(typed.join('\n'))) {
    // The suite runs in CI, and compose where Docker is.
    if (line === 'npm test' || line.startsWith('docker ')) continue;
    say(line);
    if (line === 'npm start') {
      const child = spawn('npm', ['start'], {
        cwd: folder,
        stdio: ['ignore', 'pipe', 'pipe'],
        detached: true,
        env: clean(),
      });
      service = child;
      let printed = '';
      for (const stream of [child.stdout, child.stderr]) {
        stream.setEncoding('utf8').on('data', (text: string) => (printed += text));
      }
      await untilReady('http://127.0.0.1:8080/healthz');
      const addresses = printed.match(/http:\/\/localhost:\S+\/user_avatar\/\S+/g) ?? [];
      if (addresses.length !== 3) complaints.push(`not three addresses:\n${printed}`);
      for (const address of addresses) complaints.push(...(await complaintsOf(address)));
    } else {
      const output = run(line);
      if (line.startsWith('curl ')) replies.push(output);
    }
  }
  const statuses = replies.map((reply) => /^X-Cache-Status: (\w+)/im.exec(reply)?.[1]);
  say(`replies of NGINX: ${statuses.join(', ')}`);
  const areFine = statuses.join() === 'MISS,HIT' && replies.every((reply) => / 200 /.test(reply));
  if (!areFine) complaints.push(...replies);
  if (!(await answers(SYSTEM_NGINX))) complaints.push('the NGINX of the system is gone');
  const seconds = (performance.now() - beganAt) / 1000;
  if (seconds > DONE_WITHIN_SECONDS) complaints.push(`it took ${Math.round(seconds)} s`);
  for (const complaint of complaints) process.stderr.write(`${complaint}\n`);
  process.exitCode = complaints.length === 0 ? 0 : 1;
} finally {
  if (startsSystemNginx) run('sudo nginx -s quit');
  if (service?.pid !== undefined) {
    // npm and what it has started.
    process.kill(-service.pid, 'SIGTERM');
    await once(service, 'exit');
  }
  rmSync(folder, { recursive: true, force: true });
}

function say(what: string): void {
  const seconds = Math.round((performance.now() - beganAt) / 1000);
  process.stdout.write(`${String(seconds).padStart(4)} s  ${what}\n`);
}

/** Up to the next heading. */
function sectionUnder(document: string, heading: string): string {
  return document.split(`\n${heading}\n`)[1]?.split('\n#')[0] ?? '';
}

/** As it would be typed. */
function run(line: string): string {
  const output = execFileSync('/bin/sh', ['-c', withoutSudo(line)], {
    cwd: folder,
    env: clean(),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return String(output);
}

/** Whether a picture is there, and of the size in its address. */
async function complaintsOf(address: string): Promise<string[]> {
  const reply = await fetch(address);
  if (!reply.ok) return [`${address} is answered ${reply.status}`];
  const { width, height } = await lookAt(Buffer.from(await reply.arrayBuffer()));
  say(`${address} is ${width} by ${height} pixels`);
  const size = Number(address.split('/').at(-2));
  return width === size && height === size ? [] : [`${address} is ${width} by ${height} pixels`];
}

/** Without what npm sets for this script: a newcomer has only a path. */
function clean(): Record<string, string | undefined> {
  const { PATH, HOME } = process.env;
  return { PATH, HOME };
}

/** In a container there is often no sudo, and no need for it. */
function withoutSudo(line: string): string {
  return findProgram('sudo') === undefined ? line.replace(/^sudo /, '') : line;
}

async function untilReady(url: string): Promise<void> {
  const giveUpAt = performance.now() + READY_WITHIN_MS;
  while (!(await answers(url))) {
    if (performance.now() > giveUpAt) throw new Error(`${url} does not answer`);
    await sleep(200);
  }
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url)).ok;
  } catch {
    // Nobody listens there.
    return false;
  }
}
