import { describe, expect, it } from 'vitest';
import { dispatch, type DispatchLimits } from '../../src/app/send-notifications.ts';
import type { DispatchReport } from '../../src/app/service.ts';
import type { Clock, Mailer, Notification, Outbox, SendOutcome } from '../../src/app/ports.ts';
import { PayreconError } from '../../src/domain/errors.ts';
import type { NotificationKind } from '../../src/domain/transition.ts';
import type { Storage, StorageOptions } from '../../src/storage/open.ts';
import { errorOf } from '../storage/errors-of.ts';
import { actor, openOne, recordOne, stuck, succeeded } from '../storage/payments.ts';
import { sqlite } from '../storage/targets.ts';
import { failingGate } from './payments-left.ts';

const SENT: SendOutcome = { kind: 'sent', messageId: 'm' };
const RETRY: SendOutcome = { kind: 'retry', message: 'SendGrid answered 503' };
const NOT_TRIED: SendOutcome = { kind: 'not_tried', message: 'set PAYRECON_OPERATOR_EMAIL' };
const UNKNOWN: SendOutcome = { kind: 'unknown', message: 'no answer' };
const REJECTED: SendOutcome = { kind: 'rejected', message: 'SendGrid answered 400' };
const UNAUTHORIZED: SendOutcome = { kind: 'unauthorized', message: 'SendGrid answered 401' };
/** More than any batch. */
const NO_LIMITS: DispatchLimits = { emails: null, forMs: null };
const CALL_MS = 10_000;
/** Far more than any test queues. */
const ENDLESS = 100;

/** An outbox with e-mails in it, a mail service that answers as the test says, and time that passes only while one is sent. */
interface MailRoom {
  readonly storage: Storage;
  readonly tried: Notification[];
  /** How many e-mails each claim got. */
  readonly claims: number[];
  /** E-mails that were claimed while one was being sent, at most. */
  readonly mostClaimed: () => number;
  queue(kind: NotificationKind, count: number): Promise<void>;
  /** The same without time that passes, each answer in its own time. */
  runFor(answers: (nth: number) => Promise<SendOutcome>): Promise<DispatchReport>;
  run(
    answers: (nth: number, notification: Notification) => SendOutcome,
    limits?: DispatchLimits,
    signal?: AbortSignal,
  ): Promise<DispatchReport>;
  /** Their states, oldest first, with whoever holds them. */
  states(): Promise<
    readonly {
      readonly state: string;
      readonly attempts: number;
      readonly isHeld: boolean;
      readonly isDue: boolean;
    }[]
  >;
}

async function aMailRoom(options: Partial<StorageOptions> = {}): Promise<MailRoom> {
  const database = await sqlite.fresh();
  let nowMs = 0;
  // One clock for the process, as in production: a claim's end is told by it.
  const clock: Clock = {
    monotonicMs: () => nowMs,
    sleep: () => Promise.reject(new Error('nobody sleeps here')),
  };
  const storage = await database.open({ clock, ...options });
  const { outbox } = storage;
  const raw = await database.raw();
  const tried: Notification[] = [];
  const claims: number[] = [];
  let mostClaimed = 0;
  const counting: Outbox = {
    ...outbox,
    claim: async (limit, by, addressees) => {
      const claimed = await outbox.claim(limit, by, addressees);
      claims.push(claimed.length);
      return claimed;
    },
  };
  const send = async (
    answer: Mailer['send'],
    limits: DispatchLimits = NO_LIMITS,
    signal?: AbortSignal,
  ): Promise<DispatchReport> =>
    await dispatch(
      {
        outbox: counting,
        mailer: { configured: true, send: answer },
        chance: { uniform: () => 0, token: () => 'unused' },
        clock,
        actor,
      },
      limits,
      signal,
    );
  return {
    storage,
    tried,
    claims,
    mostClaimed: () => mostClaimed,
    async queue(kind, count) {
      for (let made = 0; made < count; made += 1)
        await recordOne(storage, await openOne(storage), {
          ...(kind === 'operator_stuck' ? stuck : succeeded),
          notifications: [kind],
        });
    },
    async runFor(answers) {
      return await send(async (notification) => {
        tried.push(notification);
        mostClaimed = Math.max(mostClaimed, (await outbox.counts()).sending);
        return await answers(tried.length);
      });
    },
    async run(answers, limits = NO_LIMITS, signal) {
      return await send(
        async (notification) => {
          tried.push(notification);
          const nth = tried.length;
          if (nth > ENDLESS) throw new Error('the same e-mails are tried for ever');
          nowMs += CALL_MS;
          mostClaimed = Math.max(mostClaimed, (await outbox.counts()).sending);
          return answers(nth, notification);
        },
        limits,
        signal,
      );
    },
    async states() {
      const now = await storage.ledger.now();
      const rows = await raw.rows(
        'select state, attempts, claim_token, next_attempt_at from notifications order by created_at, id',
      );
      return rows.map((row) => ({
        state: String(row['state']),
        attempts: Number(row['attempts']),
        isHeld: row['claim_token'] !== null,
        isDue: row['next_attempt_at'] !== null && Number(row['next_attempt_at']) <= now,
      }));
    },
  };
}

/** Nothing of a run that stopped is held, or has to wait for longer than the next one. */
async function expectHandedBack(room: MailRoom, count: number): Promise<void> {
  const queued = (await room.states()).filter(({ state }) => state === 'queued');
  expect(queued.filter(({ isHeld }) => isHeld)).toEqual([]);
  expect(queued.filter(({ isDue }) => isDue)).toHaveLength(count);
}

describe('sending what is due', () => {
  it('stops after three failures in a row; everything stays queued', async () => {
    const room = await aMailRoom();
    await room.queue('customer_succeeded', 12);
    expect(await room.run((nth) => (nth === 2 ? UNKNOWN : RETRY))).toEqual({
      configured: true,
      sent: 0,
      retried: 3,
      failed: 0,
      queued: 12,
      refused: null,
    });
    expect(room.tried).toHaveLength(3);
    await expectHandedBack(room, 9);
  });

  it('goes on while failures are not in a row', async () => {
    const room = await aMailRoom();
    await room.queue('customer_succeeded', 9);
    expect(await room.run((nth) => (nth % 3 === 0 ? SENT : RETRY))).toMatchObject({
      sent: 3,
      retried: 6,
      queued: 6,
    });
    expect(room.tried).toHaveLength(9);
  });

  it('does not take operator e-mails without an address for a mail service that is away', async () => {
    const room = await aMailRoom();
    await room.queue('operator_stuck', 4);
    await room.queue('customer_succeeded', 3);
    expect(await room.run((_nth, { to }) => (to === null ? NOT_TRIED : SENT))).toMatchObject({
      sent: 3,
      retried: 4,
      failed: 0,
      queued: 4,
    });
    expect(room.tried).toHaveLength(7);
    // Where nothing was tried, nothing counts as a try.
    expect((await room.states()).map(({ attempts }) => attempts)).toEqual([0, 0, 0, 0, 1, 1, 1]);
  });

  it('sends those to operators first, whatever was due before', async () => {
    const room = await aMailRoom();
    await room.queue('customer_succeeded', 5);
    await room.queue('operator_stuck', 2);
    await room.run(() => SENT);
    expect(room.tried.map(({ kind }) => kind).slice(0, 2)).toEqual([
      'operator_stuck',
      'operator_stuck',
    ]);
    expect(room.tried).toHaveLength(7);
  });

  it('has more under way with each that is taken, up to 64, and half as many with each failure', async () => {
    const room = await aMailRoom();
    await room.queue('customer_succeeded', 300);
    const most: number[] = [];
    let underWay = 0;
    const service = await room.runFor(async (nth) => {
      underWay += 1;
      most.push(underWay);
      // They are answered together, once as many have come as will come.
      await new Promise((resolve) => setImmediate(resolve));
      underWay -= 1;
      return nth === 250 ? RETRY : SENT;
    });
    expect(service).toMatchObject({ sent: 299, retried: 1, queued: 1 });
    expect(most.slice(0, 2)).toEqual([1, 1]);
    expect(Math.max(...most)).toBeGreaterThan(30);
    expect(Math.max(...most)).toBeLessThanOrEqual(64);
    expect(new Set(room.tried.map(({ id }) => id)).size).toBe(300);
    // One window is claimed ahead of what is under way.
    expect(room.mostClaimed()).toBeLessThanOrEqual(128);
  });

  it('claims no more than it may send', async () => {
    const room = await aMailRoom();
    await room.queue('customer_succeeded', 12);
    expect(await room.run(() => SENT, { emails: 7, forMs: null })).toMatchObject({
      sent: 7,
      queued: 5,
    });
    expect(room.claims.reduce((sum, each) => sum + each)).toBe(7);
    expect(await room.run(() => SENT)).toMatchObject({ sent: 5, queued: 0 });
    expect((await room.states()).every(({ state, isHeld }) => state === 'sent' && !isHeld)).toBe(
      true,
    );
  });

  it('ends when its time is over: what is left stays queued', async () => {
    const room = await aMailRoom();
    await room.queue('customer_succeeded', 8);
    expect(await room.run(() => SENT, { emails: null, forMs: 2 * CALL_MS })).toMatchObject({
      sent: 2,
      retried: 0,
      queued: 6,
    });
    expect(room.tried).toHaveLength(2);
    await expectHandedBack(room, 6);
    expect(await room.run(() => SENT)).toMatchObject({ sent: 6, queued: 0 });
    expect(new Set(room.tried.map(({ id }) => id)).size).toBe(8);
  });

  it('stops at a refused key and keeps every e-mail queued', async () => {
    const room = await aMailRoom();
    await room.queue('customer_succeeded', 8);
    expect(await room.run(() => UNAUTHORIZED)).toEqual({
      configured: true,
      sent: 0,
      retried: 0,
      failed: 0,
      queued: 8,
      refused: 'SendGrid answered 401',
    });
    expect(room.tried).toHaveLength(1);
    await expectHandedBack(room, 8);
  });

  it('counts what was sent, what is tried again and what is given up', async () => {
    const room = await aMailRoom();
    await room.queue('customer_succeeded', 7);
    const answers = [SENT, RETRY, REJECTED, UNKNOWN, SENT, REJECTED, SENT];
    expect(await room.run((nth) => answers[nth - 1]!)).toEqual({
      configured: true,
      sent: 3,
      retried: 2,
      failed: 2,
      queued: 2,
      refused: null,
    });
    expect(await room.storage.outbox.counts()).toEqual({ queued: 2, sending: 0, failed: 2 });
    // What failed just now is not due at once, or the same run would meet it again.
    await expectHandedBack(room, 0);
  });

  it('begins nothing after a signal, and hands the rest of its claim back', async () => {
    const room = await aMailRoom();
    await room.queue('customer_succeeded', 12);
    const stop = new AbortController();
    let underWay = 0;
    const report = await room.run(
      (nth) => {
        // Others are under way then, and more are claimed.
        if (nth === 4) {
          stop.abort();
          underWay = room.tried.length;
        }
        return SENT;
      },
      NO_LIMITS,
      stop.signal,
    );
    const left = 12 - underWay;
    expect(left).toBeGreaterThan(0);
    expect(report).toMatchObject({ sent: underWay, retried: 0, failed: 0, queued: left });
    expect(room.tried).toHaveLength(underWay);
    await expectHandedBack(room, left);
  });

  it('while the database fails is an unknown outcome once an e-mail went out, and out of reach before', async () => {
    let tried = 0;
    const room = await aMailRoom({
      gate: failingGate(sqlite, (sql) => tried > 0 && sql.includes('update notifications')),
    });
    await room.queue('customer_succeeded', 2);
    const run = room.run(() => {
      tried += 1;
      return SENT;
    });
    expect(await errorOf(run)).toMatchObject({ kind: 'unknown_outcome', code: 'database_io' });
    expect(
      await errorOf(
        room.run(() => {
          throw new PayreconError('invalid_request', 'nothing is sent');
        }),
      ),
    ).toMatchObject({ kind: 'unreachable', code: 'database_io' });
  });
});
