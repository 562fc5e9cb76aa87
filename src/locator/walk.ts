/** Going over every avatar there is, for the command line; a request never does. */

export type CurrentAvatar = {
  /** The forum; empty where nothing tells. */
  readonly site: string;
  /** As in the avatar's address; undefined where nothing tells. */
  readonly host: string | undefined;
  /** Empty where keys don't tell. */
  readonly user: string;
  /** The upload with its version, as in the address; empty where keys don't tell. */
  readonly id: string;
  /**
   * Where the original may be, in the order in which a request looks for it; none, when what is recorded
   * names no object.
   */
  readonly keys: readonly string[];
  /** Undefined where a walk does not go by keys. */
  readonly met?: Meeting;
  /** Where it is another date than the original's own, as in `Whereabouts`. */
  readonly lastModified: Date | undefined;
};

/** An avatar is met under each of its keys that has an object, though requests get but the first. */
type Meeting = {
  /** The one it is now met under. */
  readonly key: string;
  /** Those before it by which the walk meets the same avatar. */
  readonly sooner: readonly string[];
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
  /** Whether each avatar comes with a host of its own. */
  readonly tellsHosts: boolean;
  /** Whether any comes with its user and upload, and hence with an address. */
  readonly tellsNames: boolean;
  /** Whether it may well be that there is none: else something is wrong with what was selected or set. */
  readonly mayBeEmpty: boolean;
  /**
   * How many avatars follow; undefined when that cannot be told beforehand.
   * @throws the signal's reason
   */
  count(after: string | undefined, signal: AbortSignal): Promise<number | undefined>;
  /**
   * In an order that stays the same.
   * @throws AvatarError `originals_*`, `directory_unavailable`; the signal's reason
   */
  steps(after: string | undefined, signal: AbortSignal): AsyncIterable<Step>;
  close(): Promise<void>;
}
