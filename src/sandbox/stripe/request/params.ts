import qs from 'qs';
import { invalid } from '../refusal.ts';

/** Parameters after decoding: text until a schema says that it is a number or a truth value. */
export type ParamValue = string | number | boolean | readonly ParamValue[] | Params;
export interface Params {
  readonly [name: string]: ParamValue | undefined;
}

const MAX_DEPTH = 10;
const MAX_PARAMETERS = 2000;
const MAX_ARRAY = 1000;

/** Decodes `a[b]=1&c[]=2&d[0]=3`, the form of bodies and of query strings alike. */
export function decodeForm(text: string): Params {
  if (text === '') return {};
  const decoded = qs.parse(text, {
    depth: MAX_DEPTH,
    parameterLimit: MAX_PARAMETERS,
    arrayLimit: MAX_ARRAY,
    plainObjects: true,
  });
  return clean(decoded) as Params;
}

/** `qs` leaves the depth that it does not follow as a name with brackets, which no schema knows; nothing is lost. */
function clean(value: unknown): ParamValue {
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) return value.map(clean);
  if (typeof value !== 'object' || value === null)
    throw invalid('Invalid request: a parameter has no value.');
  return Object.fromEntries(
    Object.entries(value).map(([name, member]): [string, ParamValue] => [name, clean(member)]),
  );
}

export function isObject(value: ParamValue | undefined): value is Params {
  return typeof value === 'object' && !Array.isArray(value);
}

export function isList(value: ParamValue | undefined): value is readonly ParamValue[] {
  return Array.isArray(value);
}

/** The text of a parameter that its schema has checked; nothing where it was not sent or was sent empty. */
export function text(params: Params, name: string): string | null {
  const value = params[name];
  return typeof value === 'string' && value !== '' ? value : null;
}

export function integer(params: Params, name: string): number | null {
  const value = params[name];
  return typeof value === 'number' ? value : null;
}

export function flag(params: Params, name: string): boolean {
  return params[name] === true;
}

export function texts(params: Params, name: string): readonly string[] | null {
  const value = params[name];
  return Array.isArray(value)
    ? value.filter((member): member is string => typeof member === 'string')
    : null;
}
