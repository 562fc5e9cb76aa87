/** Going over every avatar there is, for the command line; a request never does. */

export type CurrentAvatar = {
  /** The forum; empty where keys don't tell. */
  readonly site: string;
  /** As in the avatar's address; undefined where it has to be said. */
  readonly host: string | undefined;
  readonly user: string;
  /** The upload with its version, as in the address. */
  readonly id: string;
  /** Where the original may be; none, when what is recorded names no object. */
  readonly keys: readonly string[];
  /** Where it is another date than the original's own, as in `Whereabouts`. */
  readonly lastModified: Date | undefined;
};

export type Step = {
  /** Opaque: a walk can go on after it. */
  readonly mark: string;
  /** Undefined for what lies among avatars and is none. */
  readonly avatar: CurrentAvatar | undefined;
};

/** Which avatars; all, where nothing is said. */
export type Selection = {
  readonly site?: string | undefined;
  /** As in the address, decoded. */
  readonly user?: string | undefined;
  /** Uploaded at this time or later. */
  readonly since?: Date | undefined;
};

export interface Walk {
  /** What is walked: two walks of one name pass the same avatars. */
  readonly name: string;
  /** Whether each avatar comes with its host. */
  readonly tellsHosts: boolean;
  /** How many avatars follow; undefined when that cannot be told beforehand. */
  count(after: string | undefined): Promise<number | undefined>;
  /**
   * In an order that stays the same.
   * @throws AvatarError `originals_*`, `directory_unavailable`
   */
  steps(after: string | undefined, signal: AbortSignal): AsyncIterable<Step>;
  close(): Promise<void>;
}
