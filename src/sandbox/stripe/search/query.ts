// Stripe's search query language, as far as payment intents have it:
//   status:"succeeded" AND metadata["order"]:"6735" AND -currency:"usd" AND amount>1000 AND customer:null
import type { IntentRecord } from '../records.ts';
import { invalid } from '../refusal.ts';

export type Predicate = (record: IntentRecord) => boolean;

type Operator = ':' | '~' | '>' | '<' | '>=' | '<=';

interface Clause {
  readonly field: string;
  readonly key: string | null;
  readonly negated: boolean;
  readonly operator: Operator;
  readonly value: string | null;
}

const TEXT_FIELDS: Readonly<Record<string, (record: IntentRecord) => string | null>> = {
  status: (record) => record.status,
  currency: (record) => record.currency,
  customer: (record) => record.customer,
};

const NUMBER_FIELDS: Readonly<Record<string, (record: IntentRecord) => number>> = {
  amount: (record) => record.amount,
  created: (record) => record.created,
};

const MAX_CLAUSES = 10;

const CLAUSE =
  /^\s*(-?)([a-z_]+)(?:\[\s*(["'])((?:\\.|(?!\3).)*)\3\s*\])?\s*(>=|<=|[:~><])\s*(?:(["'])((?:\\.|(?!\6).)*)\6|([^\s"']+))(?:\s+(AND|OR)\s+(?=\S)|\s*$)/i;

/** Throws Stripe's 400 for what it does not understand. */
export function parseSearch(query: string): Predicate {
  const clauses: Predicate[] = [];
  const joints = new Set<string>();
  for (let rest = query; rest !== '';) {
    const match = CLAUSE.exec(rest);
    if (match === null) throw wrong(query);
    clauses.push(predicateOf(readClause(match), query));
    const joint = match[9]?.toUpperCase();
    if (joint !== undefined) joints.add(joint);
    rest = rest.slice(match[0].length);
  }
  if (clauses.length === 0 || clauses.length > MAX_CLAUSES || joints.size > 1) throw wrong(query);
  return joints.has('OR')
    ? (record) => clauses.some((clause) => clause(record))
    : (record) => clauses.every((clause) => clause(record));
}

function readClause(match: RegExpExecArray): Clause {
  const unescape = (text: string) => text.replaceAll(/\\(.)/g, '$1');
  const quoted = match[7];
  const bare = match[8] ?? '';
  return {
    negated: match[1] === '-',
    field: (match[2] ?? '').toLowerCase(),
    key: match[4] === undefined ? null : unescape(match[4]),
    operator: match[5] as Operator,
    value: quoted === undefined ? bareValue(bare) : unescape(quoted),
  };
}

/** Unquoted, `null` is no text. */
function bareValue(bare: string): string | null {
  return bare.toLowerCase() === 'null' ? null : bare;
}

function predicateOf(clause: Clause, query: string): Predicate {
  const matches = matcherOf(clause, query);
  return clause.negated ? (record) => !matches(record) : matches;
}

function matcherOf(clause: Clause, query: string): Predicate {
  const { field, key } = clause;
  if (field === 'metadata' && key !== null)
    return textMatcher(clause, (record) => record.metadata[key] ?? null, query);
  const text = Object.hasOwn(TEXT_FIELDS, field) ? TEXT_FIELDS[field] : undefined;
  if (text !== undefined && key === null) return textMatcher(clause, text, query);
  const number = Object.hasOwn(NUMBER_FIELDS, field) ? NUMBER_FIELDS[field] : undefined;
  if (number !== undefined && key === null) return numberMatcher(clause, number, query);
  throw invalid(
    `Field \`${field}\` is an unsupported search field for resource \`payment_intents\`. See https://docs.stripe.com/docs/search#query-fields-for-payment-intents for a list of supported fields.`,
    'query',
  );
}

const SHORTEST_PART = 3;

function textMatcher(
  clause: Clause,
  read: (record: IntentRecord) => string | null,
  query: string,
): Predicate {
  // A search does not tell capitals from small letters.
  const wanted = clause.value?.toLowerCase() ?? null;
  if (clause.operator === ':') return (record) => (read(record)?.toLowerCase() ?? null) === wanted;
  if (clause.operator !== '~' || wanted === null || wanted.length < SHORTEST_PART)
    throw wrong(query);
  return (record) => read(record)?.toLowerCase().includes(wanted) === true;
}

function numberMatcher(
  clause: Clause,
  read: (record: IntentRecord) => number,
  query: string,
): Predicate {
  const wanted =
    clause.value !== null && /^\d{1,15}$/.test(clause.value) ? Number(clause.value) : null;
  if (wanted === null) throw wrong(query);
  switch (clause.operator) {
    case ':':
      return (record) => read(record) === wanted;
    case '>':
      return (record) => read(record) > wanted;
    case '<':
      return (record) => read(record) < wanted;
    case '>=':
      return (record) => read(record) >= wanted;
    case '<=':
      return (record) => read(record) <= wanted;
    case '~':
      throw wrong(query);
  }
}

function wrong(query: string) {
  return invalid(
    `We were unable to parse your search query: ${query}. Try using the format \`metadata["key"]:"value"\` to query for metadata or key:"value" to query for other fields.`,
    'query',
  );
}
