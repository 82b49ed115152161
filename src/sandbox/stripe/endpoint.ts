import type { OrderedError } from '../faults/ordered-error.ts';
import type { Params } from './request/params.ts';
import type { RequestName } from './request/check.ts';
import type { View } from './view.ts';
import type { Cause, World } from './world.ts';

/** A request that has been let in and checked. */
export interface Call {
  /** The object named in the path, or the empty text. */
  readonly id: string;
  readonly params: Params;
  readonly cause: Cause;
  /** Why the bank is to decline an attempt that this request makes; null: as the payment method has it. */
  readonly decline: OrderedError | null;
}

export interface Endpoint {
  /** As in fault rules and counts, such as `payment_intents.create`. */
  readonly name: string;
  readonly method: 'GET' | 'POST';
  readonly path: string;
  /** The schema of its parameters; null for a path that does not exist. */
  readonly request: RequestName | null;
  /** Answers 200 with what it returns, or throws a Refusal. It runs in one go: nothing else happens meanwhile. */
  readonly handle: (call: Call, world: World) => View;
}
