/*
 * A process of its own for tests: says that it is ready, waits for a line on standard input, then
 * opens the database and one transaction in it, and prints what became of it.
 *
 *     node open-and-charge.js URL KEY
 */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import { openStorage } from '../../src/storage/open.ts';

const [url = '', key = ''] = process.argv.slice(2);
process.stdout.write('ready\n');
await once(process.stdin, 'data');
process.stdin.destroy();

const storage = await openStorage({
  url,
  autoMigrate: true,
  mayCreate: true,
  clock: {
    monotonicMs: () => performance.now(),
    sleep: async (ms) => {
      await wait(ms);
    },
  },
  chance: { uniform: () => Math.random(), token: () => randomUUID() },
});
const result = await storage.ledger.open(
  {
    key,
    reference: `order-${key}`,
    amount: 4999,
    currency: 'usd',
    customer: 'cus_1',
    paymentMethod: 'pm_1',
    methodTypes: ['card'],
    email: 'ada@example.com',
    description: null,
    metadata: {},
    onSession: false,
  },
  'f',
  { windowMs: 600_000, allow: false },
  { role: 'charge', operator: 'ada', systemUser: 'root', host: 'host', pid: process.pid },
);
await storage.close();
process.stdout.write(
  `${JSON.stringify({ kind: result.kind, id: 'transaction' in result ? result.transaction.id : null })}\n`,
);
