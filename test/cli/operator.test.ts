import { describe, expect, it } from 'vitest';
import type { DoctorCheck } from '../../src/app/service.ts';
import { PayreconError } from '../../src/domain/errors.ts';
import { commandLine } from './support/command-line.ts';
import { createdAt, email, succeeded } from './support/fixture.ts';

const ok: DoctorCheck = {
  name: 'database',
  state: 'ok',
  message: 'SQLite file answers',
  failure: null,
};

describe('doctor', () => {
  it('prints every check, and ends as the worst of them', async () => {
    const checks: readonly DoctorCheck[] = [
      ok,
      { name: 'last_pass', state: 'warning', message: 'never', failure: null },
      { name: 'stripe', state: 'failed', message: 'no answer', failure: 'unreachable' },
    ];
    const { code, stdout } = await commandLine(['doctor'], {
      payrecon: { doctor: () => Promise.resolve(checks) },
    });
    expect(code).toBe(69);
    expect(stdout).toMatch(
      /^✓ database {7}SQLite file answers\n! last pass {6}never\n✗ stripe {9}no answer\n$/,
    );
  });

  it('prints them as JSON', async () => {
    const { code, stdout } = await commandLine(['doctor', '--json'], {
      payrecon: { doctor: () => Promise.resolve([ok]) },
    });
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual({
      ok: true,
      checks: [{ name: 'database', state: 'ok', message: 'SQLite file answers' }],
    });
  });

  it('has settings that cannot be read as its finding', async () => {
    const problems = [{ field: 'PAYRECON_MAX_ATTEMPTS', message: 'not a number' }];
    const { code, stdout, stderr } = await commandLine(['doctor', '--json'], {
      openFails: new PayreconError('bad_settings', 'Bad settings.', { problems }),
    });
    expect(code).toBe(2);
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toEqual({
      ok: false,
      checks: [
        {
          name: 'configuration',
          state: 'failed',
          message: 'Bad settings. · PAYRECON_MAX_ATTEMPTS: not a number',
        },
      ],
    });
  });

  it('does not hide a bug', async () => {
    const { code, stdout, stderr } = await commandLine(['doctor'], {
      openFails: new TypeError('x is undefined'),
    });
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/this is a bug[^]*TypeError: x is undefined\n +at /);
  });
});

const moved = {
  from: 'sqlite:/var/ledger.db',
  to: 'postgres://u@h/d',
  transactions: 4,
  auditEntries: 12,
  notifications: 3,
  migrations: ['0001_ledger'],
  alreadyThere: false,
};

describe('migrate', () => {
  it('shows on a terminal how far a move is, and takes the line away at its end', async () => {
    const { code, stderr } = await commandLine(['migrate', '--from', 'sqlite:/var/ledger.db'], {
      columns: 80,
      payrecon: {
        move: (from, onProgress) => {
          onProgress?.({ part: 'copying', done: 500, rows: 2_000 });
          onProgress?.({ part: 'verifying', done: 0, rows: 2_000 });
          return Promise.resolve({
            from,
            to: 'postgres://u@h/d',
            transactions: 1,
            auditEntries: 2,
            notifications: 0,
            migrations: [],
            alreadyThere: false,
          });
        },
      },
    });
    expect(code).toBe(0);
    const clear = '\r\u001b[K';
    expect(stderr).toContain(
      `${clear}copying · 500 of 2000 rows · 25 %${clear}verifying 2000 rows${clear}`,
    );
  });

  it('goes up without being told', async () => {
    const { code, stdout, calls } = await commandLine(['migrate'], {
      payrecon: { migrate: () => Promise.resolve(['0001_ledger']) },
    });
    expect([code, stdout]).toEqual([0, 'Applied\n  0001_ledger\n']);
    expect(calls[0]?.args).toEqual(['up']);
  });

  it('does not go down unasked', async () => {
    const { code, stderr, opened } = await commandLine(['migrate', 'down']);
    expect(code).toBe(2);
    expect(stderr).toContain('--yes: missing');
    expect(opened).toEqual([]);
  });

  it('goes down with --yes, or when a person confirms', async () => {
    const migrate = (): Promise<readonly string[]> => Promise.resolve(['0001_ledger']);
    expect(
      (await commandLine(['migrate', 'down', '--yes'], { payrecon: { migrate } })).calls[0]?.args,
    ).toEqual(['down']);
    const asked = await commandLine(['migrate', 'down'], {
      answers: [{ to: 'confirm', asked: 'is lost', answer: true }],
      payrecon: { migrate },
    });
    expect(asked.code).toBe(0);
    const refused = await commandLine(['migrate', 'down'], {
      answers: [{ to: 'confirm', asked: 'is lost', answer: false }],
    });
    expect([refused.code, refused.opened]).toEqual([2, []]);
  });

  it('takes a ledger along, says what it held, and where to point from then on', async () => {
    const { code, stdout, stderr, calls } = await commandLine(
      ['migrate', '--from', 'sqlite:/var/ledger.db'],
      { payrecon: { move: () => Promise.resolve(moved) } },
    );
    expect(code).toBe(0);
    expect(calls).toMatchObject([{ args: ['sqlite:/var/ledger.db'] }]);
    expect(stdout).toMatch(
      /^Moved\n +transactions +4\n +audit entries +12\n +e-mails +3\n +from +sqlite:\/var\/ledger\.db\n +to +postgres:\/\/u@h\/d\n$/,
    );
    expect(stderr).toMatch(/Every row was compared[^]*DATABASE_URL/);
    const again = await commandLine(['migrate', 'up', '--from', moved.from], {
      payrecon: { move: () => Promise.resolve({ ...moved, alreadyThere: true }) },
    });
    expect(again.stdout).toContain('by an earlier run');
    expect(again.stderr).not.toContain('compared');
  });

  it.each(['down', 'status'])('takes none along on the way %s', async (direction) => {
    const { code, stderr, opened } = await commandLine([
      'migrate',
      direction,
      '--from',
      'sqlite:/var/ledger.db',
    ]);
    expect([code, opened]).toEqual([2, []]);
    expect(stderr).toContain('--from: goes with');
  });

  it('says what is pending and what is unknown', async () => {
    const { code, stdout, stderr } = await commandLine(['migrate', 'status'], {
      payrecon: {
        migrationStatus: () =>
          Promise.resolve({ applied: ['0001_a'], pending: ['0002_b'], unknown: ['0009_z'] }),
      },
    });
    expect(code).toBe(0);
    expect(stdout).toMatch(/applied +0001_a\n +pending +0002_b\n +unknown +0009_z/);
    expect(stderr).toContain('payrecon migrate\n');
    expect(stderr).toContain('newer payrecon');
  });
});

describe('notifications', () => {
  it('lists them within the terminal', async () => {
    const { stdout } = await commandLine(['notifications', 'list'], {
      columns: 80,
      payrecon: {
        notifications: () =>
          Promise.resolve([
            email,
            { ...email, to: null, state: 'failed', lastError: 'bounced '.repeat(20) },
          ]),
      },
    });
    expect(stdout).toContain('customer_succeeded');
    expect(stdout).toContain('the operator');
    expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
  });

  it('says why nothing was sent', async () => {
    const report = { configured: false, sent: 0, retried: 0, failed: 0, queued: 4, refused: null };
    const { code, stdout, stderr } = await commandLine(['notifications', 'send', '--limit', '2'], {
      payrecon: { sendNotifications: () => Promise.resolve(report) },
    });
    expect(code).toBe(2);
    expect(stdout).toMatch(/queued +4/);
    expect(stderr).toContain('SENDGRID_API_KEY');
  });

  it('ends with the signal after draining', async () => {
    const report = { configured: true, sent: 1, retried: 0, failed: 0, queued: 4, refused: null };
    const { code } = await commandLine(['notifications', 'send'], {
      stoppedBy: 'SIGTERM',
      payrecon: { sendNotifications: () => Promise.resolve(report) },
    });
    expect(code).toBe(143);
  });
});

describe('audit verify', () => {
  it('says that every hash fits', async () => {
    const { code, stdout, calls } = await commandLine(['audit', 'verify', 'order-1'], {
      payrecon: {
        verifyAudit: () =>
          Promise.resolve({ transactions: 1, entries: 5, partly: 0, firstBad: null }),
      },
    });
    expect([code, stdout]).toEqual([0, '✓ 5 audit entries of 1 transaction: every hash fits.\n']);
    expect(calls[0]?.args).toEqual(['order-1']);
  });

  it('names the first bad entry', async () => {
    const { code, stdout, stderr } = await commandLine(['audit', 'verify'], {
      payrecon: {
        verifyAudit: () =>
          Promise.resolve({
            transactions: 1,
            entries: 5,
            partly: 0,
            firstBad: {
              table: 'audit_events',
              id: succeeded.id,
              transactionId: succeeded.id,
              seq: 3,
              problem: 'the hash does not fit',
            },
          }),
      },
    });
    expect(code).toBe(5);
    expect(stdout).toContain(`number 3 of ${succeeded.id}: the hash does not fit`);
    expect(stderr).toContain(`payrecon show ${succeeded.id}`);
  });

  it('names a row that is of no transaction, and what is covered only in part', async () => {
    const verify = async (
      firstBad: {
        table: string;
        id: string | null;
        transactionId: null;
        seq: null;
        problem: string;
      } | null,
      partly = 0,
    ): Promise<readonly string[]> => {
      const { stdout, stderr } = await commandLine(['audit', 'verify'], {
        payrecon: {
          verifyAudit: () => Promise.resolve({ transactions: 3, entries: 5, partly, firstBad }),
        },
      });
      return [stdout, stderr];
    };
    const bad = {
      table: 'passes',
      id: 'pass_1',
      transactionId: null,
      seq: null,
      problem: 'the row is not what was sealed',
    };
    expect((await verify(bad))[0]).toContain(
      'The first bad row is pass_1 of the table passes: the row is not what was sealed.',
    );
    expect(
      (
        await verify({
          ...bad,
          table: 'triggers',
          id: 'transactions_no_delete',
          problem: 'the trigger is gone',
        })
      )[0],
    ).toContain('The trigger transactions_no_delete of the database: the trigger is gone.');
    const [stdout, stderr] = await verify(null, 2);
    expect(stdout).toContain('every hash fits');
    expect(stderr).toContain('2 transactions were last written by an older version');
  });

  it('knows no such transaction: exit 6', async () => {
    const { code } = await commandLine(['audit', 'verify', 'nope'], {
      payrecon: {
        verifyAudit: () =>
          Promise.reject(new PayreconError('no_such_transaction', 'No transaction has it.')),
      },
    });
    expect(code).toBe(6);
  });
});

describe('status', () => {
  it('is one screen, and exits with 5 when a person is needed', async () => {
    const status = {
      pending: 2,
      stuck: 0,
      overdue: 1,
      changed: 0,
      oldestPendingAt: createdAt,
      waiting: { tooYoung: 0, tooYoungUntil: null, later: 0, laterFrom: null },
      notSent: 0,
      lastPass: null,
      emails: { queued: 1, sending: 1, failed: 0 },
      state: { kind: 'in_use' as const },
    };
    const { code, stdout, stderr } = await commandLine(['status'], {
      columns: 80,
      payrecon: { status: () => Promise.resolve(status) },
    });
    expect(code).toBe(5);
    expect(stdout).toMatch(/pending +2, the oldest from 3 min ago/);
    expect(stdout).toMatch(/e-mails +2 queued, 0 failed/);
    expect(stdout.split('\n').length).toBeLessThan(15);
    expect(stderr).toContain('payrecon stuck list');
    expect(stderr).toContain('payrecon reconcile --daemon');
  });
});

describe('reconcile --daemon', () => {
  it('runs until the signal, logs on stderr, and ends as the signal says', async () => {
    const { code, stdout, stderr, opened } = await commandLine(
      [
        'reconcile',
        '--daemon',
        '--schedule',
        '*/5 * * * *',
        '--limit',
        '3',
        '--pending-after',
        '1m',
      ],
      {
        stoppedBy: 'SIGTERM',
        daemon: (request) => {
          expect(request.flags).toEqual({ schedule: '*/5 * * * *', 'pending-after': '1m' });
          expect(request.limit).toBe(3);
          expect(request.signal.aborted).toBe(true);
          request.log('drained \u001b[31m');
          return Promise.resolve();
        },
      },
    );
    expect([code, stdout, stderr, opened]).toEqual([143, '', 'drained \\e[31m\n', []]);
  });

  it('ends with its error', async () => {
    const { code, stderr } = await commandLine(['reconcile', '--daemon'], {
      daemon: () => Promise.reject(new PayreconError('bad_schedule', 'No such schedule.')),
    });
    expect([code, stderr]).toEqual([2, 'payrecon: No such schedule.\n']);
  });
});
