/** What a forum's pages, caches and passers-by ask, each answer held against what it must be. */
import { createHash } from 'node:crypto';
import { Agent, request, type IncomingHttpHeaders } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Catalogue, Known } from './catalogue.ts';

/** Above the deadline of a miss: later is no answer. */
const GIVE_UP_MS = 15_000;
const MOST_CONNECTIONS = 256;
/** How long after a fault its failures are still its own. */
export const HEALED_WITHIN_MS = 5000;

type Reply = {
  readonly askedAt: number;
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
};

/** What is said of the service's own trouble; each but the last is a fault's doing, or must not be. */
const TROUBLE = new Set([502, 503, 504]);
const OVERLOADED = 'overloaded';

type Trouble = {
  readonly askedAt: number;
  readonly answeredAt: number;
  readonly path: string;
  readonly what: string;
};

/** A share of requests, and how one is sent and judged: what is wrong with the answer, if anything. */
type Kind = {
  readonly name: string;
  readonly share: number;
  readonly send: () => Promise<string | undefined>;
};

export class Traffic {
  readonly wrong: string[] = [];
  readonly unanswered: string[] = [];
  readonly troubles: Trouble[] = [];
  readonly counts = new Map<string, number>();
  readonly healthMs: number[] = [];
  overloaded = 0;
  readonly #url: string;
  readonly #catalogue: Catalogue;
  readonly #random: () => number;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: MOST_CONNECTIONS });
  readonly #tags = new Map<string, string>();
  readonly #kinds: readonly Kind[];
  #strangers = 0;

  constructor(url: string, catalogue: Catalogue, random: () => number) {
    this.#url = url;
    this.#catalogue = catalogue;
    this.#random = random;
    this.#kinds = [
      { name: 'pictures', share: 0.7, send: () => this.#picture(catalogue.regular(random)) },
      { name: 'HEAD', share: 0.08, send: () => this.#head(catalogue.regular(random)) },
      {
        name: 'conditional',
        share: 0.12,
        send: () => this.#conditional(catalogue.regular(random)),
      },
      { name: 'missing', share: 0.04, send: () => this.#stranger() },
      {
        name: 'broken',
        share: 0.02,
        send: () => this.#expect('/user_avatar/soak/broken/48/1.png', 422),
      },
      {
        name: 'malformed',
        share: 0.02,
        send: () => this.#expect('/user_avatar/soak/..%2f/7/x', 404),
      },
      {
        name: 'POST',
        share: 0.01,
        send: () => this.#expect('/user_avatar/soak/u/48/1.png', 405, 'POST'),
      },
      { name: 'health', share: 0.01, send: () => this.#health() },
    ];
  }

  get requests(): number {
    return [...this.counts.values()].reduce((sum, count) => sum + count, 0);
  }

  close(): void {
    this.#agent.destroy();
  }

  /** As fast as they are answered, so many at a time. @returns how many a second */
  async saturate(connections: number, seconds: number): Promise<number> {
    const startedAt = performance.now();
    const before = this.requests;
    const goOn = async (): Promise<void> => {
      while (performance.now() - startedAt < seconds * 1000) await this.#sendOne();
    };
    await Promise.all(Array.from({ length: connections }, goOn));
    return (this.requests - before) / ((performance.now() - startedAt) / 1000);
  }

  /** So many a second, whether answered or not, until the signal aborts; resolves when all are answered. */
  async flow(perSecond: number, signal: AbortSignal): Promise<void> {
    const underWay = new Set<Promise<void>>();
    const startedAt = performance.now();
    for (let sent = 0; !signal.aborted;) {
      const due = ((performance.now() - startedAt) / 1000) * perSecond;
      for (; sent < due; sent += 1) {
        const one = this.#sendOne().finally(() => underWay.delete(one));
        underWay.add(one);
      }
      await sleep(2);
    }
    await Promise.all(underWay);
  }

  /** Whether a picture nobody has asked for is shown as it should be. */
  async isHealed(): Promise<boolean> {
    const known = this.#catalogue.newcomer();
    try {
      const { status, body } = await this.#ask(known.path);
      return status === 200 && this.#differs(known, body) === undefined;
    } catch {
      return false;
    }
  }

  async #sendOne(): Promise<void> {
    const kind = this.#choose();
    this.counts.set(kind.name, (this.counts.get(kind.name) ?? 0) + 1);
    try {
      const complaint = await kind.send();
      if (complaint !== undefined) this.wrong.push(complaint);
    } catch (error) {
      this.unanswered.push(`${kind.name}: ${String(error)}`);
    }
  }

  #choose(): Kind {
    let point = this.#random();
    for (const kind of this.#kinds) {
      point -= kind.share;
      if (point < 0) return kind;
    }
    // Of the rounding of their sum.
    return this.#kinds[0] ?? this.#choose();
  }

  async #picture(known: Known): Promise<string | undefined> {
    const reply = await this.#ask(known.path);
    if (this.#isTrouble(known.path, reply)) return undefined;
    if (reply.status !== 200) return `${known.path}: ${reply.status}`;
    this.#tags.set(known.path, reply.headers.etag ?? '');
    return this.#differs(known, reply.body);
  }

  async #head(known: Known): Promise<string | undefined> {
    const reply = await this.#ask(known.path, 'HEAD');
    if (this.#isTrouble(known.path, reply)) return undefined;
    const isRight =
      reply.status === 200 &&
      Number(reply.headers['content-length']) === known.bytes &&
      reply.body.length === 0;
    return isRight ? undefined : `HEAD ${known.path}: ${reply.status}, ${reply.body.length} bytes`;
  }

  async #conditional(known: Known): Promise<string | undefined> {
    const tag = this.#tags.get(known.path);
    if (tag === undefined) return await this.#picture(known);
    const reply = await this.#ask(known.path, 'GET', { 'if-none-match': tag });
    if (this.#isTrouble(known.path, reply)) return undefined;
    const isRight = reply.status === 304 && reply.headers.etag === tag && reply.body.length === 0;
    return isRight ? undefined : `${known.path} with its tag: ${reply.status}`;
  }

  async #stranger(): Promise<string | undefined> {
    this.#strangers += 1;
    return await this.#expect(`/user_avatar/soak/nobody-${this.#strangers}/48/1.png`, 404);
  }

  async #health(): Promise<string | undefined> {
    const startedAt = performance.now();
    const complaint = await this.#expect('/healthz', 200);
    this.healthMs.push(performance.now() - startedAt);
    return complaint;
  }

  async #expect(path: string, status: number, method = 'GET'): Promise<string | undefined> {
    const reply = await this.#ask(path, method);
    if (reply.status === status || this.#isTrouble(path, reply)) return undefined;
    return `${method} ${path}: ${reply.status}`;
  }

  #isTrouble(path: string, { askedAt, status, body }: Reply): boolean {
    if (!TROUBLE.has(status)) return false;
    const code = /"code":"(?<code>\w+)"/.exec(body.toString())?.groups?.['code'] ?? String(status);
    if (code === OVERLOADED) this.overloaded += 1;
    else this.troubles.push({ askedAt, answeredAt: performance.now(), path, what: code });
    return true;
  }

  #differs({ path, sha256 }: Known, body: Buffer): string | undefined {
    const digest = createHash('sha256').update(body).digest('hex');
    return digest === sha256 ? undefined : `${path}: ${body.length} bytes that are others`;
  }

  async #ask(
    path: string,
    method = 'GET',
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Reply> {
    const askedAt = performance.now();
    const { promise, resolve, reject } = Promise.withResolvers<Reply>();
    const signal = AbortSignal.timeout(GIVE_UP_MS);
    const asked = request(`${this.#url}${path}`, { method, headers, agent: this.#agent, signal });
    asked.on('error', reject);
    asked.on('response', (response) => {
      buffer(response).then(
        (body) =>
          resolve({
            askedAt,
            status: response.statusCode ?? 0,
            headers: response.headers,
            body,
          }),
        reject,
      );
    });
    asked.end();
    return await promise;
  }
}

export type Window = { readonly from: number; readonly to: number };

/** Failures of what has met no fault, nor what one leaves behind. */
export function unexplained(troubles: readonly Trouble[], faults: readonly Window[]): Trouble[] {
  return troubles.filter(
    ({ askedAt, answeredAt }) =>
      !faults.some(({ from, to }) => askedAt <= to + HEALED_WITHIN_MS && answeredAt >= from),
  );
}
