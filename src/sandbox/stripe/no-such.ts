import { missing, type Refusal, type Sought } from './refusal.ts';
import type { World } from './world.ts';

/** A reference to an object that this account does not have in this mode. Stripe says so when the other mode has it. */
export function noSuch(world: World, sought: Sought): Refusal {
  const [used, other] = world.livemode ? ['live', 'test'] : ['test', 'live'];
  const hint = `; a similar object exists in ${other} mode, but a ${used} mode key was used to make this request.`;
  return missing(sought, world.isInOtherMode(sought.id) ? hint : '');
}
