import type { Command } from '@commander-js/extra-typings';
import { PayreconError, type Problem } from '../../domain/errors.ts';
import type { Sandbox, SandboxKey } from '../../sandbox/server.ts';
import type { CommandContext } from '../context.ts';
import type { Ending } from '../exit-code.ts';
import { addGlobals, once } from '../flags.ts';
import type { Perform } from '../perform.ts';

/** As typed. */
export interface SandboxFlags {
  readonly port?: string | undefined;
  readonly seed?: string | undefined;
  readonly faults?: string | undefined;
  readonly data?: string | undefined;
  readonly key?: readonly string[] | undefined;
  readonly liveKeys?: boolean | undefined;
}

export interface SandboxArguments {
  readonly port: number;
  readonly seed: number | null;
  readonly faults: string;
  readonly dataDir: string | null;
  readonly keys: readonly SandboxKey[];
  readonly liveKeys: boolean;
}

const defaultPort = 12_111;
const largestPort = 65_535;
const largestSeed = 4_294_967_295;

const help = `
Faults, for example:
  --faults 'payment_intents.confirm#1=drop_after'     the answer to the first confirm is lost
  --faults 'seq:mail.send=500_before,ok'              the first e-mail fails, the second goes out
  --faults 'seed:42@0.2'                              any fault to a fifth of all calls
  --faults outage                                     no call is answered
  --faults 'payment_intents.confirm#1-3=error:402:card_error:card_declined:do_not_honor'  the bank declines
  --faults 'payment_intents.create=error:400:invalid_request_error:account_invalid'  any error of Stripe:
      error:STATUS:TYPE[:CODE[:DECLINE_CODE]], then :param=.. :message=.. :should_retry=.. :kept=..

Control it while it runs, by JSON sent to its address /_sandbox/..:
  POST clock   {"advance_ms":90000000}              25 hours pass at Stripe (negative: back; or set_ms)
  POST faults  {"spec":"outage"}                    as --faults
  DELETE faults
  POST keys    {"key":"rk_test_ofAnotherShop","account":"acct_1AnotherShop","forbidden":["account"]}
      a key of another account, or a restricted one (rk_) that is forbidden some calls
  POST payment_intents/ID/settle  {"outcome":"succeeded","amount_received":2400}
      what a bank or a customer decides; also failed, canceled; "late":true in any state
  GET books                                         what really happened at Stripe and SendGrid
  POST reset                                        forget everything

Any other sk_test_ key is of one account. It answers as Stripe's API version 2026-10-28.endive.`;

export function defineSandbox(command: Command, perform: Perform, run = runSandbox): void {
  const sandbox = command
    .option(
      '--port <n>',
      `port on this machine, which nothing else can reach; 0: any free one (default: ${String(defaultPort)})`,
      once,
    )
    .option('--seed <n>', 'the same seed makes the same ids and the same chances', once)
    .option('--faults <spec>', 'which calls go wrong, and how', once)
    .option('--data <folder>', 'keep the state here, and go on from it at the next start', once)
    .option('--key <key=account>', 'a made-up secret key of another account (repeatable)', collect)
    .option('--live-keys', 'take made-up live keys too, for a live mode that moves no money');
  addGlobals(sandbox);
  sandbox
    .addHelpText('after', help)
    .action((flags, self) => perform(self, (context) => run(readSandbox(flags), context)));
}

export function readSandbox({
  port,
  seed,
  faults,
  data,
  key = [],
  liveKeys = false,
}: SandboxFlags): SandboxArguments {
  const problems: Problem[] = [];
  const number = (field: string, text: string | undefined, largest: number): number | null => {
    if (text === undefined) return null;
    const value = /^[0-9]{1,10}$/.test(text) ? Number(text) : Number.NaN;
    if (value <= largest) return value;
    problems.push({ field, message: `write a whole number from 0 to ${String(largest)}` });
    return null;
  };
  const read = {
    port: number('--port', port, largestPort) ?? defaultPort,
    seed: number('--seed', seed, largestSeed),
  };
  if (data === '') problems.push({ field: '--data', message: 'it is empty: name a folder' });
  const keys = key.map((text): SandboxKey => {
    const at = text.indexOf('=');
    if (at < 0)
      problems.push({
        field: '--key',
        message: 'write KEY=ACCOUNT, such as sk_test_ofAnotherShop=acct_1AnotherShop',
      });
    return { key: text.slice(0, Math.max(at, 0)), account: text.slice(at + 1) };
  });
  if (problems.length > 0)
    throw new PayreconError('invalid_flag', 'These flags cannot be used; nothing was started.', {
      problems,
    });
  return { ...read, faults: faults ?? '', dataDir: data ?? null, keys, liveKeys };
}

export async function runSandbox(
  given: SandboxArguments,
  context: CommandContext,
): Promise<Ending> {
  const stop = context.services.listenForStop();
  const sandbox = await start(given);
  try {
    setFaults(sandbox, given.faults);
    const { environmentLines, followRequests, sandboxHints } =
      await import('../render/views/sandbox.ts');
    context.out.write(environmentLines(sandbox.url));
    context.err.write(sandboxHints(sandbox.url, context.err, given));
    const unfollow = context.err.isTerminal
      ? followRequests(sandbox.books, context.err)
      : () => undefined;
    await aborted(stop);
    unfollow();
  } finally {
    await sandbox.close();
  }
  return { kind: 'stopped' };
}

/** What keeps it from starting is the machine's state: a port that is taken, a folder that cannot be read or written. */
async function start({ port, seed, dataDir, keys, liveKeys }: SandboxArguments): Promise<Sandbox> {
  const { startSandbox, WrongKey } = await import('../../sandbox/server.ts');
  try {
    return await startSandbox({
      port,
      keys,
      liveKeys,
      ...(seed === null ? {} : { seed }),
      ...(dataDir === null ? {} : { dataDir }),
    });
  } catch (error) {
    if (error instanceof WrongKey) {
      throw new PayreconError('invalid_flag', 'These flags cannot be used; nothing was started.', {
        problems: [{ field: '--key', message: error.message }],
        cause: error,
      });
    }
    if (!(error instanceof Error) || error.name !== 'Error') throw error;
    const taken = 'code' in error && error.code === 'EADDRINUSE';
    const problem = taken
      ? {
          field: '--port',
          message: `${String(port)} is taken: give another one, or 0 for any that is free`,
        }
      : { field: '--data', message: error.message };
    throw new PayreconError('sandbox_not_started', 'The sandbox cannot start.', {
      problems: [problem],
      cause: error,
    });
  }
}

/** The specification is judged by the sandbox itself, which knows its endpoints. */
function setFaults(sandbox: Sandbox, spec: string): void {
  try {
    sandbox.setFaults(spec);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    throw new PayreconError('invalid_faults', 'These faults cannot be used; nothing was started.', {
      problems: [{ field: '--faults', message: error.message }],
      cause: error,
    });
  }
}

function collect(value: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), value];
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
