// Makes the request schemas of the sandbox from the type declarations of the `stripe` package, so that what the
// sandbox refuses is what Stripe's own declarations do not allow. Run `npm run generate:schemas` after an update of
// the package; a test compares the committed file with what this makes.
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { argv } from 'node:process';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { createGenerator, type Schema } from 'ts-json-schema-generator';

/** Endpoint of the sandbox -> declaration file and type of its parameters. */
const REQUESTS = {
  'account.retrieve': ['Accounts', 'AccountRetrieveCurrentParams'],
  'balance.retrieve': ['Balance', 'BalanceRetrieveParams'],
  'charges.list': ['Charges', 'ChargeListParams'],
  'charges.retrieve': ['Charges', 'ChargeRetrieveParams'],
  'customers.create': ['Customers', 'CustomerCreateParams'],
  'customers.retrieve': ['Customers', 'CustomerRetrieveParams'],
  'events.list': ['Events', 'EventListParams'],
  'events.retrieve': ['Events', 'EventRetrieveParams'],
  'payment_intents.cancel': ['PaymentIntents', 'PaymentIntentCancelParams'],
  'payment_intents.capture': ['PaymentIntents', 'PaymentIntentCaptureParams'],
  'payment_intents.confirm': ['PaymentIntents', 'PaymentIntentConfirmParams'],
  'payment_intents.create': ['PaymentIntents', 'PaymentIntentCreateParams'],
  'payment_intents.list': ['PaymentIntents', 'PaymentIntentListParams'],
  'payment_intents.retrieve': ['PaymentIntents', 'PaymentIntentRetrieveParams'],
  'payment_intents.search': ['PaymentIntents', 'PaymentIntentSearchParams'],
  'payment_intents.update': ['PaymentIntents', 'PaymentIntentUpdateParams'],
  'payment_methods.attach': ['PaymentMethods', 'PaymentMethodAttachParams'],
  'payment_methods.retrieve': ['PaymentMethods', 'PaymentMethodRetrieveParams'],
  'refunds.create': ['Refunds', 'RefundCreateParams'],
  'refunds.list': ['Refunds', 'RefundListParams'],
  'refunds.retrieve': ['Refunds', 'RefundRetrieveParams'],
} as const;

type Node = Schema & { readonly $ref?: string };
type Definitions = Readonly<Record<string, unknown>>;

export const SCHEMA_FILE = join(
  dirname(fileURLToPath(import.meta.url)),
  '../src/sandbox/schemas/requests.generated.json',
);

/** Parts that occur more than once are kept once, under a name made of their content, so the order of the work leaves no trace. */
class Parts {
  readonly #counts = new Map<string, number>();
  readonly #names = new Map<string, string>();

  name(schema: Schema): string {
    const text = JSON.stringify(schema);
    const name =
      this.#names.get(text) ?? createHash('sha256').update(text).digest('hex').slice(0, 8);
    this.#names.set(text, name);
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
    return name;
  }

  definitions(): Record<string, unknown> {
    const named = [...this.#names].map(([text, name]): [string, unknown] => [
      name,
      JSON.parse(text),
    ]);
    return Object.fromEntries(named.sort(([one], [other]) => (one < other ? -1 : 1)));
  }
}

/**
 * One node without what a server does not go by. `OtherString` makes an enumeration open for readers of answers, but
 * Stripe refuses unknown values in requests; numbers in requests are integers (decimals are sent as text); a `null`
 * is sent as the empty text.
 */
function trim(node: Node, definitions: Definitions, parts: Parts): Schema {
  if (node.$ref !== undefined) {
    const name = decodeURIComponent(node.$ref.replace('#/definitions/', ''));
    const target = definitions[name];
    if (target === undefined)
      throw new Error(`the generator refers to ${name}, which it does not define`);
    return trim(target as Node, definitions, parts);
  }
  if (node.anyOf !== undefined) return trimUnion(node.anyOf as Node[], definitions, parts);
  if (Array.isArray(node.type))
    return trimUnion(
      node.type.map((type): Node => ({ type })),
      definitions,
      parts,
    );
  if (node.type === 'object') return shared(trimObject(node, definitions, parts), parts);
  if (node.type === 'array')
    return { type: 'array', items: trim((node.items ?? {}) as Node, definitions, parts) };
  if (node.type === 'number') return { type: 'integer' };
  if (node.type === 'null') return { const: '' };
  if (node.const !== undefined) return node.const === '' ? { const: '' } : { enum: [node.const] };
  if (node.enum !== undefined) return shared({ enum: [...node.enum] }, parts);
  return node.type === undefined ? {} : { type: node.type };
}

function trimUnion(members: readonly Node[], definitions: Definitions, parts: Parts): Schema {
  const isOther = (member: Node) => member.$ref === '#/definitions/OtherString';
  const closed = members.some(isOther) ? members.filter((member) => !isOther(member)) : members;
  const trimmed = closed.flatMap((member) => membersOf(trim(member, definitions, parts)));
  const values = [...new Set(trimmed.flatMap((member) => member.enum ?? []))];
  const rest = [
    ...new Map(
      trimmed
        .filter((member) => member.enum === undefined)
        .map((member) => [JSON.stringify(member), member]),
    ).values(),
  ];
  const once: Schema[] = values.length === 0 ? rest : [shared({ enum: values }, parts), ...rest];
  const [only] = once;
  return once.length === 1 && only !== undefined ? only : { anyOf: once };
}

/** The members of a union within a union count as its own. */
function membersOf(schema: Schema): readonly Schema[] {
  return schema.anyOf === undefined ? [schema] : (schema.anyOf as Schema[]);
}

function trimObject(node: Node, definitions: Definitions, parts: Parts): Schema {
  const properties = Object.entries(node.properties ?? {}).map(
    ([name, value]): [string, Schema] => [name, trim(value as Node, definitions, parts)],
  );
  const others = node.additionalProperties;
  return {
    type: 'object',
    ...(properties.length === 0 ? {} : { properties: Object.fromEntries(properties) }),
    ...(node.required === undefined ? {} : { required: node.required }),
    additionalProperties:
      typeof others === 'object' ? trim(others as Node, definitions, parts) : false,
  };
}

/** Small parts are shorter written out than named. */
function shared(schema: Schema, parts: Parts): Schema {
  return JSON.stringify(schema).length < 80
    ? schema
    : { $ref: `#/definitions/${parts.name(schema)}` };
}

/** The content of the committed file. */
export function generateSchemas(): string {
  const declarations = join(
    dirname(createRequire(import.meta.url).resolve('stripe')),
    '../esm/resources',
  );
  const files = [...new Set(Object.values(REQUESTS).map(([file]) => file))];
  const generator = createGenerator({
    path: join(declarations, `{${files.join(',')}}.d.ts`),
    skipTypeCheck: true,
    expose: 'all',
    jsDoc: 'none',
    topRef: false,
  });
  const parts = new Parts();
  const requests = Object.entries(REQUESTS).map(([endpoint, [, type]]): [string, Schema] => {
    const { definitions = {}, ...schema } = generator.createSchema(type);
    return [endpoint, trim(schema as Node, definitions, parts)];
  });
  const lines = (entries: [string, unknown][]) =>
    entries.map(([name, value]) => `${JSON.stringify(name)}: ${JSON.stringify(value)}`).join(',\n');
  return `{"requests": {\n${lines(requests)}\n},\n"definitions": {\n${lines(Object.entries(parts.definitions()))}\n}}\n`;
}

if (argv[1] !== undefined && import.meta.url === pathToFileURL(argv[1]).href)
  writeFileSync(SCHEMA_FILE, generateSchemas());
