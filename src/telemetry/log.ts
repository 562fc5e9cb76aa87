/** Where the service writes what it has to say: lines of JSON on the standard output. */
import pino, { type Logger } from 'pino';
import type { Lines } from '../http/access-log.ts';
import { LineBuffer } from './line-buffer.ts';
import { Output } from './output.ts';

const STANDARD_OUTPUT = 1;

export type Log = {
  readonly logger: Logger;
  /** For lines that are finished. */
  readonly lines: Lines & { flush(): void };
  /** Of which nobody will ever hear. */
  readonly droppedLines: number;
};

/** @returns a log, and how to write what it holds before the process ends */
export function openLog(level: string): Log & { flushSync(): void } {
  // Not pino's own: over a write that fails it ends the process, or tries for ever while it exits.
  const output = new Output(STANDARD_OUTPUT);
  const lines = new LineBuffer((text) => output.write(text));
  return {
    logger: pino({ level, base: null }, { write: (line) => lines.add(line) }),
    lines,
    get droppedLines() {
      return output.lostLines;
    },
    flushSync() {
      lines.flush();
      output.flushSync();
    },
  };
}
