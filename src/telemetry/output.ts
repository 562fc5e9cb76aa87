import { write, writeSync } from 'node:fs';
import { codeOf } from '../errors.ts';

/** What waits for a reader that has stopped reading. */
const MOST_WAITING = 16 * 1024 * 1024;
/** How long a reader that is busy is left alone, and how often at the very end. */
const BUSY_MS = 100;
const MOST_BUSY = 10;

const NEWLINE = Buffer.from('\n');

/**
 * Lines for a file that may be full, or a pipe with nobody at its other end: what cannot be written is
 * lost and counted, but never fatal nor waited for, and those that follow are tried again.
 */
export class Output {
  readonly #descriptor: number;
  readonly #waiting: Buffer[] = [];
  #waitingBytes = 0;
  /** Of the first of them. */
  #writtenBytes = 0;
  /** It is in the hands of another thread. */
  #isUnderway = false;
  /** The last line written has lost its end. */
  #isBrokenOff = false;
  #lostLines = 0;

  constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  get lostLines(): number {
    return this.#lostLines;
  }

  /** @param text whole lines */
  write(text: string): void {
    const lines = Buffer.from(text);
    if (this.#waitingBytes + lines.byteLength > MOST_WAITING) {
      this.#lostLines += count(lines);
      return;
    }
    this.#waitingBytes += lines.byteLength;
    // Not at once: what is said at the very end is left to `flushSync`.
    if (this.#waiting.push(lines) === 1) setImmediate(() => this.#writeNext());
  }

  /** When the process exits: it waits by itself for the other thread, and nothing here is called again. */
  flushSync(): void {
    if (this.#isUnderway) this.#shift();
    let busy = 0;
    for (let next = this.#next(); next !== undefined && busy < MOST_BUSY; next = this.#next()) {
      try {
        this.#wrote(writeSync(this.#descriptor, next));
      } catch (error) {
        if (isBusy(error)) {
          busy += 1;
          Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, BUSY_MS);
        } else this.#lose();
      }
    }
  }

  #writeNext(): void {
    const next = this.#next();
    if (next === undefined) return;
    this.#isUnderway = true;
    write(this.#descriptor, next, (error, bytes) => {
      this.#isUnderway = false;
      if (isBusy(error)) {
        setTimeout(() => this.#writeNext(), BUSY_MS).unref();
        return;
      }
      if (error === null) this.#wrote(bytes);
      else this.#lose();
      this.#writeNext();
    });
  }

  #next(): Buffer | undefined {
    const rest = this.#waiting[0]?.subarray(this.#writtenBytes);
    return this.#isBrokenOff && rest !== undefined ? Buffer.concat([NEWLINE, rest]) : rest;
  }

  #wrote(bytes: number): void {
    this.#writtenBytes += this.#isBrokenOff ? bytes - 1 : bytes;
    this.#isBrokenOff = false;
    if (this.#writtenBytes === this.#waiting[0]?.byteLength) this.#shift();
  }

  /** A full disk, a reader that is gone: nobody is left who could be told more than how many. */
  #lose(): void {
    const written = this.#writtenBytes;
    const lines = this.#shift();
    this.#lostLines += count(lines.subarray(written));
    this.#isBrokenOff ||= written > 0 && lines[written - 1] !== NEWLINE[0];
  }

  #shift(): Buffer {
    const lines = this.#waiting.shift() ?? Buffer.alloc(0);
    this.#waitingBytes -= lines.byteLength;
    this.#writtenBytes = 0;
    return lines;
  }
}

function isBusy(error: unknown): boolean {
  return codeOf(error) === 'EAGAIN';
}

function count(lines: Buffer): number {
  let breaks = 0;
  for (const byte of lines) if (byte === NEWLINE[0]) breaks += 1;
  return breaks;
}
