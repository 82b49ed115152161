import { KEY, type Command } from '../commands.ts';
import type { Harness } from '../harness.ts';
import { ALL_COMMANDS } from '../more-commands.ts';

/*
 * What is typed: the commands of commands.ts as the real program is given them, and what only it has (the daemon).
 */

export type Role = 'charge' | 'reconcile' | 'daemon' | 'resolve' | 'notify' | 'migrate';

export interface RealCommand {
  readonly name: string;
  readonly role: Role;
  /** Its preparation, and what whoever ran it does afterwards. */
  readonly base: Command;
  /** Once everything is prepared. */
  readonly typed: (harness: Harness) => Promise<readonly string[]>;
}

const METHODS: Readonly<Record<string, string>> = {
  'charge, a card': 'pm_card_visa',
  'charge, a card that is declined': 'pm_card_chargeDeclined',
  'charge, a bank debit': 'pm_usBankAccount',
  'charge, 3-D Secure': 'pm_card_authenticationRequired',
};

/** The same parameters as in commands.ts: other ones would be refused under the same key. */
function charge(method: string): readonly string[] {
  const type = method === 'pm_usBankAccount' ? 'us_bank_account' : 'card';
  const named = [
    '--key',
    KEY,
    '--reference',
    `reference of ${KEY}`,
    '--email',
    `${KEY}@example.com`,
  ];
  const session = method === 'pm_card_authenticationRequired' ? ['--on-session'] : [];
  return [
    'charge',
    ...named,
    ...session,
    '--amount',
    '49.99',
    '--currency',
    'usd',
    '--payment-method',
    method,
    '--method-type',
    type,
    '--allow-duplicate',
    '--wait',
    '0s',
    '--json',
  ];
}

function first(base: Command): RealCommand[] {
  const method = METHODS[base.name];
  return method === undefined
    ? []
    : [{ name: base.name, role: 'charge', base, typed: () => Promise.resolve(charge(method)) }];
}

/** With the parameters of the row that is there. */
async function chargeAgain(harness: Harness): Promise<readonly string[]> {
  const [row] = await harness
    .raw()
    .rows(`select payment_method from transactions where key = '${KEY}'`);
  return charge(String(row?.['payment_method']));
}

/** Its first pass begins at once; a second one would only come by its own clock. */
const DAEMON = ['reconcile', '--daemon', '--schedule', '0 0 29 2 *'];

/** From one state: a pass, the daemon's pass, and the customer who asks again. */
function fromState(base: Command): RealCommand[] {
  const state = base.name.replace('reconcile, ', '');
  return [
    {
      name: base.name,
      role: 'reconcile',
      base,
      typed: () => Promise.resolve(['reconcile', '--json']),
    },
    { name: `daemon, ${state}`, role: 'daemon', base, typed: () => Promise.resolve(DAEMON) },
    { name: `charge again, ${state}`, role: 'charge', base, typed: chargeAgain },
  ];
}

function resolving(base: Command): RealCommand[] {
  const as = /as (\w+)/.exec(base.name)?.[1] ?? '';
  const cancel = base.name.includes('at Stripe') ? ['--cancel-at-stripe'] : [];
  const typed = [
    'stuck',
    'resolve',
    KEY,
    '--as',
    as,
    '--reason',
    'asked the bank',
    '--yes',
    '--json',
    ...cancel,
  ];
  return [{ name: base.name, role: 'resolve', base, typed: () => Promise.resolve(typed) }];
}

function settledAlready(base: Command): RealCommand {
  const settled: Command = {
    name: 'settled',
    role: 'charge',
    again: base.again,
    run: base.run,
    async prepare(harness) {
      const payrecon = await harness.open('prepare');
      await base.run(payrecon);
      await payrecon.close();
    },
  };
  return {
    name: `charge again, settled (${base.name})`,
    role: 'charge',
    base: settled,
    typed: chargeAgain,
  };
}

function realCommands(base: Command): RealCommand[] {
  // What goes wrong elsewhere meanwhile is left to the lanes of one process.
  if (base.faults !== undefined || base.meanwhile !== undefined || base.daemon === true) return [];
  switch (base.role) {
    case 'charge':
      return first(base);
    case 'reconcile':
      return base.name.startsWith('reconcile, ') ? fromState(base) : [];
    case 'resolve':
      return resolving(base);
    case 'notify':
      if (base.name !== 'notifications send') return [];
      return [
        {
          name: base.name,
          role: 'notify',
          base,
          typed: () => Promise.resolve(['notifications', 'send', '--json']),
        },
      ];
    case 'migrate':
      if (base.name !== 'migrate up') return [];
      return [
        {
          name: base.name,
          role: 'migrate',
          base,
          typed: () => Promise.resolve(['migrate', 'up', '--json']),
        },
      ];
    default:
      return [];
  }
}

export const REAL_COMMANDS: readonly RealCommand[] = [
  ...ALL_COMMANDS.flatMap(realCommands),
  ...ALL_COMMANDS.filter(({ name }) => METHODS[name] !== undefined).map(settledAlready),
];
