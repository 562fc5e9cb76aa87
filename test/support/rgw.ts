/**
 * Ceph's RADOS Gateway as an S3 server for tests: one monitor, one osd that keeps everything in
 * memory, one gateway, all on the loopback interface and in one folder that goes away with them.
 *
 * Debian and Ubuntu: `apt-get install --no-install-recommends radosgw ceph-mon ceph-osd`.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { closeSync, openSync, rmSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { freePort } from './ports.ts';
import { findProgram } from './programs.ts';

const run = promisify(execFile);

const NEEDED = [
  'radosgw',
  'radosgw-admin',
  'ceph',
  'ceph-mon',
  'ceph-osd',
  'ceph-authtool',
  'monmaptool',
];

type Rgw = {
  readonly endpoint: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** What `createRgwUser` needs to reach this cluster from any process. */
  readonly folder: string;
  readonly stop: () => void;
};

export function rgwIsInstalled(): boolean {
  return NEEDED.every((name) => findProgram(name) !== undefined);
}

/** Takes 1.5 s on an idle machine. */
export async function startRgw(): Promise<Rgw> {
  // Unix sockets live in it, and their paths end at 107 bytes: hence the short name.
  const folder = await mkdtemp(join(tmpdir(), 'rgw-'));
  const children: ChildProcess[] = [];
  const stop = (): void => {
    process.off('exit', stop);
    // There is nothing to save, and the osd takes seconds to shut down in order.
    for (const child of children) child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  };
  process.once('exit', stop);
  try {
    const port = await freePort();
    const start = (name: string, ...args: string[]): void => {
      children.push(spawnDaemon(folder, name, args));
    };
    await createCluster(folder, port);
    start('ceph-mon', '-i', 'a');
    await ceph(folder, 'osd', 'new', OSD_UUID, '0');
    await run('ceph-osd', ['-i', '0', '--mkfs', '--osd-uuid', OSD_UUID, ...configOf(folder)]);
    start('ceph-osd', '-i', '0');
    await until('the osd', folder, async () =>
      (await ceph(folder, 'osd', 'stat')).includes('1 up'),
    );
    const owner = await createRgwUser(folder, 'owner');
    start('radosgw', '-n', 'client.rgw');
    const endpoint = `http://127.0.0.1:${port}`;
    await until('the gateway', folder, () => answers(endpoint));
    return { endpoint, ...owner, folder, stop };
  } catch (error) {
    stop();
    throw error;
  }
}

/** @returns fresh credentials of a user who may do nothing until a bucket's policy says so. */
export async function createRgwUser(
  folder: string,
  uid: string,
): Promise<{ accessKeyId: string; secretAccessKey: string }> {
  const accessKeyId = `AKIA${randomUUID().replaceAll('-', '').slice(0, 16).toUpperCase()}`;
  const secretAccessKey = randomUUID();
  const user = [`--uid=${uid}`, `--display-name=${uid}`];
  const keys = [`--access-key=${accessKeyId}`, `--secret-key=${secretAccessKey}`];
  const as = [...configOf(folder), '-n', 'client.rgw'];
  await run('radosgw-admin', [...as, 'user', 'create', ...user, ...keys]);
  return { accessKeyId, secretAccessKey };
}

const OSD_UUID = '11111111-2222-3333-4444-555555555555';
const CLUSTER_UUID = '00000000-1111-2222-3333-444444444444';

async function createCluster(folder: string, gatewayPort: number): Promise<void> {
  const monitor = `[v2:127.0.0.1:${await freePort()}/0]`;
  const keyring = join(folder, 'keyring');
  const monmap = join(folder, 'monmap');
  for (const name of ['mon', 'osd', 'rgw', 'run']) await mkdir(join(folder, name));
  await writeFile(join(folder, 'ceph.conf'), configuration(folder, monitor, gatewayPort));
  await writeFile(keyring, '');
  const allowAll = [
    '--cap',
    'mon',
    'allow *',
    '--cap',
    'osd',
    'allow *',
    '--cap',
    'mgr',
    'allow *',
  ];
  for (const name of ['mon.', 'client.admin', 'client.rgw', 'osd.0']) {
    await run('ceph-authtool', [keyring, '--gen-key', '-n', name, ...allowAll]);
  }
  await run('monmaptool', ['--create', '--fsid', CLUSTER_UUID, '--addv', 'a', monitor, monmap]);
  await run('ceph-mon', ['--mkfs', '-i', 'a', '--monmap', monmap, ...configOf(folder)]);
}

function configuration(folder: string, monitor: string, gatewayPort: number): string {
  return `[global]
fsid = ${CLUSTER_UUID}
mon_host = ${monitor}
mon_initial_members = a
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
ms_bind_msgr1 = false
run_dir = ${folder}/run
pid_file =
admin_socket = ${folder}/run/$name.asok
log_file = ${folder}/run/$name.log
log_to_stderr = false
err_to_stderr = false
keyring = ${folder}/keyring
mon_data = ${folder}/mon
osd_data = ${folder}/osd
# A cluster of one, which need not wait for anybody nor keep anything.
paxos_propose_interval = 0.02
paxos_min_wait = 0.005
mon_osd_initial_require_min_compat_client = luminous
mon_allow_pool_size_one = true
mon_warn_on_pool_no_redundancy = false
mon_data_avail_crit = 0
mon_osd_min_up_ratio = 0
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 4
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
osd_objectstore = memstore
memstore_device_bytes = 536870912
memstore_page_set = true
osd_class_update_on_start = true
osd_max_object_name_len = 2048
osd_max_object_namespace_len = 256
[client.rgw]
rgw_frontends = beast endpoint=127.0.0.1:${gatewayPort}
rgw_data = ${folder}/rgw
rgw_dns_name = localhost
rgw_enable_usage_log = false
rgw_enable_gc_threads = false
rgw_enable_lc_threads = false
rgw_enable_quota_threads = false
rgw_run_sync_thread = false
rgw_num_async_rados_threads = 4
rgw_thread_pool_size = 32
`;
}

function configOf(folder: string): string[] {
  return ['-c', join(folder, 'ceph.conf')];
}

function spawnDaemon(folder: string, name: string, args: readonly string[]): ChildProcess {
  const output = openSync(join(folder, 'run', `${name}.out`), 'a');
  const child = spawn(name, [...args, ...configOf(folder), '-f'], {
    stdio: ['ignore', output, output],
  });
  // Reported by until(), which never sees what was not started.
  child.on('error', () => undefined);
  child.unref();
  closeSync(output);
  return child;
}

async function ceph(folder: string, ...args: readonly string[]): Promise<string> {
  const { stdout } = await run('ceph', [...configOf(folder), '--connect-timeout', '20', ...args]);
  return stdout;
}

async function answers(endpoint: string): Promise<boolean> {
  return new Promise((resolve) => {
    get(endpoint, (response) => {
      response.resume();
      resolve(true);
    }).on('error', () => {
      resolve(false);
    });
  });
}

const STARTS_WITHIN_MS = 40_000;

async function until(what: string, folder: string, isSo: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + STARTS_WITHIN_MS;
  while (!(await isSo())) {
    if (Date.now() > deadline) {
      const log = await readFile(join(folder, 'run', 'radosgw.out'), 'utf8').catch(String);
      throw new Error(`Ceph RGW for tests: ${what} did not start. ${log}`);
    }
    await sleep(50);
  }
}
