import type { Command, CommandUnknownOpts } from '@commander-js/extra-typings';
import packageJson from '../../package.json' with { type: 'json' };
import { CheckedCommand } from './checked-command.ts';
import { addGlobals } from './flags.ts';
import type { Perform } from './perform.ts';
import type { Streams } from './streams.ts';

/*
 * The names of the commands, and where each is. What a command takes is defined when it is the one that was typed: a
 * program of two hundred flags would otherwise be built to print its version.
 */

type Define = (command: Command, perform: Perform) => void;

interface Entry {
  readonly name: string;
  readonly group: string;
  readonly summary: string;
  readonly define: () => Promise<Define>;
}

const payments = 'Payments:';
const operators = 'For operators:';
const around = 'To try it, and around it:';

const entries: readonly Entry[] = [
  {
    name: 'charge',
    group: payments,
    summary: 'charge once, however often it is run with the same key',
    define: async () => (await import('./commands/charge.ts')).defineCharge,
  },
  {
    name: 'reconcile',
    group: payments,
    summary: 'ask Stripe about every pending transaction that is due, and record the answers',
    define: async () => (await import('./commands/reconcile.ts')).defineReconcile,
  },
  {
    name: 'list',
    group: payments,
    summary: 'history, newest first',
    define: async () => (await import('./commands/list.ts')).defineList,
  },
  {
    name: 'show',
    group: payments,
    summary: 'one transaction, its whole audit trail, its e-mails, and why it is in its state',
    define: async () => (await import('./commands/show.ts')).defineShow,
  },
  {
    name: 'stuck',
    group: operators,
    summary: 'what waits for a person, and the decisions about it',
    define: async () => (await import('./commands/stuck.ts')).defineStuck,
  },
  {
    name: 'notifications',
    group: operators,
    summary: 'the e-mail outbox',
    define: async () => (await import('./commands/notifications.ts')).defineNotifications,
  },
  {
    name: 'cancel',
    group: operators,
    summary: 'cancel a payment at Stripe, then record it; refused once it has succeeded',
    define: async () => (await import('./commands/cancel.ts')).defineCancel,
  },
  {
    name: 'audit',
    group: operators,
    summary: 'the audit trail',
    define: async () => (await import('./commands/audit.ts')).defineAudit,
  },
  {
    name: 'status',
    group: operators,
    summary: 'one screen: what is open, what waits for a person, the last pass',
    define: async () => (await import('./commands/status.ts')).defineStatus,
  },
  {
    name: 'doctor',
    group: operators,
    summary:
      'look at everything a payment needs: settings, database, Stripe, e-mail, clock, last pass',
    define: async () => (await import('./commands/doctor.ts')).defineDoctor,
  },
  {
    name: 'migrate',
    group: operators,
    summary: 'bring the schema of the database up to date, or tell how far it is',
    define: async () => (await import('./commands/migrate.ts')).defineMigrate,
  },
  {
    name: 'demo',
    group: around,
    summary:
      'the whole story on a local Stripe: a lost answer, a retry, one charge; no account needed',
    define: async () => (await import('./commands/demo.ts')).defineDemo,
  },
  {
    name: 'sandbox',
    group: around,
    summary: 'a local Stripe and SendGrid, with faults on demand',
    define: async () => (await import('./commands/sandbox.ts')).defineSandbox,
  },
  {
    name: 'completion',
    group: around,
    summary: 'print a completion script for a shell',
    define: async () => {
      const { defineCompletion } = await import('./commands/completion.ts');
      return (command, perform) => {
        defineCompletion(command, perform, createWholeProgram);
      };
    },
  },
];

const afterHelp = `
Exit codes:
  0    done; nothing needs a person
  2    usage, bad input or configuration, also where Stripe refused the request
       because of it; nothing was charged
  3    the payment is final and did not succeed
  4    refused: key or reference taken, suspected duplicate, illegal resolution
  5    findings: something is stuck, overdue or different from Stripe
  6    no such transaction
  69   database or Stripe out of reach; nothing was recorded or changed
  75   outcome not known yet, recorded as pending; run the same command again
  130  interrupted (143: terminated), after draining
  1    a bug in payrecon`;

/** The whole command line. `perform` is called with the one command that was typed; commander's own errors are thrown. */
export function createProgram(perform: Perform, streams: Streams): CommandUnknownOpts {
  const program = bareProgram();
  speakThrough(program, streams);
  const undefinedYet = new Map(
    entries.map((entry) => [entry.name, { entry, command: addEntry(program, entry) }]),
  );
  program.hook('preSubcommand', async (_program, typed) => {
    const found = undefinedYet.get(typed.name());
    if (found !== undefined) (await found.entry.define())(found.command, perform);
  });
  return program;
}

/** With every command defined, for those who want to look at it rather than run it. */
export async function createWholeProgram(): Promise<CommandUnknownOpts> {
  const program = bareProgram();
  const perform: Perform = () => Promise.resolve();
  for (const entry of entries) (await entry.define())(addEntry(program, entry), perform);
  return program;
}

function bareProgram(): Command {
  const program = new CheckedCommand('payrecon')
    .description(
      'Charge once, never twice, and reconcile every Stripe payment whose answer was lost.',
    )
    .version(packageJson.version, '--version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .commandsGroup(around)
    .helpCommand('help [command]', 'print the help of a command')
    .enablePositionalOptions()
    .configureHelp({ subcommandTerm: (command) => command.name() })
    .addHelpText('after', afterHelp);
  addGlobals(program);
  return program;
}

function addEntry(program: Command, { name, group, summary }: Entry): Command {
  return program.command(name).description(summary).helpGroup(group).helpCommand(false);
}

/** Help is data, so it goes to stdout; commander's own sentences are said by whoever catches its errors. */
function speakThrough(program: Command, { out, err }: Streams): void {
  const width = (columns: number): number => (Number.isFinite(columns) ? columns : 100);
  program.exitOverride().configureOutput({
    writeOut: (text) => out.write(text),
    writeErr: (text) => err.write(text),
    outputError: () => undefined,
    getOutHelpWidth: () => width(out.columns),
    getErrHelpWidth: () => width(err.columns),
    getOutHasColors: () => out.colourLevel > 0,
    getErrHasColors: () => err.colourLevel > 0,
  });
}
