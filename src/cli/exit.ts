/** What the command line ends with. */

export const EXIT = {
  ok: 0,
  /** There is something to look at: broken avatars, warnings. */
  findings: 1,
  /** It could not be done, or what was looked at does not work. */
  failed: 2,
  /** EX_USAGE of sysexits.h. */
  usage: 64,
  /** EX_CONFIG: running it again does not help until somebody has mended the configuration. */
  config: 78,
  /** As shells have it for what ends by Ctrl-C. */
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];
