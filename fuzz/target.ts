/** The whole service as operators run it, which mutants are sent through. */
import { rm } from 'node:fs/promises';
import { processTree, proportionalMegabytes, treeCpuSeconds } from '../bench/support/cpu.ts';
import { AvatarError } from '../src/errors.ts';
import { createInspector } from '../src/inspect/inspect.ts';
import { DECODED_BYTES } from '../src/inspect/memory.ts';
import { createFolder } from '../test/support/app.ts';
import { card, distanceFromCard, lookAt } from '../test/support/cards.ts';
import { type Service, startService } from '../test/support/service.ts';
import { sum } from '../bench/support/statistics.ts';
import type { Dice } from './dice.ts';
import type { Mutant } from './finds.ts';

const SIZES = [8, 24, 48, 90, 240];
const EXTENSIONS = ['png', 'png', 'png', 'jpg', 'webp'] as const;
const FORMATS = { png: 'png', jpg: 'jpeg', webp: 'webp' } as const;
/** The whole of a miss may take 10 s; beyond that and a margin nothing is said any more. */
const GIVE_UP_MS = 20_000;
const CACHE_MB = 16;
/**
 * What mutants may add to the process that listens: 64 MB of originals held, 16 of those just read, 16 of
 * free blocks; and about as much again of heap and of what is not collected yet.
 */
const LISTENER_ROOM_MB = 200;
/** Beyond this at rest a renderer is relieved; while one is, there are two. */
const RENDERER_KEPT_MB = 150;
const RENDERER_FRESH_MB = 60;
/** Of 255, as colours of the test card come out of any encoder. */
const OFF_COLOUR = 45;

export type Asked = { readonly size: number; readonly extension: (typeof EXTENSIONS)[number] };

export type Outcome = {
  readonly status: number;
  readonly ms: number;
  /** What is wrong with the answer, if anything is. */
  readonly complaint?: string | undefined;
};

type Folder = Awaited<ReturnType<typeof createFolder>>;

const inspector = createInspector({ maxPixels: 1e6 });

export class Target implements AsyncDisposable {
  readonly #service: Service;
  readonly #folder: Folder;
  readonly #good: Buffer;
  #idleMegabytes = 0;
  #renderers = 0;
  #goodOnes = 0;

  static async start(): Promise<Target> {
    const folder = await createFolder();
    const service = await startService({
      AVATAR_ORIGINALS: `file:${folder.directory}`,
      AVATAR_MEMORY_MB: String(CACHE_MB),
      LOG_LEVEL: 'error',
    });
    await service.ready();
    const target = new Target(service, folder, await card(200, 200).jpeg().toBuffer());
    await target.complaintOfGood();
    const [listener = 0, ...renderers] = target.megabytes();
    target.#idleMegabytes = listener;
    target.#renderers = renderers.length;
    return target;
  }

  private constructor(service: Service, folder: Folder, good: Buffer) {
    this.#service = service;
    this.#folder = folder;
    this.#good = good;
  }

  get isAlive(): boolean {
    return this.#service.child.exitCode === null && this.#service.child.signalCode === null;
  }

  get cpuSeconds(): number {
    return treeCpuSeconds(this.#pid);
  }

  /** All that it has written. */
  get log(): string {
    return this.#service.output();
  }

  /** Of each process, the one that listens first; what they share is parted among them. */
  megabytes(): number[] {
    return processTree(this.#pid).map((pid) => proportionalMegabytes([pid]));
  }

  /** By how much that is more than they may have; less than 0 when it is not. */
  beyondMegabytes([listener = 0, ...renderers]: readonly number[]): number {
    const allowed = this.#renderers * (RENDERER_KEPT_MB + RENDERER_FRESH_MB) + DECODED_BYTES / 1e6;
    return Math.max(
      listener - this.#idleMegabytes - CACHE_MB - LISTENER_ROOM_MB,
      sum(renderers) - allowed,
    );
  }

  /** Puts the mutant where originals are, asks for it, and takes it away again. */
  async send({ name, bytes }: Mutant, asked: Asked): Promise<Outcome> {
    const key = `fuzz/${name}/1`;
    await this.#folder.put(key, bytes);
    const startedAt = performance.now();
    try {
      const { status, body } = await this.#ask(name, asked);
      const ms = performance.now() - startedAt;
      return { status, ms, complaint: complaintOf(status, body, asked) };
    } catch (error) {
      return { status: 0, ms: performance.now() - startedAt, complaint: String(error) };
    } finally {
      await rm(`${this.#folder.directory}/fuzz/${name}`, { recursive: true, force: true });
    }
  }

  /** What is wrong with the answer for a picture that is good, each time another one. */
  async complaintOfGood(): Promise<string | undefined> {
    this.#goodOnes += 1;
    const name = `good-${this.#goodOnes}`;
    await this.#folder.put(`fuzz/${name}/1`, this.#good);
    const { status, body } = await this.#ask(name, { size: 96, extension: 'png' });
    if (status !== 200) return `a good picture was answered ${status} ${body.toString()}`;
    const off = distanceFromCard((await lookAt(body)).corners);
    return off > OFF_COLOUR ? `the colours of a good picture are off by ${off}` : undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#service.child.kill('SIGKILL');
    await this.#service.exited;
    await this.#folder.remove();
  }

  get #pid(): number {
    return this.#service.child.pid ?? 0;
  }

  async #ask(user: string, { size, extension }: Asked): Promise<{ status: number; body: Buffer }> {
    const reply = await fetch(
      `${this.#service.url}/user_avatar/fuzz/${user}/${size}/1.${extension}`,
      {
        signal: AbortSignal.timeout(GIVE_UP_MS),
      },
    );
    return { status: reply.status, body: Buffer.from(await reply.arrayBuffer()) };
  }
}

export function chooseAsked(dice: Dice): Asked {
  return { size: dice.pick(SIZES), extension: dice.pick(EXTENSIONS) };
}

/** What is wrong with an answer for a mutant. */
export function complaintOf(status: number, body: Buffer, asked: Asked): string | undefined {
  if (status === 422) {
    const text = body.toString();
    // Quarantine is for what kills renderers, of which there should be nothing.
    const isVerdict = /"code":"original_(?!quarantined)\w+"/.test(text);
    return isVerdict ? undefined : `422 ${text}`;
  }
  if (status !== 200) return `${status} ${body.toString('utf8', 0, 300)}`;
  try {
    const { format, width, height } = inspector.inspect(body);
    const isRight =
      format === FORMATS[asked.extension] && width === asked.size && height === asked.size;
    return isRight ? undefined : `a ${format} of ${width}×${height} for ${JSON.stringify(asked)}`;
  } catch (error) {
    return `an answer that is no picture: ${AvatarError.from(error).detail ?? ''}`;
  }
}
