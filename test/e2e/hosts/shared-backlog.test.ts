import { setTimeout as wait } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { endAll, startChild, type Child } from '../../prove/races/children.ts';
import { postgres, type RawConnection } from '../../storage/targets.ts';
import { aPaymentWorld, type PaymentWorld } from '../../support/payment-world.ts';
import { temporaryFolder } from '../../support/temporary.ts';
import { fillBacklog } from './backlog.ts';

/*
 * Several real daemons on one PostgreSQL work off what an outage has left, at Stripe's limit. How fast they are is for the
 * benchmark to say; here they must share the work without doing any of it twice.
 */

const PER_ENDPOINT = 25;
const WITHIN_MS = 60_000;
/** Measured: 30 pages for 3,000 payments, and one more where a block ends in the middle of a page. */
const CALLS_OF_ONE_HOST = 35;
const LATER_MS = 3_600_000;

interface Worked {
  /** Settled by each process, the most first. */
  readonly settledBy: readonly number[];
  readonly calls: { readonly list: number; readonly retrieve: number };
  readonly refused: number;
}

interface Work {
  readonly hosts: number;
  readonly rows: number;
  readonly share: number;
  /** Rows that a host claims in one pass: smaller than usual, so that there is something to share. */
  readonly block: number;
  /** With thousands they would take longer than the payments, and stay queued. */
  readonly emails: boolean;
}

async function workOff({ hosts, rows, share, block, emails }: Work): Promise<Worked> {
  const limits = { perSecond: 4 * PER_ENDPOINT, perEndpoint: PER_ENDPOINT };
  const env = {
    PAYRECON_STRIPE_RPS: String(limits.perSecond),
    PAYRECON_STRIPE_ENDPOINT_RPS: String(limits.perEndpoint),
    PAYRECON_STRIPE_DEADLINE: '20s',
    ...(emails ? {} : { SENDGRID_API_KEY: '' }),
  };
  const world = await aPaymentWorld(postgres, { env, sandbox: { rateLimits: limits } });
  await fillBacklog(world, { rows, share });
  const raw = await world.database.raw();
  await raw.run(`update transactions set next_attempt_at = next_attempt_at + ${LATER_MS}`);
  const home = await temporaryFolder();
  const daemons = Array.from({ length: hosts }, (_, n) =>
    startChild(['reconcile', '--daemon', '--schedule', '* * * * * *', '--limit', String(block)], {
      name: `host ${n + 1}`,
      home,
      env: { ...world.env, PAYRECON_OPERATOR: `host ${n + 1}` },
      skewMs: 0,
    }),
  );
  onTestFinished(() => endAll(daemons));
  // All have begun before there is anything to do: else the first one on a busy machine would do the others' part.
  await until(daemons, 'every host has made a pass', () =>
    Promise.resolve(daemons.every(({ said }) => said.err.includes('pass: 0 due'))),
  );
  // Each pass asks once whether the ledger is whole, the first one of a process somewhat more: that is no part of the work.
  const passesMade = async (): Promise<number> =>
    Number((await raw.rows('select count(*)::int as passes from passes'))[0]?.['passes']);
  const earlier = { requests: world.sandbox.books.requests.length, passes: await passesMade() };
  await raw.run(`update transactions set next_attempt_at = next_attempt_at - ${LATER_MS}`);
  const none = async (what: string): Promise<boolean> =>
    (await raw.rows(`select 1 from ${what} limit 1`)).length === 0;
  await until(daemons, 'everything is settled', () =>
    none(`transactions where status = 'pending'`),
  );
  if (emails)
    await until(daemons, 'every e-mail is sent', () => none(`notifications where state <> 'sent'`));
  for (const daemon of daemons) daemon.send('SIGTERM');
  await Promise.all(daemons.map((daemon) => daemon.ended()));
  expect(
    daemons.map(({ exit, said }) => ({
      exit,
      failed: /pass failed|\n\s+at /.test(said.err) ? said.err : null,
    })),
  ).toEqual(daemons.map(() => ({ exit: { code: 143, signal: null }, failed: null })));
  await nothingTwice(world, raw, { rows, delivered: emails ? rows : 0 });
  const perHost = await raw.rows(
    `select count(*)::int as n from audit_events where action = 'settled' group by actor::json ->> 'operator' order by 1 desc`,
  );
  const { requests } = world.sandbox.books;
  const asked = requests
    .filter(({ endpoint, status }) => endpoint === 'payment_intents.retrieve' && status === 200)
    .map(({ path }) => path);
  expect(new Set(asked).size).toBe(asked.length);
  const count = (endpoint: string): number =>
    requests.slice(earlier.requests).filter((request) => request.endpoint === endpoint).length;
  const passes = (await passesMade()) - earlier.passes;
  return {
    settledBy: perHost.map(({ n }) => Number(n)),
    calls: {
      list: count('payment_intents.list') - passes,
      retrieve: count('payment_intents.retrieve'),
    },
    refused: requests.filter(({ status }) => status === 429).length / requests.length,
  };
}

async function until(
  daemons: readonly Child[],
  what: string,
  holds: () => Promise<boolean>,
): Promise<void> {
  const startedMs = performance.now();
  while (!(await holds())) {
    if (performance.now() - startedMs > WITHIN_MS)
      throw new Error(
        `in vain: ${what}\n${daemons.map(({ name, said }) => `${name}: ${said.err}`).join('\n')}`,
      );
    await wait(50);
  }
}

/** Every payment settled by one entry and told of by one e-mail, and all trails are whole. */
async function nothingTwice(
  world: PaymentWorld,
  raw: RawConnection,
  { rows, delivered }: { readonly rows: number; readonly delivered: number },
): Promise<void> {
  const [counted] =
    await raw.rows(`select (select count(*)::int from audit_events where action = 'settled') as settled,
    (select count(distinct transaction_id)::int from audit_events where action = 'settled') as different, (select count(*)::int from notifications) as mails`);
  expect({ ...counted, delivered: world.sandbox.books.mails.length }).toEqual({
    settled: rows,
    different: rows,
    mails: rows,
    delivered,
  });
  expect(await world.run(['audit', 'verify'], { timeoutMs: 60_000 })).toMatchObject({
    exitCode: 0,
  });
}

test(
  'three hosts share thousands of payments: inside the limit, nothing asked or done twice, hardly a call more than one host makes',
  { timeout: 180_000 },
  async () => {
    const work = { rows: 3_000, share: 1, block: 500, emails: false };
    const three = await workOff({ ...work, hosts: 3 });
    const story = JSON.stringify(three);
    expect(three.settledBy, story).toHaveLength(3);
    expect(Math.min(...three.settledBy), story).toBeGreaterThanOrEqual(work.block);
    expect(three.calls.list + three.calls.retrieve, story).toBeLessThanOrEqual(
      1.1 * CALLS_OF_ONE_HOST,
    );
    expect(three.refused, story).toBeLessThan(0.01);
  },
);

test(
  'three hosts share payments that are few among many: each is asked about once',
  { timeout: 120_000 },
  async () => {
    const work = { rows: 60, share: 0.004, block: 10, emails: true };
    const three = await workOff({ ...work, hosts: 3 });
    expect(three.settledBy, JSON.stringify(three)).toHaveLength(3);
    expect(three.calls.list + three.calls.retrieve, JSON.stringify(three)).toBeLessThanOrEqual(
      1.1 * work.rows,
    );
    expect(three.refused, JSON.stringify(three)).toBeLessThan(0.01);
  },
);
