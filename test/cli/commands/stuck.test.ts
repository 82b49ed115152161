import { describe, expect, it } from 'vitest';
import type { ResolveRequest, StuckCase } from '../../../src/app/service.ts';
import { readResolve } from '../../../src/cli/commands/stuck-resolve.ts';
import { PayreconError } from '../../../src/domain/errors.ts';
import type { Answer } from '../../../src/domain/answer.ts';
import { anIntent } from '../../support/transactions.ts';
import { commandLine } from '../support/command-line.ts';
import { canceled, keyConflict, stuck, succeeded } from '../support/fixture.ts';

const seen: Answer = { kind: 'missing', requestId: null, message: 'No such payment_intent' };
const inspected: StuckCase = {
  transaction: stuck,
  seen,
  evidence: 'pi_3MtwBwLkdIwHu7ix28a3tqPa is requires_confirmation, $49.99',
  targets: [
    { as: 'retry', meaning: 'leave it to the reconciler again', needsCancelAtStripe: false },
    { as: 'canceled', meaning: 'cancel it at Stripe now', needsCancelAtStripe: true },
  ],
};
const settled: StuckCase = {
  ...inspected,
  evidence: 'it succeeded',
  targets: [{ as: 'succeeded', meaning: 'record that', needsCancelAtStripe: false }],
};
const resolve = (idOrKey: string, request: ResolveRequest): Promise<typeof canceled> => {
  expect(idOrKey).toBe(stuck.id);
  return Promise.resolve(request.as === 'succeeded' ? succeeded : canceled);
};
const inspect = (): Promise<StuckCase> => Promise.resolve(inspected);

describe('stuck list', () => {
  it('exits with 5 when somebody is needed, and says what to do', async () => {
    const { code, stdout, stderr, calls } = await commandLine(['stuck', 'list'], {
      payrecon: {
        stuck: () => Promise.resolve({ data: [stuck], hasMore: false, nextCursor: null }),
      },
    });
    expect(code).toBe(5);
    expect(stdout).toContain(stuck.id);
    expect(stderr).toContain(`payrecon stuck resolve ${stuck.id}`);
    expect(calls[0]?.args).toEqual([100, null]);
  });

  it('exits with 0 when nobody is needed', async () => {
    const { code, stdout, calls } = await commandLine(
      ['stuck', 'list', '--limit', '7', '--cursor', 'c', '--json'],
      {
        payrecon: { stuck: () => Promise.resolve({ data: [], hasMore: false, nextCursor: null }) },
      },
    );
    expect([code, stdout]).toEqual([0, '{"data":[],"has_more":false,"next_cursor":null}\n']);
    expect(calls[0]?.args).toEqual([7, 'c']);
  });
});

describe('reading the flags of stuck resolve', () => {
  it('needs nothing where a person can be asked', () => {
    expect(readResolve('txn_1', {}, true)).toEqual({
      idOrKey: 'txn_1',
      as: null,
      reason: null,
      cancelAtStripe: false,
      noEmail: false,
      yes: false,
    });
  });

  it('reads everything', () => {
    const flags = {
      as: 'canceled',
      reason: ' seen at the bank ',
      cancelAtStripe: true,
      yes: true,
    } as const;
    expect(readResolve('txn_1', flags, false)).toEqual({
      idOrKey: 'txn_1',
      as: 'canceled',
      reason: 'seen at the bank',
      cancelAtStripe: true,
      noEmail: false,
      yes: true,
    });
  });

  it.each([
    [{}, false, ['--as', '--reason', '--yes']],
    [{ as: 'succeeded' }, false, ['--reason', '--yes']],
    [{ as: 'suceeded' }, true, ['--as']],
    [{ reason: '  ' }, true, ['--reason']],
    [{ reason: 'x'.repeat(1_001) }, true, ['--reason']],
  ])('refuses %j (can ask: %j) naming %j', (flags, canAsk, fields) => {
    let thrown: unknown = null;
    try {
      readResolve('txn_1', flags, canAsk);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(PayreconError);
    expect((thrown as PayreconError).kind).toBe('usage');
    expect((thrown as PayreconError).problems.map((problem) => problem.field)).toEqual(fields);
  });
});

describe('stuck resolve without a person', () => {
  it('never asks, and names every flag that is missing', async () => {
    const { code, stdout, stderr, opened } = await commandLine(['stuck', 'resolve', stuck.id]);
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(opened).toEqual([]);
    for (const flag of ['--as', '--reason', '--yes']) expect(stderr).toContain(`${flag}: missing`);
  });

  it('records what the flags say', async () => {
    const { code, stdout, stderr, calls, opened } = await commandLine(
      [
        'stuck',
        'resolve',
        stuck.id,
        '--as',
        'canceled',
        '--reason',
        'order dropped',
        '--cancel-at-stripe',
        '--yes',
        '--json',
        '--operator',
        'ada',
      ],
      { payrecon: { inspect, resolve } },
    );
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ id: canceled.id, status: 'canceled' });
    expect(stderr).toBe('');
    expect(opened[0]).toEqual({ flags: { operator: 'ada' }, needsStripe: true, role: 'resolve' });
    expect(calls.map((call) => call.name)).toEqual(['inspect', 'resolve']);
    expect(calls[1]?.args[1]).toEqual({
      as: 'canceled',
      reason: 'order dropped',
      cancelAtStripe: true,
    });
  });

  it('names --cancel-at-stripe where it is needed', async () => {
    const { code, stderr, calls } = await commandLine(
      ['stuck', 'resolve', stuck.id, '--as', 'canceled', '--reason', 'r', '--yes'],
      { payrecon: { inspect } },
    );
    expect(code).toBe(2);
    expect(stderr).toContain('--cancel-at-stripe: missing');
    expect(calls).toHaveLength(1);
  });

  it('does not cancel at Stripe where it is not needed', async () => {
    const { calls } = await commandLine(
      [
        'stuck',
        'resolve',
        stuck.id,
        '--as',
        'retry',
        '--reason',
        'r',
        '--yes',
        '--cancel-at-stripe',
      ],
      {
        payrecon: { inspect, resolve },
      },
    );
    expect(calls[1]?.args[1]).toEqual({ as: 'retry', reason: 'r', cancelAtStripe: false });
  });

  it('refuses what is not legal now, naming what is: exit 4', async () => {
    const { code, stdout, stderr } = await commandLine(
      ['stuck', 'resolve', stuck.id, '--as', 'failed', '--reason', 'r', '--yes', '--json'],
      { payrecon: { inspect } },
    );
    expect(code).toBe(4);
    expect(stdout).toBe('');
    expect(JSON.parse(stderr)).toMatchObject({
      error: {
        code: 'illegal_resolution',
        fields: ['as'],
        transaction: { id: stuck.id, review: { reason: stuck.review?.reason } },
      },
    });
    expect(stderr).toContain('retry, canceled');
  });

  it('says why a key that was used elsewhere cannot be retried', async () => {
    const conflict: StuckCase = {
      ...settled,
      transaction: keyConflict,
      evidence: 'nothing was found',
    };
    const { code, stderr } = await commandLine(
      ['stuck', 'resolve', keyConflict.id, '--as', 'retry', '--reason', 'r', '--yes'],
      {
        payrecon: { inspect: () => Promise.resolve(conflict) },
      },
    );
    expect(code).toBe(4);
    expect(stderr).toContain(
      'Its key belongs to a payment of another ledger or program, and is never sent again. What is possible now: succeeded.',
    );
  });
});

describe('stuck resolve with a person', () => {
  it('shows the evidence, then asks for the outcome, the reason and a confirmation', async () => {
    const { code, stdout, stderr, calls } = await commandLine(['stuck', 'resolve', stuck.id], {
      columns: 80,
      answers: [
        { to: 'select', asked: 'Record it as', answer: 'canceled' },
        { to: 'confirm', asked: 'could still succeed at Stripe', answer: true },
        { to: 'text', asked: 'Why?', answer: 'order dropped' },
        { to: 'confirm', asked: 'Record it as canceled', answer: true },
      ],
      payrecon: { inspect, resolve },
    });
    expect(code).toBe(0);
    expect(stderr).toContain(inspected.evidence);
    expect(stderr).toContain('Stripe shows $50.00 where $49.99 was asked for');
    expect(stdout).toContain('○ canceled');
    expect(stdout).not.toContain(inspected.evidence);
    expect(calls[1]?.args[1]).toEqual({
      as: 'canceled',
      reason: 'order dropped',
      cancelAtStripe: true,
    });
  });

  const letter = {
    to: 'ada@example.com',
    subject: 'Your payment of $49.99',
    text: 'Hello,\n\nYou have not been charged.\n',
  };

  it('shows the letter that the customer will be sent, before it is confirmed', async () => {
    const previews: unknown[][] = [];
    const { code, stderr, calls } = await commandLine(
      ['stuck', 'resolve', stuck.id, '--as', 'canceled', '--reason', 'r', '--cancel-at-stripe'],
      {
        answers: [{ to: 'confirm', asked: 'Record it as canceled', answer: false }],
        payrecon: {
          inspect,
          preview: (...args) => {
            previews.push(args.slice(1));
            return Promise.resolve(letter);
          },
        },
      },
    );
    expect(code).toBe(2);
    expect(calls.map(({ name }) => name)).toEqual(['inspect', 'preview']);
    expect(previews).toEqual([['canceled', 'r']]);
    expect(stderr).toContain(
      'The customer is sent this (ada@example.com); --no-email leaves it out',
    );
    expect(stderr).toContain(
      '  | Your payment of $49.99\n  |\n  | Hello,\n  |\n  | You have not been charged.\n',
    );
  });

  it('sends none with --no-email, and says so', async () => {
    const { stderr, calls } = await commandLine(
      [
        'stuck',
        'resolve',
        stuck.id,
        '--as',
        'canceled',
        '--reason',
        'r',
        '--cancel-at-stripe',
        '--no-email',
      ],
      {
        answers: [{ to: 'confirm', asked: 'Record it as canceled', answer: true }],
        payrecon: { inspect, resolve, preview: () => Promise.resolve(letter) },
      },
    );
    expect(stderr).toContain('The customer (ada@example.com) is not written to (--no-email).');
    expect(stderr).not.toContain('You have not been charged');
    expect(calls.at(-1)?.args[1]).toMatchObject({ as: 'canceled', noEmail: true });
  });

  it('offers only what is legal', async () => {
    const { code } = await commandLine(['stuck', 'resolve', stuck.id, '--reason', 'r', '--yes'], {
      answers: [{ to: 'select', asked: 'Record it as', answer: 'succeeded' }],
      payrecon: { inspect: () => Promise.resolve(settled), resolve },
    });
    expect(code).toBe(0);
  });

  it('names what Stripe received before a mismatch is accepted', async () => {
    const intent = anIntent({ status: 'succeeded', amount: 4999, amountReceived: 2400 });
    const mismatch: StuckCase = {
      ...settled,
      seen: { kind: 'intent', intent, requestId: null, replayed: false },
    };
    const { code } = await commandLine(
      ['stuck', 'resolve', stuck.id, '--as', 'succeeded', '--reason', 'r'],
      {
        answers: [
          {
            to: 'confirm',
            asked: 'Record it as succeeded: $24.00 (asked for $49.99), txn_',
            answer: true,
          },
        ],
        payrecon: { inspect: () => Promise.resolve(mismatch), resolve },
      },
    );
    expect(code).toBe(0);
  });

  it.each([
    ['the cancelation', [{ to: 'confirm', asked: 'could still succeed', answer: false }]],
    [
      'the decision',
      [
        { to: 'confirm', asked: 'could still succeed', answer: true },
        { to: 'confirm', asked: 'Record it as canceled', answer: false },
      ],
    ],
  ] as const)('changes nothing when %s is not confirmed', async (_name, answers) => {
    const { code, stderr, calls } = await commandLine(
      ['stuck', 'resolve', stuck.id, '--as', 'canceled', '--reason', 'r'],
      { answers, payrecon: { inspect } },
    );
    expect(code).toBe(2);
    expect(stderr).toContain('nothing was changed');
    expect(calls).toHaveLength(1);
  });

  it('ends with 130 and one sentence on Ctrl-C at a question', async () => {
    const gone = new Error('User force closed the prompt');
    gone.name = 'ExitPromptError';
    const { code, stderr, closed } = await commandLine(['stuck', 'resolve', stuck.id], {
      answers: [{ to: 'select', asked: 'Record it as', answer: gone }],
      payrecon: { inspect },
    });
    expect(code).toBe(130);
    expect(stderr).not.toContain('bug');
    expect(stderr).toMatch(/\npayrecon: the question was left unanswered: nothing was decided\n$/);
    expect(closed).toBe(1);
  });

  it('has nothing to offer when Stripe leaves no choice', async () => {
    const { code, stderr } = await commandLine(['stuck', 'resolve', stuck.id], {
      answers: [],
      payrecon: { inspect: () => Promise.resolve({ ...inspected, targets: [] }) },
    });
    expect(code).toBe(4);
    expect(stderr).toContain('cannot be resolved');
  });
});
