/** What the service is compared with, each as a process on the loopback interface. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../test/support/ports.ts';
import { findProgram } from '../../test/support/programs.ts';
import { findIpx } from './machine.ts';
import type { Source } from './plain-server.ts';
import { type Asked, untilAnswered } from './service.ts';
import type { Running, Workshop } from './workshop.ts';

export type Peer = Running & { readonly url: string };

/** Sent by Node itself for every reply, so not for us to repeat. */
const NODES_OWN = new Set(['date', 'connection', 'keep-alive', 'transfer-encoding']);

/** node:http that sends what the service sent; without a sample, two bytes. */
export async function startBare(
  workshop: Workshop,
  { sample, core }: { sample?: Asked; core?: number | undefined } = {},
): Promise<Peer> {
  const port = await freePort();
  const args = [join(import.meta.dirname, 'bare-server.js'), `${port}`];
  if (sample !== undefined) {
    const base = join(workshop.folder, `bare-${port}`);
    const headers = Object.entries(sample.headers).filter(([name]) => !NODES_OWN.has(name));
    writeFileSync(`${base}.json`, JSON.stringify(Object.fromEntries(headers)));
    writeFileSync(`${base}.body`, sample.body);
    args.push(`${base}.json`, `${base}.body`);
  }
  return await started(workshop.start(process.execPath, args, { core }), port, '/');
}

/** The least a server of avatars does (`plain-server.ts`). */
export async function startPlain(workshop: Workshop, source: Source): Promise<Peer> {
  const port = await freePort();
  const args = [join(import.meta.dirname, 'plain-server.ts'), `${port}`, JSON.stringify(source)];
  const running = workshop.start(process.execPath, args, {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  return await started(running, port, '/');
}

type NginxSite = {
  readonly workers: number;
  readonly core?: number | undefined;
  /** Inside `http {}`, before the server. */
  readonly http?: string;
  /** Inside `server {}`. */
  readonly server: string;
  readonly modules?: readonly string[];
};

/** nginx in a folder of its own; undefined when it, or one of the modules, is not installed. */
export async function startNginx(workshop: Workshop, site: NginxSite): Promise<Peer | undefined> {
  const nginx = findProgram('nginx');
  if (nginx === undefined) return undefined;
  const port = await freePort();
  const folder = join(workshop.folder, `nginx-${port}`);
  mkdirSync(join(folder, 'temp'), { recursive: true });
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  writeFileSync(
    join(folder, 'nginx.conf'),
    `daemon off;
pid ${folder}/pid;
error_log ${folder}/error.log;
worker_processes ${site.workers};
${process.getuid?.() === 0 ? 'user root;' : ''}
${(site.modules ?? []).map((file) => `load_module ${file};`).join('\n')}
events { worker_connections 1024; }
http {
  ${temporary.map((name) => `${name}_temp_path ${folder}/temp/${name};`).join('\n  ')}
  access_log off;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 100000000;
  default_type application/octet-stream;
  types { image/jpeg jpg; image/png png; image/webp webp; image/gif gif; }
  ${(site.http ?? '').replaceAll('FOLDER', folder)}
  server {
    listen 127.0.0.1:${port};
    location = /alive { return 200 "ok"; }
    ${site.server.replaceAll('FOLDER', folder)}
  }
}
`,
  );
  const args = ['-p', folder, '-c', 'nginx.conf', '-e', 'error.log'];
  const running = workshop.start(nginx, args, {
    core: site.core,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  return await started(running, port, '/alive');
}

const MODULE_FOLDERS = ['/usr/lib/nginx/modules', '/usr/lib64/nginx/modules', '/etc/nginx/modules'];

/** Where nginx keeps a module that is loaded at run time. */
export function nginxModule(name: string, exists: (file: string) => boolean): string | undefined {
  return MODULE_FOLDERS.map((folder) => join(folder, name)).find(exists);
}

/** ipx on a folder with this picture in it; undefined when it is not installed. */
export async function startIpx(
  workshop: Workshop,
  folder: string,
  core?: number,
  sample = 'avatar.jpg',
): Promise<Peer | undefined> {
  const script = findIpx();
  if (script === undefined) return undefined;
  const port = await freePort();
  const running = workshop.start(process.execPath, [script, 'serve'], {
    core,
    env: { HOST: '127.0.0.1', PORT: `${port}`, IPX_FS_DIR: folder, NODE_ENV: 'production' },
  });
  return await started(running, port, `/s_24x24,f_png/${sample}`);
}

async function started(running: Running, port: number, path: string): Promise<Peer> {
  const url = `http://127.0.0.1:${port}`;
  await untilAnswered(`${url}${path}`, running);
  return { ...running, url };
}
