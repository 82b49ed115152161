import type { Payrecon } from '../../../src/app/service.ts';
import { aCharge } from '../../faults/lane.ts';
import { runPayrecon } from '../../support/binary.ts';
import type { Harness } from '../harness.ts';
import { endOf, type Ended } from './ending.ts';

/** Somebody who charges, by whatever means. A key is always charged with the same parameters. */
export interface Caller {
  charge(key: string, paymentMethod: string): Promise<Ended>;
}

function methodType(paymentMethod: string): string {
  return paymentMethod === 'pm_usBankAccount' ? 'us_bank_account' : 'card';
}

/** In this process, with connections of its own. */
export function charging(payrecon: Payrecon): Caller {
  return {
    charge: (key, paymentMethod) => {
      const request = aCharge({
        key,
        reference: `reference of ${key}`,
        email: `${key}@example.com`,
        paymentMethod,
        methodTypes: [methodType(paymentMethod)],
      });
      return endOf('charge', () =>
        payrecon.charge(request, { waitMs: 0, waitForOutcome: false, allowDuplicate: true }),
      );
    },
  };
}

/** The real program, a process for each charge. */
export function chargingByProgram(harness: Harness): Caller {
  const env = harness.environment();
  return {
    async charge(key, paymentMethod) {
      const method = [
        '--payment-method',
        paymentMethod,
        '--method-type',
        methodType(paymentMethod),
      ];
      const order = [
        '--key',
        key,
        '--reference',
        `reference of ${key}`,
        '--email',
        `${key}@example.com`,
        '--amount',
        '49.99',
        '--currency',
        'usd',
      ];
      const { exitCode, stdout, stderr } = await runPayrecon(
        ['charge', ...order, ...method, '--allow-duplicate', '--wait', '0s', '--json'],
        { env, timeoutMs: 60_000 },
      );
      return { exitCode: exitCode ?? -1, transaction: toldOf(stdout), said: stderr };
    },
  };
}

/** The transaction on standard output, where there is one. */
function toldOf(stdout: string): Ended['transaction'] {
  if (stdout === '') return null;
  const {
    id,
    status,
    payment_intent: paymentIntent,
  } = JSON.parse(stdout) as { id: string; status: string; payment_intent: string | null };
  return { id, status, paymentIntent };
}
