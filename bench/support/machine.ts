/** On what the numbers were taken. */
import { execFileSync } from 'node:child_process';
import { accessSync, readFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { findProgram, isExecutable } from '../../test/support/programs.ts';
import sharp from 'sharp';

/** ImageMagick 7, or 6 as Debian has it. */
export function findImageMagick(): string | undefined {
  return findProgram('magick') ?? ['/usr/bin/convert'].find(isExecutable) ?? findProgram('convert');
}

export function describeMachine(): string {
  const model = cpus()[0]?.model.trim() ?? 'unknown processor';
  const memory = Math.round(totalmem() / 2 ** 30);
  const load = loadavg()[0]?.toFixed(1) ?? '?';
  const versions = [
    `Node ${process.versions.node}`,
    `sharp ${sharp.versions['sharp'] ?? '?'} (libvips ${sharp.versions.vips})`,
    firstLine('nginx', ['-v']),
    firstLine('wrk', ['-v']),
    imageMagickVersion(),
  ].filter((version) => version !== '');
  return (
    `${model}, ${availableParallelism()} cores, ${memory} GB, Linux ${kernel()}, ` +
    `load ${load} when it began (1 minute). ${versions.join(' · ')} · ipx ${ipxVersion()}.`
  );
}

/** Without what whoever built it has added. */
function kernel(): string {
  return /^[\d.]+/.exec(release())?.[0] ?? '?';
}

function firstLine(name: string, args: readonly string[]): string {
  const program = findProgram(name);
  if (program === undefined) return '';
  return output(program, args).split('\n')[0]?.replace('nginx version: ', '').slice(0, 30) ?? '';
}

function imageMagickVersion(): string {
  const program = findImageMagick();
  if (program === undefined) return '';
  return /ImageMagick [\d.-]+/.exec(output(program, ['-version']))?.[0] ?? '';
}

/** Both outputs: nginx tells its version on the second, and wrk ends with 1 after telling it. */
function output(program: string, args: readonly string[]): string {
  try {
    return execFileSync('/bin/sh', ['-c', '"$@" 2>&1; true', 'sh', program, ...args]).toString();
  } catch {
    return '';
  }
}

const ROOT = join(import.meta.dirname, '..', '..');

/** The peer's start script, or undefined when it is not installed. */
export function findIpx(): string | undefined {
  const script = join(ROOT, 'node_modules', 'ipx', 'bin', 'ipx.mjs');
  try {
    accessSync(script);
    return script;
  } catch {
    return undefined;
  }
}

function ipxVersion(): string {
  try {
    const file = join(ROOT, 'node_modules', 'ipx', 'package.json');
    return /"version": "([^"]+)"/.exec(readFileSync(file, 'utf8'))?.[1] ?? '?';
  } catch {
    return 'not installed';
  }
}
