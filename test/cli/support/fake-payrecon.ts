import { onTestFinished } from 'vitest';
import type { Payrecon } from '../../../src/app/service.ts';

type Methods = {
  readonly [
    Name in keyof Payrecon as Payrecon[Name] extends (...args: never[]) => unknown ? Name : never
  ]: Payrecon[Name];
};
const fixed = ['timeZone', 'mode', 'ledger', 'limits', 'warnings'] as const;
type Fixed = (typeof fixed)[number];
export type Expected = Partial<Omit<Methods, 'close'>> & Partial<Pick<Payrecon, Fixed>>;

export interface FakePayrecon {
  readonly payrecon: Payrecon;
  readonly calls: readonly { readonly name: string; readonly args: readonly unknown[] }[];
  readonly closed: () => number;
}

/**
 * Answers only what the test expects: any other call fails where it is made, and a stub that is never called, or a
 * payrecon that is not closed exactly once, fails the test at its end.
 */
export function fakePayrecon(expected: Expected): FakePayrecon {
  const calls: { name: string; args: readonly unknown[] }[] = [];
  let opened = 0;
  let closed = 0;
  const answers: Readonly<Record<string, unknown>> = {
    mode: 'test',
    timeZone: 'UTC',
    ledger: 'sqlite:/tmp/ledger.db',
    limits: { requestsPerSecond: 100, endpointRequestsPerSecond: 25 },
    warnings: [],
    ...expected,
  };
  const payrecon = new Proxy(
    {},
    {
      get(_target, name) {
        if (typeof name === 'symbol' || name === 'then') return undefined;
        if (fixed.some((each) => each === name)) return answers[name];
        if (name === 'close') {
          return () => {
            closed += 1;
            return Promise.resolve();
          };
        }
        // What a customer would be told is of interest to its own tests.
        if (name === 'preview' && answers[name] === undefined) return () => Promise.resolve(null);
        const stub = answers[name];
        if (typeof stub !== 'function') throw new Error(`unexpected call of ${name}`);
        return (...args: unknown[]): unknown => {
          calls.push({ name, args });
          return Reflect.apply(stub, undefined, args);
        };
      },
    },
  ) as Payrecon;
  onTestFinished(({ task }) => {
    if (task.result?.state === 'fail') return;
    const unused = Object.keys(expected).filter(
      (name) => !fixed.some((each) => each === name) && !calls.some((call) => call.name === name),
    );
    if (unused.length > 0) throw new Error(`never called: ${unused.join(', ')}`);
    if (closed !== opened)
      throw new Error(`opened ${String(opened)} times and closed ${String(closed)} times`);
  });
  return {
    get payrecon() {
      opened += 1;
      return payrecon;
    },
    calls,
    closed: () => closed,
  };
}
