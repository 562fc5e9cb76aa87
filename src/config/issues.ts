import { envSchema } from 'env-schema';
import type { ConfigIssue } from './error.ts';
import { redact } from './redact.ts';
import { type Environment, EnvironmentSchema, type Variable } from './schema.ts';

/** Their values hold passwords, which no log should. */
const SECRET: ReadonlySet<string> = new Set<Variable>(['AVATAR_DISCOURSE_URL']);

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
      for (const { instancePath, message, params } of error.errors) {
        const variable = instancePath.slice(1);
        this.add(variable, describe(message, params));
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
    const value = SECRET.has(variable) ? '…' : redact(this.#given[variable] ?? '');
    this.found.push({ variable, value, allowed });
  }
}

type AjvError = { instancePath: string; message?: string; params: Record<string, unknown> };

function isValidationError(error: unknown): error is Error & { errors: AjvError[] } {
  return error instanceof Error && 'errors' in error && Array.isArray(error.errors);
}

function isParseError(value: unknown): value is { error: string } {
  return typeof value === 'object' && value !== null && 'error' in value;
}

function describe(message = 'is not allowed', params: Record<string, unknown>): string {
  const allowed = params['allowedValues'];
  return Array.isArray(allowed) ? `must be one of ${allowed.join(', ')}` : message;
}
