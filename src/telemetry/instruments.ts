/** Metrics whose numbers somebody else keeps: read when somebody scrapes, and free until then. */
import { Counter, Gauge, type Registry } from 'prom-client';

/** Buckets for everything that takes time here. */
export const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

type Reading<Value> = {
  readonly name: string;
  readonly help: string;
  readonly read: () => Value;
};

export function readGauge(
  registry: Registry,
  { name, help, read }: Reading<number | Promise<number>>,
): void {
  const gauge: Gauge = new Gauge({
    name,
    help,
    registers: [registry],
    collect: async () => gauge.set(await read()),
  });
}

/** @param reading of a number that only grows */
export function readCounter(registry: Registry, { name, help, read }: Reading<number>): void {
  const counter: Counter = new Counter({
    name,
    help,
    registers: [registry],
    collect() {
      counter.reset();
      counter.inc(read());
    },
  });
}

/** Such numbers, one for each value of a label. */
export function readCounters(
  registry: Registry,
  label: string,
  { name, help, read }: Reading<Readonly<Record<string, number>>>,
): void {
  const counter: Counter = new Counter({
    name,
    help,
    labelNames: [label],
    registers: [registry],
    collect() {
      counter.reset();
      for (const [value, count] of Object.entries(read())) counter.inc({ [label]: value }, count);
    },
  });
}
