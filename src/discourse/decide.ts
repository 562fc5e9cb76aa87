/**
 * Discourse's decision which picture an address means, once its directory was asked. Pure; where it
 * is asked, and how a URL becomes keys, is not known here.
 */
import type { Whereabouts } from '../avatar/ports.ts';
import { formatVersion, LARGEST_UPLOAD, type Version } from './version.ts';

/** An upload as Discourse's database describes it. */
export type Upload = {
  /** Empty after an upload that failed. */
  readonly url: string;
  readonly createdAt: Date | undefined;
};

/** What the directory knows of one user and one upload. */
export type DirectoryEntry = {
  /** The user's avatar as of now; undefined when there is none, or its upload is gone. */
  readonly currentUpload: number | undefined;
  /** The upload asked for; undefined when it is not one of the user's. */
  readonly upload: Upload | undefined;
};

export const MISSING: Whereabouts = { kind: 'missing' };

/**
 * @param entry undefined when there is no such user
 * @param keysOf where the object of an upload's URL may be
 */
export function decide(
  entry: DirectoryEntry | undefined,
  version: Version,
  keysOf: (url: string) => readonly string[],
): Whereabouts {
  if (entry === undefined || !version.valid) return MISSING;
  const { upload, currentUpload } = entry;
  if (upload !== undefined) {
    const keys = upload.url === '' ? [] : keysOf(upload.url);
    if (keys.length === 0) return MISSING;
    return {
      kind: 'at',
      keys,
      ...(upload.createdAt === undefined ? {} : { lastModified: upload.createdAt }),
    };
  }
  // Seeded users have uploads below 0, whose address Discourse itself answers with the blank image;
  // and being sent to where one is would be a loop.
  if (currentUpload === undefined || currentUpload <= 0 || currentUpload === version.upload) {
    return MISSING;
  }
  return { kind: 'moved', id: formatVersion(currentUpload) };
}

/** The upload to ask the directory for; 0, which is nobody's, for what its column cannot hold. */
export function askableUpload(version: Version): number {
  return version.upload <= LARGEST_UPLOAD ? version.upload : 0;
}
