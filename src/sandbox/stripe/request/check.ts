// Checks decoded parameters against the schemas made from Stripe's own declarations, and says what is wrong in
// Stripe's words.
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import { invalid, type Refusal } from '../refusal.ts';
import { isList, isObject, type Params, type ParamValue } from './params.ts';
import schemas from '../../schemas/requests.generated.json' with { type: 'json' };

export type RequestName = keyof typeof schemas.requests;

interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly Schema[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: boolean | Schema;
}

const REQUESTS: Readonly<Record<RequestName, Schema & { readonly $ref: string }>> =
  schemas.requests;
const DEFINITIONS: Readonly<Record<string, Schema | undefined>> = schemas.definitions;

/** Parts that several requests share are compiled once, when the first of them is checked. */
const BUNDLE = 'requests';
const ajv = new Ajv({ allErrors: true, strict: false, validateSchema: false });
ajv.addSchema({ $id: BUNDLE, definitions: schemas.definitions });
const validators = new Map<RequestName, ValidateFunction>();

/** The parameters with numbers and truth values in place of their text; throws a Refusal where Stripe would refuse. */
export function checkRequest(name: RequestName, params: Params): Params {
  const schema = REQUESTS[name];
  if ('payment_method_types' in params && !knows(schema, 'payment_method_types')) {
    throw invalid(
      'The `payment_method_types` parameter is no longer supported in this API version. Use `allowed_payment_method_types` instead.',
      'payment_method_types',
      'payment_method_types_no_longer_supported',
    );
  }
  const coerced = coerceObject(alternatives(schema), params, '');
  const validate = validatorOf(name);
  if (!validate(coerced)) throw explain(validate.errors ?? [], schema, coerced);
  return coerced;
}

/** Compiles all checks, so that no client waits for it at its first request. */
export function prepareChecks(): void {
  for (const name of Object.keys(REQUESTS)) validatorOf(name as RequestName);
}

function validatorOf(name: RequestName): ValidateFunction {
  const known = validators.get(name);
  if (known !== undefined) return known;
  const validate = ajv.compile({ $ref: `${BUNDLE}${REQUESTS[name].$ref}` });
  validators.set(name, validate);
  return validate;
}

function resolve(schema: Schema): Schema {
  if (schema.$ref === undefined) return schema;
  const target = DEFINITIONS[schema.$ref.replace('#/definitions/', '')];
  if (target === undefined)
    throw new Error(`the request schemas refer to ${schema.$ref}, which they do not define`);
  return resolve(target);
}

function knows(schema: Schema, name: string): boolean {
  return Object.hasOwn(resolve(schema).properties ?? {}, name);
}

function alternatives(schema: Schema): readonly Schema[] {
  const resolved = resolve(schema);
  return resolved.anyOf === undefined ? [resolved] : resolved.anyOf.flatMap(alternatives);
}

function coerce(schema: Schema, value: ParamValue, path: string): ParamValue {
  const options = alternatives(schema);
  if (typeof value === 'string') return coerceText(options, value, path);
  if (isObject(value)) return coerceObject(options, value, path);
  const items = options.find((option) => option.type === 'array')?.items;
  if (items === undefined || !isList(value)) return value;
  return value.map((member, index) => coerce(items, member, `${path}[${index}]`));
}

function coerceObject(options: readonly Schema[], value: Params, path: string): Params {
  const target = options.find((option) => option.type === 'object');
  if (target === undefined) return value;
  const others =
    typeof target.additionalProperties === 'object' ? target.additionalProperties : null;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => {
      const schema = Object.hasOwn(target.properties ?? {}, name)
        ? target.properties?.[name]
        : others;
      const inner = path === '' ? name : `${path}[${name}]`;
      return [
        name,
        schema === null || schema === undefined || member === undefined
          ? member
          : coerce(schema, member, inner),
      ];
    }),
  );
}

function coerceText(options: readonly Schema[], value: string, path: string): ParamValue {
  if (value === '') {
    // A hash of free names, such as metadata, is emptied by an empty value.
    const canBeUnset = options.some(
      (option) => option.const === '' || typeof option.additionalProperties === 'object',
    );
    if (canBeUnset) return '';
    throw invalid(
      `You passed an empty string for '${path}'. We assume empty values are an attempt to unset a parameter; however '${path}' cannot be unset. You should remove '${path}' from your request or supply a non-empty value.`,
      path,
      'parameter_invalid_empty',
    );
  }
  const takes = (type: string) => options.some((option) => option.type === type);
  if (takes('string')) return value;
  if (takes('integer') && /^-?[0-9]{1,15}$/.test(value)) return Number(value);
  // Capitals are how Python and .NET write them; their libraries sent them so for years.
  if (takes('boolean') && /^(?:[tT]rue|[fF]alse)$/.test(value))
    return value.toLowerCase() === 'true';
  return value;
}

function explain(errors: readonly ErrorObject[], schema: Schema, params: Params): Refusal {
  const unknown = errors
    .filter((error) => error.keyword === 'additionalProperties')
    .map((error) => paramOf(error, 'additionalProperty'));
  const [firstUnknown] = unknown;
  if (firstUnknown !== undefined) {
    const names = [...new Set(unknown)];
    return invalid(
      `Received unknown parameter${names.length === 1 ? '' : 's'}: ${names.join(', ')}`,
      firstUnknown,
      'parameter_unknown',
    );
  }
  const absent = errors.find((error) => error.keyword === 'required');
  if (absent !== undefined) {
    const param = paramOf(absent, 'missingProperty');
    return invalid(`Missing required param: ${param}.`, param, 'parameter_missing');
  }
  const [first] = errors;
  const steps = (first?.instancePath ?? '')
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
  return explainValue(schema, params, steps);
}

/** Walks to the value that does not fit, and names what was expected in its place. */
function explainValue(schema: Schema, params: Params, steps: readonly string[]): Refusal {
  let options = alternatives(schema);
  let value: ParamValue | undefined = params;
  let path = '';
  for (const step of steps) {
    const parent = value as Readonly<Record<string, ParamValue | undefined>>;
    value = parent[step];
    options = options.flatMap((option) => {
      const others =
        typeof option.additionalProperties === 'object' ? option.additionalProperties : undefined;
      const inner = option.type === 'array' ? option.items : (option.properties?.[step] ?? others);
      return inner === undefined ? [] : alternatives(inner);
    });
    path = path === '' ? step : `${path}[${step}]`;
  }
  const shown =
    typeof value === 'object' || value === undefined ? JSON.stringify(value) : String(value);
  const values = options.flatMap((option) => option.enum ?? []).map(String);
  if (typeof value !== 'object' && values.length > 0) {
    const listed =
      values.length === 1
        ? (values[0] ?? '')
        : `${values.slice(0, -1).join(', ')}, or ${values.at(-1) ?? ''}`;
    return invalid(`Invalid ${path}: must be one of ${listed}`, path);
  }
  const wanted =
    ['integer', 'boolean', 'array', 'object', 'string'].find((type) =>
      options.some((option) => option.type === type),
    ) ?? 'value';
  const code = wanted === 'integer' ? 'parameter_invalid_integer' : null;
  return invalid(`Invalid ${wanted === 'object' ? 'hash' : wanted}: ${shown}`, path, code);
}

function paramOf(error: ErrorObject, name: 'additionalProperty' | 'missingProperty'): string {
  const params = error.params as Readonly<Record<string, unknown>>;
  const steps = [...error.instancePath.split('/').slice(1), String(params[name])];
  return steps.reduce((path, step) => (path === '' ? step : `${path}[${step}]`), '');
}
