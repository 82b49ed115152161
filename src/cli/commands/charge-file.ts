import { chargeFile, linesAtATime, type ChargeRows } from '../../app/charge-file.ts';
import type { ChargeRow } from '../../app/charge-row.ts';
import type { ChargeOptions } from '../../app/service.ts';
import { parseDuration } from '../../domain/duration.ts';
import { PayreconError, type Problem } from '../../domain/errors.ts';
import { quoted } from '../../domain/request/field-rules.ts';
import { type CommandContext, withPayrecon } from '../context.ts';
import type { Ending } from '../exit-code.ts';
import { parseCount, raise } from '../parse-flags.ts';
import {
  resultJson,
  resultLine,
  summary,
  summaryHints,
  summaryJson,
} from '../render/views/charge-file.ts';
import { jsonText } from '../render/parts/json.ts';
import { openProgress } from '../render/parts/progress.ts';
import type { ByteSource } from '../dependencies.ts';
import type { TextBytes } from './charge-file/text.ts';
import { type ChargeFlags, defaultConcurrency, defaultWaitMs } from './charge-flags.ts';

export interface ChargeFileArguments {
  readonly file: string;
  readonly concurrency: number;
  readonly methodTypes: readonly string[];
  readonly options: Omit<ChargeOptions, 'signal'>;
}

/** More would wait for their turns at Stripe's limit so long that their calls run out of time. */
const largestConcurrency = 200;

/** What each line says for itself, by the flag that would say it for all. */
const ofALine = {
  key: '--key',
  amount: '--amount',
  amountMinor: '--amount-minor',
  currency: '--currency',
  paymentMethod: '--payment-method',
  customer: '--customer',
  reference: '--reference',
  email: '--email',
  description: '--description',
  metadata: '--metadata',
} as const;

export function readChargeFile(flags: ChargeFlags, file: string): ChargeFileArguments {
  const problems: Problem[] = [];
  for (const [name, flag] of Object.entries(ofALine) as [keyof typeof ofALine, string][]) {
    if (flags[name] !== undefined)
      problems.push({ field: flag, message: 'with --file, each line says it: leave it out' });
  }
  if (flags.onSession === true)
    problems.push({
      field: '--on-session',
      message: 'the lines of a file are charged without their customers: leave it out',
    });
  if (file !== '-' && !/\.(csv|jsonl|ndjson)$/i.test(file))
    problems.push({
      field: '--file',
      message: `${quoted(file)} ends neither in .csv nor in .jsonl; for standard input write -`,
    });
  const wait =
    flags.wait === undefined ? { ok: true as const, ms: defaultWaitMs } : parseDuration(flags.wait);
  if (!wait.ok) problems.push({ field: '--wait', message: wait.message });
  const concurrency =
    flags.concurrency === undefined
      ? { ok: true as const, value: defaultConcurrency }
      : parseCount(flags.concurrency, largestConcurrency);
  if (!concurrency.ok) problems.push({ field: '--concurrency', message: concurrency.message });
  if (!wait.ok || !concurrency.ok || problems.length > 0) return raise(problems);
  const { allowDuplicate, methodType = [], wait: waitGiven } = flags;
  const options = {
    waitMs: wait.ms,
    waitForOutcome: waitGiven !== undefined,
    allowDuplicate: allowDuplicate === true,
  };
  return { file, concurrency: concurrency.value, methodTypes: methodType, options };
}

export async function runChargeFile(
  { file, concurrency, methodTypes, options }: ChargeFileArguments,
  context: CommandContext,
): Promise<Ending> {
  const { services, out, err, json } = context;
  const source = await openFile(file, services);
  try {
    return await withPayrecon(context, { needsStripe: true, role: 'charge' }, async (payrecon) => {
      const rows = await openRows(file, source, methodTypes);
      const progress = openProgress(err, source.size, () => performance.now());
      const report = await chargeFile((request, each) => payrecon.charge(request, each), rows, {
        concurrency: linesAtATime(concurrency, payrecon.limits),
        charge: { ...options, signal: services.listenForStop() },
        async onResult(result) {
          progress.clear();
          if (json) out.write(jsonText(resultJson(result, services.now()), { isTerminal: false }));
          else out.write(resultLine(result, out));
          progress.row(result.row.endsAtByte);
          await out.drained?.();
        },
      });
      progress.clear();
      if (json)
        err.write(jsonText(summaryJson(report, progress.elapsedMs()), { isTerminal: false }));
      else out.write(summary(report, progress.elapsedMs(), out));
      if (report.stoppedBy !== null) {
        const { reportError } = await import('../render/views/error.ts');
        await reportError(withoutTransaction(report.stoppedBy), context);
      }
      if (!json) err.write(summaryHints(report, context.typed, file, err));
      return { kind: 'charged_file', report };
    });
  } finally {
    source.stream.destroy();
  }
}

/** Its line has shown it already. */
function withoutTransaction(error: PayreconError): PayreconError {
  return error.retold(error.message, { problems: error.problems });
}

async function openFile(file: string, services: CommandContext['services']): Promise<ByteSource> {
  try {
    return await services.read(file);
  } catch (error) {
    throw asReadError(file, error);
  }
}

function asReadError(file: string, error: unknown): unknown {
  if (!(error instanceof Error) || !('syscall' in error)) return error;
  return new PayreconError('unreadable_file', `${quoted(file)} cannot be read: ${error.message}.`, {
    cause: error,
  });
}

async function openRows(
  file: string,
  source: ByteSource,
  methodTypes: readonly string[],
): Promise<ChargeRows> {
  const { readText } = await import('./charge-file/text.ts');
  const text = await readText(source.stream).catch((error: unknown) => {
    throw asReadError(file, error);
  });
  const rows = isCsv(file, text)
    ? (await import('./charge-file/csv.ts')).csvRows(text, methodTypes)
    : (await import('./charge-file/json-lines.ts')).jsonRows(text, methodTypes);
  return {
    async next(): Promise<IteratorResult<ChargeRow, undefined>> {
      try {
        return await rows.next();
      } catch (error) {
        throw asReadError(file, error);
      }
    },
    stop: () => source.stream.destroy(),
  };
}

const OPENING_BRACE = 0x7b;

/** By the name; standard input has none, and begins with a brace where it holds objects. */
function isCsv(file: string, { firstVisible }: TextBytes): boolean {
  return file === '-' ? firstVisible !== OPENING_BRACE : /\.csv$/i.test(file);
}
