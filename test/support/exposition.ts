/** The text Prometheus scrapes, taken apart. */
type Sample = {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
};

export type Family = {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly samples: readonly Sample[];
};

/** @throws Error when a line is no line of the format, or a sample is of no family */
export function parseExposition(text: string): Map<string, Family> {
  const families = new Map<string, Family & { samples: Sample[] }>();
  let help = '';
  for (const line of text.split('\n').filter((each) => each !== '')) {
    const comment = /^# (?<kind>HELP|TYPE) (?<name>\w+) (?<rest>.+)$/.exec(line)?.groups;
    if (comment?.['kind'] === 'HELP') {
      help = comment['rest'] ?? '';
    } else if (comment?.['name'] !== undefined) {
      const { name, rest: type = '' } = comment;
      families.set(name, { name, type, help, samples: [] });
    } else {
      const sample = parseSample(line);
      familyOf(sample.name, families).samples.push(sample);
    }
  }
  return families;
}

function parseSample(line: string): Sample {
  const parts = /^(?<name>\w+)(?:\{(?<labels>.*)\})? (?<value>\S+)$/.exec(line)?.groups;
  if (parts?.['name'] === undefined) throw new Error(`not a sample: ${line}`);
  const pairs = (parts['labels'] ?? '').matchAll(/(?<label>\w+)="(?<value>(?:[^"\\]|\\.)*)"/g);
  const labels = Array.from(pairs, ({ groups }) => [groups?.['label'], groups?.['value']] as const);
  return { name: parts['name'], labels: Object.fromEntries(labels), value: Number(parts['value']) };
}

function familyOf<Found>(name: string, families: ReadonlyMap<string, Found>): Found {
  const family = families.get(name) ?? families.get(name.replace(/_(?:bucket|sum|count)$/, ''));
  if (family === undefined) throw new Error(`a sample of no family: ${name}`);
  return family;
}
