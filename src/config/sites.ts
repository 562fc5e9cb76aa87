/** Which forums there are, for `AVATAR_LOCATOR=discourse`. */
import { readFileSync } from 'node:fs';
import {
  databaseUrlProblem,
  parseSites,
  singleSite,
  type Sites,
} from '../locator/discourse/sites.ts';
import type { Issues } from './issues.ts';

/** @returns undefined after adding to the issues what is wrong or missing */
export function findSites(issues: Issues): Sites | undefined {
  const fromFile = issues.parse('AVATAR_SITES', readSites, undefined);
  const single = issues.parse('AVATAR_DISCOURSE_URL', readDatabaseUrl, undefined);
  if (fromFile !== undefined && single !== undefined) {
    issues.add('AVATAR_SITES', 'cannot go with AVATAR_DISCOURSE_URL: the file names the databases');
  }
  const isSilent = fromFile === undefined && single === undefined && issues.found.length === 0;
  if (isSilent) {
    issues.add(
      'AVATAR_DISCOURSE_URL',
      'must be set, or AVATAR_SITES, with AVATAR_LOCATOR=discourse',
    );
  }
  return fromFile ?? single;
}

function readDatabaseUrl(url: string): Sites | { error: string } {
  const problem = databaseUrlProblem(url);
  return problem === undefined ? singleSite(url) : { error: problem };
}

function readSites(file: string): Sites | { error: string } {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    return { error: `cannot be read: ${error instanceof Error ? error.message : String(error)}` };
  }
  const parsed = parseSites(text);
  return parsed.ok ? parsed.sites : { error: parsed.problems.join('; ') };
}
