import { type ChildProcess, spawn } from 'node:child_process';
import { setPriority } from 'node:os';
import { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { Underway } from '../flow/underway.ts';
import {
  type Frame,
  FrameReader,
  isRendererMessage,
  type RendererMessage,
  type RenderOrder,
  writeFrame,
} from './protocol.ts';

/** Behind the HTTP process at the scheduler: hits stay fast while renders saturate the cores. */
const NICENESS = 10;
const CHANNEL = 3;
const RETIREMENT_MS = 15_000;
/** A process ends within milliseconds of SIGKILL, unless the kernel waits for a disk or for memory. */
const DEATH_MS = 2000;

/** The process ended, by itself or by somebody's hand, before it replied. */
export class RendererDied extends Error {
  override readonly name = 'RendererDied';
}

type Pending = PromiseWithResolvers<Frame<RendererMessage>>;

/** One renderer process, from the side of who started it. Does one order at a time. */
export class RenderProcess {
  /** Resolves when it can take orders; rejects with `RendererDied` when it ends before that. */
  readonly ready: Promise<void>;
  /** Resolves when it is gone, or should be: it was killed a while ago. */
  readonly ended: Promise<void>;
  readonly #underway: Underway;
  readonly #child: ChildProcess;
  readonly #channel: Duplex;
  readonly #reader = new FrameReader(isRendererMessage);
  #pending: Pending | undefined;
  #lastWords = '';
  #hasEnded = false;
  #isDoomed = false;
  #giveUp: () => void;
  #endOrder: () => void = () => undefined;

  /** @param underway told of each order, until it is answered or this process is really gone */
  constructor(memoryCapBytes: number, underway: Underway) {
    this.#underway = underway;
    this.#child = spawn(process.execPath, [...nodeFlags(), rendererPath(), `${memoryCapBytes}`], {
      stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
      env: rendererEnvironment(),
    });
    this.#channel = channelOf(this.#child);
    this.#channel.on('data', (chunk: Buffer) => this.#receive(chunk));
    // A socket to a dead process; its end is reported by 'exit'.
    this.#channel.on('error', () => this.kill());
    const ended = Promise.withResolvers<void>();
    this.ended = ended.promise;
    this.#giveUp = ended.resolve;
    this.#child.on('error', (error) => this.#end(`could not be started: ${error.message}`, ended));
    this.#child.on('exit', (code, signal) =>
      this.#end(`ended with ${signal ?? `code ${code}`}`, ended),
    );
    this.ready = this.#reply().then(() => undefined);
    this.ready.catch(() => undefined);
    lowerPriority(this.#child.pid);
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** @throws RendererDied */
  async render(order: RenderOrder, original?: Buffer): Promise<Frame<RendererMessage>> {
    if (this.#hasEnded || this.#isDoomed)
      throw new RendererDied(`renderer ${this.pid ?? ''} is gone`);
    const reply = this.#reply();
    this.#endOrder = this.#underway.begin();
    writeFrame(this.#channel, order, original);
    return await reply;
  }

  /** At once, whatever it does; a stopped process too. */
  kill(): void {
    this.#child.kill('SIGKILL');
    if (this.#isDoomed) return;
    this.#isDoomed = true;
    const timer = setTimeout(this.#giveUp, DEATH_MS);
    timer.unref();
    void this.ended.then(() => clearTimeout(timer));
  }

  /** After the order it is at, for which it has a while. */
  retire(): void {
    this.#channel.end();
    const timer = setTimeout(() => this.kill(), RETIREMENT_MS);
    timer.unref();
    void this.ended.then(() => clearTimeout(timer));
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
        }
      }
    } catch (error) {
      this.#lastWords = ` after breaking the protocol: ${String(error)}`;
      this.kill();
    }
  }

  #end(how: string, ended: PromiseWithResolvers<void>): void {
    this.#pending?.reject(new RendererDied(`renderer ${this.pid ?? ''} ${how}${this.#lastWords}`));
    this.#hasEnded = true;
    this.#endOrder();
    this.#channel.destroy();
    ended.resolve();
  }
}

/** Beside this file, in its language: sources when run from sources, else compiled. */
function rendererPath(): string {
  const name = import.meta.url.endsWith('.ts') ? './renderer.ts' : './renderer.js';
  return fileURLToPath(new URL(name, import.meta.url));
}

function nodeFlags(): string[] {
  // Pixels live outside V8's heap. Node 22 warns on running TypeScript.
  return ['--max-old-space-size=128', '--disable-warning=ExperimentalWarning'];
}

/** No credentials: what a picture may take over must not be worth it. */
function rendererEnvironment(): NodeJS.ProcessEnv {
  const { PATH, LD_PRELOAD, LD_LIBRARY_PATH } = process.env;
  return {
    UV_THREADPOOL_SIZE: '2',
    // One heap for both threads: fewer corners for freed pixels to stay in, at the same speed.
    MALLOC_ARENA_MAX: '1',
    ...(PATH !== undefined && { PATH }),
    ...(LD_PRELOAD !== undefined && { LD_PRELOAD }),
    ...(LD_LIBRARY_PATH !== undefined && { LD_LIBRARY_PATH }),
  };
}

function channelOf(child: ChildProcess): Duplex {
  const channel = child.stdio[CHANNEL];
  if (!(channel instanceof Duplex)) throw new Error('a renderer without its socket');
  return channel;
}

function lowerPriority(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    setPriority(pid, NICENESS);
  } catch {
    // Gone already, which 'exit' will tell, or not allowed here, which costs only smoothness.
  }
}
