/** What the process that listens has loaded: nothing that is not configured. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const run = promisify(execFile);

// Starts the service, asks for an avatar, and prints which of the heavy packages were resolved.
const WITNESS = `
  import { registerHooks } from 'node:module';
  const seen = new Set();
  registerHooks({ resolve: (name, context, next) => { seen.add(name); return next(name, context); } });
  const { loadConfig } = await import(process.argv[1]);
  const { buildApp } = await import(process.argv[2]);
  const { default: pino } = await import('pino');
  const config = await loadConfig(JSON.parse(process.argv[3]));
  const app = await buildApp(config, {
    logger: pino({ level: 'silent' }),
    lines: { add: () => undefined, flush: () => undefined },
    droppedLines: 0,
  });
  await app.server.inject('/user_avatar/demo/owl/48/2.png');
  await app.close();
  const heavy = /^(?:@aws-sdk\\/client-s3|@opentelemetry\\/sdk.*|pg|sharp|harfbuzzjs|typebox.*)$/;
  process.stdout.write(JSON.stringify([...seen].filter((name) => heavy.test(name)).sort()));
  process.exit(0);
`;

async function loadedWith(variables: Record<string, string>): Promise<unknown> {
  const files = ['../src/config/load.ts', '../src/app.ts'].map((file) =>
    fileURLToPath(new URL(file, import.meta.url)),
  );
  const given = JSON.stringify({ AVATAR_RENDERS: '1', ...variables });
  const { stdout } = await run(process.execPath, [
    '--disable-warning=ExperimentalWarning',
    '--input-type=module',
    '-e',
    WITNESS,
    ...files,
    given,
  ]);
  return JSON.parse(stdout);
}

describe('the process that listens', () => {
  it('loads none of the heavy packages for a folder of originals', async () => {
    expect(await loadedWith({})).toEqual([]);
  });

  it('loads the AWS SDK when a store is S3', async () => {
    const variables = { AVATAR_ORIGINALS: 's3://bucket?endpoint=http://127.0.0.1:1&region=x' };
    expect(await loadedWith(variables)).toEqual(['@aws-sdk/client-s3']);
  });

  it('loads it when variants are shared', async () => {
    const variables = { AVATAR_VARIANTS: 's3://bucket?endpoint=http://127.0.0.1:1&region=x' };
    expect(await loadedWith(variables)).toEqual(['@aws-sdk/client-s3']);
  });

  it('loads OpenTelemetry when requests are traced', async () => {
    const variables = { AVATAR_TRACING: 'true' };
    expect(await loadedWith(variables)).toContain('@opentelemetry/sdk-trace');
  });

  it('loads the driver of PostgreSQL for Discourse', async () => {
    const variables = {
      AVATAR_LOCATOR: 'discourse',
      AVATAR_DISCOURSE_URL: 'postgres://u@127.0.0.1:1/d',
    };
    expect(await loadedWith(variables)).toContain('pg');
  });
});
