/** What the process finds around it: memory allocator and threads. */
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import type { Config } from '../../config/load.ts';
import { type Finding, hint, ok, warning } from './finding.ts';

/** libuv's own. */
const DEFAULT_THREADS = 4;

export function checkMachine(config: Config, { UV_THREADPOOL_SIZE }: NodeJS.ProcessEnv): Finding[] {
  return [
    judgeAllocator(mapsOfThisProcess()),
    judgeThreads(UV_THREADPOOL_SIZE),
    judgeRenders(config.renders, availableParallelism()),
  ];
}

/** @param maps what is mapped into the process: undefined where the system does not tell */
function judgeAllocator(maps: string | undefined): Finding {
  const check = 'allocator';
  const [allocator] = /jemalloc|tcmalloc|mimalloc|ld-musl/.exec(maps ?? '') ?? [];
  if (allocator === 'ld-musl') {
    return hint(check, "musl's malloc", 'use an image with glibc: rendering is faster');
  }
  return ok(check, allocator ?? "the system's malloc");
}

/** @param size as the environment says */
function judgeThreads(size: string | undefined): Finding {
  const threads = size === undefined ? DEFAULT_THREADS : Number(size);
  const check = 'thread pool';
  return threads >= DEFAULT_THREADS
    ? ok(check, `${threads} threads for names and files`)
    : warning(
        check,
        `${size} threads for names and files`,
        `unset UV_THREADPOOL_SIZE, or set it to ${DEFAULT_THREADS} or more: one slow disk stops them all`,
      );
}

function judgeRenders(renders: number, cores: number): Finding {
  const says = `${renders} on ${cores} cores`;
  return renders <= cores
    ? ok('renderers', says)
    : warning('renderers', says, `set AVATAR_RENDERS to ${cores}, or leave it out`);
}

function mapsOfThisProcess(): string | undefined {
  try {
    return readFileSync('/proc/self/maps', 'utf8');
  } catch {
    return undefined;
  }
}
