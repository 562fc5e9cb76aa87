import { envSchema } from 'env-schema';
import type { ConfigIssue } from './error.ts';
import { redactVariable } from './redact.ts';
import { type Environment, EnvironmentSchema, type Property, type Variable } from './schema.ts';

/** Collects what is wrong while everything is looked at. */
export class Issues {
  readonly found: ConfigIssue[] = [];
  readonly #given: Record<string, string>;

  /** @param variables where an empty value, as compose files have them, counts as not set */
  constructor(variables: Readonly<Record<string, string | undefined>>) {
    this.#given = {};
    for (const [name, value] of Object.entries(variables)) {
      if (value !== undefined && value !== '') this.#given[name] = value;
    }
  }

  validate(): Environment | undefined {
    try {
      return envSchema<Environment>({
        schema: EnvironmentSchema,
        env: false,
        data: this.#given,
        ajv: { customOptions: (ajv) => ajv.addKeyword('documentedDefault') },
      });
    } catch (error) {
      if (!isValidationError(error)) throw error;
      for (const each of error.errors) {
        const variable = each.instancePath.slice(1);
        this.add(variable, describe(variable, each));
      }
      return undefined;
    }
  }

  parse<Value>(
    variable: Variable,
    parser: (text: string) => Value | { error: string },
    whenUnset: Value,
  ): Value {
    const property = EnvironmentSchema.properties[variable];
    const text = this.#given[variable] ?? ('default' in property ? property.default : undefined);
    if (typeof text !== 'string') return whenUnset;
    const value = parser(text);
    if (!isParseError(value)) return value;
    this.add(variable, value.error);
    return whenUnset;
  }

  add(variable: string, allowed: string): void {
    const value = redactVariable(variable, this.#given[variable] ?? '');
    this.found.push({ variable, value, allowed });
  }
}

type AjvError = {
  keyword: string;
  instancePath: string;
  message?: string;
  params: Record<string, unknown>;
};

function isValidationError(error: unknown): error is Error & { errors: AjvError[] } {
  return error instanceof Error && 'errors' in error && Array.isArray(error.errors);
}

function isParseError(value: unknown): value is { error: string } {
  return typeof value === 'object' && value !== null && 'error' in value;
}

/** A list of what there is, and an example, are easier to read than a regular expression. */
function describe(variable: string, { keyword, message, params }: AjvError): string {
  const allowed = params['allowedValues'];
  if (Array.isArray(allowed)) return `must be one of ${allowed.join(', ')}`;
  const properties: Readonly<Record<string, Property>> = EnvironmentSchema.properties;
  const examples = properties[variable]?.examples ?? [];
  if (keyword === 'pattern' && examples.length > 0) return `must be as in ${examples.join(', ')}`;
  return message ?? 'is not allowed';
}
