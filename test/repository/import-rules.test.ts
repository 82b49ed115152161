import { copyFile, mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../support/temporary.ts';
import { root } from './tree.ts';

/** Each forbidden import, and the rule that must name it. */
const violations: [from: string, to: string, rule: string][] = [
  ['src/domain/money/money.ts', 'src/app/ports.ts', 'domain'],
  ['src/app/charge.ts', 'src/storage/ledger/ledger.ts', 'app'],
  ['src/storage/ledger/ledger.ts', 'src/app/charge.ts', 'storage'],
  ['src/storage/ledger/ledger.ts', 'src/stripe/gateway.ts', 'storage'],
  ['src/stripe/gateway.ts', 'src/email/sender.ts', 'stripe'],
  ['src/email/sender.ts', 'src/config/settings.ts', 'email'],
  ['src/daemon/loop.ts', 'src/app/reconcile/pass.ts', 'daemon'],
  ['src/config/settings.ts', 'src/app/ports.ts', 'config'],
  ['src/cli/program.ts', 'src/storage/ledger/ledger.ts', 'cli'],
  ['src/cli/program.ts', 'src/sandbox/server.ts', 'sandbox-only-for-its-commands'],
  ['src/cli/commands/sandbox.ts', 'src/sandbox/server.ts', 'sandbox-only-on-demand'],
  ['src/compose/services.ts', 'src/sandbox/server.ts', 'sandbox-only-for-its-commands'],
  ['src/sandbox/server.ts', 'src/domain/money/money.ts', 'sandbox'],
  ['src/main.ts', 'src/app/charge.ts', 'main'],
  ['migrations/list.ts', 'src/domain/money/money.ts', 'migrations'],
  ['src/app/charge.ts', 'src/compose/services.ts', 'nothing-imports-the-edges'],
  ['src/app/charge.ts', 'knex', 'knex-stays-in-its-place'],
  ['src/cli/program.ts', 'pg', 'pg-stays-in-its-place'],
  ['src/compose/services.ts', 'libsql', 'libsql-stays-in-its-place'],
  ['src/app/charge.ts', 'stripe', 'stripe-stays-in-its-place'],
  ['src/stripe/gateway.ts', '@sendgrid/mail', '@sendgrid-stays-in-its-place'],
  ['src/config/settings.ts', 'commander', 'commander-stays-in-its-place'],
  ['src/config/settings.ts', 'vitest', 'no-development-packages'],
  ['src/config/settings.ts', 'src/config/absent.ts', 'everything-resolves'],
];

const allowed: [from: string, to: string][] = [
  ['src/main.ts', 'src/compose/services.ts'],
  ['src/main.ts', 'src/cli/program.ts'],
  ['src/compose/services.ts', 'src/storage/ledger/ledger.ts'],
  ['src/storage/ledger/ledger.ts', 'src/app/ports.ts'],
  ['src/storage/ledger/ledger.ts', 'migrations/list.ts'],
  ['src/storage/ledger/ledger.ts', 'knex'],
  ['src/app/ports.ts', 'src/domain/money/money.ts'],
];

describe('the import rules', () => {
  it('refuse every import that the design forbids, each by its own rule', async () => {
    const found = await violationsOf(violations);
    expect(
      violations.filter(
        ([from, to, rule]) =>
          !found.some((one) => one.from === from && one.to.includes(to) && one.rule === rule),
      ),
    ).toEqual([]);
  });

  it('refuse a circle and a file that nothing imports', async () => {
    const found = await violationsOf([
      ['src/domain/a.ts', 'src/domain/b.ts'],
      ['src/domain/b.ts', 'src/domain/a.ts'],
      ['src/domain/c.ts'],
    ]);
    expect(found.map(({ from, rule }) => `${from} ${rule}`)).toEqual(
      expect.arrayContaining(['src/domain/a.ts no-circles', 'src/domain/c.ts no-orphans']),
    );
  });

  it('allow what the design wants', async () => {
    expect(await violationsOf(allowed)).toEqual([]);
  });
});

interface Violation {
  readonly from: string;
  readonly to: string;
  readonly rule: string;
}

/** Writes files with just these imports into a copy of the layout, and returns the rules that they break. */
async function violationsOf(
  imports: readonly (readonly [from: string, to?: string, rule?: string])[],
): Promise<Violation[]> {
  const folder = await temporaryFolder();
  const contents = new Map<string, string>();
  const add = (file: string, line: string) =>
    contents.set(file, `${contents.get(file) ?? 'export {}\n'}${line}`);
  for (const [from, to] of imports) {
    if (to === undefined) add(from, '');
    else if (to.endsWith('.ts'))
      add(from, `import '${'../'.repeat(from.split('/').length - 1)}${to}'\n`);
    else add(from, `import '${to}'\n`);
    if (to?.endsWith('.ts') === true && !to.includes('absent')) add(to, '');
  }
  for (const [file, content] of contents) {
    await mkdir(dirname(join(folder, file)), { recursive: true });
    await writeFile(join(folder, file), content);
  }
  return cruise(folder);
}

async function cruise(folder: string): Promise<Violation[]> {
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
  for (const file of ['package.json', 'tsconfig.json'])
    await copyFile(join(root, file), join(folder, file));
  const command = join(root, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs');
  const args = [
    'src',
    'migrations',
    '--config',
    join(root, '.ci/import-rules.js'),
    '--output-type',
    'json',
  ];
  await Promise.all(
    ['src', 'migrations'].map((name) => mkdir(join(folder, name), { recursive: true })),
  );
  const { stdout } = await execa(process.execPath, [command, ...args], {
    cwd: folder,
    reject: false,
  });
  const report = JSON.parse(stdout) as {
    summary: { violations: { from: string; to: string; rule: { name: string } }[] };
  };
  return report.summary.violations.map(({ from, to, rule }) => ({ from, to, rule: rule.name }));
}
