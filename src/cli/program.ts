import { Command, type CommandUnknownOpts } from '@commander-js/extra-typings';
import packageJson from '../../package.json' with { type: 'json' };
import { auditCommand } from './command/audit.ts';
import { chargeCommand } from './command/charge.ts';
import { completionCommand } from './command/completion.ts';
import { doctorCommand } from './command/doctor.ts';
import { listCommand } from './command/list.ts';
import { migrateCommand } from './command/migrate.ts';
import { notificationsCommand } from './command/notifications.ts';
import { reconcileCommand } from './command/reconcile.ts';
import { showCommand } from './command/show.ts';
import { statusCommand } from './command/status.ts';
import { stuckCommand } from './command/stuck.ts';
import { type Perform } from './perform.ts';
import { addGlobals } from './flags.ts';

const afterHelp = `
Exit codes:
  0    done; nothing needs a person
  2    usage, bad input or bad configuration; nothing was sent
  3    the payment is final and did not succeed
  4    refused: key or reference taken, suspected duplicate, illegal resolution
  5    findings: something is stuck, overdue or different from Stripe
  6    no such transaction
  69   database or Stripe out of reach; nothing was recorded or changed
  75   outcome not known yet, recorded as pending; run the same command again
  130  interrupted (143: terminated), after draining
  1    a bug in payrecon`;

/** The whole command line. `perform` is called with the one command that was typed. */
export function createProgram(perform: Perform): CommandUnknownOpts {
  const program = new Command('payrecon')
    .description('Charge once, never twice, and reconcile every Stripe payment whose answer was lost.')
    .version(packageJson.version, '--version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand('help [command]', 'print the help of a command')
    .enablePositionalOptions()
    .configureHelp({ subcommandTerm: (command) => command.name() })
    .addHelpText('after', afterHelp);
  addGlobals(program);
  const groups = {
    'Payments:': [chargeCommand, reconcileCommand, listCommand, showCommand],
    'For operators:': [stuckCommand, notificationsCommand, auditCommand, statusCommand, doctorCommand, migrateCommand],
    'Around it:': [completionCommand],
  };
  for (const [heading, commands] of Object.entries(groups)) {
    for (const create of commands) program.addCommand(create(perform).helpGroup(heading));
  }
  return program;
}
