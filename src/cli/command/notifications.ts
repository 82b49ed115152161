import { Command, Option } from '@commander-js/extra-typings';
import { type NotificationState } from '../../app/ports.ts';
import { nearest } from '../../domain/nearest.ts';
import { type CommandContext, withPayrecon } from '../context.ts';
import { type Ending } from '../exit-code.ts';
import { addGlobals, addJson, addSettings, mailFlags, once } from '../flags.ts';
import { type Perform } from '../perform.ts';

const states = ['queued', 'sending', 'sent', 'failed'] as const satisfies readonly NotificationState[];
const defaultLimit = 50;
const largestList = 1_000;
const largestLimit = 1_000_000_000;

export interface NotificationsListArguments {
  readonly states: readonly NotificationState[];
  readonly limit: number;
}

export function notificationsCommand(perform: Perform) {
  return new Command('notifications')
    .description('the e-mail outbox')
    .enablePositionalOptions()
    .addCommand(listCommand(perform))
    .addCommand(sendCommand(perform))
    .addCommand(resendCommand(perform));
}

export function listCommand(perform: Perform, run = runList) {
  const state = new Option('--state <state...>', 'any of them');
  state.argChoices = [...states];
  const command = new Command('list')
    .description('e-mails, newest first')
    .addOption(state)
    .option('--limit <n>', `at most ${String(largestList)} (default: ${String(defaultLimit)})`, once);
  addJson(command);
  addGlobals(command);
  return command.action((flags, self) =>
    perform(self, async (context) => {
      const { readCount } = await import('../read.ts');
      const wanted = await readStates(flags.state ?? []);
      return run({ states: wanted, limit: readCount('--limit', flags.limit, defaultLimit, largestList) }, context);
    }),
  );
}

async function readStates(texts: readonly string[]): Promise<readonly NotificationState[]> {
  const { raise } = await import('../read.ts');
  return texts.map((text) => {
    const state = states.find((each) => each === text);
    if (state !== undefined) return state;
    const meant = nearest(text, states);
    const hint = meant === null ? `use ${states.join(', ')}` : `did you mean ${meant}?`;
    return raise([{ field: '--state', message: `${JSON.stringify(text)} is not a state; ${hint}` }]);
  });
}

async function runList(wanted: NotificationsListArguments, context: CommandContext): Promise<Ending> {
  return withPayrecon(context, { needsStripe: false, role: 'notify' }, async (payrecon) => {
    const notifications = await payrecon.notifications(wanted.states, wanted.limit);
    const { writeNotifications } = await import('../render/notifications.ts');
    writeNotifications(notifications, context);
    return { kind: 'done' };
  });
}

export function sendCommand(perform: Perform, run = runSend) {
  const command = new Command('send')
    .description('send what is due now')
    .option('--limit <n>', 'at most so many (default: all that are due)', once);
  addJson(command);
  addSettings(command, [...mailFlags, 'operator']);
  addGlobals(command);
  return command.action((flags, self) =>
    perform(self, async (context) => {
      const { readCount } = await import('../read.ts');
      return run(flags.limit === undefined ? null : readCount('--limit', flags.limit, 1, largestLimit), context);
    }),
  );
}

async function runSend(limit: number | null, context: CommandContext): Promise<Ending> {
  return withPayrecon(context, { needsStripe: false, role: 'notify' }, async (payrecon) => {
    const signal = context.services.listenForStop();
    const report = await payrecon.sendNotifications(limit, signal);
    const { writeDispatch } = await import('../render/notifications.ts');
    writeDispatch(report, context);
    return signal.aborted ? { kind: 'interrupted' } : { kind: 'dispatched', report };
  });
}

export function resendCommand(perform: Perform, run = runResend) {
  const command = new Command('resend').description('queue an e-mail once more, as a new one').argument('<id>', 'as in `payrecon notifications list`');
  addJson(command);
  addSettings(command, ['operator']);
  addGlobals(command);
  return command.action((id, _flags, self) => perform(self, (context) => run(id, context)));
}

async function runResend(id: string, context: CommandContext): Promise<Ending> {
  return withPayrecon(context, { needsStripe: false, role: 'notify' }, async (payrecon) => {
    const notification = await payrecon.resendNotification(id);
    const { writeNotification } = await import('../render/notifications.ts');
    writeNotification(notification, context);
    return { kind: 'done' };
  });
}
