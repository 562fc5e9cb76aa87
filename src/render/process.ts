import { type ChildProcess, spawn } from 'node:child_process';
import { setPriority } from 'node:os';
import { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { Underway } from '../flow/underway.ts';
import { oomKills } from './oom-kills.ts';
import { OwnTime } from './own-time.ts';
import {
  type Frame,
  FrameReader,
  isRendererMessage,
  type RendererMessage,
  type RenderOrder,
  writeFrame,
} from './protocol.ts';
import { NODE_FLAGS, rendererEnvironment } from './surroundings.ts';

/** Renderers yield to the HTTP process: hits stay fast while renders saturate the cores. */
const NICENESS = 10;
const CHANNEL = 3;
/** How long it may take to end by itself, once it has no more to do. */
const RETIREMENT_MS = 5000;
/** A process ends within milliseconds of SIGKILL, unless the kernel waits for a disk or for memory. */
const DEATH_MS = 2000;

/** The process ended, by itself or by somebody's hand, before it replied. */
export class RendererDied extends Error {
  override readonly name = 'RendererDied';
  /** The kernel killed it because the machine, or the container, had no memory left. */
  readonly isForMemory: boolean;

  constructor(message: string, isForMemory = false) {
    super(message);
    this.isForMemory = isForMemory;
  }
}

type Pending = PromiseWithResolvers<Frame<RendererMessage>>;

/** One renderer process, seen from the process that started it. Does one order at a time. */
export class RenderProcess {
  /** Resolves when it can take orders; rejects with `RendererDied` when it ends before that. */
  readonly ready: Promise<void>;
  /** Resolves when it takes no more orders: it was killed, or has ended. */
  readonly unusable: Promise<void>;
  /** Resolves when it is gone, or should be: it was killed a while ago. */
  readonly ended: Promise<void>;
  readonly #unusable = Promise.withResolvers<void>();
  readonly #ended = Promise.withResolvers<void>();
  readonly #underway: Underway;
  readonly #child: ChildProcess;
  /** Undefined when there was no descriptor left for it. */
  readonly #channel: Duplex | undefined;
  readonly #reader = new FrameReader(isRendererMessage);
  #pending: Pending | undefined;
  #lastWords = '';
  #isUsable = true;
  /** An end that is wanted is no death to tell of, unless it takes an order along. */
  #isRetired = false;
  #isKilled = false;
  #hasEnded = false;
  readonly #oomKills = oomKills();
  #ownTime: OwnTime | undefined;
  #endOrder: () => void = () => undefined;
  readonly #onIdleDeath: (error: RendererDied) => void;

  /**
   * @param underway counts each order until it is answered or this process is really gone
   * @param onIdleDeath is told when it ends unasked, with no order
   * @throws Error when the system refuses outright; for lack of descriptors it refuses by and by
   */
  constructor(
    memoryCapBytes: number,
    underway: Underway,
    onIdleDeath: (error: RendererDied) => void,
  ) {
    this.#underway = underway;
    this.#onIdleDeath = onIdleDeath;
    this.#child = spawn(process.execPath, [...NODE_FLAGS, rendererPath(), `${memoryCapBytes}`], {
      stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
      env: rendererEnvironment(),
    });
    this.#child.on('error', (error) => this.#end(`could not be started: ${error.message}`));
    this.#child.on('exit', (code, signal) => {
      const isForMemory = signal === 'SIGKILL' && this.#wasKilledForMemory();
      const why = isForMemory ? ', of the kernel, which had no memory left' : '';
      this.#end(`ended with ${signal ?? `code ${code}`}${why}`, isForMemory);
    });
    this.#channel = channelOf(this.#child);
    this.#channel?.on('data', (chunk: Buffer) => this.#receive(chunk));
    // The process is dead, which 'exit' reports.
    this.#channel?.on('error', () => this.#giveUp());
    this.unusable = this.#unusable.promise;
    this.ended = this.#ended.promise;
    this.ready = this.#reply().then(() => undefined);
    this.ready.catch(() => undefined);
    lowerPriority(this.#child.pid);
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** For messages; one that could not be started has no number. */
  get #name(): string {
    return this.pid === undefined ? 'a renderer' : `renderer ${this.pid}`;
  }

  /** The time of its order, or of its last one. */
  get ownTime(): OwnTime | undefined {
    return this.#ownTime;
  }

  /** @throws RendererDied */
  async render(order: RenderOrder, original?: Buffer): Promise<Frame<RendererMessage>> {
    const { pid } = this;
    if (!this.#isUsable || this.#channel === undefined || pid === undefined) {
      throw new RendererDied(`${this.#name} is gone`);
    }
    const reply = this.#reply();
    this.#ownTime = new OwnTime(pid);
    this.#endOrder = this.#underway.begin();
    writeFrame(this.#channel, order, original);
    return await reply;
  }

  /** Ends it at once, whatever it does; a stopped process too. */
  kill(): void {
    this.#isKilled = true;
    this.#giveUp();
  }

  #giveUp(): void {
    this.#child.kill('SIGKILL');
    if (!this.#isUsable) return;
    this.#becomeUnusable();
    const timer = setTimeout(this.#ended.resolve, DEATH_MS);
    timer.unref();
    void this.ended.then(() => clearTimeout(timer));
  }

  /** Ends it after its current order, whose time is limited by whoever gave it. */
  retire(): void {
    this.#isRetired = true;
    this.#channel?.end();
    void Promise.allSettled([this.#pending?.promise]).then(() => {
      const timer = setTimeout(() => this.kill(), RETIREMENT_MS);
      timer.unref();
      void this.ended.then(() => clearTimeout(timer));
    });
  }

  #reply(): Promise<Frame<RendererMessage>> {
    this.#pending = Promise.withResolvers();
    return this.#pending.promise;
  }

  #receive(chunk: Buffer): void {
    try {
      for (const frame of this.#reader.push(chunk)) {
        if (frame.message.kind === 'too_much_memory') {
          this.#lastWords = ` at ${Math.round(frame.message.rssBytes / 1e6)} MB of memory`;
        } else {
          this.#endOrder();
          this.#pending?.resolve(frame);
          this.#pending = undefined;
        }
      }
    } catch (error) {
      this.#lastWords = ` after breaking the protocol: ${String(error)}`;
      this.#giveUp();
    }
  }

  /** Of a SIGKILL: nobody here sent it, the renderer did not announce it, and the kernel has killed meanwhile. */
  #wasKilledForMemory(): boolean {
    if (this.#isKilled || this.#lastWords !== '') return false;
    return (oomKills() ?? 0) > (this.#oomKills ?? Infinity);
  }

  #end(how: string, isForMemory = false): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    const error = new RendererDied(`${this.#name} ${how}${this.#lastWords}`, isForMemory);
    const isIdle = this.#pending === undefined;
    this.#pending?.reject(error);
    this.#becomeUnusable();
    this.#endOrder();
    this.#channel?.destroy();
    this.#ended.resolve();
    if (isIdle && !this.#isKilled && !this.#isRetired) this.#onIdleDeath(error);
  }

  #becomeUnusable(): void {
    this.#isUsable = false;
    this.#unusable.resolve();
  }
}

/** The renderer is beside this file, in its language: a source when run from sources, else compiled. */
function rendererPath(): string {
  const name = import.meta.url.endsWith('.ts') ? './renderer.ts' : './renderer.js';
  return fileURLToPath(new URL(name, import.meta.url));
}

function channelOf(child: ChildProcess): Duplex | undefined {
  // Without descriptors there are no streams at all, whatever their type says.
  const streams: Partial<ChildProcess>['stdio'] = child.stdio;
  const channel = streams?.[CHANNEL];
  return channel instanceof Duplex ? channel : undefined;
}

function lowerPriority(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    setPriority(pid, NICENESS);
  } catch {
    // The process is gone, which 'exit' will tell, or this is not allowed, which costs only smoothness.
  }
}
