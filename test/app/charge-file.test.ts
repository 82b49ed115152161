import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import {
  chargeFile,
  endOf,
  type ChargeFileOptions,
  type ChargeRows,
  type RowResult,
} from '../../src/app/charge-file.ts';
import { readCells, type ChargeRow } from '../../src/app/charge-row.ts';
import type { ChargeOutcome, Payrecon } from '../../src/app/service.ts';
import { PayreconError } from '../../src/domain/errors.ts';
import type { ChargeRequest } from '../../src/domain/transaction.ts';
import { charged, pending, succeeded } from '../cli/support/fixture.ts';

const COLUMNS = ['key', 'amount_minor', 'currency', 'payment_method', 'reference'];

function row(
  line: number,
  key = `k${String(line)}`,
  { amount = '100', reference = '' } = {},
): ChargeRow {
  return {
    line,
    key,
    parsed: readCells(COLUMNS, [key, amount, 'usd', 'pm_card_visa', reference], []),
    endsAtByte: line * 10,
  };
}

/** Rows made as they are asked for; `given` says how many were. */
function rowsOf(
  make: (line: number) => ChargeRow | PayreconError | null,
): ChargeRows & { readonly given: () => number; readonly stops: () => number } {
  let given = 0;
  let stops = 0;
  return {
    next() {
      const made = make(given + 1);
      if (made instanceof Error) return Promise.reject(made);
      if (made === null) return Promise.resolve({ done: true, value: undefined });
      given += 1;
      return Promise.resolve({ done: false, value: made });
    },
    stop: () => {
      stops += 1;
    },
    given: () => given,
    stops: () => stops,
  };
}

const upTo = (count: number) => rowsOf((line) => (line <= count ? row(line) : null));

function answering(request: ChargeRequest): ChargeOutcome {
  return charged({ ...succeeded, key: request.key, amount: request.amount });
}

const unknown = (request: ChargeRequest): ChargeOutcome =>
  charged({ ...pending, key: request.key });

async function run(
  charge: (request: ChargeRequest) => Promise<ChargeOutcome>,
  rows: ChargeRows,
  more: Partial<ChargeFileOptions> & { readonly signal?: AbortSignal } = {},
) {
  const results: RowResult[] = [];
  const { signal, ...options } = more;
  const use: Payrecon['charge'] = (request) => charge(request);
  const report = await chargeFile(use, rows, {
    concurrency: 4,
    charge: {
      waitMs: 0,
      waitForOutcome: false,
      allowDuplicate: false,
      ...(signal === undefined ? {} : { signal }),
    },
    onResult: (result) => void results.push(result),
    ...options,
  });
  return { report, results };
}

describe('a file of charges', () => {
  it('charges every row, never more of them at a time than allowed, and hands over each result', async () => {
    let underWay = 0;
    let most = 0;
    const { report, results } = await run(async (request) => {
      underWay += 1;
      most = Math.max(most, underWay);
      await wait(1);
      underWay -= 1;
      return answering(request);
    }, upTo(50));
    expect(most).toBe(4);
    expect(report).toMatchObject({
      rows: 50,
      ends: { succeeded: 50, invalid: 0 },
      interrupted: false,
      stoppedBy: null,
    });
    expect(results.map((result) => result.row.line).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 50 }, (_, at) => at + 1),
    );
  });

  it('lets a row fail alone', async () => {
    const rows = rowsOf((line) =>
      line > 6 ? null : row(line, `k${String(line)}`, line === 2 ? { amount: '1.5' } : {}),
    );
    const { report, results } = await run(
      (request) =>
        request.key === 'k4'
          ? Promise.reject(new PayreconError('reference_taken', 'Taken.'))
          : Promise.resolve(answering(request)),
      rows,
    );
    expect(report.ends).toMatchObject({ succeeded: 4, invalid: 1, refused: 1 });
    expect(Object.fromEntries(results.map((result) => [result.row.line, endOf(result)]))).toEqual({
      1: 'succeeded',
      2: 'invalid',
      3: 'succeeded',
      4: 'refused',
      5: 'succeeded',
      6: 'succeeded',
    });
  });

  it.each(['key', 'reference'])(
    'charges rows of the same %s one after the other, in the order of the file',
    async (shared) => {
      const order: string[] = [];
      const rows = rowsOf((line) =>
        line > 3
          ? null
          : row(line, shared === 'key' ? 'same' : `k${String(line)}`, {
              amount: String(line),
              reference: shared === 'key' ? '' : 'same',
            }),
      );
      await run(async (request) => {
        order.push(`begin ${String(request.amount)}`);
        await wait(10 / request.amount);
        order.push(`end ${String(request.amount)}`);
        return answering(request);
      }, rows);
      expect(order).toEqual(['begin 1', 'end 1', 'begin 2', 'end 2', 'begin 3', 'end 3']);
    },
  );

  it('finishes what it has begun when a signal comes, and begins nothing more', async () => {
    const stop = new AbortController();
    const begun: string[] = [];
    const rows = upTo(1_000);
    const { report, results } = await run(
      async (request) => {
        begun.push(request.key);
        await wait(5);
        if (begun.length === 8) stop.abort();
        return answering(request);
      },
      rows,
      { signal: stop.signal },
    );
    expect(report.interrupted).toBe(true);
    expect(results.length).toBe(begun.length);
    expect(begun.length).toBeLessThanOrEqual(12);
    expect(rows.stops()).toBe(1);
  });

  it('is not interrupted by a signal that comes when every row was read', async () => {
    const stop = new AbortController();
    const { report } = await run(
      async (request) => {
        await wait(10);
        stop.abort();
        return answering(request);
      },
      upTo(3),
      { signal: stop.signal },
    );
    expect(report).toMatchObject({ rows: 3, interrupted: false });
  });

  it('stops when nothing is known of 20 payments in a row', async () => {
    const rows = upTo(1_000);
    const { report } = await run((request) => Promise.resolve(unknown(request)), rows);
    expect(report).toMatchObject({ stoppedBy: { code: 'stripe_away' }, interrupted: false });
    expect(report.ends.pending).toBeGreaterThanOrEqual(20);
    expect(report.ends.pending).toBeLessThan(24);
  });

  it('goes on while some get through', async () => {
    const { report } = await run(
      (request) =>
        Promise.resolve(request.key.endsWith('0') ? answering(request) : unknown(request)),
      upTo(200),
    );
    expect(report).toMatchObject({
      rows: 200,
      ends: { succeeded: 20, pending: 180 },
      stoppedBy: null,
    });
  });

  it('stops at once when Stripe refuses the key', async () => {
    const refused = new PayreconError('stripe_unauthorized', 'Refused.', {
      transaction: pending,
    });
    const { report } = await run(() => Promise.reject(refused), upTo(1_000));
    expect(report.stoppedBy).toBe(refused);
    expect(report.ends.pending).toBeLessThanOrEqual(4);
  });

  it('tells what was charged before the place where the file cannot be read further', async () => {
    const broken = new PayreconError('unreadable_file', 'Broken.');
    const { report, results } = await run(
      (request) => Promise.resolve(answering(request)),
      rowsOf((line) => (line <= 5 ? row(line) : broken)),
    );
    expect(report).toMatchObject({ rows: 5, stoppedBy: broken });
    expect(results).toHaveLength(5);
  });

  it('shows a bug, once the others are over', async () => {
    let over = 0;
    const bug = new TypeError('a bug');
    await expect(
      run(async (request) => {
        if (request.key === 'k2') throw bug;
        await wait(10);
        over += 1;
        return answering(request);
      }, upTo(100)),
    ).rejects.toBe(bug);
    expect(over).toBe(3);
  });

  it('waits for whoever takes the results, and reads no further meanwhile', async () => {
    const rows = upTo(1_000);
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    const running = run((request) => Promise.resolve(answering(request)), rows, {
      onResult: () => held,
    });
    await wait(20);
    expect(rows.given()).toBe(4);
    release();
    expect((await running).report.rows).toBe(1_000);
  });
});
