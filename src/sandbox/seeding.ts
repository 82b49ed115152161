import * as z from 'zod';
import { secondsOf } from './clock.ts';
import { createChance } from './stripe/ids.ts';
import { newCharge, newIntent } from './stripe/new-intent.ts';
import { DEFAULT_ACCOUNT } from './stripe/owner.ts';
import type {
  ChargeRecord,
  IntentRecord,
  IntentStatus,
  PaymentMethodRecord,
} from './stripe/records.ts';
import type { World } from './stripe/world.ts';

const MAX_SEEDED = 1_000_000;
const HOUR_SECONDS = 3600;

export const seedRequest = z.strictObject({
  count: z.int().min(1).max(MAX_SEEDED),
  seed: z.int().default(1),
  /** Seconds since 1970, both included; the last hour by default. Spread evenly, oldest first. */
  created_from: z.int().optional(),
  created_to: z.int().optional(),
  /** `{n}` in a value becomes the number of the intent, from `n_from`; `{n:8}` the same with zeros before it, in 8 digits. */
  metadata: z.record(z.string(), z.string()).default({}),
  /** The number of the first intent, for a lot that is seeded in parts. */
  n_from: z.int().min(0).default(0),
  /** Status -> share; the shares need not add up to 1. */
  statuses: z
    .partialRecord(
      z.enum([
        'requires_payment_method',
        'requires_confirmation',
        'requires_action',
        'processing',
        'succeeded',
        'canceled',
      ]),
      z.number().min(0),
    )
    .default({ succeeded: 1 }),
  amount: z.int().positive().default(4999),
  currency: z.string().default('usd'),
  customer: z.string().nullable().default(null),
  account: z.string().default(DEFAULT_ACCOUNT),
  livemode: z.boolean().default(false),
  /** Answer all ids, oldest first. */
  ids: z.boolean().default(false),
});

export type SeedRequest = z.infer<typeof seedRequest>;

/** Makes many intents at once, the same for the same seed. There are no events about them. */
export function seedIntents(
  world: World,
  request: SeedRequest,
): { count: number; first_id: string; last_id: string; ids?: string[] } {
  const to = request.created_to ?? secondsOf(world.clock.now());
  const from = request.created_from ?? to - HOUR_SECONDS;
  if (from > to) throw new RangeError('created_from is after created_to');
  const chance = createChance(request.seed);
  const method: PaymentMethodRecord = {
    ...world.stamp('pm'),
    madeFrom: 'pm_card_visa',
    customer: null,
    used: true,
  };
  world.putMethod(method);
  const intents: IntentRecord[] = [];
  for (let n = 0; n < request.count; n += 1) {
    const created = from + Math.floor(((to - from) * n) / Math.max(1, request.count - 1));
    intents.push(
      makeIntent(world, request, method, { n, created, status: pick(request.statuses, chance()) }),
    );
  }
  world.putIntents(intents);
  world.putCharges(
    intents.flatMap((intent) =>
      intent.latestCharge === null ? [] : [seededCharge(intent, intent.latestCharge, method)],
    ),
  );
  const ids = intents.map((intent) => intent.id);
  return {
    count: ids.length,
    first_id: ids[0] ?? '',
    last_id: ids.at(-1) ?? '',
    ...(request.ids ? { ids } : {}),
  };
}

function pick(statuses: SeedRequest['statuses'], chance: number): IntentStatus {
  const shares = Object.entries(statuses) as [IntentStatus, number][];
  let left = chance * shares.reduce((sum, [, share]) => sum + share, 0);
  for (const [status, share] of shares) {
    left -= share;
    if (left < 0) return status;
  }
  return 'succeeded';
}

function numbered(text: string, n: number): string {
  return text.replaceAll(/\{n(?::([0-9]{1,2}))?\}/g, (_, digits: string | undefined) =>
    String(n).padStart(Number(digits ?? 0), '0'),
  );
}

const CARD: readonly string[] = ['card'];
const NO_METADATA = {};

function makeIntent(
  world: World,
  request: SeedRequest,
  method: PaymentMethodRecord,
  place: { readonly n: number; readonly created: number; readonly status: IntentStatus },
): IntentRecord {
  const { status, created } = place;
  const entries = Object.entries(request.metadata);
  const metadata =
    entries.length === 0
      ? NO_METADATA
      : Object.fromEntries(
          entries.map(([key, value]) => [key, numbered(value, request.n_from + place.n)]),
        );
  const { id, seq } = world.stamp('pi');
  return newIntent({
    id,
    created,
    seq,
    amount: request.amount,
    currency: request.currency,
    customer: request.customer,
    metadata,
    status,
    paymentMethod: status === 'requires_payment_method' ? null : method.id,
    paymentMethodTypes: CARD,
    allowedTypes: CARD,
    latestCharge: status === 'succeeded' || status === 'processing' ? world.ids.next('ch') : null,
    nextAction: status === 'requires_action' ? 'three_d_secure' : null,
    canceledAt: status === 'canceled' ? created : null,
    amountReceived: status === 'succeeded' ? request.amount : 0,
  });
}

function seededCharge(intent: IntentRecord, id: string, method: PaymentMethodRecord): ChargeRecord {
  const status = intent.status === 'succeeded' ? 'succeeded' : 'pending';
  return newCharge({ id, created: intent.created, seq: intent.seq }, intent, method.id, {
    status,
    captured: true,
    failure: null,
  });
}
