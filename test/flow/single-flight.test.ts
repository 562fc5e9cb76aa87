import { describe, expect, it } from 'vitest';
import { SingleFlight } from '../../src/flow/single-flight.ts';

const never = new AbortController().signal;

/** Work that ends when told to, and notes how often it was begun and whether it was called off. */
function controlled() {
  const runs: (PromiseWithResolvers<string> & { signal: AbortSignal })[] = [];
  const work = (signal: AbortSignal): Promise<string> => {
    const run = { ...Promise.withResolvers<string>(), signal };
    runs.push(run);
    return run.promise;
  };
  return { runs, work };
}

describe('single flight', () => {
  it('does the work once for all who ask at the same time', async () => {
    const flights = new SingleFlight<string>(() => false);
    const { runs, work } = controlled();
    const passengers = Array.from({ length: 20 }, () => flights.run('k', never, work));
    runs[0]?.resolve('done');
    const results = await Promise.all(passengers);
    expect(runs).toHaveLength(1);
    expect(results.map(({ result }) => result)).toEqual(Array.from({ length: 20 }, () => 'done'));
    expect(results.filter(({ joined }) => !joined)).toHaveLength(1);
    expect(flights.has('k')).toBe(false);
  });

  it('keeps different keys apart', async () => {
    const flights = new SingleFlight<string>(() => false);
    const a = flights.run('a', never, () => Promise.resolve('A'));
    const b = flights.run('b', never, () => Promise.resolve('B'));
    expect([(await a).result, (await b).result]).toEqual(['A', 'B']);
  });

  it('tells who alone has the result, and that those who left may have it too', async () => {
    const flights = new SingleFlight<string>(() => false);
    const { runs, work } = controlled();
    const alone = flights.run('alone', never, work);
    const first = flights.run('k', never, work);
    const client = new AbortController();
    const second = flights.run('k', client.signal, work);
    client.abort(new Error('left'));
    await expect(second).rejects.toThrow('left');
    for (const run of runs) run.resolve('done');
    expect([(await alone).isAlone, (await first).isAlone]).toEqual([true, false]);
  });

  it('goes on when the one who began it leaves', async () => {
    const flights = new SingleFlight<string>(() => false);
    const { runs, work } = controlled();
    const first = new AbortController();
    const leaving = flights.run('k', first.signal, work);
    const staying = flights.run('k', never, work);
    first.abort(new Error('left'));
    await expect(leaving).rejects.toThrow('left');
    expect(runs[0]?.signal.aborted).toBe(false);
    runs[0]?.resolve('done');
    expect(await staying).toEqual({
      result: 'done',
      joined: true,
      isAlone: false,
    });
  });

  it('is called off when the last one leaves, and begins anew for the next', async () => {
    const flights = new SingleFlight<string>(() => false);
    const { runs, work } = controlled();
    const [one, two] = [new AbortController(), new AbortController()];
    const both = [flights.run('k', one.signal, work), flights.run('k', two.signal, work)];
    one.abort(new Error('left'));
    two.abort(new Error('left'));
    await Promise.allSettled(both);
    expect(runs[0]?.signal.aborted).toBe(true);
    expect(flights.has('k')).toBe(false);

    const next = flights.run('k', never, work);
    // The abandoned run lands late: that must not end the new one.
    runs[0]?.reject(new Error('late'));
    await Promise.resolve();
    expect(flights.has('k')).toBe(true);
    runs[1]?.resolve('fresh');
    expect((await next).result).toBe('fresh');
  });

  it('gives those who joined one try of their own, together, after a failure worth repeating', async () => {
    const flights = new SingleFlight<string>(() => true);
    const { runs, work } = controlled();
    const first = flights.run('k', never, work);
    const joined = [flights.run('k', never, work), flights.run('k', never, work)];
    runs[0]?.reject(new Error('out of time'));
    await expect(first).rejects.toThrow('out of time');
    runs[1]?.resolve('done');
    expect((await Promise.all(joined)).map(({ result }) => result)).toEqual(['done', 'done']);
    expect(runs).toHaveLength(2);
  });

  it('is called off when all leave, though what they leave with be worth repeating', async () => {
    const flights = new SingleFlight<string>(() => true);
    const { runs, work } = controlled();
    const [one, two] = [new AbortController(), new AbortController()];
    const both = [flights.run('k', one.signal, work), flights.run('k', two.signal, work)];
    one.abort(new Error('first left'));
    two.abort(new Error('second left'));
    await expect(both[0]).rejects.toThrow('first left');
    await expect(both[1]).rejects.toThrow('second left');
    expect(runs.map(({ signal }) => signal.aborted)).toEqual([true]);
    expect(flights.has('k')).toBe(false);
  });

  it('fails all with a verdict, which would be the same again', async () => {
    const flights = new SingleFlight<string>(() => false);
    const { runs, work } = controlled();
    const all = [flights.run('k', never, work), flights.run('k', never, work)];
    runs[0]?.reject(new Error('corrupt'));
    const results = await Promise.allSettled(all);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(runs).toHaveLength(1);
  });

  it('does not start for one who has left already', async () => {
    const flights = new SingleFlight<string>(() => false);
    const { runs, work } = controlled();
    const gone = AbortSignal.abort(new Error('left'));
    await expect(flights.run('k', gone, work)).rejects.toThrow('left');
    expect(runs).toHaveLength(0);
    expect(flights.has('k')).toBe(false);
  });

  it('goes on for others when one comes who has left already', async () => {
    const flights = new SingleFlight<string>(() => false);
    const { runs, work } = controlled();
    const waiting = flights.run('k', never, work);
    const gone = AbortSignal.abort(new Error('left'));
    await expect(flights.run('k', gone, work)).rejects.toThrow('left');
    expect(runs[0]?.signal.aborted).toBe(false);
    runs[0]?.resolve('done');
    expect(await waiting).toMatchObject({ result: 'done', isAlone: true });
  });
});
