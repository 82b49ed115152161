/*
 * Scripts of faults that once showed a mistake of payrecon, each with how it has to end. A script that fails by chance
 * is kept here under the name of what was wrong.
 */

export interface Regression {
  readonly name: string;
  readonly script: string;
  /** By key, when everything has answered again. */
  readonly rows: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** Every status that the audit trail names. */
  readonly statuses: readonly string[];
  /** Requests to Stripe in all, by endpoint. */
  readonly requests?: Readonly<Record<string, number>>;
}

export const REGRESSIONS: readonly Regression[] = [
  {
    name: "a refused request is no bank's word, and the same key then makes a new attempt beside a dead one",
    script:
      'script: charge card under payment_intents.confirm#1=error:400:invalid_request_error:parameter_unknown | charge card',
    rows: { card: { status: 'succeeded', failure_code: null } },
    statuses: ['failed', 'pending', 'succeeded'],
    requests: {
      'payment_intents.create': 2,
      'payment_intents.confirm': 2,
      'payment_intents.cancel': 1,
    },
  },
  {
    name: 'a create that may have been carried out is not sent again as another one',
    script: 'script: charge card under payment_intents.create#1=500_after | charge card',
    rows: { card: { status: 'canceled' } },
    statuses: ['canceled', 'pending'],
    requests: { 'payment_intents.cancel': 1 },
  },
  {
    name: 'a create that is still on its way when the first scan misses it is fenced off, not forgotten',
    script: 'script: charge card under payment_intents.create#1=late:2500 | later 1441m | pass',
    rows: { card: { status: 'canceled' } },
    statuses: ['canceled', 'pending'],
  },
  {
    name: 'a confirm that Stripe carries out late, between a look and a cancel, is a decline and no mere cancellation',
    script:
      'script: charge declined under payment_intents.confirm#1=late:450 | pass under payment_intents.retrieve#1=slow:250',
    rows: { declined: { status: 'failed', failure_code: 'insufficient_funds' } },
    statuses: ['failed', 'pending'],
  },
  {
    name: 'a payment without an id is not stuck by its age when its first scan fails',
    script:
      'script: charge card under payment_intents.create#*=html_502 | later 1441m | pass under payment_intents.list#*=html_502',
    rows: { card: { status: 'canceled' } },
    statuses: ['canceled', 'pending'],
  },
  {
    name: 'a payment about which Stripe says 429 is asked about three times in one pass, and no more',
    script:
      'script: charge card under payment_intents.confirm#1=html_502_after | pass under payment_intents.retrieve#*=429',
    rows: { card: { status: 'succeeded', attempts: 0 } },
    statuses: ['pending', 'succeeded'],
    // Three times in the pass, as what passes is, and once in the next one.
    requests: { 'payment_intents.retrieve': 4 },
  },
  {
    name: 'a pass in which only the probe shows that Stripe is away does not begin again',
    script:
      'script: charge card under payment_intents.confirm#1=html_502_after | pass under outage:html_502',
    rows: { card: { status: 'succeeded', attempts: 0 } },
    statuses: ['pending', 'succeeded'],
    requests: { 'payment_intents.retrieve': 2 },
  },
];
