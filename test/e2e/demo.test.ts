import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { expect, it } from 'vitest';
import { textOf } from '../repository/tree.ts';
import { runPayrecon } from '../support/binary.ts';

function demoFolders(): string[] {
  return readdirSync(tmpdir()).filter((name) => name.startsWith('payrecon-demo-'));
}

it('the demo tells one story whose end is in the books of the local Stripe, and leaves nothing behind', async () => {
  const before = demoFolders();
  const startedMs = performance.now();
  // A user's own settings must not matter: the demo would fail if it used any of these.
  const env = {
    DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none',
    STRIPE_SECRET_KEY: 'sk_live_never_used_000000',
    PAYRECON_MAX_ATTEMPTS: 'many',
    HTTP_PROXY: 'http://127.0.0.1:1',
    https_proxy: 'socks5://127.0.0.1:1',
  };
  const { exitCode, stdout, stderr } = await runPayrecon(['demo'], { env, timeoutMs: 30_000 });
  expect(stderr).toBe('');
  expect(exitCode).toBe(0);
  expect(performance.now() - startedMs).toBeLessThan(30_000);
  expect(stdout).toContain('plain client   charged 2 times   $99.98');
  expect(stdout).toContain('payrecon       charged once      $49.99');
  expect(stdout).toMatch(
    /\$ payrecon charge .*[\s\S]*exit 75[\s\S]*\$ payrecon charge .*[\s\S]*exit 75[\s\S]*\$ payrecon reconcile[\s\S]*exit 0/,
  );
  expect(stdout).toContain('you were charged once');
  expect(demoFolders().filter((name) => !before.includes(name))).toEqual([]);
});

it('the picture in the README shows what the demo prints', async () => {
  const { stdout } = await runPayrecon(['demo'], { timeoutMs: 30_000 });
  const printed = stdout.split('\n').map((line) => line.replace(/^ {2}│? ?/, '').trimEnd());
  const [, picture = ''] = /```console\n([\s\S]*?)```/.exec(textOf('README.md')) ?? [];
  const shown = picture
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line !== '');
  expect(shown.length).toBeGreaterThan(10);
  expect(
    shown.filter((line) => !printed.includes(line) && !printed.includes(line.replace(/^ {2}/, ''))),
  ).toEqual([]);
});
