/** What the stack's alarms find in the log, by lines that the service has really written. */
import { expect, it, onTestFinished } from 'vitest';
import { parseDocument } from 'yaml';
import { BLANK, see, useForum } from '../discourse/fixture.ts';
import type { LogLine, TestApp } from '../support/app.ts';
import { filterPattern } from '../support/filter-pattern.ts';
import { readTemplate } from './templates.ts';

type Template = {
  readonly Resources: Record<string, { readonly Properties: Record<string, unknown> }>;
};

const template: Template = parseDocument(readTemplate('aws/avatar-proxy.yaml'), {
  // CloudFormation's own tags, none of which is in a pattern.
  logLevel: 'silent',
}).toJS();

const forum = useForum();
const BOB = '/user_avatar/default/bob/48/10_2.png';

function isCounted(filter: string, line: LogLine | undefined): boolean {
  const pattern = template.Resources[filter]?.Properties['FilterPattern'];
  return line !== undefined && filterPattern(String(pattern))(line);
}

async function start(): Promise<TestApp> {
  const app = await forum().start();
  onTestFinished(() => forum().s3.proxy.heal());
  return app;
}

function s3Says(status: number, code: string, objectsOnly = true): void {
  const body = `<Error><Code>${code}</Code><Message>said</Message></Error>`;
  forum().s3.proxy.inject({ kind: 'reply', status, body }, { objectsOnly });
}

it('counts originals that may not be read, though every visitor gets a picture', async () => {
  const app = await start();
  s3Says(403, 'AccessDenied');
  expect(await see(await app.server.inject(BOB))).toMatchObject(BLANK);
  const line = app.lines.find(({ path }) => path === BOB);
  expect(line).toMatchObject({ status: 200, reason: expect.stringContaining('s3:GetObject') });
  expect(isCounted('MisconfiguredRequests', line)).toBe(true);
});

it('counts what is misconfigured and fails', async () => {
  const app = await start();
  s3Says(404, 'NoSuchBucket', false);
  expect((await app.server.inject(BOB)).statusCode).toBe(502);
  const line = app.lines.find(({ path }) => path === BOB);
  expect(isCounted('MisconfiguredRequests', line)).toBe(true);
});

it('counts neither avatars, nor those there are none of, nor an outage of S3', async () => {
  const app = await start();
  const none = '/user_avatar/default/zed/48/11_2.png';
  const outage = '/user_avatar/default/bob/96/11_2.png';
  expect((await app.server.inject(BOB)).statusCode).toBe(200);
  expect(await see(await app.server.inject(none))).toMatchObject(BLANK);
  s3Says(503, 'SlowDown');
  expect((await app.server.inject(outage)).statusCode).toBe(503);
  for (const asked of [BOB, none, outage]) {
    const line = app.lines.find(({ path }) => path === asked);
    expect(line).toBeDefined();
    expect(isCounted('MisconfiguredRequests', line)).toBe(false);
  }
});
