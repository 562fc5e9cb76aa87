/** What is delivered is not the sources but a few files built from them: every part must be found. */
import { execFile } from 'node:child_process';
import { globSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { transform } from 'rolldown/utils';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import packageDescription from '../package.json' with { type: 'json' };
import { useForum } from './discourse/fixture.ts';
import { lookAt } from './support/cards.ts';
import { freePort } from './support/ports.ts';
import { type Service, startService } from './support/service.ts';

const ROOT = join(import.meta.dirname, '..');
/** Where libraries are found from, and nobody else builds. */
const BUILT = join(ROOT, 'node_modules', '.built-for-tests');

const forum = useForum();
const services: Service[] = [];

beforeAll(async () => {
  const cli = join(ROOT, 'node_modules', '.bin', 'rolldown');
  await promisify(execFile)(cli, ['-c', '--dir', BUILT], { cwd: ROOT });
});

afterAll(async () => {
  for (const { child, exited } of services) {
    child.kill('SIGTERM');
    await exited;
  }
  await rm(BUILT, { recursive: true });
});

async function start(variables: Readonly<Record<string, string>>): Promise<Service> {
  const service = await startService(variables, join(BUILT, 'main.js'));
  services.push(service);
  await service.ready();
  return service;
}

describe('the built service', () => {
  it('serves a forum from its database and S3, and letters', async () => {
    const { s3, variables } = forum();
    const service = await start({
      ...variables,
      AWS_ACCESS_KEY_ID: s3.accessKeyId,
      AWS_SECRET_ACCESS_KEY: s3.secretAccessKey,
    });
    for (const path of [
      'user_avatar/forum.example.org/bob/48/10_2.png',
      'letter_avatar/eve/48/5.png',
    ]) {
      const reply = await fetch(`${service.url}/${path}`);
      const body = Buffer.from(await reply.arrayBuffer());
      expect(reply.status, service.output()).toBe(200);
      expect(await lookAt(body)).toMatchObject({ width: 48, height: 48 });
    }
  });
});

describe('what is built beside it', () => {
  it('is the gallery, and what traces requests', async () => {
    const adminPort = await freePort();
    const service = await start({ ADMIN_PORT: String(adminPort), AVATAR_TRACING: 'true' });
    for (const path of ['', 'page.css', 'page.js', 'charts.js', 'exposition.js', 'metrics']) {
      const reply = await fetch(`http://127.0.0.1:${adminPort}/${path}`);
      expect({ path, status: reply.status }).toEqual({ path, status: 200 });
    }
    expect(service.output()).not.toContain('"level":50');
  });
});

describe('what is built', () => {
  it('has no syntax in it that the oldest Node it may run on does not know', async () => {
    const target = packageDescription.engines.node.replace(/^>=/, 'node');
    const files = globSync('*.js', { cwd: BUILT });
    expect(files).toContain('main.js');
    for (const file of files) {
      const text = await readFile(join(BUILT, file), 'utf8');
      const [asItIs, lowered] = await Promise.all([
        transform(file, text, { target: 'esnext' }),
        transform(file, text, { target }),
      ]);
      expect(lowered.errors).toEqual([]);
      expect(lowered.code === asItIs.code, `${file} for ${target}`).toBe(true);
    }
    // Not because nothing is ever lowered.
    const { code } = await transform('using.js', '{ using lock = take(); }', { target });
    expect(code).not.toMatch(/\busing /);
  });
});

describe('the built command line', () => {
  it('has all it needs: the SDK, the database, the renderers', async () => {
    const { s3, variables } = forum();
    const args = [join(BUILT, 'cli.js'), 'doctor', '--json'];
    const env = {
      ...process.env,
      ...variables,
      AWS_ACCESS_KEY_ID: s3.accessKeyId,
      AWS_SECRET_ACCESS_KEY: s3.secretAccessKey,
    };
    const { stdout } = await promisify(execFile)(process.execPath, args, { env });
    expect(stdout).toContain('"check":"codecs","state":"ok"');
    expect(stdout).toContain('"warnings":0,"broken":0');
  });
});
