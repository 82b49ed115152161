// A process that asks Stripe as often as the shared limits let it, for so long; its argument is JSON.
import { openGateway } from '../../../src/stripe/gateway.ts';
import { openStorage } from '../../../src/storage/open.ts';
import { systemChance, systemClock } from '../../../src/compose/system.ts';
import { transaction } from '../../stripe/samples.ts';

const AT_ONCE = 8;
interface Asked {
  readonly url: string;
  readonly apiBase: string;
  readonly forMs: number;
  readonly perSecond: number;
  readonly perEndpoint: number;
}

const { url, apiBase, forMs, perSecond, perEndpoint } = JSON.parse(
  process.argv[2] ?? '{}',
) as Asked;
const storage = await openStorage({
  url,
  clock: systemClock,
  chance: systemChance,
  mayCreate: true,
});
const gateway = openGateway({
  secretKey: 'sk_test_local0123456789abcdef',
  apiBase,
  deadlineMs: 10_000,
  requestsPerSecond: perSecond,
  endpointRequestsPerSecond: perEndpoint,
  clock: systemClock,
  budgets: storage.budgets,
});
process.stdout.write('ready\n');
await new Promise<void>((resolve) => process.stdin.once('data', () => resolve()));
const endMs = performance.now() + forMs;
await Promise.all(
  Array.from({ length: AT_ONCE }, async () => {
    while (performance.now() < endMs)
      await gateway.confirm(transaction({ paymentIntent: 'pi_nobody' }));
  }),
);
gateway.close();
await storage.close();
process.stdin.destroy();
