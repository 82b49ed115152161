import { PayreconError } from '../../../domain/errors.ts';
import type { JsonObject } from '../../../domain/transaction.ts';
import type { CommandContext } from '../../context.ts';
import { bugText } from './bug.ts';
import { escapeText } from '../parts/escape.ts';
import { writeJson } from '../parts/json.ts';
import { createTheme } from '../parts/theme.ts';
import { wrap } from '../parts/wrap.ts';

/**
 * Says an error on standard error. The command's own transaction, where there is one, is shown on standard
 * output as well; a refusal leaves that empty, so that nobody takes another payment's success for an answer.
 */
export async function reportError(error: unknown, context: CommandContext): Promise<void> {
  if (!(error instanceof PayreconError)) {
    reportBug(error, context);
    return;
  }
  if (error.kind === 'refused') {
    await reportRefusal(error, context);
    return;
  }
  if (error.transaction !== null) {
    const { writeTransaction } = await import('./transaction.ts');
    writeTransaction(error.transaction, context);
  }
  if (context.json) writeErrorJson(error, {}, context);
  else context.err.write(errorText(error, context));
}

async function reportRefusal(error: PayreconError, context: CommandContext): Promise<void> {
  const { refusedTransactionBlock, refusedTransactionJson } = await import('./refusal.ts');
  const { transaction } = error;
  if (context.json) {
    const more =
      transaction === null
        ? {}
        : { transaction: refusedTransactionJson(error, transaction, context.services.now()) };
    writeErrorJson(error, more, context);
    return;
  }
  const { err, services } = context;
  const theme = createTheme(err);
  err.write(`${theme.bad('✗ refused')}\n${errorText(error, context)}`);
  if (transaction !== null)
    err.write(refusedTransactionBlock({ error, transaction }, err, services.now()));
}

function writeErrorJson(error: PayreconError, more: JsonObject, context: CommandContext): void {
  const notices = context.notices.splice(0);
  const document = {
    code: error.code,
    message: wholeMessage(error),
    fields: fieldNames(error),
    ...more,
  };
  writeJson(context.err, { error: document, ...(notices.length === 0 ? {} : { notices }) });
}

const indent = 2;

function errorText(error: PayreconError, { err }: CommandContext): string {
  const theme = createTheme(err);
  const problems = error.problems.map(({ field, message }) => {
    const name = escapeText(field);
    const line = wrap(`${name}: ${escapeText(message)}`, err.columns - 2 * indent, 2 * indent);
    return `${' '.repeat(indent)}${theme.strong(name)}${line.slice(name.length)}\n`;
  });
  const name = 'payrecon:';
  const message = wrap(`${name} ${escapeText(error.message)}`, err.columns - indent, indent);
  return `${theme.bad(name)}${message.slice(name.length)}\n${problems.join('')}`;
}

function wholeMessage({ message, problems }: PayreconError): string {
  return [message, ...problems.map((problem) => `${problem.field}: ${problem.message}.`)].join(' ');
}

/** The names that the fields have in JSON: `--payment-method` is `payment_method`. Variables keep theirs. */
function fieldNames({ problems }: PayreconError): readonly string[] {
  const names = problems.map(({ field }) =>
    field.startsWith('--') ? field.slice(2).replaceAll('-', '_') : field,
  );
  return [...new Set(names)];
}

function reportBug(error: unknown, { err, json }: CommandContext): void {
  const text = bugText(error);
  if (json) writeJson(err, { error: { code: 'bug', message: text, fields: [] } });
  else err.write(`${text}\n`);
}
