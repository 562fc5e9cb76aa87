/** Each forum's database: reachable, Discourse's, readable, and nothing more than that. */
import type { Config } from '../../config/load.ts';
import { AvatarError } from '../../errors.ts';
import type { Site } from '../../discourse/sites.ts';
import { detailOf } from '../attempt.ts';
import { broken, type Finding, ok, warning } from './finding.ts';

const GRANT = 'run deploy/discourse/grants.sql in that database and log in as the role it makes';

export async function checkDatabase(site: Site, config: Config): Promise<Finding[]> {
  const [{ Directory }, { examineGrants }] = await Promise.all([
    import('../../discourse/directory.ts'),
    import('../../discourse/grants.ts'),
  ]);
  const name = `database of ${site.name}`;
  const directory = new Directory({ site: site.name, database: site.database });
  try {
    const grants = await examineGrants(directory);
    const { role, missing, unreadable } = grants;
    if (missing.length > 0) {
      return [
        broken(
          name,
          `has no ${missing.join(', ')}`,
          "name Discourse's own database, or check the role's search_path and its USAGE of the schema",
        ),
      ];
    }
    const findings: Finding[] = [];
    if (unreadable.length > 0) {
      findings.push(
        broken(`${name} grants`, `${role} may not read ${unreadable.join(', ')}`, GRANT),
      );
    }
    if (grants.unreadableProvided) {
      const says = `${role} may not read the pictures of log-in providers`;
      findings.push(warning(`${name} grants`, says, `${GRANT}, again after Discourse's upgrade`));
    }
    if (!grants.readsSizes && config.sizes === undefined) {
      const says = `${role} may not read avatar_sizes: Discourse's default sizes are served`;
      findings.push(warning(`${name} grants`, says, `${GRANT}, or set AVATAR_SIZES`));
    }
    if (grants.mayWrite) findings.push(warning(`${name} grants`, `${role} may write`, GRANT));
    return findings.length > 0 ? findings : [ok(name, `can be read by ${role}, and no more`)];
  } catch (error) {
    return [broken(name, 'cannot be asked', detailOf(AvatarError.from(error)))];
  } finally {
    await directory.close();
  }
}
