/**
 * The way of somebody who has never seen this, `npm run newcomer`: clones it into an empty folder, types
 * what the README says under "Quick start", and looks whether NGINX's second reply is a hit. Port 80 and
 * 8080 have to be free, and NGINX and curl installed.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findProgram } from '../test/support/programs.ts';
import { commandsOf } from './documented-commands.ts';

const ROOT = join(import.meta.dirname, '..');
const READY_WITHIN_MS = 60_000;

const folder = mkdtempSync(join(tmpdir(), 'avatar-newcomer-'));
const beganAt = performance.now();
let service: ChildProcess | undefined;
try {
  execFileSync('git', ['clone', '--quiet', '--depth=1', `file://${ROOT}`, folder]);
  const readme = readFileSync(join(folder, 'README.md'), 'utf8');
  const quickStart = readme.slice(readme.indexOf('## Quick start'), readme.indexOf('\n## What'));
  const replies: string[] = [];
  for (const line of commandsOf(quickStart)) {
    // The suite runs in CI, and compose where Docker is.
    if (line === 'npm test' || line.startsWith('docker ')) continue;
    say(line);
    if (line === 'npm start') {
      service = spawn('npm', ['start'], {
        cwd: folder,
        stdio: 'ignore',
        detached: true,
        env: clean(),
      });
      await untilReady('http://127.0.0.1:8080/healthz');
    } else {
      const output = execFileSync('/bin/sh', ['-c', withoutSudo(line)], {
        cwd: folder,
        env: clean(),
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      if (line.startsWith('curl ')) replies.push(String(output));
    }
  }
  const statuses = replies.map((reply) => /^X-Cache-Status: (\w+)/im.exec(reply)?.[1]);
  say(`replies of NGINX: ${statuses.join(', ')}`);
  const isFine = statuses.join() === 'MISS,HIT' && replies.every((reply) => / 200 /.test(reply));
  if (!isFine) process.stderr.write(replies.join('\n'));
  process.exitCode = isFine ? 0 : 1;
} finally {
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
  for (;;) {
    try {
      if ((await fetch(url)).ok) return;
    } catch {
      // Not listening yet.
    }
    if (performance.now() > giveUpAt) throw new Error(`${url} does not answer`);
    await sleep(200);
  }
}
