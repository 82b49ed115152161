import type { Command } from '@commander-js/extra-typings';
import type { DoctorCheck } from '../../app/service.ts';
import { PayreconError } from '../../domain/errors.ts';
import { type CommandContext, withPayrecon } from '../context.ts';
import type { Ending } from '../exit-code.ts';
import { addGlobals, addJson } from '../flags.ts';
import type { Perform } from '../perform.ts';
import { addSettings, mailFlags, stripeFlags } from '../setting-flags.ts';

export function defineDoctor(command: Command, perform: Perform, run = runDoctor): void {
  addJson(command);
  addSettings(command, [...stripeFlags, ...mailFlags]);
  addGlobals(command);
  command.action((_flags, self) => perform(self, run));
}

export async function runDoctor(context: CommandContext): Promise<Ending> {
  const checks = await examine(context);
  const { writeChecks } = await import('../render/views/doctor.ts');
  writeChecks(checks, context);
  return { kind: 'checked', checks };
}

/** Settings that cannot even be read are a finding too: the first one, and then the only one. */
async function examine(context: CommandContext): Promise<readonly DoctorCheck[]> {
  try {
    return await withPayrecon(context, { needsStripe: false, role: 'doctor' }, (payrecon) =>
      payrecon.doctor(),
    );
  } catch (error) {
    if (!(error instanceof PayreconError)) throw error;
    const failure = error.kind === 'unreachable' ? 'unreachable' : 'configuration';
    const name = failure === 'unreachable' ? 'database' : 'configuration';
    const problems = error.problems.map((problem) => `${problem.field}: ${problem.message}`);
    return [{ name, state: 'failed', message: [error.message, ...problems].join(' · '), failure }];
  }
}
