import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { sqlite } from '../../storage/targets.ts';
import { temporaryFolder } from '../../support/temporary.ts';
import { aSteadyWorld, expectNothingSent, runHere } from './command-line.ts';
import { chargeLine } from './lines.ts';

/** In two parts, so that nobody takes it for a real one. */
const CANARY = ['sk_live', 'CANARY0123456789'].join('_');

/** No part of these may be repeated. Each is put where something else belongs. */
const SECRETS = [
  CANARY,
  'rk_test_CANARY0123456789',
  'whsec_CANARY0123456789',
  'SG.CANARY0123456789.CANARY0123456789CANARY0123456789',
  'postgres://u:CANARY@db.example.com/x',
  'pi_3MtwBwLkdIwHu7ix_secret_CANARY0123456789',
  '4242 4242 4242 4242',
] as const;

/** Where a file is to be named, also a secret without any look of its own is one. */
const BARE = 'CANARYhunter2';

const FLAGS = [
  '--key',
  '--amount',
  '--amount-minor',
  '--currency',
  '--payment-method',
  '--method-type',
  '--customer',
  '--reference',
  '--email',
  '--description',
  '--metadata',
  '--wait',
  '--file',
  '--concurrency',
  '--config',
  '--operator',
  '--stripe-api-base',
  '--stripe-rps',
  '--no-such-flag',
];

const ENVIRONMENT = [
  'STRIPE_SECRET_KEY_FILE',
  'DATABASE_URL_FILE',
  'SENDGRID_API_KEY_FILE',
  'STRIPE_SECRET_KEY',
  'DATABASE_URL',
  'PAYRECON_CONFIG',
  'STRIPE_API_BASE',
  'PAYRECON_MAIL_FROM',
  'PAYRECON_OPERATOR',
  'PAYRECON_NAMESPACE',
  'PAYRECON_SCHEDULE',
  'PAYRECON_LIVE',
  'CREDENTIALS_DIRECTORY',
];

const repeated = /CANARY|4242 ?4242/;

test(
  'a secret that was put in the wrong place is not repeated, on a terminal, in JSON or by doctor',
  { timeout: 120_000 },
  async () => {
    const world = await aSteadyWorld(sqlite);
    let sample = 0;
    const expectHidden = async (
      args: readonly string[],
      env: Readonly<Record<string, string>> = {},
      exits = [2],
    ): Promise<void> => {
      const runs = [await runHere(world, args, env)];
      if (sample++ % 20 === 0) runs.push(await world.run(args, { env }));
      for (const said of runs) {
        expect({ args, env, shown: `${said.stdout}${said.stderr}` }).toEqual({
          args,
          env,
          shown: expect.not.stringMatching(repeated) as string,
        });
        expect({ args, env, exits }).toEqual({
          args,
          env,
          exits: expect.arrayContaining([said.exitCode]) as number[],
        });
      }
    };
    for (const secret of SECRETS) {
      for (const flag of FLAGS) {
        // A card number has the look of many an order's number, so it is a key like any other.
        if (
          secret.startsWith('4242') &&
          ['--key', '--reference', '--description', '--operator'].includes(flag)
        )
          continue;
        const line = chargeLine({ [flag]: secret }).filter((word) => word !== '--json');
        await expectHidden(line);
        await expectHidden([...line, '--json']);
      }
      if (!secret.startsWith('4242'))
        await expectHidden(chargeLine({ '--metadata': `note=${secret}x` }));
      await expectHidden([secret]);
      await expectHidden(['show', secret], {}, [6]);
      await expectHidden(['show', 'x', secret]);
      await expectHidden(['list', '--status', secret]);
      await expectHidden(['list', '--cursor', secret]);
    }
    await expectNothingSent(world);
  },
);

test(
  'a secret in a variable that wants something else is not repeated',
  { timeout: 120_000 },
  async () => {
    const world = await aSteadyWorld(sqlite);
    const { STRIPE_SECRET_KEY: _, DATABASE_URL: __, SENDGRID_API_KEY: ___, ...rest } = world.env;
    const bare = { env: rest };
    for (const name of ENVIRONMENT) {
      const secrets = name.endsWith('_FILE')
        ? [...SECRETS, BARE, `${BARE}/x`, 'CANARY'.repeat(1_000)]
        : SECRETS;
      for (const secret of secrets) {
        // What is right there is no test of a refusal.
        if (name === 'STRIPE_SECRET_KEY' && secret.startsWith('rk_test')) continue;
        for (const args of [chargeLine({}), ['doctor'], ['doctor', '--json']]) {
          const said = await runHere(bare, args, { [name]: secret });
          expect({ name, secret, args, shown: `${said.stdout}${said.stderr}` }).toEqual({
            name,
            secret,
            args,
            shown: expect.not.stringMatching(repeated) as string,
          });
        }
      }
    }
  },
);

test(
  'a secret in a line of a file, and in the settings file, is not repeated',
  { timeout: 60_000 },
  async () => {
    const world = await aSteadyWorld(sqlite);
    const folder = await temporaryFolder();
    const csv = join(folder, 'due.csv');
    const lines = SECRETS.map((secret) => `"${secret}",1.00,usd,"${secret}",cus_1`);
    await writeFile(csv, `key,amount,currency,payment_method,customer\n${lines.join('\n')}\n`);
    const jsonl = join(folder, 'due.jsonl');
    await writeFile(
      jsonl,
      SECRETS.map((secret) =>
        JSON.stringify({ key: secret, amount: secret, currency: secret, [secret]: 'x' }),
      ).join('\n'),
    );
    const settings = join(folder, 'settings.env');
    await writeFile(
      settings,
      `${CANARY}=1\nPAYRECON_MAX_ATTEMPTS=${CANARY}\nrk_live_CANARY01234\n`,
    );
    const header = join(folder, 'header.csv');
    await writeFile(header, `key,${CANARY},${SECRETS[4]}\n`);
    for (const args of [
      ['charge', '--file', csv],
      ['charge', '--file', jsonl],
      ['charge', '--file', header],
      ['list', '--config', settings],
    ]) {
      for (const words of [args, [...args, '--json']]) {
        const { exitCode, stdout, stderr } = await world.run(words);
        expect({ words, exitCode, shown: `${stdout}${stderr}` }).toEqual({
          words,
          exitCode: 2,
          shown: expect.not.stringMatching(repeated) as string,
        });
      }
    }
    await expectNothingSent(world);
  },
);
