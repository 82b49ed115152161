import { join } from 'node:path';
import { PayreconError, type Problem } from '../domain/errors.ts';
import { encodingProblem } from '../domain/request/field-rules.ts';
import { chooseProxy, type Proxy } from '../proxy/choose.ts';
import { parseDatabase, type Database } from './database.ts';
import {
  DATABASE_DECLARATION,
  DATABASE_URL,
  DECLARATIONS,
  STRIPE_RPS,
  type Declaration,
  type DeclaredValues,
  type Property,
} from './declarations.ts';
import { noteEndpoints } from './endpoints.ts';
import { permissionWarnings } from './permissions.ts';
import { unknownVariables } from './settings-file.ts';
import { Lookup, SET_BUT_EMPTY, type Found, type Notes, type SettingsSources } from './sources.ts';

export type StripeMode = 'test' | 'live' | 'none';

/**
 * Everything that can be set, checked. Times in milliseconds. It holds the keys: never print it, print
 * what `describeSettings` says.
 */
export interface Settings extends Omit<DeclaredValues, 'stripeRps'> {
  readonly database: Database;
  readonly stripeMode: StripeMode;
  readonly stripeRps: number;
  /** What HTTPS_PROXY, HTTP_PROXY and NO_PROXY say about the way to each; null: nothing stands between. */
  readonly stripeProxy: Proxy | null;
  readonly sendgridProxy: Proxy | null;
  /** Sentences for the person; nothing that stops a command. */
  readonly warnings: readonly string[];
  /** Where each came from, by the variable's name; names that are missing have their default. */
  readonly origins: ReadonlyMap<string, string>;
}

/**
 * Reads and checks every setting: flags before environment before file before defaults. Throws one
 * PayreconError (`configuration`) with every problem: code `bad_settings`, or `live_key_refused` when
 * the only thing in the way is that nobody allowed real money. A missing key is no problem here:
 * `requireStripe` asks for it where it is needed.
 */
export function loadSettings(sources: SettingsSources): Settings {
  const notes: Notes = { problems: [], warnings: [] };
  const origins = new Map<string, string>();
  const lookup = new Lookup(sources, notes);
  const read = <Value>(declaration: Declaration<Value>): Value | null => {
    const { name, fallback, parse, whenEmpty } = declaration;
    const found = lookup.find(declaration);
    if (found !== null && (found.text !== '' || whenEmpty !== 'nothing'))
      return take(found, name, parse);
    if (found !== null) origins.set(name, found.source);
    const standard = fallback === null ? null : parse(fallback);
    return standard?.ok === true ? standard.value : null;
  };
  const take = <Value>(
    found: Found,
    name: string,
    parse: Declaration<Value>['parse'],
  ): Value | null => {
    origins.set(name, found.source);
    const refused =
      found.text === '' && found.source !== 'flag' ? SET_BUT_EMPTY : encodingProblem(found.text);
    const parsed = refused === null ? parse(found.text) : { ok: false as const, message: refused };
    if (parsed.ok) return parsed.value;
    notes.problems.push({ field: found.field, message: parsed.message });
    return null;
  };

  const declared = readDeclared(read);
  const database = readDatabase(lookup, sources, notes.problems, take);
  notes.problems.push(...unknownVariables(sources.environment));
  const stripeMode = modeOf(declared.stripeSecretKey);
  const proxies = readProxies(declared, sources, notes.problems);
  const refused = togetherProblems(declared, stripeMode, notes, sources);
  if (database === null || notes.problems.length > 0) throw badSettings(notes.problems, refused);

  if (database.kind === 'sqlite') {
    const { path } = database;
    notes.warnings.push(
      ...permissionWarnings(
        { path, mode: sources.permissions(path), about: 'the ledger', private: true },
        sources.permissions,
      ),
    );
  }
  const stripeRps =
    declared.stripeRps ?? (stripeMode === 'test' ? STRIPE_RPS.test : STRIPE_RPS.live);
  return {
    ...declared,
    database,
    stripeMode,
    stripeRps,
    ...proxies,
    warnings: notes.warnings,
    origins,
    configFile: lookup.file?.path ?? null,
  };
}

/** A value that is missing because it was wrong is only seen by `loadSettings`, which then throws. */
function readDeclared(read: (declaration: Declaration<unknown>) => unknown): DeclaredValues {
  const properties = Object.keys(DECLARATIONS) as Property[];
  return Object.fromEntries(
    properties.map((property) => [property, read(DECLARATIONS[property])]),
  ) as unknown as DeclaredValues;
}

function readDatabase(
  lookup: Lookup,
  { cwd, folders }: SettingsSources,
  problems: Problem[],
  take: (found: Found, name: string, parse: Declaration<Database>['parse']) => Database | null,
): Database | null {
  const found = lookup.find(DATABASE_DECLARATION);
  if (found !== null) return take(found, DATABASE_URL, (text) => parseDatabase(text, cwd));
  const { data } = folders();
  if (!data.ok) {
    problems.push(data.problem);
    return null;
  }
  const path = join(data.path, 'ledger.db');
  return { kind: 'sqlite', path, shown: `sqlite:${path}` };
}

const STRIPE_BASE = 'https://api.stripe.com';
const SENDGRID_BASE = 'https://api.sendgrid.com';

/** A proxy that cannot be read is a problem only for what would be sent through it. */
function readProxies(
  { stripeSecretKey, stripeApiBase, sendgridApiKey, sendgridApiBase }: DeclaredValues,
  { environment }: SettingsSources,
  problems: Problem[],
): Pick<Settings, 'stripeProxy' | 'sendgridProxy'> {
  const read = (key: string | null, base: string): Proxy | null => {
    const choice = chooseProxy(base, environment);
    if (choice.kind === 'proxy') return choice.proxy;
    if (choice.kind === 'direct' || key === null) return null;
    const { variable: field, message } = choice;
    if (!problems.some((problem) => problem.field === field)) problems.push({ field, message });
    return null;
  };
  return {
    stripeProxy: read(stripeSecretKey, stripeApiBase ?? STRIPE_BASE),
    sendgridProxy: read(sendgridApiKey, sendgridApiBase ?? SENDGRID_BASE),
  };
}

function modeOf(key: string | null): StripeMode {
  if (key === null) return 'none';
  return /^[sr]k_live_/.test(key) ? 'live' : 'test';
}

/** What is wrong with settings that are right one by one. Returns the refusal of the live key, where there is one. */
function togetherProblems(
  declared: DeclaredValues,
  mode: StripeMode,
  notes: Notes,
  { environment, unverifiedTls }: SettingsSources,
): Problem | null {
  const { backoffBaseMs, backoffCapMs, stripeApiBase, sendgridApiBase, sendgridApiKey, live } =
    declared;
  const { problems } = notes;
  if (backoffBaseMs > backoffCapMs) {
    problems.push({
      field: 'PAYRECON_BACKOFF_BASE',
      message: 'it must not be longer than PAYRECON_BACKOFF_CAP',
    });
  }
  const endpoints = {
    mode,
    stripeApiBase,
    sendgridApiBase,
    hasSendgridKey: sendgridApiKey !== null,
  };
  // The settings may have come from somewhere else than the environment that Node looks at.
  noteEndpoints(
    {
      ...endpoints,
      unverifiedTls: unverifiedTls || environment['NODE_TLS_REJECT_UNAUTHORIZED'] === '0',
    },
    notes,
  );
  // A wrong value of PAYRECON_LIVE is read as null, so it does not allow anything either.
  if (mode !== 'live' || live) return null;
  const refused = {
    field: 'STRIPE_SECRET_KEY',
    message: 'it is a live key, which moves real money: allow it with --live or PAYRECON_LIVE=1',
  };
  problems.push(refused);
  return refused;
}

/** The sentences stand in the problems; the message does not repeat them. */
function badSettings(problems: readonly Problem[], refused: Problem | null): PayreconError {
  if (refused !== null && problems.length === 1) {
    return new PayreconError(
      'live_key_refused',
      'a live key is refused unless real money is allowed',
      { problems },
    );
  }
  const message =
    problems.length === 1 ? 'a setting is wrong' : `${String(problems.length)} settings are wrong`;
  return new PayreconError('bad_settings', message, { problems });
}

/** The key, or a PayreconError (`configuration`, `stripe_key_missing`) that says where to put it. */
export function requireStripe(settings: Settings): {
  readonly secretKey: string;
  readonly mode: 'test' | 'live';
} {
  const { stripeSecretKey, stripeMode, origins } = settings;
  if (stripeSecretKey === null || stripeMode === 'none') {
    const message =
      'a secret key of Stripe is needed: put it into the variable STRIPE_SECRET_KEY, or name a file that holds it in STRIPE_SECRET_KEY_FILE';
    const missing = origins.has('STRIPE_SECRET_KEY')
      ? 'it is missing: the variable is set but empty'
      : 'it is missing';
    throw new PayreconError('stripe_key_missing', message, {
      problems: [{ field: 'STRIPE_SECRET_KEY', message: missing }],
    });
  }
  return { secretKey: stripeSecretKey, mode: stripeMode };
}
