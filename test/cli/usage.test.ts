import { describe, expect, it } from 'vitest';
import { commandLine } from './support/command-line.ts';
import { charged, succeeded } from './support/fixture.ts';

describe('what cannot be understood', () => {
  it.each([
    [['chrage'], "Unknown command 'chrage' (Did you mean charge?)"],
    [['stuck', 'lst'], "Unknown command 'lst' (Did you mean list?)"],
    [['charge', '--ammount', '3.00'], "Unknown option '--ammount' (Did you mean --amount?)"],
    [['list', '--statsu', 'stuck'], "Unknown option '--statsu' (Did you mean --status?)"],
    [['list', '--status', 'suceeded'], '"suceeded" is not a status; did you mean succeeded?'],
    [['notifications', 'list', '--state', 'send'], '"send" is not a state; did you mean sent?'],
    [['show'], "Missing required argument 'id-or-key'."],
    [['show', 'a', 'b'], 'Too many arguments'],
    [['charge', '--key'], 'argument missing'],
    [['charge', '--key', 'a', '--key', 'b'], 'It was given more than once.'],
    [['charge', '--file', 'x.xls'], '--file: "x.xls" ends neither in .csv nor in .jsonl'],
    [['reconcile', '--listen', ':80'], "Unknown option '--listen'"],
    [['charge', '--database-url', 'postgres://u:p@h/d'], "Unknown option '--database-url'"],
    [['migrate', 'sideways'], 'Allowed choices are up, down, status'],
    [['completion', 'tcsh'], 'Allowed choices are bash, zsh, fish'],
    [['reconcile', '--daemon', '--dry-run'], '--dry-run: a daemon makes real passes'],
    [['reconcile', 'order-1', '--daemon'], '--daemon: it belongs to a pass over everything'],
    [['reconcile', 'order-1', '--limit', '5'], '--limit: it belongs to a pass over everything'],
    [['reconcile', '--schedule', '* * * * *'], '--schedule: it belongs to --daemon'],
    [['reconcile', '--limit', '0'], '--limit: write a whole number from 1'],
    [['list', '--limit', '1001'], '--limit: write a whole number from 1 to 1000'],
    [['list', '--since', '2026-02-30'], '--since: there is no such time'],
    [['list', '--since', 'last tuesday'], '--since: write a day'],
    [['sandbox', '--port', '70000'], '--port: write a whole number from 0 to 65535'],
    [['sandbox', '--seed', 'x', '--data', ''], '--data: it is empty'],
    [['list', '--reference', ''], '--reference: it is empty'],
    [['list', '--customer='], '--customer: it is empty'],
    [['list', '--customer', 'cus_\ufffd'], '--customer: it was written in bytes that are no UTF-8'],
    [['list', '--reference=a\ufffd'], '--reference: it was written in bytes that are no UTF-8'],
    [['show', 'order\ufffd'], 'an argument: it was written in bytes that are no UTF-8'],
    [['reconcile', '--operator', 'J\ufffdrg'], '--operator: it was written in bytes'],
    [['stuck', 'resolve', 'a', '--as', 'failed', '--yes', '--reason', '\ufffd'], '--reason: it'],
    [['show', ''], 'An argument is empty; was its variable not set?\n'],
    [['list', '--since', '1h', '--until', '2h'], '--until: it is not after --since'],
  ])('%j: exit 2 and %j', async (typed, sentence) => {
    const { code, stdout, stderr, opened } = await commandLine(typed);
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/^payrecon: /);
    expect(stderr).toContain(sentence);
    expect(opened).toEqual([]);
  });

  it.each([
    [
      ['charge', '--amount', '49.99', '--key', '--json'],
      '--key has no value: what follows it, "--json", looks like a flag (if it is meant, write --key=--json)',
    ],
    [['charge', '--key', '-h'], '--key has no value'],
    [['charge', '--key', '--'], '--key has no value'],
    [['charge', '--reference', '--not-known'], '--reference has no value'],
    [['charge', '--description', '--json', '--key', 'a'], '--description has no value'],
    [['charge', '--metadata', '--json'], '--metadata has no value'],
    [['charge', '--metadata', 'a=1', '--method-type', '--json'], '--method-type has no value'],
    [['charge', '--file', '--json'], '--file has no value'],
    [['charge', '--stripe-api-base', '--json'], '--stripe-api-base has no value'],
    [['--config', '--json', 'charge'], '--config has no value'],
    [['charge', '--config', '--json'], '--config has no value'],
    [['list', '--cursor', '--json'], '--cursor has no value'],
    [['reconcile', '--limit', '--dry-run'], '--limit has no value'],
    [['stuck', 'resolve', 'txn_1', '--as', '--yes'], '--as has no value'],
    [['stuck', 'resolve', 'txn_1', '--as', 'failed', '--reason', '--yes'], '--reason has no value'],
    [['notifications', 'list', '--state', '--json'], '--state has no value'],
    [['sandbox', '--data', '--seed', '1'], '--data has no value'],
    [['show', ''], 'An argument is empty; was its variable not set?'],
    [['stuck', 'resolve', '', '--as', 'retry'], 'An argument is empty'],
    [['show', '--', ''], 'An argument is empty'],
  ])('%j: a variable that was not set is no value', async (typed, sentence) => {
    const { code, stdout, stderr, opened } = await commandLine(typed);
    expect({ code, stdout, opened }).toEqual({ code: 2, stdout: '', opened: [] });
    const said = typed.includes('--json')
      ? (JSON.parse(stderr) as { error: { message: string } }).error.message
      : stderr;
    expect(said).toContain(sentence);
  });

  it('takes a value that looks like a flag where it is meant, and a minus sign before a number', async () => {
    const charge = () => Promise.resolve(charged(succeeded));
    const flags = [
      'charge',
      '--amount',
      '49.99',
      '--currency',
      'usd',
      '--payment-method',
      'pm_card_visa',
    ];
    const { calls } = await commandLine(
      [
        ...flags,
        '--key=--json',
        '--description=-h',
        '--reference',
        '-1',
        '--metadata=--a=--json',
        '--metadata=b=--live',
      ],
      { payrecon: { charge } },
    );
    expect(calls[0]?.args[0]).toMatchObject({
      key: '--json',
      description: '-h',
      reference: '-1',
      metadata: { '--a': '--json', b: '--live' },
    });
    const negative = await commandLine([
      'charge',
      '--amount',
      '-5.00',
      '--key',
      'a',
      '--currency',
      'usd',
      '--payment-method',
      'pm_1',
    ]);
    expect(negative.stderr).toContain('without the minus sign');
  });

  it('is said in JSON with --json, wherever that stands', async () => {
    const { code, stdout, stderr } = await commandLine(['list', '--json', '--staus', 'stuck']);
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(JSON.parse(stderr)).toEqual({
      error: {
        code: 'unknown_option',
        message: "Unknown option '--staus' (Did you mean --status?)",
        fields: [],
      },
    });
  });

  it('is said in JSON even where --json itself is wrong', async () => {
    const { code, stderr } = await commandLine(['reconcile', '--daemon', '--json']);
    expect(code).toBe(2);
    expect(JSON.parse(stderr)).toMatchObject({ error: { code: 'invalid_flag', fields: ['json'] } });
  });

  it('does not take --json behind -- for the flag', async () => {
    const { stderr } = await commandLine(['show', '--bogus', '--', '--json']);
    expect(stderr).toMatch(/^payrecon: Unknown option/);
  });

  it('shows a control character in what was typed', async () => {
    const { stderr } = await commandLine(['char\u001b[31mge']);
    expect(stderr).not.toContain('\u001b');
    expect(stderr).toContain(String.raw`char\e[31mge`);
  });

  it('keeps to the width of the terminal', async () => {
    const { stderr } = await commandLine(
      ['charge', '--key', 'k', '--amount', '4999', '--currency', 'usd'],
      { columns: 60 },
    );
    for (const line of stderr.split('\n')) expect(line.length).toBeLessThanOrEqual(60);
  });
});

describe('help', () => {
  it('goes to stdout, exit 0, and opens nothing', async () => {
    for (const typed of [
      ['--help'],
      ['-h'],
      ['help'],
      ['charge', '--help'],
      ['help', 'charge'],
      ['help', 'stuck', 'resolve'],
      ['stuck', 'resolve', '--help'],
    ]) {
      const { code, stdout, stderr, opened } = await commandLine(typed);
      expect(code).toBe(0);
      expect(stdout).toMatch(/^Usage: payrecon /);
      expect(stderr).toBe('');
      expect(opened).toEqual([]);
    }
  });

  it('goes to stderr, exit 2, when a command is missing', async () => {
    for (const typed of [[], ['stuck'], ['audit'], ['notifications']]) {
      const { code, stdout, stderr } = await commandLine(typed);
      expect(code).toBe(2);
      expect(stdout).toBe('');
      expect(stderr).toMatch(/^Usage: payrecon /);
    }
  });

  it('names every command of this version', async () => {
    const { stdout } = await commandLine(['--help']);
    for (const name of [
      'charge',
      'reconcile',
      'list',
      'show',
      'stuck',
      'notifications',
      'audit',
      'status',
      'doctor',
      'migrate',
      'demo',
      'sandbox',
      'completion',
    ]) {
      expect(stdout).toMatch(new RegExp(`^  ${name}\\b`, 'm'));
    }
  });

  it('is no wider than the terminal', async () => {
    for (const columns of [80, 140]) {
      for (const typed of [
        ['--help'],
        ['charge', '--help'],
        ['reconcile', '--help'],
        ['stuck', 'resolve', '--help'],
      ]) {
        const { stdout } = await commandLine(typed, { columns });
        expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(
          columns,
        );
      }
    }
  });

  it('prints the version of the package', async () => {
    const { code, stdout } = await commandLine(['--version']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});
