import { vi } from 'vitest';
import type { Ledger } from '../../../../src/app/ports.ts';
import { replaced } from '../replaced.ts';

vi.mock(import('../../../../src/app/advance.ts'), async (importOriginal) => {
  const original = await importOriginal();
  return replaced(original, {
    advance: async (deps, claimed, options) => {
      const record: Ledger['record'] = async (current, lease, transition, actor) => {
        if (transition.action === 'confirm_sent') {
          await deps.gateway.confirm({ ...current, ...transition.changes });
        }
        return await deps.ledger.record(current, lease, transition, actor);
      };
      const ledger = { ...deps.ledger, record };
      return await original.advance({ ...deps, ledger }, claimed, options);
    },
  });
});
