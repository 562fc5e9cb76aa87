/** What a renderer is started with: what its heaps keep decides how long it can stay. */

/**
 * Pixels live outside V8's heap, and are freed when the little objects that stand for them are collected:
 * a young generation that grows to 16 MB keeps 60 MB of pixels that nobody needs, and over small pictures
 * alone a renderer went from 105 to 180 MB.
 */
export const NODE_FLAGS: readonly string[] = [
  '--max-old-space-size=128',
  '--max-semi-space-size=1',
  // Node 22 warns on running TypeScript.
  '--disable-warning=ExperimentalWarning',
];

/**
 * No credentials, so that none are in the memory or the core dump of what a picture may take over. As the
 * same user it can still read its parent's environment, from `/proc`: see docs/security.md.
 */
export function rendererEnvironment(): Record<string, string> {
  const { PATH, LD_PRELOAD, LD_LIBRARY_PATH } = process.env;
  return {
    UV_THREADPOOL_SIZE: '2',
    // One heap for all threads: fewer corners for freed pixels to stay in, at the same speed. In glibc's
    // words, and in those of jemalloc, should it be preloaded: with more they grow until they are replaced.
    MALLOC_ARENA_MAX: '1',
    MALLOC_CONF: 'narenas:1',
    ...(PATH !== undefined && { PATH }),
    ...(LD_PRELOAD !== undefined && { LD_PRELOAD }),
    ...(LD_LIBRARY_PATH !== undefined && { LD_LIBRARY_PATH }),
  };
}
