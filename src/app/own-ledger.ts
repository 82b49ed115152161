import { PayreconError } from '../domain/errors.ts';
import { ledgerState } from '../domain/ledger-state.ts';
import {
  attemptOf,
  LEDGER_METADATA,
  TRANSACTION_METADATA,
  wasMadeByAnotherLedger,
} from '../domain/marks.ts';
import type { LedgerMarks } from '../domain/decide/decision.ts';
import type { IntentSnapshot } from '../domain/answer.ts';
import type {
  AccountReader,
  Clock,
  Gateway,
  Identity,
  KeyAccount,
  LedgerIdentity,
  NewestIntents,
  Passes,
  Standing,
} from './ports.ts';

/*
 * Whose ledger this is, and whether it is whole. Asked before anything is sent, counted or concluded:
 *
 *     another mode              refused without a call
 *     another account           refused; the account is looked up once for each secret key
 *     a second, new ledger      refused where another one of its namespace has made payments
 *     rolled back               payments of this ledger are at Stripe and not here: charging stops
 *
 * A ledger of an older version is bound at its next use.
 */

/** A ledger whose newest intents were all found here is not looked at again for so long by a charge. */
const WHOLE_FOR_MS = 10 * 60_000;

export interface OwnLedgerDeps {
  readonly identity: Identity;
  readonly gateway: Pick<Gateway, 'account'> & Pick<AccountReader, 'newestIntents'>;
  readonly passes: Pick<Passes, 'tellCause'>;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly now: () => Promise<number>;
  /** sha256 of the secret key, never the key. */
  readonly keyHash: string;
  readonly livemode: boolean;
  readonly namespace: string;
  /** `--new-ledger`: a second ledger of the namespace is meant. */
  readonly newLedger: boolean;
  /** For people, on stderr: that the ledger was bound. */
  readonly say: (sentence: string) => void;
}

export interface OwnLedger {
  readonly identity: LedgerIdentity;
  readonly marks: LedgerMarks;
}

/**
 * @throws PayreconError `configuration` (`ledger_moved`, `other_namespace`, `other_mode`, `other_account`,
 *   `another_ledger`, `stripe_unauthorized`), `unreachable` while nobody knows whose the key is.
 */
export async function ownLedger(deps: OwnLedgerDeps): Promise<OwnLedger> {
  const [known, key] = await Promise.all([
    deps.identity.read(),
    deps.identity.keyAccount(deps.keyHash),
  ]);
  const identity = known ?? (await deps.identity.create(deps.namespace));
  refuseMoved(identity);
  refuseOtherNamespace(deps, identity);
  refuseOtherMode(deps, identity.livemode);
  const owner = key ?? (await lookUpOwner(deps));
  refuseOtherAccount(identity, owner);
  if (identity.account !== null && owner.account === null && key === null)
    await mustRememberKey(deps);
  if (identity.boundAt !== null) {
    // The first key could not read its account, and this one can.
    if (identity.account !== null || owner.account === null) return ownOf(deps, identity);
    return ownOf(deps, await bind(deps, owner));
  }
  if (!deps.newLedger && (await deps.identity.isEmpty())) {
    const witness = await deps.identity.witness();
    await refuseSecondLedger(deps, identity);
    // It was never used: it has lost nothing, either.
    await deps.identity.markWhole(witness);
  }
  return ownOf(deps, await bind(deps, owner));
}

async function bind(deps: OwnLedgerDeps, owner: KeyAccount): Promise<LedgerIdentity> {
  const bound = await deps.identity.bind(owner);
  refuseOtherMode(deps, bound.livemode);
  refuseOtherAccount(bound, owner);
  const whose =
    bound.account === null ? 'an account that its key may not read' : `account ${bound.account}`;
  deps.say(
    `this ledger belongs to ${whose} in ${deps.livemode ? 'live' : 'test'} mode from now on`,
  );
  return bound;
}

function ownOf(deps: OwnLedgerDeps, identity: LedgerIdentity): OwnLedger {
  return { identity, marks: { id: identity.id, livemode: deps.livemode } };
}

function refuseMoved(identity: LedgerIdentity): void {
  const state = ledgerState(identity);
  if (state.kind !== 'moved' && state.kind !== 'moving') return;
  const sentence =
    state.kind === 'moved'
      ? `This ledger was moved to ${state.to}; nothing was sent. Point DATABASE_URL there.`
      : `Moving this ledger to ${state.to} was begun and has not ended; nothing was sent. ` +
        'End it with the same `payrecon migrate --from`, then point DATABASE_URL there.';
  throw new PayreconError('ledger_moved', sentence, {
    problems: [{ field: 'DATABASE_URL', message: 'names a ledger that was moved' }],
  });
}

function refuseOtherNamespace({ namespace }: OwnLedgerDeps, identity: LedgerIdentity): void {
  if (identity.namespace === namespace) return;
  const name = (text: string): string =>
    text === '' ? 'no namespace' : `the namespace ${JSON.stringify(text)}`;
  throw new PayreconError(
    'other_namespace',
    `This ledger was made for ${name(identity.namespace)}, and ${name(namespace)} is set now; nothing was sent. A namespace is set once, when a ledger is made.`,
    {
      problems: [
        {
          field: 'PAYRECON_NAMESPACE',
          message: `set it to ${JSON.stringify(identity.namespace)}, or use another ledger`,
        },
      ],
    },
  );
}

function refuseOtherMode({ livemode }: OwnLedgerDeps, bound: boolean | null): void {
  if (bound === null || bound === livemode) return;
  const [ledger, key] = bound ? ['live', 'test'] : ['test', 'live'];
  throw new PayreconError(
    'other_mode',
    `This ledger belongs to ${ledger} mode, and the key is of ${key} mode. Nothing was sent, and nothing was read as paid. Use a ${ledger} key, or another ledger for ${key} mode.`,
    {
      problems: [
        { field: 'STRIPE_SECRET_KEY', message: `is of ${key} mode` },
        { field: 'DATABASE_URL', message: `names a ledger of ${ledger} mode` },
      ],
    },
  );
}

function refuseOtherAccount(identity: LedgerIdentity, owner: KeyAccount): void {
  if (identity.account === null || owner.account === null || identity.account === owner.account)
    return;
  throw new PayreconError(
    'other_account',
    `This ledger belongs to Stripe's account ${identity.account}, and the key is of ${owner.account}. Nothing was sent, counted or concluded. Use a key of ${identity.account}, or another ledger.`,
    {
      problems: [
        { field: 'STRIPE_SECRET_KEY', message: `is of account ${owner.account}` },
        { field: 'DATABASE_URL', message: `names a ledger of account ${identity.account}` },
      ],
    },
  );
}

/** One call for each secret key, remembered by its hash. */
async function lookUpOwner(deps: OwnLedgerDeps): Promise<KeyAccount> {
  const answer = await deps.gateway.account();
  switch (answer.kind) {
    case 'account':
    case 'forbidden': {
      const owner = {
        account: answer.kind === 'account' ? answer.id : null,
        livemode: deps.livemode,
      };
      await deps.identity.rememberKey(deps.keyHash, owner);
      return owner;
    }
    case 'not_offered':
      return { account: null, livemode: deps.livemode };
    case 'unauthorized':
      throw new PayreconError(
        'stripe_unauthorized',
        `Stripe refused the key (${String(answer.httpStatus)}): ${answer.message}. Nothing was sent or changed. Correct STRIPE_SECRET_KEY and run the same command again.`,
        { problems: [{ field: 'STRIPE_SECRET_KEY', message: 'refused by Stripe' }] },
      );
    case 'unreachable':
      throw new PayreconError(
        'stripe_unreachable',
        `Whose account this key is of is not known yet, and Stripe did not say: ${answer.message}. Nothing was sent or changed; run the same command again.`,
      );
  }
}

/** A key whose account nobody could tell (not: may not be told) is no key of this ledger's account. */
async function mustRememberKey(deps: OwnLedgerDeps): Promise<void> {
  if ((await deps.identity.keyAccount(deps.keyHash)) !== null) return;
  throw new PayreconError(
    'stripe_unreachable',
    'Whose account this key is of is not known, because what answers at the address of Stripe knows no accounts. Nothing was sent or changed.',
  );
}

/** A new ledger knows no key that was charged before it: elsewhere they are known. */
async function refuseSecondLedger(deps: OwnLedgerDeps, identity: LedgerIdentity): Promise<void> {
  const own = { ledger: identity.id, namespace: identity.namespace };
  const newest = await deps.gateway.newestIntents({ of: 'others', ...own });
  if (newest.kind === 'unknown') {
    throw new PayreconError(
      'stripe_unreachable',
      `Whether another ledger has charged on this account is not known, and Stripe did not say: ${newest.message}. Nothing was sent; run the same command again.`,
    );
  }
  if (newest.kind === 'unauthorized') throw mayNotList(newest);
  const others = newest.intents.find((intent) => wasMadeByAnotherLedger(intent, own));
  if (others === undefined) return;
  throw new PayreconError(
    'another_ledger',
    `This ledger is new and empty, but another ledger has made payments on this Stripe account (the newest is ${others.id}). Nothing was sent: charged from here, an order could be charged twice. Point DATABASE_URL at that ledger. If a second ledger is meant, add --new-ledger, and give it its own PAYRECON_NAMESPACE when it is made.`,
    { problems: [{ field: 'DATABASE_URL', message: 'names a new ledger' }] },
  );
}

/** Without the list nobody knows what a ledger has lost: to charge would be to guess. */
function mayNotList({ httpStatus, message }: KeyRefused): PayreconError {
  return new PayreconError(
    'stripe_unauthorized',
    `Stripe does not let this key list payment intents (${String(httpStatus)}): ${message}. Whether this ledger has all of its payments is not known, so nothing was sent. Give the key the right to read payment intents and run the same command again.`,
    { problems: [{ field: 'STRIPE_SECRET_KEY', message: 'may not list payment intents' }] },
  );
}

export interface Doubt {
  readonly isInDoubt: boolean;
  /** What the storage was made of when it was looked at. */
  readonly witness: string;
}

/**
 * Whether Stripe has to be asked before anything is sent: the last look is old, or the ledger lies elsewhere.
 *
 * @throws PayreconError `configuration` (`ledger_rolled_back`) for one that is known to have lost payments.
 */
export async function doubt(deps: OwnLedgerDeps, identity: LedgerIdentity): Promise<Doubt> {
  if (identity.rolledBackAt !== null) throw rolledBack();
  const [witness, now] = await Promise.all([deps.identity.witness(), deps.now()]);
  const checkedAt = identity.wholeCheckedAt;
  const isFresh = checkedAt !== null && checkedAt <= now && now - checkedAt < WHOLE_FOR_MS;
  return { isInDoubt: !isFresh || identity.wholeWitness !== witness, witness };
}

/**
 * Refuses to charge on a ledger that has lost payments, and on one that is still empty while another
 * one has charged: whoever bound it, and when, says nothing about what was charged elsewhere since.
 * `witness` is the doubt's.
 */
export async function mustBeWhole(
  deps: OwnLedgerDeps,
  identity: LedgerIdentity,
  witness: string,
): Promise<void> {
  const isEmpty = await deps.identity.isEmpty();
  if (isEmpty && !deps.newLedger) await refuseSecondLedger(deps, identity);
  const found = await compareNewest(deps, identity, witness);
  if (found.kind === 'rolled_back') throw rolledBack();
  if (found.kind === 'refused') throw mayNotList(found);
  if (found.kind === 'unknown') {
    throw new PayreconError(
      'stripe_unreachable',
      'Whether this ledger has all of its payments is not known, and Stripe did not say. Nothing was sent; run the same command again.',
    );
  }
  // Only now: half of the look would let the next charge go without the other half.
  if (isEmpty) await deps.identity.markWhole(witness);
}

export function rolledBack(): PayreconError {
  return new PayreconError(
    'ledger_rolled_back',
    'Stripe shows payments of this ledger that the ledger does not have: it was restored from a backup, or lost its newest steps in a failover. Nothing was sent, because somebody could be charged twice. Restore the newest copy of the ledger; the next `payrecon reconcile` then finds it whole, and charging goes on.',
    { problems: [{ field: 'DATABASE_URL', message: 'names a ledger that was rolled back' }] },
  );
}

type KeyRefused = Pick<Extract<NewestIntents, { kind: 'unauthorized' }>, 'httpStatus' | 'message'>;

export type Wholeness =
  /** The key may not list payment intents. */
  | ({ readonly kind: 'refused' } & KeyRefused)
  | { readonly kind: 'whole' }
  /** `lostHere`: transactions that are here, in a state from before their newest payment intent. */
  | { readonly kind: 'rolled_back'; readonly lostHere: readonly string[] }
  | { readonly kind: 'unknown' };

/**
 * One call: the newest intents on the account that bear this ledger's id, against the rows. A row that
 * is missing, that says nothing was sent, or that is at an earlier attempt was lost.
 */
export async function checkWhole(
  deps: OwnLedgerDeps,
  identity: LedgerIdentity,
): Promise<Wholeness> {
  return await compareNewest(deps, identity, await deps.identity.witness());
}

/** `witness` was read before the list is: what is written meanwhile is newer than what is compared. */
async function compareNewest(
  deps: OwnLedgerDeps,
  identity: LedgerIdentity,
  witness: string,
): Promise<Wholeness> {
  const newest = await deps.gateway.newestIntents({ of: 'ledger', ledger: identity.id });
  if (newest.kind === 'unauthorized')
    return { kind: 'refused', httpStatus: newest.httpStatus, message: newest.message };
  if (newest.kind === 'unknown') return { kind: 'unknown' };
  const ours = newest.intents.filter(
    ({ metadata, livemode }) =>
      metadata[LEDGER_METADATA] === identity.id && livemode === deps.livemode,
  );
  const before = lostBefore(identity);
  const ids = [
    ...new Set([
      ...ours.map(({ metadata }) => metadata[TRANSACTION_METADATA] ?? ''),
      ...before.keys(),
    ]),
  ];
  const standings = new Map(
    (await deps.identity.standings(ids)).map((standing) => [standing.id, standing]),
  );
  const lost = new Map([...before].filter(([id, attempt]) => isLost(standings.get(id), attempt)));
  for (const intent of ours) {
    const id = intent.metadata[TRANSACTION_METADATA] ?? '';
    if (isLost(standings.get(id), attemptOf(intent)))
      lost.set(id, Math.max(attemptOf(intent), lost.get(id) ?? 0));
  }
  if (lost.size > 0) {
    await keepRolledBack(deps, lost, ours);
    return { kind: 'rolled_back', lostHere: [...lost.keys()].filter((id) => standings.has(id)) };
  }
  if (identity.rolledBackAt !== null) await deps.identity.clearRolledBack();
  // An empty one is looked at again before its first charge: another ledger may have charged by then.
  if (!(await deps.identity.isEmpty())) await deps.identity.markWhole(witness);
  return { kind: 'whole' };
}

function isLost(standing: Standing | undefined, attempt: number): boolean {
  if (standing === undefined || standing.attempt < attempt) return true;
  return standing.attempt === attempt && standing.step === 'recorded';
}

async function keepRolledBack(
  deps: OwnLedgerDeps,
  lost: ReadonlyMap<string, number>,
  ours: readonly IntentSnapshot[],
): Promise<void> {
  const [first] = lost.keys();
  const intent = ours.find(({ metadata }) => metadata[TRANSACTION_METADATA] === first);
  const evidence = {
    transaction_id: first ?? null,
    payment_intent: intent?.id ?? null,
    lost: Object.fromEntries(lost),
  };
  await deps.identity.markRolledBack(evidence);
  await deps.passes.tellCause('operator_rolled_back', `lost ${first ?? ''}`, evidence);
}

/** What was found lost the last time: it may be out of the newest page by now, and is lost as long as it does not stand here. */
function lostBefore({ rolledBackEvidence }: LedgerIdentity): ReadonlyMap<string, number> {
  const lost = rolledBackEvidence?.['lost'];
  if (typeof lost !== 'object' || lost === null || Array.isArray(lost)) return new Map();
  return new Map(
    Object.entries(lost).map(([id, attempt]) => [id, typeof attempt === 'number' ? attempt : 1]),
  );
}
