/** Services in trouble with a Prometheus that watches them; gone with the scene. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createFolder, startApp, type TestApp } from './app.ts';
import { type Prometheus, startPrometheus } from './prometheus.ts';

const RULES = join(import.meta.dirname, '..', '..', 'deploy', 'prometheus', 'alerts.yml');
/** Against hanging: alerts fire within a few seconds. */
const GIVE_UP_MS = 75_000;

type Observed = { readonly app: TestApp; readonly base: string; readonly admin: string };

export class Scene implements AsyncDisposable {
  readonly #ends: (() => Promise<unknown>)[] = [];
  readonly #over = new AbortController();
  #asked = 0;

  /** Last begun, first ended. */
  onEnd(end: () => Promise<unknown>): void {
    this.#ends.unshift(end);
  }

  async start(variables: Record<string, string>): Promise<Observed> {
    const app = await startApp(variables);
    this.onEnd(() => app.close());
    const base = await app.listen();
    const admin = await app.admin.listen({ host: '127.0.0.1', port: 0 });
    return { app, base, admin: new URL(admin).host };
  }

  /** @returns how it is named in AVATAR_ORIGINALS */
  async folderOf(originals: Record<string, Buffer>): Promise<string> {
    const folder = await createFolder(originals);
    this.onEnd(() => folder.remove());
    return `file:${folder.directory}`;
  }

  /**
   * Prometheus with the rules as they are handed out, but for their patience.
   * @param windowSeconds what rates and changes are looked at over
   */
  async watch(job: string, address: string, windowSeconds = 10): Promise<Prometheus> {
    const prometheus = await startPrometheus({
      targets: { [job]: [address] },
      everySeconds: 1,
      rules: impatient(readFileSync(RULES, 'utf8'), windowSeconds),
    });
    this.onEnd(() => prometheus.stop());
    return prometheus;
  }

  /** Asks for a picture nobody has asked for, and does not wait for the answer. */
  askForAnother({ base }: Observed): void {
    this.#asked += 1;
    fetch(`${base}/user_avatar/h/user${this.#asked}/48/1.png`, { signal: this.#over.signal }).then(
      (reply) => reply.arrayBuffer().catch(() => undefined),
      () => undefined,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over.abort();
    for (const end of this.#ends) await end();
  }
}

/**
 * Goes on making trouble until all these alerts have fired.
 * @returns those that have not when patience is at its end
 */
export async function silentOf(
  prometheus: Prometheus,
  alerts: readonly string[],
  makeTrouble: () => unknown = () => undefined,
): Promise<string[]> {
  const silent = new Set(alerts);
  const giveUpAt = performance.now() + GIVE_UP_MS;
  while (silent.size > 0 && performance.now() < giveUpAt) {
    await makeTrouble();
    for (const { labels, state } of await prometheus.alerts()) {
      if (state === 'firing') silent.delete(labels['alertname'] ?? '');
    }
    await sleep(200);
  }
  return [...silent];
}

/** Windows and patience in seconds instead of minutes; expressions and thresholds are the same. */
function impatient(rules: string, windowSeconds: number): string {
  return rules
    .replaceAll(/\[\d+[mh]\]/g, `[${windowSeconds}s]`)
    .replaceAll(/for: \d+[mh]/g, 'for: 1s');
}
