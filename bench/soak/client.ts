/** Asks, and holds each answer against what it must be, or what is documented to come instead. */
import { Agent, request, type IncomingHttpHeaders } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { FAULTS } from '../../src/errors.ts';
import { problemDocument } from '../../src/http/problems.ts';
import type { Known } from './avatars.ts';
import { type Look, lookOf } from './catalogue.ts';

/** Above the deadline of a miss: later is no answer. */
const GIVE_UP_MS = 15_000;
const MOST_CONNECTIONS = 256;

type Reply = {
  readonly askedAt: number;
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
};

/** With these a service tells of trouble of its own, which a fault must explain. */
const TROUBLE = new Set([502, 503, 504]);
/** But for this one: on a busy machine there may be too much to do at any time. */
const OVERLOADED = 'overloaded';
const NO_DATABASE = 'directory_unavailable';
export type Trouble = {
  readonly askedAt: number;
  readonly answeredAt: number;
  readonly url: string;
  readonly status: number;
  /** Of the problem document. Of a failed HEAD only status and length are told, which two may share. */
  readonly codes: readonly string[];
};

/** What is wrong with an answer; undefined when nothing is. */
export type Complaint = string | undefined;

export class Client implements Disposable {
  readonly troubles: Trouble[] = [];
  overloaded = 0;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: MOST_CONNECTIONS });
  readonly #tags = new Map<string, string>();
  readonly #shown = new Set<string>();

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }

  async picture(known: Known): Promise<Complaint> {
    const reply = await this.#ask(known.url);
    if (TROUBLE.has(reply.status)) return this.#trouble(known.url, reply, known.regular);
    if (reply.status !== 200) return `${known.url}: ${reply.status}`;
    this.#tags.set(known.url, reply.headers.etag ?? '');
    if (known.regular !== undefined) this.#shown.add(known.regular);
    return differs(known.url, known, reply.body);
  }

  async head(known: Known): Promise<Complaint> {
    const reply = await this.#ask(known.url, 'HEAD');
    if (TROUBLE.has(reply.status)) return this.#trouble(known.url, reply);
    const isRight =
      reply.status === 200 &&
      Number(reply.headers['content-length']) === known.bytes &&
      reply.body.length === 0;
    return isRight ? undefined : `HEAD ${known.url}: ${reply.status}, ${reply.body.length} bytes`;
  }

  async conditional(known: Known): Promise<Complaint> {
    const tag = this.#tags.get(known.url);
    if (tag === undefined) return await this.picture(known);
    const reply = await this.#ask(known.url, 'GET', { 'if-none-match': tag });
    if (TROUBLE.has(reply.status)) return this.#trouble(known.url, reply, known.regular);
    const isRight = reply.status === 304 && reply.headers.etag === tag && reply.body.length === 0;
    return isRight ? undefined : `${known.url} with its tag: ${reply.status}`;
  }

  /** The picture of nobody, which may not be kept for long. */
  async blank(url: string, blank: Look): Promise<Complaint> {
    const reply = await this.#ask(url);
    if (TROUBLE.has(reply.status)) return this.#trouble(url, reply);
    const { status, headers, body } = reply;
    if (status !== 200) return `${url}: ${status}`;
    const kept = headers['cache-control'];
    return kept === 'public, max-age=600'
      ? differs(url, blank, body)
      : `${url}: a blank, ${String(kept)}`;
  }

  async redirect(url: string, location: string): Promise<Complaint> {
    const { status, headers } = await this.#ask(url);
    return status === 302 && headers.location === location
      ? undefined
      : `${url}: ${status} to ${headers.location}`;
  }

  async status(url: string, status: number, method = 'GET'): Promise<Complaint> {
    const reply = await this.#ask(url, method);
    if (reply.status === status) return undefined;
    if (TROUBLE.has(reply.status)) return this.#trouble(url, reply);
    return `${method} ${url}: ${reply.status}`;
  }

  /** Why it is not shown as it should be. That it is not yet has an excuse, and is not counted. */
  async look(known: Known): Promise<{ excuse: string | undefined; complaint: Complaint }> {
    const reply = await this.#ask(known.url);
    const { status, askedAt, body } = reply;
    if (TROUBLE.has(status)) {
      const ms = Math.round(performance.now() - askedAt);
      const codes = documentedCodes(reply).join();
      return { excuse: `${known.url}: ${status} ${codes} after ${ms} ms`, complaint: undefined };
    }
    const complaint = status === 200 ? differs(known.url, known, body) : `${known.url}: ${status}`;
    return { excuse: undefined, complaint };
  }

  /** @param regular whose avatar it is, if an answer of the database about it holds on */
  #trouble(url: string, reply: Reply, regular?: string): Complaint {
    const { askedAt, status, headers } = reply;
    const codes = documentedCodes(reply);
    if (codes.includes(OVERLOADED)) this.overloaded += 1;
    else this.troubles.push({ askedAt, answeredAt: performance.now(), url, status, codes });
    if (codes.length === 0) return `${url}: ${status}, which is not documented`;
    if (headers['cache-control'] !== 'no-store') return `${url}: ${codes.join()} that may be kept`;
    if (status === 503 && !/^[1-9]\d*$/.test(headers['retry-after'] ?? '')) {
      return `${url}: ${codes.join()} without Retry-After`;
    }
    if (codes.includes(NO_DATABASE) && regular !== undefined && this.#shown.has(regular)) {
      return `${url}: ${NO_DATABASE}, of a user who had been found`;
    }
    return undefined;
  }

  async #ask(
    url: string,
    method = 'GET',
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Reply> {
    const askedAt = performance.now();
    const { promise, resolve, reject } = Promise.withResolvers<Reply>();
    const signal = AbortSignal.timeout(GIVE_UP_MS);
    const asked = request(url, { method, headers, agent: this.#agent, signal });
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

/** None, if this is no failure there can be. */
function documentedCodes({ status, headers, body }: Reply): string[] {
  const length = Number(headers['content-length']);
  return Object.entries(FAULTS)
    .filter(([code, fault]) => {
      const document = problemDocument(fault.status, fault.message, code);
      if (fault.status !== status) return false;
      return body.length === 0 ? document.byteLength === length : document.equals(body);
    })
    .map(([code]) => code);
}

function differs(url: string, { sha256 }: Look, body: Buffer): Complaint {
  return lookOf(body).sha256 === sha256
    ? undefined
    : `${url}: ${body.length} bytes that are others`;
}
