/** The service as operators run it: a process of its own, started from the sources unless told otherwise. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { freePort } from './ports.ts';

export type Service = {
  readonly url: string;
  readonly child: ChildProcess;
  /** Everything it has written to both of its outputs so far. */
  output(): string;
  /** Resolves with the exit code. */
  readonly exited: Promise<number | null>;
  /** Resolves when it answers; rejects when it ends before that. */
  ready(): Promise<void>;
};

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

/**
 * @param variables its port is a free one unless they say which
 * @param main another build of it
 */
export async function startService(
  variables: Readonly<Record<string, string>> = {},
  main = MAIN,
): Promise<Service> {
  const port = Number(variables['PORT'] ?? (await freePort()));
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', main], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env['PATH'],
      HOST: '127.0.0.1',
      PORT: String(port),
      ADMIN_PORT: '0',
      AVATAR_DRAIN_MS: '0',
      ...variables,
    },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  }
  let hasExited = false;
  const exited = once(child, 'close').then(() => {
    hasExited = true;
    return child.exitCode;
  });
  const url = `http://127.0.0.1:${port}`;
  return {
    url,
    child,
    exited,
    output: () => output,
    async ready() {
      while (!(await answers(`${url}/healthz`))) {
        if (hasExited) throw new Error(`the service ended:\n${output}`);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
  };
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url)).ok;
  } catch {
    return false;
  }
}
