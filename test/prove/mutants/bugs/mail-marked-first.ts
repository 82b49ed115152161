import { vi } from 'vitest';
import type { Outbox } from '../../../../src/app/ports.ts';
import { replaced } from '../replaced.ts';

vi.mock(import('../../../../src/app/send-notifications.ts'), async (importOriginal) => {
  const original = await importOriginal();
  return replaced(original, {
    dispatch: async (deps, limits, signal) => {
      const claim: Outbox['claim'] = async (most, actor) => {
        const batch = await deps.outbox.claim(most, actor);
        for (const claimed of batch)
          await deps.outbox.end([{ claimed, end: { kind: 'sent', messageId: null } }]);
        return batch;
      };
      const outbox = { ...deps.outbox, claim };
      return await original.dispatch({ ...deps, outbox }, limits, signal);
    },
  });
});
