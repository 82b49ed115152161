import { type Command, Option } from '@commander-js/extra-typings';
import type { NotificationState } from '../../app/ports.ts';
import { quoted } from '../../domain/request/field-rules.ts';
import { nearest } from '../../domain/suggest.ts';
import { type CommandContext, withPayrecon } from '../context.ts';
import type { Ending } from '../exit-code.ts';
import { addGlobals, addJson, once } from '../flags.ts';
import type { Perform } from '../perform.ts';
import { raise, readCount } from '../parse-flags.ts';
import { addSettings, mailFlags } from '../setting-flags.ts';

const states = [
  'queued',
  'sending',
  'sent',
  'failed',
] as const satisfies readonly NotificationState[];
const defaultLimit = 50;
const largestList = 1_000;
const largestLimit = 1_000_000_000;

export interface NotificationsListArguments {
  readonly states: readonly NotificationState[];
  readonly limit: number;
}

export function defineNotifications(command: Command, perform: Perform): void {
  defineList(command.command('list'), perform);
  defineSend(command.command('send'), perform);
  defineResend(command.command('resend'), perform);
}

function defineList(command: Command, perform: Perform): void {
  const state = new Option('--state <state...>', 'any of them');
  state.argChoices = [...states];
  const list = command
    .description('e-mails, newest first')
    .addOption(state)
    .option(
      '--limit <n>',
      `at most ${String(largestList)} (default: ${String(defaultLimit)})`,
      once,
    );
  addJson(list);
  addGlobals(list);
  list.action((flags, self) =>
    perform(self, async (context) => {
      const wanted = readStates(flags.state ?? states);
      return runList(
        { states: wanted, limit: readCount('--limit', flags.limit, defaultLimit, largestList) },
        context,
      );
    }),
  );
}

function readStates(texts: readonly string[]): readonly NotificationState[] {
  return texts.map((text) => {
    const state = states.find((each) => each === text);
    if (state !== undefined) return state;
    const meant = nearest(text, states);
    const hint = meant === null ? `use ${states.join(', ')}` : `did you mean ${meant}?`;
    return raise([{ field: '--state', message: `${quoted(text)} is not a state; ${hint}` }]);
  });
}

async function runList(
  wanted: NotificationsListArguments,
  context: CommandContext,
): Promise<Ending> {
  return withPayrecon(context, { needsStripe: false, role: 'notify' }, async (payrecon) => {
    const notifications = await payrecon.notifications(wanted.states, wanted.limit);
    const { writeNotifications } = await import('../render/views/notifications.ts');
    writeNotifications(notifications, context);
    return { kind: 'done' };
  });
}

function defineSend(command: Command, perform: Perform): void {
  const send = command
    .description('send what is due now')
    .option('--limit <n>', 'at most so many (default: all that are due)', once);
  addJson(send);
  addSettings(send, [...mailFlags, 'operator']);
  addGlobals(send);
  send.action((flags, self) =>
    perform(self, async (context) => {
      return runSend(
        flags.limit === undefined ? null : readCount('--limit', flags.limit, 1, largestLimit),
        context,
      );
    }),
  );
}

async function runSend(limit: number | null, context: CommandContext): Promise<Ending> {
  return withPayrecon(context, { needsStripe: false, role: 'notify' }, async (payrecon) => {
    const signal = context.services.listenForStop();
    const report = await payrecon.sendNotifications(limit, signal);
    const { writeDispatch } = await import('../render/views/notifications.ts');
    writeDispatch(report, context);
    return signal.aborted ? { kind: 'interrupted' } : { kind: 'dispatched', report };
  });
}

function defineResend(command: Command, perform: Perform): void {
  const resend = command
    .description('queue an e-mail once more, as a new one')
    .argument('<id>', 'as in `payrecon notifications list`');
  addJson(resend);
  addSettings(resend, ['operator']);
  addGlobals(resend);
  resend.action((id, _flags, self) => perform(self, (context) => runResend(id, context)));
}

async function runResend(id: string, context: CommandContext): Promise<Ending> {
  return withPayrecon(context, { needsStripe: false, role: 'notify' }, async (payrecon) => {
    const notification = await payrecon.resendNotification(id);
    const { writeNotification } = await import('../render/views/notifications.ts');
    writeNotification(notification, context);
    return { kind: 'done' };
  });
}
