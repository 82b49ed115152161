import { invalid } from '../refusal.ts';
import { renderCustomer, renderIntent, renderPaymentMethod } from '../render/objects.ts';
import { renderCharge } from '../render/charge.ts';
import { renderView, type View } from '../view.ts';
import type { World } from '../world.ts';

const MAX_DEPTH = 4;

type Node = Record<string, unknown>;

/** The answer with the named ids replaced by what they stand for: `latest_charge`, `data.customer`, .. */
export function expandView(view: View, paths: readonly string[], world: World): View {
  if (paths.length === 0) return view;
  const body = renderView(view, world, '') as Node;
  for (const path of paths) {
    const steps = path.split('.');
    if (steps.length > MAX_DEPTH)
      throw invalid('You cannot expand more than 4 levels of a property.', 'expand');
    expandIn(body, steps, path, world);
  }
  return { of: 'plain', body };
}

function expandIn(node: Node, steps: readonly string[], path: string, world: World): void {
  const [step = '', ...rest] = steps;
  const value = node[step];
  if (Array.isArray(value)) {
    for (const member of value)
      if (isNode(member) && rest.length > 0) expandIn(member, rest, path, world);
    return;
  }
  if (value === undefined) throw invalid(`This property cannot be expanded (${path}).`, 'expand');
  const expanded = typeof value === 'string' ? lookUp(step, value, world) : value;
  if (expanded === undefined)
    throw invalid(`This property cannot be expanded (${path}).`, 'expand');
  node[step] = expanded;
  if (rest.length > 0 && isNode(expanded)) expandIn(expanded, rest, path, world);
}

function lookUp(name: string, id: string, world: World): object | undefined {
  const intent = name === 'payment_intent' ? world.intents.get(id) : undefined;
  const charge = name === 'latest_charge' || name === 'charge' ? world.charges.get(id) : undefined;
  const customer = name === 'customer' ? world.customers.get(id) : undefined;
  const method = name === 'payment_method' ? world.methods.get(id) : undefined;
  if (intent !== undefined) return renderIntent(intent.record, world);
  if (charge !== undefined) return renderCharge(charge.record, world);
  if (customer !== undefined) return renderCustomer(customer.record, world);
  return method === undefined ? undefined : renderPaymentMethod(method, world);
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
