/** The configuration as a Markdown table, from the schema that validates it. */
import { EnvironmentSchema } from '../src/config/schema.ts';

type Property = {
  readonly type?: string;
  readonly enum?: readonly string[];
  readonly default?: string | number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly description?: string;
  readonly documentedDefault?: string;
};

export function configurationTable(): string {
  const rows = Object.entries<Property>(EnvironmentSchema.properties).map(
    ([name, property]) =>
      `| \`${name}\` | ${defaultOf(property)} | ${escaped(property.description ?? '')}${rangeOf(property)} |`,
  );
  return ['| variable | default | meaning |', '| --- | --- | --- |', ...rows].join('\n');
}

function defaultOf({ documentedDefault, default: value }: Property): string {
  if (documentedDefault !== undefined) return documentedDefault;
  return value === undefined || value === '' ? 'none' : `\`${escaped(String(value))}\``;
}

function rangeOf({ type, enum: values, minimum, maximum }: Property): string {
  if (values !== undefined) return ` (${values.map((value) => `\`${value}\``).join(', ')})`;
  return type === 'integer' ? ` (${minimum} to ${maximum})` : '';
}

function escaped(text: string): string {
  return text.replaceAll('|', '\\|');
}
