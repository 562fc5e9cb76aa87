/** What pages, caches and passers-by ask of two sites: three quarters of a plain one, the rest of a forum. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Avatars, FORUM, type Known } from './avatars.ts';
import { type Catalogue, SIZE_OF_BLANK } from './catalogue.ts';
import type { Client, Complaint } from './client.ts';
import { BROKEN } from './forum.ts';

/** A site as it is asked: where, and for what. */
export type Site = { readonly url: string; readonly avatars: Avatars };

/** A share of requests, and how one is sent and judged. */
type Kind = {
  readonly name: string;
  readonly share: number;
  readonly send: () => Promise<Complaint>;
};

const UNLISTED_SIZE = 100;
const NEAREST_SIZE = 96;

export class Traffic {
  readonly wrong: string[] = [];
  readonly unanswered: string[] = [];
  readonly counts = new Map<string, number>();
  readonly client: Client;
  readonly #plain: Site;
  readonly #forum: Site;
  readonly #catalogue: Catalogue;
  readonly #random: () => number;
  readonly #kinds: readonly Kind[];
  #strangers = 0;

  constructor(
    sites: { readonly plain: Site; readonly forum: Site },
    catalogue: Catalogue,
    client: Client,
    random: () => number,
  ) {
    this.#plain = sites.plain;
    this.#forum = sites.forum;
    this.#catalogue = catalogue;
    this.client = client;
    this.#random = random;
    this.#kinds = [...this.#askedOfPlain(), ...this.#askedOfForum()];
  }

  get requests(): number {
    return [...this.counts.values()].reduce((sum, count) => sum + count, 0);
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

  /** What is wrong with pictures nobody has asked for, one of each site; nothing once all is healed. */
  async symptoms(): Promise<string[]> {
    const newcomers = [this.#plain, this.#forum].map(({ avatars }) => avatars.newcomer());
    const shown = await Promise.all(newcomers.map((known) => this.#symptom(known)));
    return shown.filter((symptom) => symptom !== undefined);
  }

  #askedOfPlain(): readonly Kind[] {
    const { client } = this;
    const { url, avatars } = this.#plain;
    const regular = () => avatars.regular(this.#random);
    const at = (path: string): string => `${url}/user_avatar/soak/${path}`;
    return [
      { name: 'pictures', share: 0.52, send: () => client.picture(regular()) },
      { name: 'HEAD', share: 0.06, send: () => client.head(regular()) },
      { name: 'conditional', share: 0.09, send: () => client.conditional(regular()) },
      {
        name: 'missing',
        share: 0.03,
        send: () => client.status(at(`${this.#stranger()}/48/1.png`), 404),
      },
      { name: 'broken', share: 0.02, send: () => client.status(at('broken/48/1.png'), 422) },
      { name: 'malformed', share: 0.01, send: () => client.status(at('..%2f/7/x'), 404) },
      { name: 'POST', share: 0.01, send: () => client.status(at('u/48/1.png'), 405, 'POST') },
      { name: 'health', share: 0.01, send: () => client.status(`${url}/healthz`, 200) },
    ];
  }

  /** Here the database has to be asked for those who come for the first time, and for nobodies. */
  #askedOfForum(): readonly Kind[] {
    const { client } = this;
    const { url, avatars } = this.#forum;
    const { blank } = this.#catalogue;
    const regular = () => avatars.regular(this.#random);
    const redirect = (): Promise<Complaint> => {
      const user = Math.floor(this.#random() * FORUM.users);
      const to = FORUM.path(user, NEAREST_SIZE, 'png');
      return client.redirect(url + FORUM.path(user, UNLISTED_SIZE, 'png'), to);
    };
    const nobody = (): string =>
      `${url}/user_avatar/soak/${this.#stranger()}/${SIZE_OF_BLANK}/1_2.png`;
    return [
      { name: 'forum, pictures', share: 0.14, send: () => client.picture(regular()) },
      { name: 'forum, newcomers', share: 0.02, send: () => client.picture(avatars.newcomer()) },
      { name: 'forum, HEAD', share: 0.01, send: () => client.head(regular()) },
      { name: 'forum, conditional', share: 0.03, send: () => client.conditional(regular()) },
      { name: 'forum, nobody', share: 0.02, send: () => client.blank(nobody(), blank) },
      { name: 'forum, broken', share: 0.01, send: () => client.blank(url + BROKEN.path, blank) },
      { name: 'forum, unlisted size', share: 0.01, send: redirect },
      { name: 'forum, health', share: 0.01, send: () => client.status(`${url}/healthz`, 200) },
    ];
  }

  #stranger(): string {
    this.#strangers += 1;
    return `nobody-${this.#strangers}`;
  }

  async #symptom(known: Known): Promise<string | undefined> {
    try {
      const { excuse, complaint } = await this.client.look(known);
      if (complaint !== undefined) this.wrong.push(complaint);
      return excuse ?? complaint;
    } catch (error) {
      const unanswered = `${known.url}: ${String(error)}`;
      this.unanswered.push(unanswered);
      return unanswered;
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
}
