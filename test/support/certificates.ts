/** A private certificate authority, as companies have them, and what it certifies. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/** Paths of files as PEM. */
type Certificate = { readonly cert: string; readonly key: string };

export type Authority = {
  readonly folder: string;
  /** Of the authority itself. */
  readonly ca: string;
  /** @param name the only host it is for */
  certify(name: string, days?: number): Promise<Certificate>;
  remove(): Promise<void>;
};

export async function createAuthority(): Promise<Authority> {
  const folder = await mkdtemp(join(tmpdir(), 'avatar-tls-'));
  const issue = async (options: string): Promise<void> => {
    const command = `req -x509 -newkey rsa:2048 -nodes ${options}`;
    await execute('openssl', command.split(' '), { cwd: folder });
  };
  await issue('-days 2 -subj /CN=CA -keyout ca.key -out ca.pem');
  return {
    folder,
    ca: join(folder, 'ca.pem'),
    async certify(name, days = 2) {
      await issue(
        `-days ${days} -CA ca.pem -CAkey ca.key -subj /CN=${name} -addext subjectAltName=DNS:${name} ` +
          `-addext basicConstraints=critical,CA:FALSE -keyout ${name}.key -out ${name}.pem`,
      );
      return { cert: join(folder, `${name}.pem`), key: join(folder, `${name}.key`) };
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}
